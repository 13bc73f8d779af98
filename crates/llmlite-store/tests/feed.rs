//! The feed of changes: nothing is missed, whatever becomes of notifications and connections.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::{
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use llmlite_core::{
    changes::{Change, ChangeListener},
    ids::{KeyId, LimitId},
    keys::{KeyGrant, KeyHash},
    limits::Subject,
    ports::{
        StoreError,
        clock::{Clock, SystemClock},
        directory::Directory,
        keys::KeyStore,
        limits::LimitDirectory,
    },
    quota::AccountKey,
};
use llmlite_store::{CachedKeys, FeedHealth, Store};
use llmlite_testkit::{
    ManualClock,
    build::{a_key, a_new_key, at, only},
    postgres::{self, TestDatabase},
};
use tokio_postgres::Client;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Counts the look-ups that reach the database.
struct Counting {
    store: Store,
    asked: Mutex<u64>,
}

#[async_trait::async_trait]
impl KeyStore for Counting {
    async fn find(&self, hash: &KeyHash) -> Result<Option<KeyGrant>, StoreError> {
        *self.asked.lock().unwrap() += 1;
        self.store.find(hash).await
    }
}

/// Writes down what it hears.
#[derive(Default)]
struct Diary(Mutex<Vec<Change>>);

impl ChangeListener for Diary {
    fn changed(&self, changes: &[Change]) {
        self.0.lock().unwrap().extend(changes);
    }
}

impl Diary {
    fn read(&self) -> Vec<Change> {
        self.0.lock().unwrap().clone()
    }

    fn has(&self, change: Change) -> bool {
        self.read().contains(&change)
    }
}

