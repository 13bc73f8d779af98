//! What must hold whatever a disk hands back: each function panics when it does not.
//!
//! The fuzz target calls this with bytes of libFuzzer's choice; the journal's own test `corpus`
//! calls it with every file of `corpus` and of the fixtures, without any instrumentation.

use std::{fs, io, path::Path};

use llmlite_core::usage::UsageRecord;
use llmlite_journal::{
    left_behind,
    segment::{HEADER_BYTES, Piece, scan},
};
use tempfile::{TempDir, tempdir, tempdir_in};

/// A segment that version 1 wrote.
const SOUND: &[u8] = include_bytes!("../../fixtures/version-1.segment");

/// The bytes as they are, as records behind a sound header, and in front of sound records.
pub fn segment(data: &[u8]) {
    tiles(data, 0);
    tiles(data, HEADER_BYTES);
    finds_what_follows(data);
    reads(&[data]);
    let (header, records) = SOUND.split_at(HEADER_BYTES);
    reads(&[header, data, records]);
}

/// The pieces lie side by side, and each record is found again where it is.
fn tiles(data: &[u8], from: usize) {
    let mut at = from.min(data.len());
    for piece in scan(data, from) {
        let (offset, length) = match piece {
            Piece::Record(record) => (record.offset, record.bytes.len()),
            Piece::Bad { offset, bytes } => (offset, bytes),
        };
        assert!(
            offset == at && length > 0,
            "a gap at {at}, or nothing at {offset}"
        );
        at += length;
    }
    assert_eq!(at, data.len(), "something is left over");
}

fn finds_what_follows(data: &[u8]) {
    let (_, records) = SOUND.split_at(HEADER_BYTES);
    let all = [data, records].concat();
    let found = scan(&all, 0)
        .filter(|piece| matches!(piece, Piece::Record(record) if record.offset >= data.len()));
    assert_eq!(
        found.count(),
        scan(records, 0).count(),
        "sound records are lost"
    );
}

/// A life with this segment alone is read, twice alike, and every byte is accounted for.
fn reads(parts: &[&[u8]]) {
    let folder = folder().expect("there is room for a folder");
    let life = folder.path().join("17");
    fs::create_dir(&life).expect("there is room");
    let data = parts.concat();
    fs::write(life.join("00000001.segment"), &data).expect("there is room");
    let first = read(folder.path());
    assert_eq!(read(folder.path()), first, "the same life reads the same");
    assert!(first.is_sorted_by(|a, b| a.event_id < b.event_id));
}

fn read(folder: &Path) -> Vec<UsageRecord> {
    let lives = left_behind(folder).expect("the folder can be listed");
    let [life] = lives.as_slice() else {
        panic!("one life: {lives:?}");
    };
    let remains = life.read().expect("the life can be read");
    let all = fs::metadata(folder.join("17/00000001.segment")).map(|data| data.len());
    let bad: u64 = remains.damage().iter().map(|damage| damage.bytes).sum();
    assert!(bad <= all.expect("it is there"), "{:?}", remains.damage());
    let records = remains
        .batches(2)
        .map(|batch| batch.expect("the disk is sound"));
    let records: Vec<UsageRecord> = records.flatten().collect();
    assert_eq!(records.len(), remains.settled() + remains.open());
    records
}

/// In memory where there is such a place.
fn folder() -> io::Result<TempDir> {
    tempdir_in("/dev/shm").or_else(|_| tempdir())
}
