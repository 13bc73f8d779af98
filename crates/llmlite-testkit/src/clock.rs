use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use llmlite_core::ports::clock::Clock;

/// A clock that stands still until a test moves it.
#[derive(Debug)]
pub struct ManualClock {
    /// Where the monotonic clock began; its value means nothing.
    origin: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    wall: SystemTime,
    elapsed: Duration,
}

impl ManualClock {
    /// A clock that shows this many seconds since 1970.
    #[expect(
        clippy::disallowed_methods,
        reason = "an Instant cannot be made from nothing"
    )]
    pub fn at(seconds: u64) -> Self {
        Self {
            origin: Instant::now(),
            state: Mutex::new(State {
                wall: UNIX_EPOCH + Duration::from_secs(seconds),
                elapsed: Duration::ZERO,
            }),
        }
    }

    /// Lets time pass on both clocks.
    pub fn advance(&self, by: Duration) {
        let mut state = self.lock();
        state.wall += by;
        state.elapsed += by;
    }

    /// Sets the wall clock, forwards or back, as an operator does; the monotonic one goes on.
    pub fn set(&self, wall: SystemTime) {
        self.lock().wall = wall;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for ManualClock {
    /// The 23rd of November 2026, in the morning.
    fn default() -> Self {
        Self::at(1_795_424_400)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        self.lock().wall
    }

    fn instant(&self) -> Instant {
        self.origin + self.lock().elapsed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_can_be_set_back_and_the_monotonic_one_not() {
        let clock = ManualClock::at(100);
        let before = clock.instant();
        clock.advance(Duration::from_secs(5));
        clock.set(UNIX_EPOCH);
        assert_eq!(clock.now(), UNIX_EPOCH);
        assert_eq!(clock.instant() - before, Duration::from_secs(5));
    }
}
