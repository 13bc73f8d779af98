//! Who gets what a life left.

use std::fs;

use llmlite_core::ids::InstanceId;
use llmlite_journal::{Config, Journal, left_behind};

use crate::world::*;

#[test]
fn what_was_written_is_found_by_event_and_as_often_as_it_is_read() {
    let folder = folder();
    let journal = begin(folder.path());
    for n in [3, 1, 2, 4] {
        start(&journal, n);
    }
    settle(&journal, 2);
    settle(&journal, 1);
    flush(&journal, 1);
    withdraw(&journal, 4);
    let state = journal.state();
    assert_eq!(
        (state.open, state.settled, state.is_healthy()),
        (1, 1, true)
    );
    drop(journal);

    let life = left(folder.path());
    assert_eq!(life.instance(), LIFE);
    let first = remains(&life);
    assert_eq!(first, (by_event([settled(2), intent(3)]), vec![]));
    assert_eq!(remains(&life), first);
    drop(life);
    assert_eq!(sound_remains(folder.path()), first.0);
}

#[test]
fn a_life_that_goes_on_is_not_left_behind() {
    let folder = folder();
    let journal = begin(folder.path());
    start(&journal, 1);
    assert!(
        left_behind(folder.path())
            .expect("it can be listed")
            .is_empty()
    );
    drop(journal);
    assert_eq!(
        left_behind(folder.path()).expect("it can be listed").len(),
        1
    );
}

#[test]
fn two_processes_never_get_the_same_life() {
    let folder = folder();
    drop(begin(folder.path()));
    let life = left(folder.path());
    assert!(
        left_behind(folder.path())
            .expect("it can be listed")
            .is_empty()
    );
    life.remove().expect("it can be removed");
    assert!(
        left_behind(folder.path())
            .expect("it can be listed")
            .is_empty()
    );
    assert_eq!(fs::read_dir(folder.path()).expect("it is there").count(), 0);
}

#[test]
fn lives_come_in_their_order_and_other_files_are_left_alone() {
    let folder = folder();
    for life in [10, 9, 2] {
        let journal = Journal::create(&config(folder.path()), InstanceId(life));
        drop(journal.expect("the journal begins"));
    }
    fs::write(folder.path().join("notes"), "an operator's").expect("there is room");
    fs::write(folder.path().join("3"), "not a folder").expect("there is room");
    fs::create_dir(folder.path().join(".11.new")).expect("there is room");
    let lives = left_behind(folder.path()).expect("it can be listed");
    let lives: Vec<i64> = lives.iter().map(|life| life.instance().0).collect();
    assert_eq!(lives, [2, 9, 10]);
    assert!(folder.path().join("notes").exists());
}

#[test]
fn where_there_is_no_folder_nothing_was_left_behind() {
    let folder = folder();
    let nowhere = folder.path().join("nowhere");
    assert!(left_behind(&nowhere).expect("that is no error").is_empty());
}

#[test]
fn a_life_begins_once() {
    let folder = folder();
    let journal = begin(folder.path());
    let again = Journal::create(&config(folder.path()), LIFE);
    assert!(again.is_err());
    drop(journal);
    let after = Journal::create(&config(folder.path()), LIFE);
    let error = after.expect_err("its number is used up");
    assert_eq!(error.to_string(), "instance 17 has a journal already");
}

#[test]
fn a_journal_is_removed_when_the_ledger_has_everything_and_not_before() {
    let folder = folder();
    let journal = begin(folder.path());
    start(&journal, 1);
    let refused = journal.remove().expect_err("a request is open");
    assert_eq!(refused.to_string(), "1 requests are not in the ledger yet");
    let life = left(folder.path());
    assert_eq!(remains(&life).0, by_event([intent(1)]));
    life.remove().expect("it can be removed");

    let journal = begin(folder.path());
    start(&journal, 2);
    settle(&journal, 2);
    flush(&journal, 2);
    journal.remove().expect("the ledger has everything");
    assert_eq!(fs::read_dir(folder.path()).expect("it is there").count(), 0);
}

#[test]
fn a_life_set_aside_is_kept_and_not_found_again() {
    let folder = folder();
    let journal = begin(folder.path());
    start(&journal, 1);
    drop(journal);
    let aside = left(folder.path()).set_aside().expect("it can be renamed");
    assert!(aside.join("00000001.segment").exists(), "{aside:?}");
    assert!(
        left_behind(folder.path())
            .expect("it can be listed")
            .is_empty()
    );
}

#[test]
fn what_cannot_be_is_said_when_the_journal_begins() {
    let folder = folder();
    let check = |segment_bytes, cap_bytes, want: Option<&str>| {
        let config = Config {
            segment_bytes,
            cap_bytes,
            ..Config::new(folder.path())
        };
        let begun = Journal::create(&config, InstanceId(cap_bytes.try_into().expect("small")));
        assert_eq!(begun.err().map(|e| e.to_string()).as_deref(), want);
    };
    let segment = Some("a segment of a journal has from 1,024 bytes to 1 GiB");
    check(1 << 10, 4 << 10, None);
    check(1023, 4 << 10, segment);
    check((1 << 30) + 1, 8 << 30, segment);
    check(
        1 << 10,
        (4 << 10) - 1,
        Some("the cap of a journal is at least four segments"),
    );
}

#[test]
fn nobody_else_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let journal = begin(folder.path());
    let mode = |path: &std::path::Path| {
        let data = fs::metadata(path).expect("it is there");
        data.permissions().mode() & 0o777
    };
    assert_eq!(mode(&folder.path().join("17")), 0o700);
    assert_eq!(mode(&segments(folder.path())[0]), 0o600);
    drop(journal);
}
