//! The format on disk: what version 1 wrote is read for ever.

use std::{fs, path::Path};

use llmlite_journal::{Entry, segment};

use crate::world::*;

#[test]
fn a_segment_is_written_and_read_as_in_the_fixture() {
    let folder = folder();
    let journal = begin(folder.path());
    start(&journal, 1);
    start(&journal, 2);
    start(&journal, 3);
    settle(&journal, 1);
    settle(&journal, 2);
    withdraw(&journal, 3);
    start(&journal, 4);
    journal
        .append(&Entry::Flushed(&[event(1)]))
        .expect("it is kept");
    drop(journal);
    let written = folder.path().join("17/00000001.segment");
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/version-1.segment");
    let same = fs::read(&written).ok() == fs::read(&fixture).ok();
    if !same {
        let kept = folder.keep();
        panic!(
            "{kept:?} holds another segment than {fixture:?}; was that intended, or is it version 2?"
        );
    }
    fs::copy(&fixture, &written).expect("there is room");
    assert_eq!(
        sound_remains(folder.path()),
        by_event([settled(2), intent(4)])
    );
}

#[test]
fn a_record_is_found_whatever_stands_before_it() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/version-1.segment");
    let bytes = fs::read(fixture).expect("it is in the checkout");
    let whole: Vec<_> = segment::scan(&bytes, segment::HEADER_BYTES).collect();
    let record = bytes[segment::HEADER_BYTES..].to_vec();
    for end in 0..bytes.len() {
        let mut both = bytes[..end].to_vec();
        both.extend(&record);
        let found = segment::scan(&both, 0)
            .filter(|piece| matches!(piece, segment::Piece::Record(_)))
            .count();
        assert!(found >= whole.len(), "behind {end} bytes");
    }
}
