//! Where the programs and the client packages are.

use std::path::{Path, PathBuf};

/// A program of ours that cargo has built beside this test.
///
/// # Panics
///
/// When it is not there; the message says how to build it.
pub(crate) fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let folder = test
        .ancestors()
        .nth(2)
        .expect("tests are built in target/<profile>/deps");
    let program = folder.join(name);
    assert!(
        program.exists(),
        "{} is missing: run `cargo build -p {name}`, or `cargo xtask test`, which does",
        program.display()
    );
    program
}

/// A file or folder that `cargo xtask clients` has installed.
///
/// # Panics
///
/// When it is not there; the message says how to install it.
pub fn client_packages(path: &str) -> PathBuf {
    let place = workspace().join("target/clients").join(path);
    assert!(
        place.exists(),
        "{} is missing: run `cargo xtask clients`, or `cargo xtask test`, which does",
        place.display()
    );
    place
}

/// A file or folder of this crate.
pub fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("this crate is in crates/ of the workspace")
}
