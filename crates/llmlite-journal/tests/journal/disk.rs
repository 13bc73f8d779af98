//! A disk that takes no more (files limited by the kernel's `RLIMIT_FSIZE`, in a process of its
//! own), that is away, and that forgets.

use std::{fs, io::Write, path::Path};

use llmlite_core::ports::journal::Unkept;
use llmlite_journal::{Config, Entry, Journal, Trouble};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::world::*;

/// Far below the size of a segment, and no multiple of a record's.
const LIMIT: u64 = 40_000;

#[test]
fn a_disk_that_is_full_is_told_and_used_again_when_it_is_not() {
    let folder = folder();
    // Without this the kernel kills the process that writes beyond the limit.
    let mut child = child("disk::fills_its_disk", "trap '' XFSZ; ")
        .spawn()
        .expect("the test can run itself");
    let mut input = child.stdin.take().expect("its input is a pipe");
    writeln!(input, "{}", folder.path().display()).expect("it listens");
    drop(input);
    let output = child.wait_with_output().expect("it is ours");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    let (first, second) = numbers(&said);
    assert!(first > 40 && second > first, "{said}");
    // 1 was withdrawn while the disk was full. That 2 was acknowledged is lost: it is handed to the
    // ledger once more, which changes nothing.
    let open = (3..first).chain(first + 1..second).map(intent);
    let records = [settled(0), settled(2)].into_iter().chain(open);
    assert_eq!(sound_remains(folder.path()), by_event(records));
}

fn numbers(said: &str) -> (u64, u64) {
    let line = said.lines().find_map(|line| line.split_once('@'));
    let (first, second) = line
        .and_then(|(_, said)| said.split_once(' '))
        .expect("it said how far it came");
    (
        first.parse().expect("a number"),
        second.parse().expect("a number"),
    )
}

#[test]
#[ignore = "started by a test, which sees to it that a full disk does not kill it"]
fn fills_its_disk() {
    let Some(folder) = named_by_parent() else {
        return;
    };
    let config = Config {
        segment_bytes: 1 << 20,
        cap_bytes: 4 << 20,
        ..config(&folder)
    };
    let journal = Journal::create(&config, LIFE).expect("the journal begins");
    limit_files(Some(LIMIT));
    settle(&journal, 0);
    start(&journal, 1);
    settle(&journal, 2);
    let first = fill(&journal, 3);
    let full = fs::metadata(&segments(&folder)[0])
        .expect("it is there")
        .len();
    assert!(full < LIMIT, "a part of a record was cut off again: {full}");
    assert_eq!(journal.state().open as u64, first - 2);

    refused(&journal, &Entry::Intent(&intent(first)));
    // Not even the smallest entry: what makes room is known in memory at least.
    limit_files(Some(full));
    refused(&journal, &Entry::Withdrawn(event(1)));
    refused(&journal, &Entry::Flushed(&[event(2)]));
    let state = journal.state();
    assert_eq!((state.open as u64, state.settled), (first - 3, 1));

    limit_files(None);
    let second = first + 40;
    for n in first + 1..second {
        start(&journal, n);
    }
    let state = journal.state();
    assert!(state.is_healthy(), "{state:?}");
    sync(&journal, &folder);
    println!("@{first} {second}");
}

/// Begins requests until the disk takes no more. Returns the first that was not written.
fn fill(journal: &Journal, from: u64) -> u64 {
    let written = |n: &u64| journal.append(&Entry::Intent(&intent(*n))).is_ok();
    (from..)
        .find(|n| !written(n))
        .expect("some time it is full")
}

fn refused(journal: &Journal, entry: &Entry<'_>) {
    let refused = journal.append(entry);
    assert!(matches!(refused, Err(Unkept::Disk(_))), "{refused:?}");
    let trouble = journal.state().trouble;
    assert!(matches!(trouble, Some(Trouble::Writing(_))), "{trouble:?}");
}

fn sync(journal: &Journal, folder: &Path) {
    journal.sync().expect("the disk works");
    let size = fs::metadata(&segments(folder)[0])
        .expect("it is there")
        .len();
    assert_eq!(size, journal.state().bytes);
}

/// The soft limit of this process alone, which it may raise again.
fn limit_files(bytes: Option<u64>) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    let limit = Rlimit {
        current: bytes.or(maximum),
        maximum,
    };
    setrlimit(Resource::Fsize, limit).expect("a process may lower its limit, and raise it again");
}

#[test]
fn a_folder_that_is_away_for_a_while_is_told_and_used_again() {
    let folder = folder();
    let journal = begin(folder.path());
    let (home, away) = (folder.path().join("17"), folder.path().join("away"));
    start(&journal, 0);
    fs::rename(&home, &away).expect("it can be renamed");
    let first = fill(&journal, 1);
    assert!(first > 5, "as far as the open segment goes: {first}");
    let untold = journal.append(&Entry::Intent(&intent(first)));
    assert!(matches!(untold, Err(Unkept::Untold(_))), "{untold:?}");
    assert!(journal.sync().is_err() || !journal.state().is_healthy());

    fs::rename(&away, &home).expect("it can be renamed");
    for n in first..first + 10 {
        start(&journal, n);
    }
    journal.sync().expect("the disk works");
    assert!(journal.state().is_healthy(), "{:?}", journal.state());
    drop(journal);
    assert_eq!(
        sound_remains(folder.path()),
        by_event((0..first + 10).map(intent))
    );
}

#[test]
fn a_record_that_the_disk_lost_is_told_until_it_is_needed_no_more() {
    let folder = folder();
    let config = Config {
        segment_bytes: 8 << 10,
        cap_bytes: 1 << 20,
        ..config(folder.path())
    };
    let journal = Journal::create(&config, LIFE).expect("the journal begins");
    start(&journal, 0);
    let oldest = segments(folder.path()).remove(0);
    for n in 1..50 {
        start(&journal, n);
        settle(&journal, n);
        flush(&journal, n);
        if n == 5 {
            let mut bytes = fs::read(&oldest).expect("it can be read");
            bytes[100] ^= 1;
            fs::write(&oldest, bytes).expect("it can be written");
        }
    }
    for _ in 0..2 {
        journal.sync().expect("the disk works");
        let trouble = journal.state().trouble.expect("something is wrong");
        assert_eq!(
            trouble.to_string(),
            "the journal cannot be cleared: segment 1 has lost records that are still needed"
        );
    }
    settle(&journal, 0);
    flush(&journal, 0);
    journal.sync().expect("the disk works");
    let state = journal.state();
    assert!(state.is_healthy() && state.segments == 1, "{state:?}");
}
