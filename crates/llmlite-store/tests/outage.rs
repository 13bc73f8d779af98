//! A database that is slow, silent, gone or read-only is unavailable, and soon found again.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::{process::Command, time::Duration};

use llmlite_core::ports::{
    StoreError, directory::Directory, keys::KeyStore, readiness::Dependency,
};
use llmlite_store::Store;
use llmlite_testkit::{build::a_key, postgres};
use tokio_postgres::Client;

fn unavailable<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(
        matches!(result, Err(StoreError::Unavailable(_))),
        "{result:?}"
    );
}

/// The processes of the store's connections.
async fn backends(admin: &Client) -> Vec<i32> {
    let others = "SELECT pid FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let rows = admin.query(others, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn find_again(store: &Store) {
    let (_, hash) = a_key();
    while let Err(error) = store.find(&hash).await {
        unavailable(Err::<(), _>(error));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn a_table_that_stays_locked_is_not_waited_for() {
    let database = postgres::fresh().await;
    let store = database.store().await;
    let other = database.client().await;
    let lock = "BEGIN; LOCK TABLE teams IN ACCESS EXCLUSIVE MODE";
    other.batch_execute(lock).await.unwrap();
    unavailable(store.create_team("alpha").await);
    other.batch_execute("ROLLBACK").await.unwrap();
    store.create_team("alpha").await.unwrap();
}

#[tokio::test]
async fn connections_that_were_cut_are_replaced() {
    let database = postgres::fresh().await;
    let store = database.store().await;
    let admin = database.client().await;
    for backend in backends(&admin).await {
        let cut = "SELECT pg_terminate_backend($1)";
        admin.query(cut, &[&backend]).await.unwrap();
    }
    find_again(&store).await;
}

/// Lets the stopped processes go on, also when the test fails.
struct Frozen(Vec<i32>);

impl Frozen {
    fn freeze(processes: Vec<i32>) -> Self {
        signal("-STOP", &processes);
        Self(processes)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        signal("-CONT", &self.0);
    }
}

fn signal(signal: &str, processes: &[i32]) {
    let numbers = processes.iter().map(ToString::to_string);
    let script = r#"exec kill "$0" "$@""#;
    let done = Command::new("/bin/sh")
        .args(["-c", script, signal])
        .args(numbers)
        .status();
    assert!(done.is_ok_and(|status| status.success()));
}

#[tokio::test]
async fn a_connection_that_falls_silent_is_given_up_and_replaced() {
    let database = postgres::fresh().await;
    let store = database.store().await;
    let admin = database.client().await;
    let frozen = Frozen::freeze(backends(&admin).await);
    assert!(!frozen.0.is_empty());
    // The server cannot keep its own limit now; the deadline on this side does.
    unavailable(store.find(&a_key().1).await);
    assert_eq!(store.find(&a_key().1).await.unwrap(), None);
    drop(frozen);
}

#[tokio::test]
async fn a_server_that_was_demoted_is_unavailable() {
    let database = postgres::fresh().await;
    let store = database.store().await;
    let admin = database.client().await;
    let demote = "DO $$ BEGIN EXECUTE format(
        'ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$";
    admin.batch_execute(demote).await.unwrap();
    for backend in backends(&admin).await {
        let cut = "SELECT pg_terminate_backend($1)";
        admin.query(cut, &[&backend]).await.unwrap();
    }
    unavailable(store.create_team("alpha").await);
    assert_eq!(store.check().await.unwrap_err(), "it cannot be reached");
}
