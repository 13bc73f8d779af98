//! The ledger: every record counts once, however often and in whichever order it is sent.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::sync::Arc;

use llmlite_core::{
    ids::{EventId, InstanceId, KeyId, TeamId, UserId},
    money::Nanodollars,
    ports::{
        StoreError,
        ledger::Ledger,
        reports::{GroupBy, Reports, UsageLine, UsageQuery},
    },
    usage::{Ending, UsageRecord},
};
use llmlite_store::Store;
use llmlite_testkit::{
    MemoryStore,
    build::{a_record, at},
    postgres,
};
use uuid::Uuid;

/// Late on the 30th of November 2026: the batch crosses a day and a month.
const LATE: u64 = 1_796_083_198;

/// Six records over two days, two keys, two models, with and without user and team, that ended in
/// all four ways.
fn batch() -> Vec<UsageRecord> {
    let endings = [
        Ending::Complete,
        Ending::ClientGone,
        Ending::UpstreamFailed,
        Ending::Shutdown,
        Ending::Complete,
        Ending::Complete,
    ];
    (0..6)
        .zip(endings)
        .map(|(n, ending)| {
            let mut record = a_record(LATE + n);
            record.ending = ending;
            record.estimated = n == 3;
            record.cost = Nanodollars(1_000_000_007 * (n as i64 + 1));
            record.key_id = KeyId(1 + n as i64 % 2);
            record.user_id = (n % 3 > 0).then_some(UserId(5));
            record.team_id = (n > 2).then_some(TeamId(7));
            record.model = Arc::from(if n == 4 {
                "claude-3-opus"
            } else {
                "claude-haiku"
            });
            record
        })
        .collect()
}

async fn reports(store: &dyn Reports) -> Vec<(GroupBy, Vec<UsageLine>)> {
    let mut reports = Vec::new();
    for group_by in [
        GroupBy::Day,
        GroupBy::Model,
        GroupBy::Key,
        GroupBy::User,
        GroupBy::Team,
    ] {
        let query = UsageQuery {
            group_by,
            from: "2026-11-01".to_owned(),
            to: "2026-12-31".to_owned(),
        };
        reports.push((group_by, store.usage(&query).await.unwrap()));
    }
    reports
}

#[tokio::test]
async fn any_order_and_repetition_of_a_batch_gives_the_same_books() {
    let batch = batch();
    let expected = {
        let memory = MemoryStore::default();
        memory.flush(InstanceId(1), &batch).await.unwrap();
        reports(&memory).await
    };
    // Every rotation, whole and in two overlapping parts, each twice.
    for turn in 0..batch.len() {
        let database = postgres::fresh().await;
        let store = database.store().await;
        let mut order = batch.clone();
        order.rotate_left(turn);
        order.push(batch[0].clone());
        let mut inserted = 0;
        for part in [&order[..4], &order[2..], &order[..], &order[..]] {
            inserted += store.flush(InstanceId(1), part).await.unwrap();
        }
        assert_eq!(inserted, 6);
        assert_eq!(reports(&store).await, expected, "turn {turn}");
    }
}

#[tokio::test]
async fn the_same_batch_flushed_by_many_at_once_counts_once() {
    let database = postgres::fresh().await;
    let batch = Arc::new((0..200).map(|n| a_record(LATE + n)).collect::<Vec<_>>());
    let mut flushes = tokio::task::JoinSet::new();
    for turn in 0..6 {
        // A store each: six gateways.
        let store = database.store().await;
        let mut order = batch.to_vec();
        order.rotate_left(turn * 30);
        flushes.spawn(async move {
            let mut inserted = 0;
            for part in order.chunks(50) {
                inserted += store.flush(InstanceId(1), part).await.unwrap();
            }
            inserted
        });
    }
    let inserted: u64 = flushes.join_all().await.iter().sum();
    assert_eq!(inserted, 200);
    assert_books_agree(&database).await;
}

/// Rows and roll-ups are the same sums.
async fn assert_books_agree(database: &postgres::TestDatabase) {
    let sums = |table: &str, count: &str| {
        format!(
            "SELECT {count}::text || ' ' || sum(input_tokens) || ' ' || sum(output_tokens) || ' ' ||
                    sum(cache_read_tokens) || ' ' || sum(cache_write_5m_tokens) || ' ' ||
                    sum(cache_write_1h_tokens) || ' ' || sum(cost_nanodollars) FROM {table}"
        )
    };
    let client = database.client().await;
    let read = async |sql: String| -> String { client.query_one(&sql, &[]).await.unwrap().get(0) };
    let rows = read(sums("usage_event", "count(*)")).await;
    let rollups = read(sums("usage_rollup_day", "sum(requests)")).await;
    assert_eq!(rows, rollups);
}

