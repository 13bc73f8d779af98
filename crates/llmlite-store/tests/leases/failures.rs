//! What is said when there is no answer: "not done" only when that is certain.

use std::process::Command;

use llmlite_core::{
    ids::LimitId,
    ports::quota::{QuotaFailure, QuotaStore},
    quota::Call,
};
use tokio_postgres::Client;

use crate::books::{Books, Life, State, account, ask};

impl Life {
    fn asks(&mut self, limit: LimitId) -> Call {
        Call {
            budgets: vec![ask(limit, 10)],
            ..self.call()
        }
    }
}

/// The process of the store's connection for calls.
async fn backend(sql: &Client) -> i32 {
    let last = "SELECT pid FROM pg_stat_activity
                 WHERE datname = current_database() AND query LIKE '-- quota.exchange%'";
    sql.query_one(last, &[]).await.unwrap().get(0)
}

/// Waits until the call of the store waits for a lock.
async fn is_waiting(sql: &Client) {
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                    AND query LIKE '-- quota.exchange%' AND wait_event_type = 'Lock'";
    while sql.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_lock_that_is_not_to_be_had_means_not_done() {
    let books = Books::new().await;
    let budget = books.budget(None).await;
    let mut life = books.begin().await;
    life.take(&books.store, &[ask(budget, 10)]).await;
    let other = books.database.client().await;
    let lock = "BEGIN; SELECT * FROM budget_accounts FOR UPDATE";
    other.batch_execute(lock).await.unwrap();
    let told = books.store.exchange(life.id, &life.asks(budget)).await;
    assert_eq!(told, Err(QuotaFailure::NotDone));
    other.batch_execute("ROLLBACK").await.unwrap();
    // Its number was not used either.
    let answer = books.store.exchange(life.id, &life.asks(budget)).await;
    assert_eq!(answer.unwrap().budgets[0].granted, 20);
}

#[tokio::test]
async fn a_connection_that_is_ended_while_it_works_leaves_it_open_what_was_done() {
    let books = Books::new().await;
    let budget = books.budget(None).await;
    let mut life = books.begin().await;
    life.take(&books.store, &[ask(budget, 10)]).await;
    let other = books.database.client().await;
    let lock = "BEGIN; SELECT * FROM budget_accounts FOR UPDATE";
    other.batch_execute(lock).await.unwrap();
    let call = life.asks(budget);
    let end = async {
        is_waiting(&books.sql).await;
        let end = "SELECT pg_terminate_backend($1)";
        let backend = backend(&books.sql).await;
        books.sql.execute(end, &[&backend]).await.unwrap();
    };
    let (told, ()) = tokio::join!(books.store.exchange(life.id, &call), end);
    assert_eq!(told, Err(QuotaFailure::Unknown));
    other.batch_execute("ROLLBACK").await.unwrap();
    let answer = books.store.exchange(life.id, &life.asks(budget)).await;
    assert_eq!(answer.unwrap().budgets[0].granted, 20);
}

/// Stops a process of the server; it goes on when this is dropped.
struct Frozen(i32);

impl Frozen {
    fn freeze(process: i32) -> Self {
        signal("-STOP", process);
        Self(process)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        signal("-CONT", self.0);
    }
}

fn signal(signal: &str, process: i32) {
    let script = r#"exec kill "$0" "$1""#;
    let done = Command::new("/bin/sh")
        .args(["-c", script, signal, &process.to_string()])
        .status();
    assert!(done.is_ok_and(|status| status.success()));
}

#[tokio::test]
async fn a_call_that_a_frozen_server_carries_out_later_counts_once_and_shows_in_the_next_answer() {
    let books = Books::new().await;
    let budget = books.budget(None).await;
    let mut life = books.begin().await;
    life.take(&books.store, &[ask(budget, 10)]).await;
    let frozen = Frozen::freeze(backend(&books.sql).await);
    let call = life.asks(budget);
    let told = books.store.exchange(life.id, &call).await;
    assert_eq!(told, Err(QuotaFailure::Unknown));
    drop(frozen);
    // It wakes up, finds the statement, and carries it out although nobody waits any more.
    let calls = "SELECT call FROM gateway_instances";
    while books.number(calls).await < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(books.state(account(budget)).await, State(0, 20, 20));
    let again = books.store.exchange(life.id, &call).await;
    assert_eq!(again, Err(QuotaFailure::Unknown));
    let answer = books.store.exchange(life.id, &life.asks(budget)).await;
    assert_eq!(answer.unwrap().budgets[0].granted, 30);
}

#[tokio::test]
async fn a_call_that_is_overtaken_while_the_server_is_frozen_is_never_carried_out() {
    let books = Books::new().await;
    let budget = books.budget(None).await;
    let mut life = books.begin().await;
    life.take(&books.store, &[ask(budget, 10)]).await;
    let process = backend(&books.sql).await;
    let frozen = Frozen::freeze(process);
    let late = books.store.exchange(life.id, &life.asks(budget)).await;
    assert_eq!(late, Err(QuotaFailure::Unknown));
    // A connection of its own takes its place.
    let answer = books.store.exchange(life.id, &life.asks(budget)).await;
    assert_eq!(answer.unwrap().budgets[0].granted, 20);
    drop(frozen);
    let alive = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {process}");
    while books.number(&alive).await > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(books.state(account(budget)).await, State(0, 20, 20));
}

#[tokio::test]
async fn a_database_that_takes_no_connections_has_not_done_it() {
    let books = Books::new().await;
    let budget = books.budget(None).await;
    let mut life = books.begin().await;
    // Only from another database may it be closed.
    let (server, name) = books.database.url().rsplit_once('/').unwrap();
    let config: tokio_postgres::Config = format!("{server}/postgres").parse().unwrap();
    let (outside, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    let close_doors = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false");
    tokio::select! {
        closed = outside.batch_execute(&close_doors) => closed.unwrap(),
        _ = connection => panic!("the server ended the connection"),
    }
    let told = books.store.exchange(life.id, &life.asks(budget)).await;
    assert_eq!(told, Err(QuotaFailure::NotDone));
}

#[tokio::test]
async fn what_the_database_refuses_is_not_done() {
    let books = Books::new().await;
    let budget = books.budget(None).await;
    let mut life = books.begin().await;
    // Twice the same account: no caller may do that.
    let call = Call {
        budgets: vec![ask(budget, 10), ask(budget, 10)],
        ..life.call()
    };
    let told = books.store.exchange(life.id, &call).await;
    assert_eq!(told, Err(QuotaFailure::NotDone));
    assert_eq!(books.number("SELECT call FROM gateway_instances").await, 0);
}
