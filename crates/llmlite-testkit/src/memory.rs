//! The database's traits over plain collections, with the same meaning.

mod directory;
mod limits;
mod sums;

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use llmlite_core::{
    ids::{EventId, InstanceId, KeyId},
    keys::{KeyGrant, KeyHash},
    people::{KeyInfo, Team, User},
    ports::{
        StoreError,
        clock::Clock,
        keys::KeyStore,
        ledger::Ledger,
        readiness::Dependency,
        reports::{Reports, UsageLine, UsageQuery},
    },
    usage::UsageRecord,
};

use crate::ManualClock;

/// A store in memory: `KeyStore`, `Ledger`, `Directory`, `LimitDirectory`, `Reports` and
/// `Dependency`.
///
/// It fails when it is told to ([`MemoryStore::fail_next`], [`MemoryStore::set_down`]), before it
/// changes anything.
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    failures: Mutex<VecDeque<StoreError>>,
    down: AtomicBool,
    lookups: AtomicU64,
    flushes: AtomicU64,
}

#[derive(Default)]
struct State {
    teams: Vec<Team>,
    users: Vec<User>,
    keys: Vec<KeyInfo>,
    hashes: HashMap<KeyHash, KeyId>,
    /// Keys whose answers are cut.
    cut: HashSet<KeyId>,
    /// Grants without a row in the directory, that a test put there.
    grants: HashMap<KeyHash, KeyGrant>,
    usage: BTreeMap<EventId, UsageRecord>,
    book: limits::Book,
}

impl MemoryStore {
    /// An empty store that dates what it creates by `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            state: Mutex::default(),
            failures: Mutex::default(),
            down: AtomicBool::new(false),
            lookups: AtomicU64::new(0),
            flushes: AtomicU64::new(0),
        }
    }

    /// Lets the next call fail with `error`; several wait for one call each.
    pub fn fail_next(&self, error: StoreError) {
        lock(&self.failures).push_back(error);
    }

    /// From now on every call fails as unavailable, or no longer.
    pub fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// Lets `hash` be found with this grant, in the place of what was found before.
    pub fn grant(&self, hash: KeyHash, grant: KeyGrant) {
        self.state().grants.insert(hash, grant);
    }

    /// The usage that was flushed, in the order of admission.
    pub fn usage(&self) -> Vec<UsageRecord> {
        self.state().usage.values().cloned().collect()
    }

    /// How many lookups of keys were asked for, failed ones included.
    pub fn lookups(&self) -> u64 {
        self.lookups.load(Ordering::SeqCst)
    }

    /// How many flushes were asked for, failed ones included.
    pub fn flushes(&self) -> u64 {
        self.flushes.load(Ordering::SeqCst)
    }

    /// The store's content, unless it is this call's turn to fail.
    fn enter(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        if let Some(error) = lock(&self.failures).pop_front() {
            return Err(error);
        }
        if self.down.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("the test says so".into()));
        }
        Ok(self.state())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new(Arc::new(ManualClock::default()))
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

#[async_trait]
impl KeyStore for MemoryStore {
    async fn find(&self, hash: &KeyHash) -> Result<Option<KeyGrant>, StoreError> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        let mut state = self.enter()?;
        if let Some(grant) = state.grants.get(hash) {
            return Ok(Some(grant.clone()));
        }
        state.inherit();
        Ok(state
            .hashes
            .get(hash)
            .and_then(|id| state.keys.iter().find(|key| key.id == *id))
            .map(|key| state.granted(key)))
    }
}

#[async_trait]
impl Ledger for MemoryStore {
    async fn flush(&self, _instance: InstanceId, batch: &[UsageRecord]) -> Result<u64, StoreError> {
        self.flushes.fetch_add(1, Ordering::SeqCst);
        let mut state = self.enter()?;
        let before = state.usage.len();
        for record in batch {
            state
                .usage
                .entry(record.event_id)
                .or_insert_with(|| record.clone());
        }
        Ok((state.usage.len() - before) as u64)
    }
}

#[async_trait]
impl Reports for MemoryStore {
    async fn usage(&self, query: &UsageQuery) -> Result<Vec<UsageLine>, StoreError> {
        let state = self.enter()?;
        Ok(sums::lines(&state, query))
    }
}

#[async_trait]
impl Dependency for MemoryStore {
    fn name(&self) -> &'static str {
        "database"
    }

    async fn check(&self) -> Result<(), String> {
        match self.enter() {
            Ok(_) => Ok(()),
            Err(_) => Err("it cannot be reached".to_owned()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
