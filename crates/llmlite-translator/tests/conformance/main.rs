//! What becomes of every field of a request and where every field of an answer comes from.
//!
//! Each row of the tables is a test of its own; `docs/conformance.md` is written from the rows
//! and compared here (with `LLMLITE_BLESS=1` it is rewritten).
#![expect(clippy::panic, reason = "a failing helper fails its test")]
#![expect(
    clippy::disallowed_methods,
    reason = "how a developer asks for the table to be written anew"
)]

#[path = "../support/models.rs"]
mod models;

mod answer;
mod request;
mod table;

use llmlite_openai::ChatRequest;
use std::collections::HashSet;
use std::fs;
use std::path::Path;

#[test]
fn every_field_that_is_read_has_a_row() {
    let rows: HashSet<&str> = request::ROWS
        .iter()
        .map(|row| row.field.split(['.', '[', ' ']).next().unwrap_or(row.field))
        .collect();
    for field in ChatRequest::FIELDS {
        assert!(rows.contains(field), "{field} has no row");
    }
}

#[test]
fn no_field_has_two_rows() {
    for rows in [request::ROWS, answer::ROWS] {
        let mut seen = HashSet::new();
        for row in rows {
            assert!(seen.insert(row.field), "{} has two rows", row.field);
        }
    }
}

#[test]
fn the_written_table_is_this_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/conformance.md");
    let text = table::page(request::ROWS, answer::ROWS);
    if std::env::var_os("LLMLITE_BLESS").is_some() {
        fs::write(&path, text).expect("the table can be written");
        return;
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == text,
        "docs/conformance.md is not what the tests say: run `cargo xtask bless` and review it"
    );
}
