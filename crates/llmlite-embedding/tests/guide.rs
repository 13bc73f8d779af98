//! The guide shows the example that these tests run, and the versions that cargo takes.
#![expect(clippy::unwrap_used, reason = "a failing helper fails its test")]

use std::{fs, path::Path};

#[test]
fn the_guide_shows_the_example_as_it_is() {
    let example = read("crates/llmlite-embedding/examples/one_shot.rs");
    let guide = read("docs/embedding.md");
    assert!(
        guide.contains(&format!("```rust\n{example}```\n")),
        "docs/embedding.md differs from examples/one_shot.rs: copy the example into its block",
    );
}

#[test]
fn the_two_lines_of_the_guide_name_crates_of_this_version() {
    let guide = read("docs/embedding.md");
    for name in ["llmlite-openai", "llmlite-translator"] {
        let line = guide
            .lines()
            .find(|line| line.starts_with(&format!("{name} = ")));
        let line = line.unwrap_or_else(|| panic!("no line for {name}"));
        let version = format!("version = \"{}\"", env!("CARGO_PKG_VERSION"));
        assert!(line.contains(&version), "{line} instead of {version}");
        assert!(Path::new(ROOT).join("crates").join(name).exists(), "{line}");
    }
}

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(file)).unwrap()
}
