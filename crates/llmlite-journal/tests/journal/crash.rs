//! `kill -9` in the middle of everything: what was acknowledged is there, and nothing else.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    process::Child,
    thread,
};

use llmlite_core::{ids::EventId, usage::UsageRecord};
use llmlite_journal::{Config, Journal, left_behind};
use tempfile::tempdir;

use crate::world::*;

/// Requests of one of the child's threads are this far apart from those of the other.
const APART: u64 = 1 << 20;

#[test]
fn a_killed_process_leaves_all_that_it_has_acknowledged() {
    let mut told = 0;
    for lines in [1, 10, 100, 1_000, 3_000, 5_000, 10_000] {
        let folder = tempdir().expect("there is room");
        let mut child = child("crash::writes_until_it_is_killed", "")
            .spawn()
            .expect("the test can run itself");
        let mut input = child.stdin.take().expect("its input is a pipe");
        writeln!(input, "{}", folder.path().display()).expect("it listens");
        let said = listen(&mut child, lines, || {
            let free = left_behind(folder.path()).expect("it can be listed");
            assert!(free.is_empty(), "it lives and has its lock");
        });
        told += said.len();
        check(&said, &sound_remains(folder.path()));
    }
    assert!(told > 2_000, "{told} requests");
}

/// Kills the child after so many lines, and says what it did last with each request, if that was
/// begun or done.
fn listen(child: &mut Child, lines: usize, living: impl Fn()) -> BTreeMap<u64, (u8, bool)> {
    let output = BufReader::new(child.stdout.take().expect("its output is a pipe"));
    let mut said = BTreeMap::new();
    let mut heard = 0;
    for line in output.split(b'\n') {
        let line = String::from_utf8(line.expect("a pipe can be read")).expect("it is text");
        // The test harness has words of its own; the last line may be cut.
        let Some((what, n)) = line
            .split_once('@')
            .and_then(|(_, said)| said.split_at_checked(1))
        else {
            continue;
        };
        let Some(Ok(n)) = n.strip_suffix('.').map(str::parse) else {
            continue;
        };
        let letter = what.as_bytes()[0];
        said.insert(
            n,
            (letter.to_ascii_lowercase(), letter.is_ascii_uppercase()),
        );
        heard += 1;
        if heard == lines {
            living();
            child.kill().expect("it lives");
        }
    }
    let ended = child.wait().expect("it is ours");
    assert!(heard >= lines && !ended.success(), "it was killed: {ended}");
    said
}

/// A step that was only begun may have been done or not.
fn check(said: &BTreeMap<u64, (u8, bool)>, left: &BTreeMap<EventId, UsageRecord>) {
    for (n, (letter, done)) in said {
        let before_and_after = match letter {
            b'i' => [None, Some(intent(*n))],
            b's' => [Some(intent(*n)), Some(settled(*n))],
            b'w' => [Some(intent(*n)), None],
            b'f' => [Some(settled(*n)), None],
            other => panic!("it said {other}"),
        };
        let found = left.get(&event(*n));
        let [before, after] = before_and_after
            .each_ref()
            .map(|record| found == record.as_ref());
        assert!(
            after || (before && !done),
            "{n}: {} {done} {found:?}",
            *letter as char
        );
    }
    let strange = left
        .keys()
        .find(|found| !said.keys().any(|n| event(*n) == **found));
    assert_eq!(strange, None, "nothing else is there");
}

#[test]
#[ignore = "started by a test, which kills it"]
fn writes_until_it_is_killed() {
    let Some(folder) = named_by_parent() else {
        return;
    };
    let config = Config {
        segment_bytes: 16 << 10,
        cap_bytes: 16 << 20,
        ..config(&folder)
    };
    let journal = Journal::create(&config, LIFE).expect("the journal begins");
    thread::scope(|scope| {
        scope.spawn(|| requests(&journal, 0));
        scope.spawn(|| requests(&journal, APART));
    });
}

/// Requests that overlap: each is settled when two more have begun, and flushed ten later. Every
/// seventh is withdrawn, and every hundredth goes on for ever.
fn requests(journal: &Journal, from: u64) {
    let tell = |letter: char, n: u64| println!("@{letter}{n}.");
    let step = |letter: char, n: u64, work: fn(&Journal, u64)| {
        tell(letter, n);
        work(journal, n);
        tell(letter.to_ascii_uppercase(), n);
    };
    for n in from..from + APART {
        step('i', n, start);
        match n.checked_sub(2).filter(|ended| *ended >= from) {
            Some(ended) if ended % 100 == 0 => {}
            Some(ended) if ended % 7 == 0 => step('w', ended, withdraw),
            Some(ended) => step('s', ended, settle),
            None => {}
        }
        match n.checked_sub(12).filter(|flushed| *flushed >= from) {
            Some(flushed) if flushed % 100 != 0 && flushed % 7 != 0 => step('f', flushed, flush),
            _ => {}
        }
    }
}
