//! What the journal costs a request: its intent and its final record, from one thread and from two,
//! while another puts them on the disk. Medians, so that a busy machine does not hide the cost.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark measures time, and says so"
)]

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant, SystemTime},
};

use llmlite_core::{
    catalogue::Residency,
    ids::{EventId, InstanceId, KeyId, LimitId, TeamId, UserId},
    money::Nanodollars,
    quota::AccountKey,
    usage::{Ending, Tokens, UsageRecord},
};
use llmlite_journal::{Config, Entry, Journal, left_behind};

const REQUESTS: u32 = 100_000;
/// Requests are acknowledged so many at a time.
const BATCH: usize = 500;
/// A request's two records take at most so long.
const MOST: Duration = Duration::from_micros(5);

fn main() {
    let mut worst = Duration::ZERO;
    for threads in [1, 2] {
        let mut costs: Vec<Cost> = (0..7).map(|_| run(threads)).collect();
        costs.sort_by_key(|cost| cost.each);
        let Some(cost) = costs.get(costs.len() / 2) else {
            return;
        };
        println!(
            "{threads} threads: mean {:?} for an intent and its final record, \
             median {:?}, p99 {:?}, p99.9 {:?}, longest {:?}; with acknowledgements {:?}",
            cost.each, cost.p50, cost.p99, cost.p999, cost.longest, cost.acknowledged
        );
        worst = worst.max(cost.p50);
    }
    let holds = if worst < MOST { "yes" } else { "NO" };
    println!("goal: under {MOST:?} a request: {holds} ({worst:?} at most)");
    replay();
}

struct Cost {
    each: Duration,
    p50: Duration,
    p99: Duration,
    p999: Duration,
    longest: Duration,
    acknowledged: Duration,
}

fn run(threads: u32) -> Cost {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let journal = Journal::create(&Config::new(folder.path()), InstanceId(1));
    let journal = journal.expect("the journal begins");
    let each = REQUESTS / threads;
    let begun = AtomicBool::new(false);
    let runs: Vec<(Vec<Duration>, Duration)> = thread::scope(|scope| {
        let workers = (0..threads).map(|_| {
            scope.spawn(|| {
                let records: Vec<UsageRecord> = (0..each).map(|_| record()).collect();
                begun.store(true, Ordering::Relaxed);
                requests(&journal, &records)
            })
        });
        let workers: Vec<_> = workers.collect();
        let ended = workers.into_iter().map(|worker| worker.join());
        ended.map(|run| run.expect("nobody panics")).collect()
    });
    let acknowledging: Duration = runs.iter().map(|(_, all)| *all).sum();
    let mut times: Vec<Duration> = runs.into_iter().flat_map(|(times, _)| times).collect();
    times.sort_unstable();
    let at = |share: f64| nth(&times, share);
    let all: Duration = times.iter().sum();
    journal.remove().expect("everything is acknowledged");
    Cost {
        each: all / REQUESTS,
        p50: at(0.5),
        p99: at(0.99),
        p999: at(0.999),
        longest: at(1.0),
        acknowledged: (all + acknowledging) / REQUESTS,
    }
}

/// How long each request took, and all acknowledgements together.
fn requests(journal: &Journal, records: &[UsageRecord]) -> (Vec<Duration>, Duration) {
    let mut times = Vec::with_capacity(records.len());
    let mut acknowledging = Duration::ZERO;
    for batch in records.chunks(BATCH) {
        for record in batch {
            let began = Instant::now();
            let kept = journal
                .append(&Entry::Intent(record))
                .and_then(|()| journal.append(&Entry::Settled(record)));
            times.push(began.elapsed());
            kept.expect("there is room");
        }
        let events: Vec<EventId> = batch.iter().map(|record| record.event_id).collect();
        let began = Instant::now();
        let noted = journal.append(&Entry::Flushed(&events));
        acknowledging += began.elapsed();
        noted.expect("there is room");
    }
    (times, acknowledging)
}

/// How long it takes to find what a full journal left.
fn replay() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let journal = Journal::create(&Config::new(folder.path()), InstanceId(1));
    let journal = journal.expect("the journal begins");
    let mut written = 0_u32;
    loop {
        let record = record();
        let begun = journal.append(&Entry::Intent(&record));
        if begun.is_err() {
            break;
        }
        let settled = journal.append(&Entry::Settled(&record));
        settled.expect("what has begun can be settled");
        written += 1;
    }
    let state = journal.state();
    drop(journal);
    let began = Instant::now();
    let lives = left_behind(folder.path()).expect("the folder can be read");
    for life in &lives {
        let remains = life.read().expect("the life can be read");
        let looked = began.elapsed();
        let records: usize = remains
            .batches(BATCH)
            .map(|batch| batch.map_or(0, |batch| batch.len()))
            .sum();
        println!(
            "a full journal of {written} requests in {} MiB: looked through in {looked:?}, \
             {records} records read in {:?}",
            state.bytes >> 20,
            began.elapsed()
        );
    }
}

fn nth(sorted: &[Duration], share: f64) -> Duration {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in a list of a benchmark"
    )]
    let place = (share * (sorted.len() - 1) as f64) as usize;
    sorted.get(place).copied().unwrap_or_default()
}

/// As the gateway writes it, with three budgets.
fn record() -> UsageRecord {
    let event_id = EventId::new(SystemTime::now());
    let account = |limit| AccountKey {
        limit: LimitId(limit),
        starts: SystemTime::UNIX_EPOCH + Duration::from_secs(1_793_491_200),
    };
    UsageRecord {
        event_id,
        request_id: format!("req_{}", event_id.0.simple()).into(),
        upstream_request_id: Some("7a4bd2a5-1b04-4b0e-a9c1-0e6f5f6a2c11".into()),
        key_id: KeyId(4_711),
        user_id: Some(UserId(815)),
        team_id: Some(TeamId(42)),
        model: "claude-sonnet-4-5".into(),
        bedrock_model_id: "eu.anthropic.claude-sonnet-4-5-20250929-v1:0".into(),
        region: "eu-west-2".into(),
        residency: Residency::Eu,
        streamed: true,
        tokens: Tokens {
            input: 1_234,
            output: 987,
            cache_read: 20_000,
            cache_write_5m: 512,
            cache_write_1h: 0,
        },
        cost: Nanodollars(24_507_000),
        accounts: vec![account(101), account(102), account(103)],
        estimated: false,
        ending: Ending::Complete,
        latency: Duration::from_micros(8_123_456),
        time_to_first_token: Some(Duration::from_micros(812_345)),
    }
}
