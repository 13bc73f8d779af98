//! What only this crate can say: that the database was not asked at all.

use deadpool_postgres::{PoolError, TimeoutType};
use llmlite_testkit::{
    ManualClock, MemoryStore,
    build::{a_grant, a_key},
};

use super::*;
use crate::error::StatementError;

/// All connections are in use, or the database does not take a new one.
fn no_connection(why: TimeoutType) -> StoreError {
    StatementError::pool("-- keys.find", PoolError::Timeout(why))
}

/// How many of ten lookups ask, when the first three get no connection for this reason.
async fn asked(why: TimeoutType) -> u64 {
    let store = Arc::new(MemoryStore::default());
    let keys = CachedKeys::new(Arc::clone(&store) as _, Arc::new(ManualClock::default()));
    for n in 0..10 {
        if n < 3 {
            store.fail_next(no_connection(why));
        }
        drop(keys.find(&KeyHash::from_bytes([n; 32])).await);
    }
    store.lookups()
}

#[tokio::test]
async fn a_queue_for_connections_does_not_look_like_an_outage() {
    assert_eq!(asked(TimeoutType::Wait).await, 10);
    assert_eq!(asked(TimeoutType::Create).await, 3);
}

#[tokio::test]
async fn a_probe_that_got_no_connection_leaves_it_to_the_next() {
    let clock = Arc::new(ManualClock::default());
    let store = Arc::new(MemoryStore::default());
    let hash = a_key().1;
    store.grant(hash, a_grant());
    let keys = CachedKeys::new(Arc::clone(&store) as _, Arc::clone(&clock) as _);
    for _ in 0..3 {
        store.fail_next(no_connection(TimeoutType::Create));
        assert!(keys.find(&hash).await.is_err());
    }
    clock.advance(Duration::from_secs(1));
    store.fail_next(no_connection(TimeoutType::Wait));
    assert!(keys.find(&hash).await.is_err());
    assert_eq!(keys.find(&hash).await.ok(), Some(Some(a_grant())));
}