/// One gateway's cache with its feed.
struct Instance {
    keys: Arc<CachedKeys>,
    asked: Arc<Counting>,
    diary: Arc<Diary>,
    health: Arc<FeedHealth>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Instance {
    async fn start(store: &Store, clock: Arc<dyn Clock>) -> Self {
        let health = Arc::new(FeedHealth::new(Arc::clone(&clock)));
        let asked = Arc::new(Counting {
            store: store.clone(),
            asked: Mutex::new(0),
        });
        let keys = CachedKeys::new(Arc::clone(&asked) as _, clock);
        let keys = Arc::new(keys.followed_by(Arc::clone(&health)));
        let diary = Arc::new(Diary::default());
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let listeners = vec![Arc::clone(&keys) as _, Arc::clone(&diary) as _];
        store.follow_changes(Arc::clone(&health), listeners, &tasks, stop.clone());
        until(async || health.is_listening() && health.is_proven()).await;
        Self {
            keys,
            asked,
            diary,
            health,
            stop,
            tasks,
        }
    }

    async fn find(&self, hash: &KeyHash) -> KeyGrant {
        self.keys.find(hash).await.unwrap().unwrap()
    }

    async fn refuses(&self, hash: &KeyHash) -> bool {
        self.find(hash).await.revoked_at.is_some()
    }

    fn asked(&self) -> u64 {
        *self.asked.asked.lock().unwrap()
    }

    async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Tries until it holds; the test runner's own limit ends a test in which it never does.
async fn until(condition: impl AsyncFn() -> bool) {
    while !condition().await {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn now() -> Instant {
    SystemClock.instant()
}

async fn a_stored_key(store: &Store) -> (KeyId, KeyHash) {
    let (key, hash) = a_key();
    (store.create_key(&a_new_key(&key)).await.unwrap().id, hash)
}

/// The process of the one connection that listens, once there is one other than `before`.
async fn listener(admin: &Client, before: Option<i32>) -> i32 {
    let listening = "SELECT pid FROM pg_stat_activity
                      WHERE datname = current_database() AND application_name LIKE '% changes'";
    loop {
        let rows = admin.query(listening, &[]).await.unwrap();
        let other = rows.iter().map(|row| row.get(0));
        if let Some(pid) = other.into_iter().find(|pid| Some(*pid) != before) {
            return pid;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn world() -> (TestDatabase, Store, Client, Instance) {
    let database = postgres::fresh().await;
    let store = database.store().await;
    let admin = database.client().await;
    let instance = Instance::start(&store, Arc::new(SystemClock)).await;
    (database, store, admin, instance)
}

/// How long it takes until a key that is revoked now is refused by an instance that knows it.
async fn revocation(store: &Store, instance: &Instance) -> Duration {
    let (id, hash) = a_stored_key(store).await;
    until(async || instance.keys.find(&hash).await.unwrap().is_some()).await;
    store.revoke_key(id, false).await.unwrap();
    let revoked = now();
    until(async || instance.refuses(&hash).await).await;
    revoked.elapsed()
}

#[tokio::test]
async fn a_revocation_takes_effect_within_a_second_and_its_delay_is_known() {
    let (_database, store, _admin, instance) = world().await;
    assert_eq!(instance.health.delay(), None);
    let took = revocation(&store, &instance).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    let delay = instance.health.delay().unwrap();
    assert!(
        delay > Duration::ZERO && delay < Duration::from_secs(1),
        "{delay:?}"
    );
    instance.end().await;
}

#[tokio::test]
async fn without_notifications_a_revocation_takes_effect_within_five_seconds() {
    let (_database, store, admin, instance) = world().await;
    let cut = "ALTER TABLE changes DISABLE TRIGGER changes_told";
    admin.batch_execute(cut).await.unwrap();
    let took = revocation(&store, &instance).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(instance.health.delay().unwrap() < Duration::from_secs(5));
    assert!(instance.health.is_listening());
    instance.end().await;
}

#[tokio::test]
async fn a_listener_that_was_cut_off_is_back_and_has_missed_nothing() {
    let (_database, store, admin, instance) = world().await;
    for _ in 0..2 {
        let before = listener(&admin, None).await;
        let cut = "SELECT pg_terminate_backend($1)";
        admin.query(cut, &[&before]).await.unwrap();
        let took = revocation(&store, &instance).await;
        assert!(took < Duration::from_secs(5), "{took:?}");
        listener(&admin, Some(before)).await;
        until(async || instance.health.is_listening()).await;
        let took = revocation(&store, &instance).await;
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
    let anything = instance.diary.read();
    let anything = anything.iter().filter(|c| **c == Change::Anything);
    assert_eq!(anything.count(), 1, "only the first contact");
    instance.end().await;
}

/// Lets the stopped process go on, also when the test fails.
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
async fn a_listener_that_is_frozen_delays_a_revocation_by_five_seconds_at_most_and_is_replaced() {
    let (_database, store, admin, instance) = world().await;
    let before = listener(&admin, None).await;
    let frozen = Frozen::freeze(before);
    let since = now();
    let took = revocation(&store, &instance).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    // Ten seconds to the next probe, five for its answer, and the time to connect.
    listener(&admin, Some(before)).await;
    let noticed = since.elapsed();
    assert!(noticed < Duration::from_secs(20), "{noticed:?}");
    until(async || instance.health.is_listening()).await;
    let took = revocation(&store, &instance).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    drop(frozen);
    instance.end().await;
}

#[tokio::test]
async fn when_all_connections_are_cut_what_changes_meanwhile_is_heard_within_five_seconds() {
    let (_database, store, admin, instance) = world().await;
    let (id, hash) = a_stored_key(&store).await;
    until(async || instance.diary.has(Change::Key(id))).await;
    assert!(!instance.refuses(&hash).await);
    let cut = "WITH cut AS (
                   SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid())
               SELECT count(*) FROM cut";
    let gone: i64 = admin.query_one(cut, &[]).await.unwrap().get(0);
    assert!(gone >= 2, "{gone}");
    let revoke = "UPDATE virtual_keys SET revoked_at = now() WHERE id = $1";
    admin.execute(revoke, &[&id.0]).await.unwrap();
    let revoked = now();
    until(async || instance.refuses(&hash).await).await;
    let took = revoked.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    instance.end().await;
}

#[tokio::test]
async fn nobody_asks_about_a_key_again_until_it_changes() {
    let (_database, store, _admin, instance) = world().await;
    let mut keys = Vec::new();
    for _ in 0..20 {
        keys.push(a_stored_key(&store).await);
    }
    // What is asked while these are still being told is not remembered.
    let last = Change::Key(keys.last().unwrap().0);
    until(async || instance.diary.has(last)).await;
    for (_, hash) in &keys {
        instance.find(hash).await;
    }
    let once = instance.asked();
    // Longer than an answer is good for without the feed.
    let over = now() + Duration::from_millis(1_500);
    until(async || {
        for (_, hash) in &keys {
            instance.find(hash).await;
        }
        now() > over
    })
    .await;
    assert_eq!((once, instance.asked()), (20, 20));
    let (id, hash) = keys.pop().unwrap();
    store.set_key_strict(id, true).await.unwrap();
    until(async || instance.find(&hash).await.strict).await;
    for (_, hash) in &keys {
        instance.find(hash).await;
    }
    assert_eq!(instance.asked(), 21);
    instance.end().await;
}

#[tokio::test]
async fn a_feed_that_is_not_proven_lets_answers_grow_old_in_a_second() {
    let database = postgres::fresh().await;
    let store = database.store().await;
    let clock = Arc::new(ManualClock::default());
    let instance = Instance::start(&store, Arc::clone(&clock) as _).await;
    let (id, hash) = a_stored_key(&store).await;
    until(async || instance.diary.has(Change::Key(id))).await;
    instance.find(&hash).await;
    let asked = instance.asked();
    instance.stop.cancel();
    instance.tasks.close();
    instance.tasks.wait().await;
    // Nobody reads the log any more; what it has proved holds for less than five seconds.
    clock.advance(Duration::from_millis(4_999));
    instance.find(&hash).await;
    assert_eq!(instance.asked(), asked);
    clock.advance(Duration::from_millis(1));
    instance.find(&hash).await;
    assert_eq!(instance.asked(), asked + 1);
    clock.advance(Duration::from_millis(999));
    instance.find(&hash).await;
    assert_eq!(instance.asked(), asked + 1);
    clock.advance(Duration::from_millis(1));
    instance.find(&hash).await;
    assert_eq!(instance.asked(), asked + 2);
}

#[tokio::test]
async fn a_new_key_works_at_once_where_it_was_tried_before() {
    let (_database, store, _admin, instance) = world().await;
    let (key, hash) = a_key();
    for _ in 0..10 {
        assert_eq!(instance.keys.find(&hash).await.unwrap(), None);
    }
    assert_eq!(instance.asked(), 1);
    store.create_key(&a_new_key(&key)).await.unwrap();
    let created = now();
    until(async || instance.keys.find(&hash).await.unwrap().is_some()).await;
    assert!(created.elapsed() < Duration::from_secs(1));
    instance.end().await;
}

#[tokio::test]
async fn every_kind_of_change_is_told_in_the_order_of_the_commits() {
    let (_database, store, admin, instance) = world().await;
    let team = store.create_team("alpha").await.unwrap();
    let user = store.create_user("ada@example.com", Some(team.id));
    let user = user.await.unwrap();
    let (key, _) = a_stored_key(&store).await;
    let sql = "INSERT INTO limits (subject_kind, measure, ceiling)
               VALUES ('organisation', 'requests_per_minute', 5) RETURNING id";
    let limit: i64 = admin.query_one(sql, &[]).await.unwrap().get(0);
    let sql = r#"INSERT INTO models (name, position, entry) VALUES ('m', 0, '{"name": "m"}')"#;
    admin.batch_execute(sql).await.unwrap();
    let subject = Subject::Organisation;
    store.set_models(subject, &only(&["m"])).await.unwrap();
    store.set_key_strict(key, true).await.unwrap();
    until(async || instance.diary.read().len() >= 8).await;
    let id = LimitId(limit);
    let want = [
        Change::Anything,
        Change::Team(team.id),
        Change::User(user.id),
        Change::Key(key),
        Change::Limit { id, subject },
        Change::Models,
        Change::Anything,
        Change::Key(key),
    ];
    assert_eq!(instance.diary.read(), want);
    let applied = "SELECT seq FROM change_counter";
    let newest: i64 = admin.query_one(applied, &[]).await.unwrap().get(0);
    assert_eq!(instance.health.applied(), Some(newest));
    instance.end().await;
}

#[tokio::test]
async fn changes_of_concurrent_administrators_are_numbered_as_they_are_committed() {
    let (database, store, admin, instance) = world().await;
    let other = database.client().await;
    other.batch_execute("BEGIN").await.unwrap();
    let slow = "INSERT INTO teams (name) VALUES ('slow')";
    other.batch_execute(slow).await.unwrap();
    // Whoever comes second waits for the first, and gets the higher number.
    let second = store.create_team("second");
    let commit = async {
        let waits = "SELECT count(*) FROM pg_stat_activity
                      WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let waits = async || admin.query_one(waits, &[]).await.unwrap().get::<_, i64>(0) == 1;
        until(waits).await;
        other.batch_execute("COMMIT").await.unwrap();
    };
    let (second, ()) = tokio::join!(second, commit);
    let second = second.unwrap();
    until(async || instance.diary.has(Change::Team(second.id))).await;
    let teams: Vec<Change> = instance.diary.read().split_off(1);
    let slow = store.team("slow").await.unwrap().unwrap();
    assert_eq!(teams, [Change::Team(slow.id), Change::Team(second.id)]);
    instance.end().await;
}

#[tokio::test]
async fn a_log_that_does_not_tell_everything_is_a_reason_to_drop_everything() {
    let (_database, store, admin, instance) = world().await;
    let (key, _) = a_stored_key(&store).await;
    until(async || instance.diary.has(Change::Key(key))).await;
    let anything = || {
        let told = instance.diary.read();
        told.iter().filter(|c| **c == Change::Anything).count()
    };
    for (round, sql) in [
        // So many that they are not listed one by one.
        "INSERT INTO teams (name) SELECT 'team ' || n FROM generate_series(1, 1001) n",
        // A log that was pruned too early.
        "BEGIN; UPDATE change_counter SET seq = seq + 5;
         INSERT INTO changes (seq, kind) SELECT seq, 'models' FROM change_counter; COMMIT",
        // An older state of the database.
        "BEGIN; DELETE FROM changes; UPDATE change_counter SET seq = 1;
         SELECT pg_notify('llmlite_changes', 'changes 1'); COMMIT",
    ]
    .into_iter()
    .enumerate()
    {
        admin.batch_execute(sql).await.unwrap();
        until(async || anything() == round + 2).await;
    }
    instance.end().await;
}

#[tokio::test]
async fn a_recall_is_passed_on_as_it_is() {
    let (_database, _store, admin, instance) = world().await;
    let sql = "SELECT pg_notify('llmlite_changes', 'recall 7 3600')";
    admin.batch_execute(sql).await.unwrap();
    let (limit, starts) = (LimitId(7), at(3_600));
    let recall = Change::Recall(AccountKey { limit, starts });
    until(async || instance.diary.has(recall)).await;
    instance.end().await;
}

#[tokio::test]
async fn the_log_keeps_its_last_ten_thousand_entries() {
    let database = postgres::fresh().await;
    let admin = database.client().await;
    for n in 0..12 {
        let sql = format!(
            "INSERT INTO teams (name) SELECT 'team {n}/' || n FROM generate_series(1, 1000) n"
        );
        admin.batch_execute(&sql).await.unwrap();
    }
    let sql =
        "SELECT count(*), min(changes.seq), max(changes.seq), (SELECT seq FROM change_counter)
                 FROM changes";
    let row = admin.query_one(sql, &[]).await.unwrap();
    let [count, first, last, counter] = [0, 1, 2, 3].map(|n| row.get::<_, i64>(n));
    assert_eq!(
        (count, first, last, counter),
        (10_000, 2_001, 12_000, 12_000)
    );
}