#[tokio::test]
async fn a_row_holds_what_the_record_says() {
    let database = postgres::fresh().await;
    let mut record = a_record(LATE);
    record.upstream_request_id = Some(Arc::from("bedrock-1"));
    record.time_to_first_token = Some(std::time::Duration::from_micros(250_999));
    record.user_id = None;
    record.streamed = true;
    record.estimated = true;
    record.ending = Ending::ClientGone;
    flush(&database.store().await, &[record.clone()]).await;
    let row: serde_json::Value = database
        .client()
        .await
        .query_one("SELECT to_jsonb(e) - 'event_id' FROM usage_event e", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(
        row,
        serde_json::json!({
            "ts": "2026-11-30T23:59:58+00:00", "request_id": "req_test",
            "upstream_request_id": "bedrock-1", "key_id": 1, "user_id": null, "team_id": 3,
            "model": "claude-sonnet-4-5",
            "bedrock_model_id": "anthropic.claude-sonnet-4-5-20250929-v1:0",
            "region": "eu-west-2", "residency": "in-region", "streamed": true,
            "input_tokens": 1000, "output_tokens": 100, "cache_read_tokens": 50,
            "cache_write_5m_tokens": 20, "cache_write_1h_tokens": 10,
            "cost_nanodollars": 4612500, "estimated": true, "ending": "client_gone",
            "latency_ms": 1500, "time_to_first_token_ms": 250, "instance_id": 1, "charged": null
        })
    );
}

async fn flush(store: &Store, batch: &[UsageRecord]) {
    assert_eq!(
        store.flush(InstanceId(1), batch).await.unwrap(),
        batch.len() as u64
    );
}

#[tokio::test]
async fn odd_dates_land_in_the_default_partition_and_are_counted() {
    let database = postgres::fresh().await;
    let mut far_future = a_record(0);
    // All 48 bits of the time set: the year 10889.
    far_future.event_id = EventId(Uuid::from_u128(0xffff_ffff_ffff_7000_8000_0000_0000_0001));
    flush(&database.store().await, &[a_record(0), far_future]).await;
    let count = "SELECT count(*) FROM usage_event_default";
    let count: i64 = database
        .client()
        .await
        .query_one(count, &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(count, 2);
    assert_books_agree(&database).await;
}

#[tokio::test]
async fn a_row_that_the_database_cannot_hold_is_told_from_a_statement_that_it_refuses() {
    let database = postgres::fresh().await;
    let store = database.store().await;
    let mut nul = a_record(LATE);
    nul.request_id = Arc::from("\0");
    let spoiled = [a_record(LATE), nul];
    let refused = store.flush(InstanceId(1), &spoiled).await;
    assert!(
        matches!(refused, Err(StoreError::InvalidData(_))),
        "{refused:?}"
    );
    flush(&store, &spoiled[..1]).await;

    let client = database.client().await;
    let forbid = "ALTER TABLE usage_event ADD CHECK (output_tokens < 500)";
    client.batch_execute(forbid).await.unwrap();
    let mut forbidden = a_record(LATE);
    forbidden.tokens.output = 500;
    let refused = store.flush(InstanceId(1), &[forbidden]).await;
    assert!(
        matches!(refused, Err(StoreError::InvalidData(_))),
        "{refused:?}"
    );

    let rename = "ALTER TABLE usage_event RENAME TO elsewhere";
    client.batch_execute(rename).await.unwrap();
    let refused = store.flush(InstanceId(1), &[a_record(LATE)]).await;
    assert!(
        matches!(refused, Err(StoreError::Refused(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn the_time_of_a_row_is_the_time_in_its_id() {
    let database = postgres::fresh().await;
    let client = database.client().await;
    for millis in [0, 1, 1_763_900_000_123, 1_796_083_199_999] {
        let when = at(0) + std::time::Duration::from_millis(millis);
        let row = client
            .query_one("SELECT event_time($1)", &[&EventId::new(when).0])
            .await
            .unwrap();
        assert_eq!(row.get::<_, std::time::SystemTime>(0), when);
    }
}

#[tokio::test]
async fn an_empty_batch_asks_nobody() {
    let database = postgres::fresh().await;
    let store = database.store().await;
    drop(database);
    assert_eq!(store.flush(InstanceId(1), &[]).await.unwrap(), 0);
    let lost = store.flush(InstanceId(1), &[a_record(1)]).await;
    assert!(matches!(
        lost,
        Err(StoreError::Unavailable(_) | StoreError::Refused(_))
    ));
}
