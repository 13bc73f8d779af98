//! What time it is.

use std::time::{Instant, SystemTime};

/// Tells the time; tests decide it.
pub trait Clock: Send + Sync {
    /// The wall clock, for dates: expiry, the time of a usage row.
    fn now(&self) -> SystemTime;

    /// The monotonic clock, for durations.
    fn instant(&self) -> Instant;
}

/// The machine's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine"
    )]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine"
    )]
    fn instant(&self) -> Instant {
        Instant::now()
    }
}
