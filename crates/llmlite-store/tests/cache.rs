//! The cache: few questions, no revoked key, answers through an outage.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::{pin::pin, sync::Arc, task::Poll, time::Duration};

use async_trait::async_trait;
use llmlite_core::{
    ids::{KeyId, TeamId, UserId},
    keys::{KeyGrant, KeyHash},
    ports::{StoreError, clock::Clock, directory::Directory, keys::KeyStore},
};
use llmlite_store::{CacheConfig, CachedKeys, Change};
use llmlite_testkit::{
    ManualClock, MemoryStore,
    build::{a_grant, a_key, a_new_key, at},
    postgres,
};
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

struct World {
    clock: Arc<ManualClock>,
    store: Arc<MemoryStore>,
    keys: CachedKeys,
    hash: KeyHash,
}

fn world() -> World {
    let clock = Arc::new(ManualClock::default());
    let store = Arc::new(MemoryStore::default());
    let hash = a_key().1;
    store.grant(hash, a_grant());
    let keys = CachedKeys::new(Arc::clone(&store) as _, Arc::clone(&clock) as _);
    World {
        clock,
        store,
        keys,
        hash,
    }
}

fn revoked() -> KeyGrant {
    KeyGrant {
        revoked_at: Some(at(1)),
        ..a_grant()
    }
}

impl World {
    async fn find(&self) -> Option<KeyGrant> {
        self.keys.find(&self.hash).await.unwrap()
    }

    fn later(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
    }
}

#[tokio::test]
async fn an_answer_is_good_for_a_second_and_no_longer() {
    let world = world();
    assert_eq!(world.find().await, Some(a_grant()));
    world.store.grant(world.hash, revoked());
    world.later(999);
    assert_eq!(world.find().await, Some(a_grant()));
    assert_eq!(world.store.lookups(), 1);
    world.later(1);
    assert_eq!(world.find().await, Some(revoked()));
    assert_eq!(world.store.lookups(), 2);
}

#[tokio::test]
async fn a_key_that_does_not_exist_is_remembered_too() {
    let world = world();
    let (_, unknown) = a_key();
    for _ in 0..10 {
        assert_eq!(world.keys.find(&unknown).await.unwrap(), None);
    }
    assert_eq!(world.store.lookups(), 1);
    world.store.grant(unknown, a_grant());
    world.keys.apply(&[Change::Key(KeyId(77))]);
    assert_eq!(world.keys.find(&unknown).await.unwrap(), Some(a_grant()));
}

#[tokio::test]
async fn a_change_takes_effect_at_once_and_leaves_no_reserve() {
    for change in [
        Change::Key(KeyId(1)),
        Change::User(UserId(2)),
        Change::Team(TeamId(3)),
        Change::Anything,
    ] {
        let world = world();
        world.find().await;
        world.keys.apply(&[change]);
        world.store.set_down(true);
        let lost = world.keys.find(&world.hash).await;
        assert!(
            matches!(lost, Err(StoreError::Unavailable(_))),
            "{change:?}"
        );
    }
}

#[tokio::test]
async fn a_change_elsewhere_asks_again_and_keeps_the_reserve() {
    let world = world();
    world.find().await;
    world
        .keys
        .apply(&[Change::Key(KeyId(9)), Change::User(UserId(9))]);
    world.find().await;
    assert_eq!(world.store.lookups(), 2);
    world.keys.expire_everything();
    world.store.set_down(true);
    assert_eq!(world.find().await, Some(a_grant()));
}

#[tokio::test]
async fn an_outage_is_bridged_for_a_quarter_of_an_hour() {
    let world = world();
    world.find().await;
    world.store.set_down(true);
    world.later(15 * 60 * 1_000 - 1);
    assert_eq!(world.find().await, Some(a_grant()));
    world.later(1);
    let lost = world.keys.find(&world.hash).await;
    assert!(matches!(lost, Err(StoreError::Unavailable(_))));
    world.later(1_000);
    world.store.set_down(false);
    assert_eq!(world.find().await, Some(a_grant()));
}

#[tokio::test]
async fn only_one_lookup_a_second_tries_a_database_that_is_away() {
    let world = world();
    world.find().await;
    world.store.set_down(true);
    world.later(1_000);
    for _ in 0..100 {
        assert_eq!(world.find().await, Some(a_grant()));
    }
    assert_eq!(world.store.lookups(), 1 + 3);
    for second in 1..=5 {
        world.later(1_000);
        for _ in 0..100 {
            world.find().await;
        }
        assert_eq!(world.store.lookups(), 4 + second);
    }
}

