//! Random histories against a model: whatever the order, what is left is what the ledger lacks.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use llmlite_core::usage::UsageRecord;
use llmlite_journal::{Config, Entry, Journal};
use proptest::prelude::*;

use crate::world::*;

#[derive(Debug, Clone)]
enum Step {
    Start(u64),
    Settle(u64),
    Withdraw(u64),
    Flush(BTreeSet<u64>),
    Sync,
}

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Open,
    Settled,
    Gone,
}

fn step() -> impl Strategy<Value = Step> {
    let n = || 0..60_u64;
    prop_oneof![
        6 => n().prop_map(Step::Start),
        4 => n().prop_map(Step::Settle),
        1 => n().prop_map(Step::Withdraw),
        2 => prop::collection::btree_set(n(), 0..12).prop_map(Step::Flush),
        2 => Just(Step::Sync),
    ]
}

/// Does a step that can happen to a real request: none begins or ends twice.
fn take(journal: &Journal, model: &mut BTreeMap<u64, Standing>, step: &Step) {
    use Standing::{Gone, Open, Settled};
    match step {
        Step::Start(n) if !model.contains_key(n) => {
            start(journal, *n);
            model.insert(*n, Open);
        }
        Step::Settle(n) if model.get(n).is_none_or(|standing| *standing == Open) => {
            settle(journal, *n);
            model.insert(*n, Settled);
        }
        Step::Withdraw(n) if model.get(n) == Some(&Open) => {
            withdraw(journal, *n);
            model.insert(*n, Gone);
        }
        Step::Flush(all) => {
            let ended = |n: &&u64| model.get(n) == Some(&Settled);
            let ended: Vec<u64> = all.iter().filter(ended).copied().collect();
            let events: Vec<_> = ended.iter().map(|n| event(*n)).collect();
            journal
                .append(&Entry::Flushed(&events))
                .expect("it is kept");
            model.extend(ended.into_iter().map(|n| (n, Gone)));
        }
        Step::Sync => journal.sync().expect("the disk works"),
        _ => {}
    }
}

fn expected(model: &BTreeMap<u64, Standing>) -> Vec<UsageRecord> {
    let left = model.iter().filter_map(|(n, standing)| match standing {
        Standing::Open => Some(intent(*n)),
        Standing::Settled => Some(settled(*n)),
        Standing::Gone => None,
    });
    left.collect()
}

proptest! {
    #[test]
    fn what_is_left_is_what_the_ledger_lacks(steps in prop::collection::vec(step(), 0..400)) {
        let folder = folder();
        // Rounds are steps here, and nobody else does one. The cap is so near that it is felt.
        let config = Config {
            cap_bytes: 84 << 10,
            sync_every: Duration::from_secs(3_600),
            ..config(folder.path())
        };
        let journal = Journal::create(&config, LIFE).expect("the journal begins");
        let mut model = BTreeMap::new();
        for step in &steps {
            take(&journal, &mut model, step);
            let state = journal.state();
            let count = |wanted| model.values().filter(|s| **s == wanted).count();
            prop_assert_eq!(state.open, count(Standing::Open));
            prop_assert_eq!(state.settled, count(Standing::Settled));
            prop_assert!(state.is_healthy(), "{:?}", state);
        }
        journal.sync().expect("the disk works");
        journal.sync().expect("the disk works");
        let state = journal.state();
        let files = segments(folder.path());
        let sizes = files.iter().map(|file| file.metadata().expect("it is there").len());
        // A segment made ahead is a header on the disk, and no more.
        let ahead = (files.len() - state.segments) as u64;
        prop_assert!(ahead <= 1);
        prop_assert_eq!(sizes.sum::<u64>(), state.bytes + ahead * 28);
        drop(journal);
        prop_assert_eq!(sound_remains(folder.path()), by_event(expected(&model)));
    }
}
