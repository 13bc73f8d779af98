//! The real clocks: this crate measures them, so it cannot be handed others.

use std::time::{Instant, SystemTime};

/// Now, for measuring how long something took.
#[expect(
    clippy::disallowed_methods,
    reason = "the thing measured here is real time"
)]
pub fn now() -> Instant {
    Instant::now()
}

/// Now, for the date in a signature.
#[expect(
    clippy::disallowed_methods,
    reason = "a signature carries the real date"
)]
pub fn wall() -> SystemTime {
    SystemTime::now()
}