#[tokio::test]
async fn a_probe_that_is_dropped_before_it_could_ask_leaves_it_to_the_next() {
    let world = world();
    world.find().await;
    world.store.set_down(true);
    world.later(1_000);
    for _ in 0..3 {
        world.find().await;
    }
    world.later(1_000);
    world.store.set_down(false);
    let asked = world.store.lookups();
    let mut probe = Box::pin(world.keys.find(&world.hash));
    let plenty = Semaphore::new(1);
    std::future::poll_fn(|cx| {
        // A task that has used up its share of time finds everything pending.
        while pin!(plenty.acquire()).poll(cx).is_ready() {}
        assert!(probe.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
    assert_eq!(world.store.lookups(), asked);
    drop(probe);
    world.find().await;
    assert_eq!(world.store.lookups(), asked + 1);
}

#[tokio::test]
async fn a_failure_that_is_no_outage_is_reported_and_not_bridged() {
    let world = world();
    world.find().await;
    world.later(1_000);
    world
        .store
        .fail_next(StoreError::Refused("no grant".into()));
    let refused = world.keys.find(&world.hash).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))));
}

#[tokio::test]
async fn memory_is_bounded_for_keys_that_exist_and_for_those_that_do_not() {
    let clock = Arc::new(ManualClock::default());
    let store = Arc::new(MemoryStore::default());
    let config = CacheConfig {
        capacity: 10,
        ..CacheConfig::default()
    };
    let keys = CachedKeys::with_config(Arc::clone(&store) as _, clock, config);
    let hashes: Vec<KeyHash> = (0..100u8).map(|n| KeyHash::from_bytes([n; 32])).collect();
    for hash in &hashes {
        keys.find(hash).await.unwrap();
    }
    for hash in hashes.iter().rev() {
        keys.find(hash).await.unwrap();
    }
    let answered_from_memory = 200 - store.lookups();
    assert!((5..=10).contains(&answered_from_memory));
}

/// Answers when it is let to, with what it had when it was asked.
struct Slow {
    store: Arc<MemoryStore>,
    gate: Semaphore,
}

#[async_trait]
impl KeyStore for Slow {
    async fn find(&self, hash: &KeyHash) -> Result<Option<KeyGrant>, StoreError> {
        let answer = self.store.find(hash).await;
        self.gate.acquire().await.unwrap().forget();
        answer
    }
}

struct SlowWorld {
    world: World,
    slow: Arc<Slow>,
    keys: Arc<CachedKeys>,
}

fn slow_world() -> SlowWorld {
    let world = world();
    let slow = Arc::new(Slow {
        store: Arc::clone(&world.store),
        gate: Semaphore::new(0),
    });
    let clock: Arc<dyn Clock> = Arc::clone(&world.clock) as _;
    let keys = Arc::new(CachedKeys::new(Arc::clone(&slow) as _, clock));
    SlowWorld { world, slow, keys }
}

#[tokio::test]
async fn concurrent_lookups_of_one_key_share_one_question() {
    let SlowWorld { world, slow, keys } = slow_world();
    let hash = world.hash;
    let all = (0..50).map(|_| keys.find(&hash));
    let mut waiting = tokio::task::JoinSet::new();
    for _ in all {
        let keys = Arc::clone(&keys);
        waiting.spawn(async move { keys.find(&hash).await.unwrap() });
    }
    while world.store.lookups() == 0 {
        tokio::task::yield_now().await;
    }
    slow.gate.add_permits(1);
    for grant in waiting.join_all().await {
        assert_eq!(grant, Some(a_grant()));
    }
    assert_eq!(world.store.lookups(), 1);
}

#[tokio::test]
async fn an_answer_from_before_a_change_is_not_remembered() {
    let SlowWorld { world, slow, keys } = slow_world();
    let early = keys.find(&world.hash);
    tokio::pin!(early);
    assert!(futures_pending(&mut early).await);
    world.store.grant(world.hash, revoked());
    keys.apply(&[Change::Key(KeyId(1))]);
    // One who comes after the change does not join the question from before it.
    let late = keys.find(&world.hash);
    slow.gate.add_permits(2);
    let (early, late) = tokio::join!(early, late);
    assert_eq!(early.unwrap(), Some(a_grant()));
    assert_eq!(late.unwrap(), Some(revoked()));
    assert_eq!(keys.find(&world.hash).await.unwrap(), Some(revoked()));
}

