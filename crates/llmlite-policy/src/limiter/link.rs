use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use llmlite_core::quota::{Answer, Call};

/// Failures in a row after which the store is left alone for a while.
const FAILURES: u32 = 3;
/// For how long.
const PAUSE: Duration = Duration::from_secs(1);

/// The line to the store: the call under way, and what is known of the other end.
#[derive(Debug, Default)]
pub(super) struct Link {
    under_way: Option<(Arc<Call>, Duration)>,
    last_number: u64,
    heard: Option<Heard>,
    failures: u32,
    paused_until: Duration,
    fenced: bool,
}

/// The last answer.
#[derive(Debug, Clone, Copy)]
struct Heard {
    clock: SystemTime,
    sent: Duration,
    received: Duration,
    live: i64,
}

impl Link {
    /// Whether a call may go out.
    pub(super) fn is_open(&self, now: Duration) -> bool {
        !self.fenced && self.under_way.is_none() && now >= self.paused_until
    }

    pub(super) fn is_busy(&self) -> bool {
        self.under_way.is_some()
    }

    /// Whether there is no use in waiting for an answer: from some failures in a row until the
    /// next answer, also while it is tried again.
    pub(super) fn is_away(&self) -> bool {
        self.fenced || self.failures >= FAILURES
    }

    pub(super) fn is_fenced(&self) -> bool {
        self.fenced
    }

    pub(super) fn was_heard(&self) -> bool {
        self.heard.is_some()
    }

    pub(super) fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    pub(super) fn send(&mut self, now: Duration, call: Arc<Call>) {
        self.under_way = Some((call, now));
    }

    /// Ends the call of that number, and returns it with the time at which it was sent. An answer
    /// that comes twice, or after it was given up, finds nothing.
    pub(super) fn end(&mut self, number: u64) -> Option<(Arc<Call>, Duration)> {
        self.under_way.take_if(|(call, _)| call.number == number)
    }

    pub(super) fn hear(&mut self, now: Duration, sent: Duration, answer: &Answer) {
        self.failures = 0;
        self.heard = Some(Heard {
            clock: answer.clock,
            sent,
            received: now,
            live: answer.live.max(1),
        });
    }

    pub(super) fn fail(&mut self, now: Duration) {
        self.failures += 1;
        if self.failures >= FAILURES {
            self.paused_until = now + PAUSE;
        }
    }

    pub(super) fn fence(&mut self) {
        self.fenced = true;
    }

    /// The database's time: it may be a little later there, by up to one round trip.
    pub(super) fn time(&self, now: Duration) -> Option<SystemTime> {
        let heard = self.heard?;
        Some(heard.clock + now.saturating_sub(heard.received))
    }

    /// Our time when the database's clock will show `time`.
    pub(super) fn when(&self, time: SystemTime) -> Option<Duration> {
        let heard = self.heard?;
        let ahead = time.duration_since(heard.clock).unwrap_or_default();
        Some(heard.received + ahead)
    }

    /// Instances that share the limits.
    pub(super) fn live(&self) -> i64 {
        self.heard.map_or(1, |heard| heard.live)
    }

    /// How long the database may not have heard of us.
    pub(super) fn silent_for(&self, now: Duration) -> Duration {
        match self.heard {
            Some(heard) => now.saturating_sub(heard.sent),
            None => Duration::MAX,
        }
    }

    pub(super) fn paused_until(&self) -> Duration {
        self.paused_until
    }
}
