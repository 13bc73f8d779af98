//! Every file of the corpus and of the fixtures keeps the promises that the fuzz target checks.
//!
//! A finding of the fuzzer is copied into the corpus once it is mended, and is checked from then on
//! wherever the tests run, without a fuzzer.
#![expect(
    clippy::panic,
    unreachable_pub,
    reason = "a failing check fails its test; the checks are a library elsewhere"
)]

#[path = "../src/lib.rs"]
mod checks;

use std::{fs, path::Path};

#[test]
fn every_file_keeps_the_promises_of_segments() {
    let journal = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for folder in ["fixtures", "fuzz/corpus/segment"] {
        for file in fs::read_dir(journal.join(folder)).expect("it is in the checkout") {
            let path = file.expect("it can be listed").path();
            println!("{}", path.display());
            checks::segment(&fs::read(path).expect("it can be read"));
            seen += 1;
        }
    }
    assert!(seen >= 12, "{seen} files");
}
