//! Whether a reader may believe that nothing is missing.

use std::{
    fs,
    path::{Path, PathBuf},
};

use llmlite_core::{ports::journal::Unkept, usage::UsageRecord};
use llmlite_journal::{
    Config, Entry, Journal,
    segment::{HEADER_BYTES, Header},
};

use crate::world::*;

/// Whether the life that was left in `folder` is whole, and whether it has a gap.
fn whole(folder: &Path) -> (bool, bool) {
    let remains = left(folder).read().expect("the life can be read");
    (remains.is_whole(), remains.has_gap())
}

fn gap(folder: &Path) -> PathBuf {
    folder.join("17/gap")
}

/// An intent that no segment has room for.
fn oversized(n: u64) -> UsageRecord {
    let mut usage = intent(n);
    usage.request_id = "x".repeat(70_000).into();
    usage
}

/// Begins a request that the journal cannot keep.
fn miss(journal: &Journal, n: u64) {
    let refused = journal.append(&Entry::Intent(&oversized(n)));
    assert!(matches!(refused, Err(Unkept::Disk(_))), "{refused:?}");
}

#[test]
fn a_life_that_could_not_write_a_request_down_is_not_whole() {
    let folder = folder();
    let journal = begin(folder.path());
    start(&journal, 1);
    assert!(!gap(folder.path()).exists());
    miss(&journal, 2);
    // At once, because the request runs at once.
    assert!(gap(folder.path()).exists());
    assert_eq!(journal.state().missing, 1);
    drop(journal);
    assert_eq!(whole(folder.path()), (false, true));
    assert_eq!(sound_remains(folder.path()), by_event([intent(1)]));
}

#[test]
fn it_is_whole_again_when_what_was_missing_has_ended_in_any_way() {
    let ways: [fn(&Journal); 4] = [
        |journal| withdraw(journal, 2),
        |journal| settle(journal, 2),
        |journal| flush(journal, 2),
        |journal| start(journal, 2),
    ];
    for (number, end) in ways.into_iter().enumerate() {
        let folder = folder();
        let journal = begin(folder.path());
        miss(&journal, 2);
        miss(&journal, 3);
        end(&journal);
        journal.sync().expect("the disk works");
        assert!(gap(folder.path()).exists(), "3 is missing still: {number}");
        flush(&journal, 3);
        journal.sync().expect("the disk works");
        assert!(!gap(folder.path()).exists(), "{number}");
        assert_eq!(journal.state().missing, 0);
        drop(journal);
        assert_eq!(whole(folder.path()), (true, false), "{number}");
    }
}

#[test]
fn a_journal_that_is_full_says_what_it_lacks_until_the_ledger_has_it() {
    let folder = folder();
    let journal = begin(folder.path());
    let begins = |n: &u64| journal.append(&Entry::Intent(&intent(*n))).is_ok();
    let missing = (0..).find(|n| !begins(n)).expect("some time it is full");
    assert!(gap(folder.path()).exists());
    // There is no room for its end either.
    let ended = journal.append(&Entry::Settled(&settled(missing)));
    assert_eq!(ended.is_err(), journal.state().missing == 1);
    for n in 0..=missing {
        flush(&journal, n);
    }
    journal.sync().expect("the disk works");
    assert!(!gap(folder.path()).exists());
    journal.remove().expect("the ledger has everything");
    assert_eq!(fs::read_dir(folder.path()).expect("it is there").count(), 0);
}

#[test]
fn a_journal_that_lacks_something_is_not_removed() {
    let folder = folder();
    let journal = begin(folder.path());
    miss(&journal, 1);
    let refused = journal.remove().expect_err("nobody has it");
    assert_eq!(refused.to_string(), "1 requests are not in the ledger yet");
    assert_eq!(whole(folder.path()), (false, true));
    left(folder.path()).remove().expect("an operator may");
    assert_eq!(fs::read_dir(folder.path()).expect("it is there").count(), 0);
}

#[test]
fn what_cannot_even_be_noted_as_missing_is_told_apart() {
    let folder = folder();
    let journal = begin(folder.path());
    let (home, away) = (folder.path().join("17"), folder.path().join("away"));
    fs::rename(&home, &away).expect("it can be renamed");
    let refused = journal.append(&Entry::Intent(&oversized(1)));
    assert!(matches!(refused, Err(Unkept::Untold(_))), "{refused:?}");
    fs::rename(&away, &home).expect("it can be renamed");
    // The next one finds out that it can be again.
    miss(&journal, 2);
    assert!(gap(folder.path()).exists());
}

/// The segments of a life that have records, one behind the other, and after them one without.
fn many(folder: &Path) -> Vec<PathBuf> {
    let config = Config {
        cap_bytes: 1 << 20,
        ..config(folder)
    };
    let journal = Journal::create(&config, LIFE).expect("the journal begins");
    for n in 0..60 {
        start(&journal, n);
    }
    drop(journal);
    let mut files = segments(folder);
    // One may have been made ahead already.
    files.retain(|file| fs::metadata(file).is_ok_and(|f| f.len() > HEADER_BYTES as u64));
    assert!(files.len() > 5, "{files:?}");
    let number = u32::try_from(files.len()).expect("they are few") + 1;
    let instance = LIFE;
    let ahead = folder.join(format!("17/{number:08}.segment"));
    fs::write(ahead, Header { instance, number }.to_bytes()).expect("there is room");
    files
}

#[test]
#[rustfmt::skip]
fn only_what_was_cut_off_at_the_very_end_may_be_passed_over() {
    //    harm                                       in the last  before it
    check(|_| {},                                    true,        true);
    check(|bytes| bytes.truncate(bytes.len() - 9),   true,        false);
    check(|bytes| bytes[HEADER_BYTES..].fill(0),     false,       false);
    check(|bytes| bytes[HEADER_BYTES + 40] ^= 1,     false,       false);
    check(|bytes| bytes[8] = 9,                      false,       false);
    check(|bytes| bytes.clear(),                     false,       false);

    #[track_caller]
    fn check(harm: fn(&mut Vec<u8>), last: bool, before: bool) {
        for (place, want) in [(1, last), (2, before)] {
            let folder = folder();
            let files = many(folder.path());
            let file = &files[files.len() - place];
            let mut bytes = fs::read(file).expect("it can be read");
            harm(&mut bytes);
            fs::write(file, &bytes).expect("there is room");
            assert_eq!(whole(folder.path()), (want, false), "{place} from the end");
        }
    }
}