#[tokio::test]
async fn a_caller_who_hangs_up_leaves_the_question_to_the_others() {
    let SlowWorld { world, slow, keys } = slow_world();
    let mut first = Box::pin(keys.find(&world.hash));
    assert!(futures_pending(&mut first).await);
    let mut second = Box::pin(keys.find(&world.hash));
    assert!(futures_pending(&mut second).await);
    drop(first);
    slow.gate.add_permits(1);
    assert_eq!(second.await.unwrap(), Some(a_grant()));
    // And one who is alone leaves nothing behind for the next to wait for.
    world.later(1_000);
    let mut alone = Box::pin(keys.find(&world.hash));
    assert!(futures_pending(&mut alone).await);
    drop(alone);
    slow.gate.add_permits(1);
    assert_eq!(keys.find(&world.hash).await.unwrap(), Some(a_grant()));
}

/// Polls once.
async fn futures_pending(future: &mut (impl Future + Unpin)) -> bool {
    std::future::poll_fn(|cx| {
        std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx).is_pending())
    })
    .await
}

/// Tries until it holds; the test runner's own limit ends a test in which it never does.
async fn until(condition: impl AsyncFn() -> bool) {
    while !condition().await {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

const LISTENERS: &str = "SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%LISTEN llmlite_changes%'";

#[tokio::test]
async fn a_revocation_reaches_the_cache_by_notification_also_after_the_feed_was_cut() {
    let database = postgres::fresh().await;
    let store = database.store().await;
    let admin = database.client().await;
    // Time stands still: nothing is asked again because it has grown old.
    let clock: Arc<ManualClock> = Arc::default();
    let keys = Arc::new(CachedKeys::new(Arc::new(store.clone()), clock));
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    store.follow_changes(Arc::clone(&keys), &tasks, stop.clone());

    for round in 0..3 {
        until(async || admin.query(LISTENERS, &[]).await.unwrap().len() == 1).await;
        let (key, hash) = a_key();
        assert_eq!(keys.find(&hash).await.unwrap(), None);
        let info = store.create_key(&a_new_key(&key)).await.unwrap();
        until(async || keys.find(&hash).await.unwrap().is_some()).await;
        store.revoke_key(info.id).await.unwrap();
        until(async || {
            let grant = keys.find(&hash).await.unwrap();
            grant.is_some_and(|g| g.revoked_at.is_some())
        })
        .await;
        if round < 2 {
            let listener: i32 = admin.query_one(LISTENERS, &[]).await.unwrap().get(0);
            let cut = "SELECT pg_terminate_backend($1)";
            admin.query(cut, &[&listener]).await.unwrap();
            until(async || {
                let now = admin.query(LISTENERS, &[]).await.unwrap();
                now.iter().all(|row| row.get::<_, i32>(0) != listener)
            })
            .await;
        }
    }
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}

#[tokio::test]
async fn a_key_that_is_made_strict_is_strict_everywhere_by_notification() {
    let database = postgres::fresh().await;
    let store = database.store().await;
    let admin = database.client().await;
    let (key, hash) = a_key();
    let info = store.create_key(&a_new_key(&key)).await.unwrap();
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let instance = || {
        let clock: Arc<ManualClock> = Arc::default();
        let keys = Arc::new(CachedKeys::new(Arc::new(store.clone()), clock));
        store.follow_changes(Arc::clone(&keys), &tasks, stop.clone());
        keys
    };
    let instances = [instance(), instance()];
    until(async || admin.query(LISTENERS, &[]).await.unwrap().len() == 2).await;
    let strict = async |keys: &CachedKeys| keys.find(&hash).await.unwrap().unwrap().strict;
    for want in [false, true, false] {
        store.set_key_strict(info.id, want).await.unwrap();
        for keys in &instances {
            until(async || strict(keys).await == want).await;
        }
    }
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}

#[tokio::test]
async fn what_changes_while_the_feed_is_cut_is_asked_again_when_it_is_back() {
    let database = postgres::fresh().await;
    let store = database.store().await;
    let admin = database.client().await;
    let (key, hash) = a_key();
    let info = store.create_key(&a_new_key(&key)).await.unwrap();
    let clock: Arc<ManualClock> = Arc::default();
    let keys = Arc::new(CachedKeys::new(Arc::new(store.clone()), clock));
    assert!(keys.find(&hash).await.unwrap().is_some());
    // The feed has not been connected yet: nobody hears this.
    store.revoke_key(info.id).await.unwrap();
    assert_eq!(keys.find(&hash).await.unwrap().unwrap().revoked_at, None);

    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    store.follow_changes(Arc::clone(&keys), &tasks, stop.clone());
    until(async || {
        keys.find(&hash)
            .await
            .unwrap()
            .unwrap()
            .revoked_at
            .is_some()
    })
    .await;
    drop(admin);
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}
