use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use llmlite_core::ports::clock::Clock;
use opentelemetry::metrics::{Histogram, Meter};

use crate::measures;

/// For how long a reading of the log proves that nothing has been missed.
const PROVEN_FOR: Duration = Duration::from_secs(5);

/// How the feed of changes does: written by the feed, read by caches, metrics and tests.
pub struct FeedHealth {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    delays: Option<Histogram<f64>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// When the last successful reading of the log began, all of which has been applied.
    confirmed: Option<Instant>,
    /// How long the last change took from the database to the listeners.
    delay: Option<Duration>,
    /// The number of the last change that was applied.
    applied: Option<i64>,
    /// Whether there is a connection that listens.
    listening: bool,
}

impl FeedHealth {
    /// Of a feed that has not begun.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            state: Mutex::default(),
            delays: None,
        }
    }

    /// Of a feed that has not begun, measured with instruments of `meter`.
    pub fn measured(clock: Arc<dyn Clock>, meter: &Meter) -> Arc<Self> {
        let health = Arc::new(Self {
            delays: Some(measures::delays(meter)),
            ..Self::new(clock)
        });
        measures::watch(meter, &health);
        health
    }

    /// Whether everything that was committed up to five seconds ago has certainly been heard.
    pub fn is_proven(&self) -> bool {
        self.is_proven_at(self.clock.instant())
    }

    /// How long ago it was certain that nothing had been missed; none before the first time.
    pub fn last_confirmed(&self) -> Option<Duration> {
        let confirmed = self.state().confirmed?;
        Some(self.clock.instant().saturating_duration_since(confirmed))
    }

    /// How long the last change took from the moment it was made to its having been applied here,
    /// by the database's clock at both ends; too long by the time a question takes, if by anything.
    /// None before the first.
    pub fn delay(&self) -> Option<Duration> {
        self.state().delay
    }

    /// The number of the last change that was applied, which the database counts (table
    /// `change_counter`). None before the first contact.
    pub fn applied(&self) -> Option<i64> {
        self.state().applied
    }

    /// Whether there is a connection that notifications come on.
    pub fn is_listening(&self) -> bool {
        self.state().listening
    }

    pub(crate) fn is_proven_at(&self, now: Instant) -> bool {
        let confirmed = self.state().confirmed;
        confirmed.is_some_and(|at| now.saturating_duration_since(at) < PROVEN_FOR)
    }

    pub(super) fn now(&self) -> Instant {
        self.clock.instant()
    }

    /// Everything that was committed before `asked` has been applied now.
    pub(super) fn confirm(&self, asked: Instant, applied: i64) {
        let mut state = self.state();
        state.confirmed = state.confirmed.max(Some(asked));
        state.applied = Some(applied);
    }

    pub(super) fn set_delay(&self, delay: Duration) {
        self.state().delay = Some(delay);
        if let Some(delays) = &self.delays {
            delays.record(delay.as_secs_f64(), &[]);
        }
    }

    pub(super) fn set_listening(&self, listening: bool) {
        self.state().listening = listening;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for FeedHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeedHealth")
            .field("state", &*self.state())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use llmlite_testkit::ManualClock;

    use super::*;

    #[test]
    fn a_reading_proves_five_seconds_from_when_it_began() {
        let clock = Arc::new(ManualClock::default());
        let health = FeedHealth::new(Arc::clone(&clock) as _);
        assert!(!health.is_proven());
        assert_eq!(health.last_confirmed(), None);
        let asked = health.now();
        clock.advance(Duration::from_secs(1));
        health.confirm(asked, 7);
        // An answer that was overtaken proves nothing less.
        health.confirm(asked, 7);
        clock.advance(Duration::from_millis(3_999));
        assert!(health.is_proven());
        assert_eq!(health.last_confirmed(), Some(Duration::from_millis(4_999)));
        clock.advance(Duration::from_millis(1));
        assert!(!health.is_proven());
        assert_eq!(health.applied(), Some(7));
    }
}
