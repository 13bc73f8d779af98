//! What is lost when the files are damaged, and no more.

use std::{collections::BTreeMap, fs, path::Path};

use llmlite_core::{
    ids::{EventId, InstanceId},
    usage::UsageRecord,
};
use llmlite_journal::{
    Config, Damage, Flaw, Journal,
    segment::{FRAME_BYTES, HEADER_BYTES, Header, Piece, scan},
};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::world::*;

/// A life with one segment that holds intents and final records of eight requests, one each.
struct Scene {
    folder: TempDir,
    bytes: Vec<u8>,
    all: BTreeMap<EventId, UsageRecord>,
    /// Where each record begins and ends, and whose it is.
    places: Vec<(usize, usize, EventId)>,
}

impl Scene {
    fn new() -> Self {
        let folder = folder();
        let journal = begin(folder.path());
        for n in 0..6 {
            match n % 2 {
                0 => start(&journal, n),
                _ => settle(&journal, n),
            }
        }
        drop(journal);
        let files = segments(folder.path());
        let bytes = fs::read(&files[0]).expect("it can be read");
        let all = sound_remains(folder.path());
        let events = all.keys();
        let places = pieces(&bytes).into_iter().zip(events);
        let places = places.map(|((from, to), event)| (from, to, *event));
        let scene = Self {
            places: places.collect(),
            folder,
            bytes,
            all,
        };
        assert_eq!(
            (files.len() <= 2, scene.all.len(), scene.places.len()),
            (true, 6, 6)
        );
        scene
    }

    /// What is left when the segment holds `bytes`.
    fn read(&self, bytes: &[u8]) -> (BTreeMap<EventId, UsageRecord>, Vec<Damage>) {
        fs::write(self.segment(), bytes).expect("there is room");
        remains(&left(self.folder.path()))
    }

    fn segment(&self) -> std::path::PathBuf {
        self.folder.path().join("17/00000001.segment")
    }

    /// All records but those that have a byte in `touched`.
    fn without(&self, touched: std::ops::Range<usize>) -> BTreeMap<EventId, UsageRecord> {
        let mut left = self.all.clone();
        for (from, to, event) in &self.places {
            if *from < touched.end && touched.start < *to {
                left.remove(event);
            }
        }
        left
    }
}

fn pieces(bytes: &[u8]) -> Vec<(usize, usize)> {
    let pieces = scan(bytes, HEADER_BYTES).map(|piece| match piece {
        Piece::Record(record) => (record.offset, record.offset + record.bytes.len()),
        Piece::Bad { offset, bytes } => panic!("{bytes} bad bytes at {offset}"),
    });
    pieces.collect()
}

#[test]
fn a_changed_byte_costs_the_record_that_it_is_in() {
    let scene = Scene::new();
    for at in 0..scene.bytes.len() {
        let mut bytes = scene.bytes.clone();
        bytes[at] ^= 1 << (at % 8);
        let (left, damage) = scene.read(&bytes);
        assert_eq!(left, scene.without(at..at + 1), "byte {at}");
        let told: Vec<(u64, u64)> = damage.iter().map(|d| (d.offset, d.bytes)).collect();
        let place = scene
            .places
            .iter()
            .find(|(from, to, _)| (*from..*to).contains(&at));
        let (from, to) = place.map_or((0, HEADER_BYTES), |(from, to, _)| (*from, *to));
        assert_eq!(told, [(from as u64, (to - from) as u64)], "byte {at}");
    }
}

