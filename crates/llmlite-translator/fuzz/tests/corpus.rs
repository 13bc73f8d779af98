//! Every file of the corpus and of the fixtures keeps the promises that the fuzz targets check.
//!
//! A finding of the fuzzer is copied into the corpus once it is mended, and is checked from then on
//! wherever the tests run, without a fuzzer.
#![expect(
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a failing check fails its test; the checks are a library elsewhere"
)]

#[path = "../src/lib.rs"]
mod checks;

use std::{
    fs,
    panic::catch_unwind,
    path::{Path, PathBuf},
};

#[test]
fn every_file_keeps_the_promises_of_requests() {
    each_file(checks::request);
}

#[test]
fn every_file_keeps_the_promises_of_events() {
    each_file(checks::event);
}

#[test]
fn every_file_keeps_the_promises_of_answers_and_frames() {
    each_file(checks::sse);
}

/// Seeds of one target are fair inputs of the others.
fn each_file(check: fn(&[u8])) {
    let translator = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = files(&translator.join("fixtures"));
    let fixtures = files.len();
    files.extend(self::files(&translator.join("fuzz/corpus")));
    assert!(
        fixtures > 50 && files.len() > fixtures + 30,
        "{} files",
        files.len()
    );
    // All that fail, in the order of the panics that are printed above.
    files.retain(|file| {
        let bytes = fs::read(file).expect("a file of the checkout can be read");
        catch_unwind(|| check(&bytes)).is_err()
    });
    assert!(files.is_empty(), "promises are broken for {files:#?}");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is in the checkout") {
        let path = entry.expect("the folder can be listed").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}
