//! The schema: applied once, refused when it does not fit, partitioned by month.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use llmlite_core::ports::{StoreError, readiness::Dependency};
use llmlite_store::{SchemaError, Store, StoreConfig, migrate, schema};
use llmlite_testkit::postgres;

const STEPS: [&str; 7] = [
    "V1__people_and_keys",
    "V2__ledger",
    "V3__strict_keys",
    "V4__limits",
    "V5__leases",
    "V6__alerts",
    "V7__intents",
];

#[tokio::test]
async fn a_second_migration_finds_nothing_to_do() {
    let database = postgres::empty().await;
    let first = migrate(database.url()).await.unwrap();
    assert_eq!(first.applied, STEPS);
    let second = migrate(database.url()).await.unwrap();
    assert!(second.applied.is_empty());
    assert_eq!((first.version, second.version), (7, 7));
    assert_eq!(second.partitions, 0);
}

#[tokio::test]
async fn migrations_at_the_same_time_apply_each_step_once() {
    let database = postgres::empty().await;
    let (a, b, c) = tokio::join!(
        migrate(database.url()),
        migrate(database.url()),
        migrate(database.url())
    );
    let applied: usize = [a, b, c].map(|m| m.unwrap().applied.len()).iter().sum();
    assert_eq!(applied, STEPS.len());
}

#[track_caller]
fn says(result: Result<(), SchemaError>, text: &str) {
    let said = result.unwrap_err().to_string();
    assert!(said.contains(text), "{said}");
}

#[tokio::test]
async fn an_older_database_is_refused_and_the_remedy_named() {
    let database = postgres::empty().await;
    let store = database.store().await;
    says(store.check_schema().await, "run llmlite-admin migrate");
    // Anybody may read this one.
    assert_eq!(
        store.check().await.unwrap_err(),
        "the schema is not the one this program needs"
    );

    migrate(database.url()).await.unwrap();
    store.check_schema().await.unwrap();
    store.check().await.unwrap();

    let forget = "DELETE FROM refinery_schema_history WHERE version = 7";
    database.client().await.batch_execute(forget).await.unwrap();
    says(store.check_schema().await, "at migration 6");
}

#[tokio::test]
async fn a_newer_database_is_served_until_it_needs_a_newer_program() {
    let database = postgres::fresh().await;
    let store = database.store().await;
    let client = database.client().await;
    let expand = "INSERT INTO refinery_schema_history VALUES
                  (99, 'more', '2027-01-01T00:00:00Z', '1')";
    client.batch_execute(expand).await.unwrap();
    store.check_schema().await.unwrap();

    let contract = "UPDATE settings SET value = '98' WHERE key = 'schema_needs'";
    client.batch_execute(contract).await.unwrap();
    says(store.check_schema().await, "knows migration 98");
    says(migrate(database.url()).await.map(drop), "newer release");
}

#[tokio::test]
async fn a_migration_that_was_changed_after_it_was_applied_is_noticed() {
    let database = postgres::fresh().await;
    let tamper = "UPDATE refinery_schema_history SET checksum = '1' WHERE version = 1";
    database.client().await.batch_execute(tamper).await.unwrap();
    says(
        migrate(database.url()).await.map(drop),
        "V1__people_and_keys",
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable_and_a_bad_url_is_refused() {
    let connect = |url: &'static str| Store::connect(StoreConfig::new(url));
    // Port 1 is nobody's.
    let nobody = connect("postgres://postgres@127.0.0.1:1/postgres").await;
    assert!(matches!(nobody, Err(StoreError::Unavailable(_))));
    let nonsense = connect("mysql://nowhere").await;
    assert!(matches!(nonsense, Err(StoreError::Refused(_))));
    let database = postgres::fresh().await;
    let wrong = database.url().replace("postgres:", "postgres:wrong");
    let turned_away = Store::connect(StoreConfig::new(wrong)).await;
    assert!(matches!(turned_away, Err(StoreError::Refused(_))));
}

#[tokio::test]
async fn partitions_are_made_ahead_and_take_over_what_the_default_holds() {
    let database = postgres::fresh().await;
    let client = database.client().await;
    let insert = "INSERT INTO usage_event SELECT
        gen_random_uuid(), '2031-05-31T23:59:59.999Z', 'r', NULL, 1, NULL, NULL, 'm', 'b', 'eu-west-2',
        'eu', false, 1, 1, 0, 0, 0, 5, false, 'complete', 1, NULL";
    client.batch_execute(insert).await.unwrap();
    let home = "SELECT tableoid::regclass::text FROM usage_event";
    let home = async || -> String { client.query_one(home, &[]).await.unwrap().get(0) };
    assert_eq!(home().await, "usage_event_default");

    let make = "SELECT make_usage_partitions('2031-03-31T12:00:00Z', 3)";
    let make = async || -> i32 { client.query_one(make, &[]).await.unwrap().get(0) };
    assert_eq!(make().await, 4);
    assert_eq!(home().await, "usage_event_2031_05");
    assert_eq!(make().await, 0);
    // A month's end in UTC, whatever zone the session is in.
    client
        .batch_execute("SET timezone = 'Pacific/Auckland'")
        .await
        .unwrap();
    client.batch_execute(insert).await.unwrap();
    let places: Vec<String> = client
        .query("SELECT tableoid::regclass::text FROM usage_event", &[])
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(places, ["usage_event_2031_05"; 2]);
    assert_eq!(database.store().await.make_partitions().await.unwrap(), 0);
}

#[test]
fn the_fingerprint_is_that_of_these_migrations() {
    assert_eq!(schema::known_version(), 7);
    assert_ne!(schema::fingerprint(), 0);
}
