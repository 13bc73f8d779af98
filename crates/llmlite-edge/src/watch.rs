//! What operators see of the limits and of the usage under way.

use std::sync::Weak;

use llmlite_policy::{PolicyEngine, limiter::Underestimates};

use crate::{
    ledger::Shelf,
    measures::{Backlog, JournalState, Leases, State},
};

/// The state of this process, to be looked at when metrics are collected: also when it has ended,
/// because instruments are never taken back.
pub(crate) struct Watch {
    pub(crate) engine: Weak<PolicyEngine>,
    pub(crate) shelf: Weak<Shelf>,
}

impl State for Watch {
    fn leases(&self) -> Leases {
        let mut leases = Leases::default();
        let engine = self.engine.upgrade();
        for books in engine.map(|engine| engine.books()).unwrap_or_default() {
            leases.available += books.avail;
            leases.reserved += books.reserved;
            leases.pending += books.pending;
        }
        leases
    }

    fn underestimates(&self) -> Underestimates {
        let engine = self.engine.upgrade();
        engine
            .map(|engine| engine.underestimates())
            .unwrap_or_default()
    }

    fn backlog(&self) -> Backlog {
        let shelf = self.shelf.upgrade();
        let (records, oldest) = shelf.map(|shelf| shelf.backlog()).unwrap_or_default();
        Backlog {
            records: records as u64,
            oldest,
        }
    }

    fn journal(&self) -> Option<JournalState> {
        let health = self.shelf.upgrade()?.journal()?.health();
        Some(JournalState {
            bytes: health.bytes,
            healthy: health.is_sound,
        })
    }

    fn is_degraded(&self) -> bool {
        let engine = self.engine.upgrade();
        engine.is_some_and(|engine| engine.is_degraded())
    }
}
