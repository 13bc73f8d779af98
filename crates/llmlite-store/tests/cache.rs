//! The cache: few questions, no revoked key, answers through an outage.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::{pin::pin, sync::Arc, task::Poll, time::Duration};

use async_trait::async_trait;
use llmlite_core::{
    changes::{Change, ChangeListener},
    ids::{KeyId, LimitId, TeamId, UserId},
    keys::{KeyGrant, KeyHash},
    limits::Subject,
    ports::{StoreError, clock::Clock, keys::KeyStore},
    quota::AccountKey,
};
use llmlite_store::{CacheConfig, CachedKeys};
use llmlite_testkit::{
    ManualClock, MemoryStore,
    build::{a_grant, a_key, at},
};
use tokio::sync::Semaphore;

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
    world.keys.changed(&[Change::Key(KeyId(77))]);
    assert_eq!(world.keys.find(&unknown).await.unwrap(), Some(a_grant()));
}

fn limit_of(subject: Subject) -> Change {
    let id = LimitId(5);
    Change::Limit { id, subject }
}

#[tokio::test]
async fn a_change_takes_effect_at_once_and_leaves_no_reserve() {
    for change in [
        Change::Key(KeyId(1)),
        Change::User(UserId(2)),
        Change::Team(TeamId(3)),
        limit_of(Subject::Key(KeyId(1))),
        limit_of(Subject::User(UserId(2))),
        limit_of(Subject::Team(TeamId(3))),
        limit_of(Subject::Organisation),
        Change::Anything,
    ] {
        let world = world();
        world.find().await;
        world.keys.changed(&[Change::Models, change]);
        world.store.set_down(true);
        let lost = world.keys.find(&world.hash).await;
        assert!(
            matches!(lost, Err(StoreError::Unavailable(_))),
            "{change:?}"
        );
    }
}

#[tokio::test]
async fn a_change_elsewhere_is_no_reason_to_ask_again() {
    let starts = at(0);
    let limit = LimitId(5);
    let world = world();
    world.find().await;
    world.keys.changed(&[
        Change::Key(KeyId(9)),
        Change::User(UserId(9)),
        Change::Team(TeamId(9)),
        limit_of(Subject::Key(KeyId(9))),
        limit_of(Subject::User(UserId(9))),
        limit_of(Subject::Team(TeamId(9))),
        Change::Models,
        Change::Recall(AccountKey { limit, starts }),
    ]);
    assert_eq!(world.find().await, Some(a_grant()));
    assert_eq!(world.store.lookups(), 1);
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
    keys.changed(&[Change::Key(KeyId(1))]);
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
