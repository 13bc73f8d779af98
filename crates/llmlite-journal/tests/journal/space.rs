//! How much space it takes, and when it gives it back.

use llmlite_core::ports::journal::Unkept;
use llmlite_journal::{Config, Entry, Journal, Trouble};

use crate::world::*;

/// Begins requests from `n` on until there is no room. Returns the first that did not fit.
fn fill(journal: &Journal, from: u64) -> u64 {
    let begins = |n: &u64| match journal.append(&Entry::Intent(&intent(*n))) {
        Ok(()) => true,
        Err(Unkept::Full) => false,
        Err(error) => panic!("{error}"),
    };
    (from..).find(|n| !begins(n)).expect("some time it is full")
}

#[test]
fn what_the_ledger_has_takes_no_space() {
    let folder = folder();
    let journal = begin(folder.path());
    for n in 0..500 {
        start(&journal, n);
        settle(&journal, n);
        flush(&journal, n);
        if n % 10 == 0 {
            journal.sync().expect("the disk works");
        }
    }
    journal.sync().expect("the disk works");
    let state = journal.state();
    assert_eq!((state.open, state.settled, state.segments), (0, 0, 1));
    assert!(state.bytes <= 4 << 10, "{state:?}");
    drop(journal);
    assert!(sound_remains(folder.path()).is_empty());
}

#[test]
fn a_long_request_does_not_hold_the_space_of_others() {
    let folder = folder();
    let config = Config {
        segment_bytes: 8 << 10,
        ..config(folder.path())
    };
    let journal = Journal::create(&config, LIFE).expect("the journal begins");
    start(&journal, 0);
    start(&journal, 1);
    settle(&journal, 1);
    for n in 2..500 {
        start(&journal, n);
        settle(&journal, n);
        flush(&journal, n);
        journal.sync().expect("the disk works");
        assert!(journal.state().segments <= 3, "{:?}", journal.state());
    }
    assert!(journal.state().is_healthy());
    drop(journal);
    assert_eq!(
        sound_remains(folder.path()),
        by_event([intent(0), settled(1)])
    );
}

#[test]
fn a_full_journal_takes_no_new_request_but_ends_those_it_has() {
    let folder = folder();
    let journal = begin(folder.path());
    let many = fill(&journal, 0);
    assert!(many > 30, "{many}");
    assert!(matches!(journal.state().trouble, Some(Trouble::Full)));
    // What was set aside for those that have begun is not for others.
    let taken = (many..).map(|n| journal.append(&Entry::Settled(&settled(n))));
    let taken = taken.take_while(Result::is_ok).count() as u64;
    for n in 0..many {
        settle(&journal, n);
    }
    let state = journal.state();
    assert!(state.bytes <= state.cap_bytes, "{state:?}");

    let events: Vec<_> = (0..many + taken).map(event).collect();
    journal
        .append(&Entry::Flushed(&events))
        .expect("that makes room");
    let state = journal.state();
    assert!(state.bytes <= state.cap_bytes, "{state:?}");
    journal.sync().expect("the disk works");
    assert!(journal.state().is_healthy());
    let next = many + taken;
    let more = fill(&journal, next) - next;
    assert!(more > 30, "{more}");
    drop(journal);
    assert_eq!(
        sound_remains(folder.path()),
        by_event((next..next + more).map(intent))
    );
}

#[test]
fn room_comes_back_without_being_asked_for() {
    let folder = folder();
    let journal = begin(folder.path());
    let many = fill(&journal, 0);
    for n in 0..many {
        withdraw(&journal, n);
    }
    // The thread does a round every millisecond while something changes.
    while journal.state().segments > 1 {
        std::thread::yield_now();
    }
    assert!(fill(&journal, many) > many + 30);
}

#[test]
fn a_withdrawal_outlasts_its_intent() {
    let folder = folder();
    let journal = begin(folder.path());
    start(&journal, 0);
    // So many open requests that their segment is not carried forward.
    for n in 1..=3 {
        start(&journal, n);
    }
    for n in 4..40 {
        start(&journal, n);
        settle(&journal, n);
    }
    withdraw(&journal, 0);
    for n in 40..80 {
        start(&journal, n);
        withdraw(&journal, n);
        journal.sync().expect("the disk works");
    }
    drop(journal);
    let left = (1..=3).map(intent).chain((4..40).map(settled));
    assert_eq!(sound_remains(folder.path()), by_event(left));
}

#[test]
fn what_the_journal_does_not_know_is_not_noted() {
    let folder = folder();
    let journal = begin(folder.path());
    start(&journal, 1);
    settle(&journal, 1);
    let before = journal.state().bytes;
    withdraw(&journal, 1);
    withdraw(&journal, 2);
    flush(&journal, 3);
    start(&journal, 1);
    assert_eq!(journal.state().bytes, before);
    drop(journal);
    assert_eq!(sound_remains(folder.path()), by_event([settled(1)]));
}

#[test]
fn an_entry_that_is_too_large_is_refused_and_harms_no_other() {
    let folder = folder();
    let journal = begin(folder.path());
    start(&journal, 1);
    let mut large = intent(2);
    large.request_id = "x".repeat(70_000).into();
    let refused = journal.append(&Entry::Intent(&large));
    assert!(matches!(refused, Err(Unkept::Disk(_))), "{refused:?}");
    start(&journal, 3);
    drop(journal);
    assert_eq!(
        sound_remains(folder.path()),
        by_event([intent(1), intent(3)])
    );
}
