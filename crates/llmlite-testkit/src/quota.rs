//! The database's side of limits in memory, with the same meaning, and with faults.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    future::pending,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use llmlite_core::{
    ids::{EventId, InstanceId, LimitId},
    limits::Ceiling,
    ports::{
        StoreError,
        alerts::AlertSink,
        clock::Clock,
        instances::Instances,
        intents::Intents,
        ledger::Ledger,
        quota::{QuotaFailure, QuotaStore},
    },
    quota::{Announcement, Answer, Call},
    usage::UsageRecord,
};
use llmlite_model::Twin;
use tokio::sync::Notify;

/// What becomes of a call of [`MemoryQuota`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is not carried out.
    Fails(QuotaFailure),
    /// It is carried out, and nobody hears of it.
    AnswerLost,
    /// It is carried out when the test calls [`MemoryQuota::thaw`].
    Freezes,
    /// It is never answered, and never carried out.
    Silence,
    /// The code that should answer it panics.
    Panics,
}

/// Limits, leases and the charges of budgets in memory: `QuotaStore`, `Instances`, and a `Ledger`
/// in front of another.
pub struct MemoryQuota {
    clock: Arc<dyn Clock>,
    ledger: Arc<dyn Ledger>,
    state: Mutex<State>,
    thawed: Notify,
    down: AtomicBool,
    busy: AtomicUsize,
    busiest: AtomicUsize,
}

#[derive(Default)]
struct State {
    twin: Twin,
    lives: i64,
    faults: VecDeque<Fault>,
    calls: Vec<Call>,
    announced: Vec<Announcement>,
    unannounced: u32,
    listed: BTreeMap<EventId, UsageRecord>,
}

impl MemoryQuota {
    /// Without limits, and in front of `ledger`. Its clock is the database's.
    pub fn new(clock: Arc<dyn Clock>, ledger: Arc<dyn Ledger>) -> Self {
        Self {
            clock,
            ledger,
            state: Mutex::default(),
            thawed: Notify::new(),
            down: AtomicBool::new(false),
            busy: AtomicUsize::new(0),
            busiest: AtomicUsize::new(0),
        }
    }

    /// Begins a life; the first one has the number 1.
    pub fn instance(&self) -> InstanceId {
        let now = self.clock.now();
        let mut state = self.state();
        state.lives += 1;
        let instance = InstanceId(state.lives);
        state.twin.begin(instance, now);
        instance
    }

    /// Sets how high a limit is. One that was never set is unlimited.
    pub fn set(&self, limit: LimitId, ceiling: Ceiling) {
        self.state().twin.set(limit, Some(ceiling));
    }

    /// Closes all leases of that instance, as an operator does.
    pub fn fence(&self, instance: InstanceId) {
        self.state().twin.close(instance);
    }

    /// Lets the next call meet this fault; several wait for one call each.
    pub fn next(&self, fault: Fault) {
        self.state().faults.push_back(fault);
    }

    /// Carries out the call that is frozen.
    pub fn thaw(&self) {
        self.thawed.notify_one();
    }

    /// From now on nothing is carried out, announced or written, or everything again.
    pub fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// Lets the next so many announcements fail.
    pub fn fail_announcements(&self, count: u32) {
        self.state().unannounced = count;
    }

    /// All calls so far, also those that were not carried out.
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// The requests under way that are on the list.
    pub fn listed(&self) -> Vec<UsageRecord> {
        self.state().listed.values().cloned().collect()
    }

    /// The thresholds that were claimed.
    pub fn announced(&self) -> Vec<Announcement> {
        self.state().announced.clone()
    }

    /// How many calls were under way at one time, at most.
    pub fn busiest(&self) -> usize {
        self.busiest.load(Ordering::SeqCst)
    }

    fn is_down(&self) -> bool {
        self.down.load(Ordering::SeqCst)
    }

    fn carry_out(&self, instance: InstanceId, call: &Call) -> Result<Answer, QuotaFailure> {
        let now = self.clock.now();
        self.state().twin.exchange(instance, call, now)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryQuota").finish_non_exhaustive()
    }
}

/// Counts a call as long as it is under way.
struct Busy<'a>(&'a AtomicUsize);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl QuotaStore for MemoryQuota {
    #[expect(clippy::panic, reason = "the test asked for it")]
    async fn exchange(&self, instance: InstanceId, call: &Call) -> Result<Answer, QuotaFailure> {
        let busy = self.busy.fetch_add(1, Ordering::SeqCst) + 1;
        let _busy = Busy(&self.busy);
        self.busiest.fetch_max(busy, Ordering::SeqCst);
        let fault = {
            let mut state = self.state();
            state.calls.push(call.clone());
            state.faults.pop_front()
        };
        if self.is_down() {
            return Err(QuotaFailure::NotDone);
        }
        match fault {
            None => {}
            Some(Fault::Fails(failure)) => return Err(failure),
            Some(Fault::AnswerLost) => {
                self.carry_out(instance, call)?;
                return Err(QuotaFailure::Unknown);
            }
            Some(Fault::Freezes) => self.thawed.notified().await,
            Some(Fault::Silence) => pending().await,
            Some(Fault::Panics) => panic!("the test wants it"),
        }
        self.carry_out(instance, call)
    }

    async fn announce(&self, announcement: &Announcement) -> Result<bool, QuotaFailure> {
        if self.is_down() {
            return Err(QuotaFailure::NotDone);
        }
        let mut state = self.state();
        if state.unannounced > 0 {
            state.unannounced -= 1;
            return Err(QuotaFailure::Unknown);
        }
        let same = |other: &Announcement| {
            (other.account, other.threshold) == (announcement.account, announcement.threshold)
        };
        let is_new = !state.announced.iter().any(same);
        if is_new {
            state.announced.push(*announcement);
        }
        Ok(is_new)
    }
}

#[async_trait]
impl Instances for MemoryQuota {
    async fn begin(&self, _host: &str) -> Result<InstanceId, StoreError> {
        Ok(self.instance())
    }

    async fn close(&self, instance: InstanceId) -> Result<(), StoreError> {
        self.fence(instance);
        Ok(())
    }
}

#[async_trait]
impl Intents for MemoryQuota {
    async fn note(
        &self,
        _: InstanceId,
        begun: &[&UsageRecord],
        ended: &[EventId],
    ) -> Result<(), StoreError> {
        if self.is_down() {
            return Err(StoreError::Unavailable("the test says so".into()));
        }
        let mut state = self.state();
        for event in ended {
            state.listed.remove(event);
        }
        let begun = begun
            .iter()
            .map(|record| (record.event_id, (*record).clone()));
        state.listed.extend(begun);
        Ok(())
    }
}

#[async_trait]
impl Ledger for MemoryQuota {
    async fn flush(&self, instance: InstanceId, batch: &[UsageRecord]) -> Result<u64, StoreError> {
        if self.is_down() {
            return Err(StoreError::Unavailable("the test says so".into()));
        }
        let new = self.ledger.flush(instance, batch).await?;
        let mut state = self.state();
        for record in batch {
            let (_, id) = record.event_id.0.as_u64_pair();
            let accounts = record.accounts.clone();
            state.twin.flush(instance, id, accounts, record.cost.0);
        }
        Ok(new)
    }
}

/// Hears of thresholds and remembers them.
#[derive(Debug, Default)]
pub struct MemoryAlerts(Mutex<Vec<Announcement>>);

impl MemoryAlerts {
    /// What was heard.
    pub fn heard(&self) -> Vec<Announcement> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl AlertSink for MemoryAlerts {
    fn budget_crossed(&self, announcement: &Announcement) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.push(*announcement);
    }
}
