//! How fast it is: printed, and held against goals that leave room for a busy machine.
//!
//! `cargo test --release -p llmlite-store --test leases speed -- --ignored --nocapture`

use std::{sync::Arc, time::Duration};

use llmlite_core::{
    ids::{KeyId, LimitId},
    ports::{ledger::Ledger, quota::QuotaStore},
    quota::{Call, PermitLine, RateLine},
    usage::UsageRecord,
};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    books::{Books, Life, account, ask},
    charges::a_charge,
};

#[tokio::test]
#[ignore = "takes the machine for itself"]
async fn how_long_a_call_takes() {
    let books = Books::new().await;
    let mut limits = Vec::new();
    for _ in 0..100 {
        let kinds = (
            books.budget(None).await,
            books.rate(None).await,
            books.permits(None).await,
        );
        limits.push(kinds);
    }
    let mut life = books.begin().await;
    for (lines, what) in [
        (0, "no lines"),
        (1, "a line of each kind"),
        (10, "10 lines of each kind"),
        (100, "100 lines of each kind"),
    ] {
        let mut took = Vec::new();
        for _ in 0..200 {
            let call = a_call(&mut life, &limits[..lines]);
            let begun = Instant::now();
            books.store.exchange(life.id, &call).await.unwrap();
            took.push(begun.elapsed());
        }
        println!("a call with {what}: {}", percentiles(took));
    }
    for kind in 0..3 {
        let mut took = Vec::new();
        for _ in 0..200 {
            let mut call = a_call(&mut life, &limits);
            if kind != 0 {
                call.budgets.clear();
            }
            if kind != 1 {
                call.rates.clear();
            }
            if kind != 2 {
                call.permits.clear();
            }
            let begun = Instant::now();
            books.store.exchange(life.id, &call).await.unwrap();
            took.push(begun.elapsed());
        }
        let kind = ["budgets", "rates", "permits"][kind];
        println!("a call with 100 {kind}: {}", percentiles(took));
    }
}

fn a_call(life: &mut Life, limits: &[(LimitId, LimitId, LimitId)]) -> Call {
    let mut call = life.call();
    let hold = i64::try_from(call.number % 7).unwrap();
    for (budget, rate, permits) in limits {
        call.budgets.push(ask(*budget, 10));
        call.rates.push(RateLine {
            limit: *rate,
            least: 1,
            ask: 1,
            want: 5,
            refunds: Vec::new(),
            extra: 0,
        });
        call.permits.push(PermitLine {
            limit: *permits,
            hold,
            busy: 0,
        });
    }
    call
}

fn percentiles(mut took: Vec<Duration>) -> String {
    took.sort();
    let at = |percent: usize| {
        let place = took.len() * percent / 100;
        took.get(place).unwrap().as_secs_f64() * 1e3
    };
    format!("p50 {:.2} ms, p99 {:.2} ms", at(50), at(99))
}

#[tokio::test]
#[ignore = "takes the machine for itself"]
async fn how_many_rows_are_written_in_a_second() {
    for (writers, size) in [(1, 50), (1, 200), (1, 500), (5, 500)] {
        let books = Books::new().await;
        let mut budgets = Vec::new();
        for _ in 0..750 {
            budgets.push(books.budget(None).await);
        }
        let budgets: Arc<[LimitId]> = budgets.into();
        let rows = 60_000 / size * size;
        let mut batches = Vec::new();
        for writer in 0..writers {
            let id = books.begin().await.id;
            let mine: Vec<UsageRecord> = (0..rows / writers)
                .map(|n| a_row(&budgets, writer + n * 7))
                .collect();
            batches.push((books.database.store().await, id, mine));
        }
        let begun = Instant::now();
        let mut work = JoinSet::new();
        for (store, id, mine) in batches {
            work.spawn(async move {
                for part in mine.chunks(size) {
                    store.flush(id, part).await.unwrap();
                }
            });
        }
        work.join_all().await;
        let speed = rows as f64 / begun.elapsed().as_secs_f64();
        println!("{writers} writers, batches of {size}, three accounts a row: {speed:.0} rows/s");
        assert!(size < 500 || speed > 5_000.0, "{speed}");
        books.assert_they_agree().await;
    }
}

/// Of one of 500 keys, charged to its own budget, its team's and one of its day.
fn a_row(budgets: &[LimitId], n: usize) -> UsageRecord {
    let key = n % 500;
    let charged = [key, 500 + key % 50, 600 + key % 150];
    let mut record = a_charge(
        &charged.map(|at| account(*budgets.get(at).unwrap())),
        1 + n as i64 % 1_000,
    );
    record.key_id = KeyId(key as i64);
    record
}
