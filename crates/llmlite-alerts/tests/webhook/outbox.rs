//! The database's outbox, in memory and in a time that the test decides.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use llmlite_core::{
    ids::{LimitId, TeamId},
    limits::{Percent, Period, Scope, Subject, Window},
    money::Nanodollars,
    ports::{
        StoreError,
        alerts::{AlertId, AlertOutbox, BudgetAlert, DueAlert},
        clock::Clock,
    },
    quota::{AccountKey, Announcement},
};
use tokio::sync::Notify;
use uuid::Uuid;

#[derive(Clone)]
pub(crate) struct ManualClock(Arc<Mutex<SystemTime>>);

impl Default for ManualClock {
    fn default() -> Self {
        let start = UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        Self(Arc::new(Mutex::new(start)))
    }
}

impl ManualClock {
    pub(crate) fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        *self.0.lock().unwrap()
    }

    fn instant(&self) -> Instant {
        panic!("a delivery is dated, and not timed")
    }
}

struct Entry {
    id: AlertId,
    attempts: u32,
    due: SystemTime,
    delivered: bool,
    given_up: bool,
}

#[derive(Clone)]
pub(crate) struct MemoryOutbox {
    pub(crate) clock: ManualClock,
    entries: Arc<Mutex<Vec<Entry>>>,
    looked: Arc<Notify>,
}

impl MemoryOutbox {
    pub(crate) fn new(clock: ManualClock) -> Self {
        Self {
            clock,
            entries: Arc::default(),
            looked: Arc::default(),
        }
    }

    /// Files an alert, as whoever announces one does.
    pub(crate) fn file(&self) -> AlertId {
        let id = AlertId(Uuid::now_v7());
        self.entries().push(Entry {
            id,
            attempts: 0,
            due: self.clock.now(),
            delivered: false,
            given_up: false,
        });
        id
    }

    /// Waits until somebody has looked into it.
    pub(crate) async fn looked_into(&self) {
        self.looked.notified().await;
    }

    pub(crate) fn is_delivered(&self, id: AlertId) -> bool {
        self.entries().iter().any(|e| e.id == id && e.delivered)
    }

    pub(crate) fn is_given_up(&self, id: AlertId) -> bool {
        self.entries().iter().any(|e| e.id == id && e.given_up)
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap()
    }
}

#[async_trait]
impl AlertOutbox for MemoryOutbox {
    async fn claim(&self, most: u32, hold: Duration) -> Result<Vec<DueAlert>, StoreError> {
        let now = self.clock.now();
        let mut entries = self.entries();
        let due = entries
            .iter_mut()
            .filter(|e| !e.delivered && !e.given_up && e.due <= now)
            .take(most as usize);
        let claimed = due.map(|entry| {
            entry.attempts += 1;
            entry.due = now + hold;
            DueAlert {
                id: entry.id,
                attempt: entry.attempts,
                alert: an_alert(),
            }
        });
        let claimed = claimed.collect();
        self.looked.notify_one();
        Ok(claimed)
    }

    async fn delivered(&self, id: AlertId) -> Result<(), StoreError> {
        for entry in self.entries().iter_mut().filter(|e| e.id == id) {
            entry.delivered = true;
        }
        Ok(())
    }

    async fn failed(
        &self,
        id: AlertId,
        attempt: u32,
        pause: Option<Duration>,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        for entry in self
            .entries()
            .iter_mut()
            .filter(|e| e.id == id && e.attempts == attempt)
        {
            match pause {
                Some(pause) => entry.due = now + pause,
                None => entry.given_up = true,
            }
        }
        Ok(())
    }
}

pub(crate) fn an_announcement() -> Announcement {
    let alert = an_alert();
    Announcement {
        account: AccountKey {
            limit: alert.limit,
            starts: alert.window.starts,
        },
        threshold: alert.threshold,
        settled: alert.used,
        ceiling: alert.ceiling,
    }
}

fn an_alert() -> BudgetAlert {
    let at = UNIX_EPOCH + Duration::from_secs(1_790_000_000);
    BudgetAlert {
        limit: LimitId(3),
        scope: Scope {
            subject: Subject::Team(TeamId(7)),
            model: None,
        },
        team: Some("alpha".to_owned()),
        period: Period::Month,
        window: Window::of(Period::Month, at),
        threshold: Percent::try_from(80).unwrap(),
        used: Nanodollars(81_000_000_000),
        ceiling: Nanodollars(100_000_000_000),
        at,
    }
}
