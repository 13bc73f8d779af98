use std::time::{Duration, SystemTime};

use llmlite_core::{
    ids::LimitId,
    limits::{Limit, Measure, Scope},
};

/// How long to wait for the database.
const AWAY: Duration = Duration::from_secs(2);
/// How long to wait for another request to end.
const PARALLEL: Duration = Duration::from_secs(1);

/// Why a request may not run. It speaks of the limits of the request's own subjects alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// In short.
    pub reason: Reason,
    /// The limit that stands in the way, if it is one.
    pub limit: Option<Exceeded>,
    /// When to try again.
    pub frees: Frees,
}

/// Why a request may not run, in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The limit does not allow it now.
    Exhausted,
    /// The limit never allows a request of this size.
    TooLarge,
    /// Nobody can tell whether the limit allows it, because the database is away.
    StoreAway,
    /// The instance is being stopped.
    Draining,
}

/// The limit that stands in the way, in the units of its measure: nanodollars, requests or tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exceeded {
    /// Its number.
    pub id: LimitId,
    /// Whom it binds.
    pub scope: Scope,
    /// What it counts.
    pub measure: Measure,
    /// How high it is, overdraft included.
    pub ceiling: i64,
    /// How much of it is used for good; of a rate, all that was granted in the last minute; of
    /// parallel requests, those under way.
    pub used: i64,
    /// How much of a budget is set aside for requests under way.
    pub under_way: i64,
    /// What this request needs.
    pub asked: i64,
}

/// When a request that was refused may have better luck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frees {
    /// After that time: of rates, when enough units leave the last minute.
    In(Duration),
    /// At that moment of the database's clock: when the budget's window ends.
    At(SystemTime),
    /// Not by waiting.
    Never,
}

impl Refusal {
    pub(crate) fn draining() -> Self {
        Self {
            reason: Reason::Draining,
            limit: None,
            frees: Frees::In(AWAY),
        }
    }

    pub(crate) fn away() -> Self {
        Self {
            reason: Reason::StoreAway,
            limit: None,
            frees: Frees::In(AWAY),
        }
    }

    /// A refusal by `limit`, whose `used`, `under_way` and `ceiling` are given.
    pub(super) fn by(limit: &Limit, asked: i64, told: (i64, i64, i64), frees: Frees) -> Self {
        let (ceiling, used, under_way) = told;
        Self {
            reason: if asked > ceiling {
                Reason::TooLarge
            } else {
                Reason::Exhausted
            },
            limit: Some(Exceeded {
                id: limit.id,
                scope: limit.scope.clone(),
                measure: limit.measure,
                ceiling,
                used,
                under_way,
                asked,
            }),
            frees,
        }
    }
}

impl Frees {
    pub(super) const PARALLEL: Self = Self::In(PARALLEL);
}