#[test]
fn a_segment_cut_anywhere_keeps_what_is_whole() {
    let scene = Scene::new();
    for end in 0..scene.bytes.len() {
        let (left, damage) = scene.read(&scene.bytes[..end]);
        assert_eq!(left, scene.without(end..scene.bytes.len()), "cut at {end}");
        let whole = scene.places.iter().filter(|(_, to, _)| *to <= end);
        let sound = whole
            .map(|(_, to, _)| *to)
            .next_back()
            .unwrap_or(HEADER_BYTES.min(end));
        let torn = Damage {
            segment: 1,
            offset: if end < HEADER_BYTES { 0 } else { sound as u64 },
            bytes: if end < HEADER_BYTES { end } else { end - sound } as u64,
            flaw: if end == 0 { Flaw::Empty } else { Flaw::Torn },
        };
        let clean = end >= HEADER_BYTES && end == sound;
        assert_eq!(
            damage,
            if clean { vec![] } else { vec![torn] },
            "cut at {end}"
        );
    }
}

proptest! {
    /// Whatever happens to a stretch of a segment, the records before and after it are found.
    #[test]
    fn a_damaged_stretch_costs_the_records_that_it_touches(
        from in any::<prop::sample::Index>(),
        length in 0..2_000_usize,
        instead in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let scene = Scene::new();
        let from = from.index(scene.bytes.len());
        let to = (from + length).min(scene.bytes.len());
        let mut bytes = scene.bytes.clone();
        bytes.splice(from..to, instead.iter().copied());
        let (left, damage) = scene.read(&bytes);
        // Something between two records touches none of them, but is damage.
        for (event, record) in scene.without(from..to) {
            let inside = scene.places.iter().any(|(a, b, e)| *e == event && *a < from && from < *b);
            prop_assert!(inside || left.get(&event) == Some(&record));
        }
        let same = bytes == scene.bytes || scene.bytes.starts_with(&bytes);
        prop_assert!(same || !damage.is_empty());
        prop_assert!(left.iter().all(|(event, record)| scene.all.get(event) == Some(record)));
    }
}

#[test]
fn a_lost_end_leaves_the_request_open_and_a_lost_acknowledgement_leaves_it_settled() {
    let folder = folder();
    let journal = begin(folder.path());
    start(&journal, 1);
    settle(&journal, 1);
    flush(&journal, 1);
    drop(journal);
    let path = folder.path().join("17/00000001.segment");
    let bytes = fs::read(&path).expect("it can be read");
    let places = pieces(&bytes);
    let cut = |end: usize| {
        fs::write(&path, &bytes[..end]).expect("there is room");
        sound_remains(folder.path())
    };
    assert_eq!(cut(places[2].1), by_event([]));
    assert_eq!(cut(places[1].1), by_event([settled(1)]));
    assert_eq!(cut(places[0].1), by_event([intent(1)]));
    assert_eq!(cut(HEADER_BYTES), by_event([]));
}

/// Ten segments with records in each.
fn many(folder: &Path) -> Vec<std::path::PathBuf> {
    let config = Config {
        cap_bytes: 1 << 20,
        ..config(folder)
    };
    let journal = Journal::create(&config, LIFE).expect("the journal begins");
    for n in 0..60 {
        start(&journal, n);
    }
    drop(journal);
    let files = segments(folder);
    assert!(files.len() > 5, "{files:?}");
    files
}

#[test]
fn one_segment_that_cannot_be_read_costs_no_other() {
    let other = |instance, number| Header {
        instance: InstanceId(instance),
        number,
    };
    let moved = |header: Header| {
        move |bytes: &mut Vec<u8>| {
            bytes.splice(..HEADER_BYTES, header.to_bytes());
        }
    };
    check(&|bytes| bytes.clear(), |_| 0, Flaw::Empty);
    check(&|bytes| bytes.truncate(9), |_| 9, Flaw::Torn);
    check(
        &|bytes| bytes[HEADER_BYTES..].fill(0),
        |all| all - HEADER_BYTES,
        Flaw::Torn,
    );
    check(&moved(other(18, 3)), |all| all, Flaw::Foreign(other(18, 3)));
    check(&moved(other(17, 4)), |all| all, Flaw::Foreign(other(17, 4)));
    check(&newer, |all| all, Flaw::Version(2));

    #[track_caller]
    fn check(harm: &dyn Fn(&mut Vec<u8>), lost: impl Fn(usize) -> usize, flaw: Flaw) {
        let folder = folder();
        let files = many(folder.path());
        let mut bytes = fs::read(&files[2]).expect("it can be read");
        let all = bytes.len();
        let in_it = pieces(&bytes).len();
        harm(&mut bytes);
        fs::write(&files[2], &bytes).expect("there is room");
        let (left, damage) = remains(&left(folder.path()));
        assert_eq!(left.len(), 60 - in_it);
        let told: Vec<_> = damage
            .iter()
            .map(|d| (d.segment, d.bytes, d.flaw))
            .collect();
        assert_eq!(told, [(3, lost(all) as u64, flaw)]);
    }
}

