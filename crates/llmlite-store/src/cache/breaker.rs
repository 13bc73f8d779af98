use std::time::{Duration, Instant};

/// How many failures in a row open it.
const FAILURES: u32 = 3;
/// How long it stays open before one lookup tries again.
const PAUSE: Duration = Duration::from_secs(1);

/// Spares callers the wait for a database that does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breaker {
    /// Everybody asks; so many failures in a row so far.
    Closed { failures: u32 },
    /// Nobody asks before this moment.
    Open { until: Instant },
    /// One lookup is finding out; nobody else asks.
    Probing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Go,
    Probe,
    Spare,
}

impl Default for Breaker {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl Breaker {
    /// May the caller ask the database? After [`Verdict::Probe`] it has to report in any case, by
    /// [`Breaker::found_nothing_out`] when it did not come to asking.
    pub(super) fn ask(&mut self, now: Instant) -> Verdict {
        match *self {
            Self::Closed { .. } => Verdict::Go,
            Self::Open { until } if now >= until => {
                *self = Self::Probing;
                Verdict::Probe
            }
            Self::Open { .. } | Self::Probing => Verdict::Spare,
        }
    }

    pub(super) fn answered(&mut self) {
        *self = Self::default();
    }

    pub(super) fn failed(&mut self, now: Instant) {
        *self = match *self {
            Self::Closed { failures } if failures + 1 < FAILURES => Self::Closed {
                failures: failures + 1,
            },
            _ => Self::Open { until: now + PAUSE },
        };
    }

    /// A probe came to no result; the next lookup may probe again.
    pub(super) fn found_nothing_out(&mut self, now: Instant) {
        if *self == Self::Probing {
            *self = Self::Open { until: now };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any moment will do")]
    fn three_failures_open_it_for_a_second_and_one_probe_decides() {
        let start = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            assert_eq!(breaker.ask(start), Verdict::Go);
            breaker.failed(start);
        }
        assert_eq!(breaker.ask(start), Verdict::Spare);
        let later = start + PAUSE;
        assert_eq!(breaker.ask(later), Verdict::Probe);
        assert_eq!(breaker.ask(later), Verdict::Spare);
        breaker.found_nothing_out(later);
        assert_eq!(breaker.ask(later), Verdict::Probe);
        breaker.failed(later);
        assert_eq!(breaker.ask(later), Verdict::Spare);
        assert_eq!(breaker.ask(later + PAUSE), Verdict::Probe);
        breaker.answered();
        assert_eq!(breaker.ask(later), Verdict::Go);
    }
}
