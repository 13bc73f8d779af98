//! Telling people that a budget has crossed one of its thresholds.
//!
//! [`QuotaStore::announce`] claims a crossing for one instance, once in each window, and files it
//! in the outbox in the same transaction.
//! That instance tells its [`AlertSink`]; whichever instance is alive empties the [`AlertOutbox`].
//!
//! [`QuotaStore::announce`]: super::quota::QuotaStore::announce

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use uuid::Uuid;

use super::StoreError;
use crate::{
    ids::LimitId,
    limits::{Percent, Period, Scope, Window},
    money::Nanodollars,
    quota::Announcement,
};

/// Hears of each crossing that this instance has claimed.
pub trait AlertSink: Send + Sync {
    /// It was claimed, and is in the outbox. Must not block.
    fn budget_crossed(&self, announcement: &Announcement);
}

/// Crossings that somebody outside has yet to hear of. No instance owns any: whoever claims one
/// and then dies leaves it to the others.
#[async_trait]
pub trait AlertOutbox: Send + Sync {
    /// Claims up to `most` alerts that are due, the longest due first. Until `hold` has passed,
    /// nobody else is handed them.
    ///
    /// What crossed its threshold more than three days ago is not handed out: it would be news to
    /// nobody, as when a webhook is configured for the first time.
    async fn claim(&self, most: u32, hold: Duration) -> Result<Vec<DueAlert>, StoreError>;

    /// It was delivered: nobody is handed it any more.
    async fn delivered(&self, id: AlertId) -> Result<(), StoreError>;

    /// This attempt at it failed; the next is due after `pause`, or never. Nothing happens if
    /// another attempt has begun since.
    async fn failed(
        &self,
        id: AlertId,
        attempt: u32,
        pause: Option<Duration>,
    ) -> Result<(), StoreError>;
}

/// Names an alert for good: the same at every attempt to deliver it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertId(pub Uuid);

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An alert, claimed for one attempt to deliver it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueAlert {
    /// Its name.
    pub id: AlertId,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// What to tell.
    pub alert: BudgetAlert,
}

/// A budget has crossed one of its thresholds: all that a stranger needs in order to act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetAlert {
    /// The budget.
    pub limit: LimitId,
    /// Whom it binds.
    pub scope: Scope,
    /// The team's name, where it binds a team; of users and keys only the number is told.
    pub team: Option<String>,
    /// Over which time it lasts.
    pub period: Period,
    /// The window in which it happened.
    pub window: Window,
    /// The threshold.
    pub threshold: Percent,
    /// What was spent when that was noticed.
    pub used: Nanodollars,
    /// The ceiling at that time, without the overdraft.
    pub ceiling: Nanodollars,
    /// When it was noticed, by the database's clock.
    pub at: SystemTime,
}