/// The next version of the format, as far as we know it: another number, and a sound checksum.
fn newer(bytes: &mut Vec<u8>) {
    bytes[8] = 2;
    let sum = crc32fast::hash(&bytes[..HEADER_BYTES - 4]).to_le_bytes();
    bytes.splice(HEADER_BYTES - 4..HEADER_BYTES, sum);
}

#[test]
fn a_segment_that_is_gone_is_missed() {
    let folder = folder();
    let files = many(folder.path());
    fs::remove_file(&files[2]).expect("it can be removed");
    fs::remove_file(&files[3]).expect("it can be removed");
    let (left, damage) = remains(&left(folder.path()));
    assert!(left.len() > 20 && left.len() < 60);
    let told: Vec<String> = damage.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        ["segment 3: 0 bytes from 0 on: all before segment 5 are missing"]
    );
}

#[test]
fn a_file_that_the_disk_does_not_give_back_costs_no_other() {
    let folder = folder();
    let files = many(folder.path());
    let in_it = pieces(&fs::read(&files[2]).expect("it can be read")).len();
    fs::remove_file(&files[2]).expect("it can be removed");
    fs::create_dir(&files[2]).expect("there is room");
    let (left, damage) = remains(&left(folder.path()));
    assert_eq!(left.len(), 60 - in_it);
    let flaw = Flaw::Unreadable(std::io::ErrorKind::IsADirectory);
    assert_eq!(
        damage
            .iter()
            .map(|d| (d.segment, d.flaw))
            .collect::<Vec<_>>(),
        [(3, flaw)]
    );
}

#[test]
fn a_sound_record_that_says_nothing_is_told_and_passed_over() {
    let scene = Scene::new();
    let (from, to, event) = scene.places[2];
    let mut bytes = scene.bytes.clone();
    // A letter of the first field's name: sound, but no record of usage.
    bytes[from + FRAME_BYTES + 2] = b'X';
    let sum = crc32fast::hash(&bytes[from + 8..to]).to_le_bytes();
    bytes.splice(from + 4..from + 8, sum);
    let (left, damage) = scene.read(&bytes);
    assert_eq!(left, scene.without(from..to));
    assert!(!left.contains_key(&event));
    assert_eq!(
        damage.iter().map(|d| d.flaw).collect::<Vec<_>>(),
        [Flaw::Unintelligible]
    );
}

#[test]
fn the_end_of_a_request_counts_wherever_it_stands() {
    let folder = folder();
    let journal = begin(folder.path());
    start(&journal, 1);
    start(&journal, 2);
    start(&journal, 3);
    settle(&journal, 1);
    settle(&journal, 2);
    withdraw(&journal, 3);
    flush(&journal, 2);
    drop(journal);
    let path = folder.path().join("17/00000001.segment");
    let bytes = fs::read(&path).expect("it can be read");
    let (header, _) = bytes.split_at(HEADER_BYTES);
    let backwards = pieces(&bytes).into_iter().rev();
    let backwards = backwards.flat_map(|(from, to)| bytes[from..to].to_vec());
    let bytes: Vec<u8> = header.iter().copied().chain(backwards).collect();
    fs::write(&path, bytes).expect("there is room");
    assert_eq!(sound_remains(folder.path()), by_event([settled(1)]));
}
