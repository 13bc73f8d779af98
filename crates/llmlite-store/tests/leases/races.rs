//! Many at once: nothing is given out twice, and nobody waits in a circle.

use std::sync::Arc;

use llmlite_core::{
    ids::{InstanceId, LimitId},
    ports::{
        ledger::Ledger,
        quota::{QuotaFailure, QuotaStore},
    },
    quota::{Answer, BudgetLine, Call, PermitLine, RateLine, SLOTS},
};
use llmlite_store::Store;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use tokio::task::JoinSet;

use crate::{
    books::{Books, Life, account, ask, give},
    charges::a_charge,
};

/// A store and a life for each: as many gateways.
async fn gateways(books: &Books, count: usize) -> Vec<(Store, Life)> {
    let mut gateways = Vec::new();
    for _ in 0..count {
        gateways.push((books.database.store().await, books.begin().await));
    }
    gateways
}

/// Until it is carried out: many on one row keep each other waiting for longer than a call waits.
async fn insist(store: &Store, life: &mut Life, call: Call) -> Answer {
    let mut call = call;
    loop {
        match store.exchange(life.id, &call).await {
            Ok(answer) => return answer,
            Err(failure) => {
                assert_ne!(failure, QuotaFailure::Fenced, "nobody closed it");
                call.number = life.call().number;
            }
        }
    }
}

#[tokio::test]
async fn eight_that_take_from_one_budget_get_all_of_it_and_no_more() {
    let books = Books::new().await;
    let budget = books.budget(Some(10_000)).await;
    let mut takers = JoinSet::new();
    for (store, mut life) in gateways(&books, 8).await {
        takers.spawn(async move {
            let mut spent = 0;
            for turn in 0..40 {
                let call = Call {
                    budgets: vec![ask(budget, 37)],
                    ..life.call()
                };
                let answer = insist(&store, &mut life, call).await;
                let told = answer.budgets[0];
                let held = told.granted - told.drawn;
                if held >= 30 {
                    let charge = a_charge(&[account(budget)], 30);
                    store.flush(life.id, &[charge]).await.unwrap();
                    spent += 30;
                }
                if turn % 8 == 7 {
                    life.take(&store, &[give(budget, 50)]).await;
                }
            }
            spent
        });
    }
    let spent: i64 = takers.join_all().await.iter().sum();
    let state = books.state(account(budget)).await;
    assert_eq!((state.0, state.1), (spent, state.2));
    assert!(state.0 + state.1 <= 10_000, "{state:?}");
    assert!(spent > 8_000, "{state:?}");
    books.assert_they_agree().await;
}

#[tokio::test]
async fn fifty_that_want_permits_of_a_pool_of_ten_never_hold_more() {
    let books = Books::new().await;
    let pool = books.permits(Some(10)).await;
    let watcher = Arc::new(books.database.client().await);
    let mut takers = JoinSet::new();
    for (n, (store, mut life)) in gateways(&books, 50).await.into_iter().enumerate() {
        let watcher = watcher.clone();
        takers.spawn(async move {
            let mut had = 0;
            for turn in 0..4 {
                let hold = [3, 1, 5, 0][(n + turn) % 4];
                let call = Call {
                    permits: vec![PermitLine {
                        limit: pool,
                        hold,
                        busy: 0,
                    }],
                    ..life.call()
                };
                let answer = insist(&store, &mut life, call).await.permits[0];
                assert!(answer.held + answer.others <= 10, "{answer:?}");
                had += answer.held;
                let sum = "SELECT coalesce(sum(permits), 0)::bigint FROM permit_leases";
                let out: i64 = watcher.query_one(sum, &[]).await.unwrap().get(0);
                assert!(out <= 10, "{out} are out");
            }
            had
        });
    }
    let had: i64 = takers.join_all().await.iter().sum();
    assert!(had >= 10, "{had}");
}

#[tokio::test]
async fn eight_that_count_one_rate_get_no_more_than_it_allows_in_any_31_slots() {
    let books = Books::new().await;
    let rate = books.rate(Some(300)).await;
    let mut takers = JoinSet::new();
    for (store, mut life) in gateways(&books, 8).await {
        takers.spawn(async move {
            let mut granted = Vec::new();
            for _ in 0..30 {
                let call = Call {
                    rates: vec![RateLine {
                        limit: rate,
                        least: 1,
                        ask: 7,
                        want: 0,
                        refunds: Vec::new(),
                        extra: 0,
                    }],
                    ..life.call()
                };
                let answer = insist(&store, &mut life, call).await.rates[0];
                granted.push((answer.slot, answer.granted));
            }
            granted
        });
    }
    let granted = takers.join_all().await.concat();
    let all: i64 = granted.iter().map(|(_, units)| units).sum();
    let slots = granted.iter().map(|(slot, _)| *slot);
    let lasted = slots.clone().max().unwrap() - slots.min().unwrap();
    assert!(lasted < SLOTS, "a whole minute has passed");
    assert_eq!(all, 300);
}

#[tokio::test]
async fn five_that_flush_and_five_that_call_in_any_order_do_not_wait_in_a_circle() {
    let books = Books::new().await;
    let mut budgets = Vec::new();
    let mut rates = Vec::new();
    for _ in 0..20 {
        budgets.push(books.budget(Some(1_000_000)).await);
        rates.push(books.rate(Some(1_000_000)).await);
    }
    let mut work = JoinSet::new();
    for (seed, (store, life)) in (0..).zip(gateways(&books, 5).await) {
        work.spawn(flush_all(store.clone(), life.id, budgets.clone(), seed));
        work.spawn(call_all(store, life, budgets.clone(), rates.clone(), seed));
    }
    work.join_all().await;
    books
        .sql
        .execute("SELECT pg_stat_force_next_flush()", &[])
        .await
        .unwrap();
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(books.number(deadlocks).await, 0);
    books.assert_they_agree().await;
}

async fn flush_all(store: Store, id: InstanceId, budgets: Vec<LimitId>, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..60 {
        let mut batch = Vec::new();
        for _ in 0..random.random_range(1..30) {
            let chosen = budgets.sample(&mut random, 3);
            let accounts: Vec<_> = chosen.map(|limit| account(*limit)).collect();
            batch.push(a_charge(&accounts, random.random_range(0..100)));
        }
        while store.flush(id, &batch).await.is_err() {}
    }
}

/// Not by rising number, which a caller owes.
async fn call_all(
    store: Store,
    mut life: Life,
    budgets: Vec<LimitId>,
    rates: Vec<LimitId>,
    seed: u64,
) {
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..60 {
        let lines = budgets.sample(&mut random, 8);
        let lines: Vec<BudgetLine> = lines.map(|limit| ask(*limit, 50)).collect();
        let counts = rates.sample(&mut random, 8);
        let counts = counts.map(|limit| RateLine {
            limit: *limit,
            least: 1,
            ask: 1,
            want: 5,
            refunds: Vec::new(),
            extra: 0,
        });
        let call = Call {
            budgets: lines,
            rates: counts.collect(),
            ..life.call()
        };
        insist(&store, &mut life, call).await;
    }
}
