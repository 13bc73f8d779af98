//! How requests come in: evenly, in bursts, or far too many.

use std::time::Duration;

/// One limit and what it has to bear.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) measure: Measure,
    /// Units in a minute.
    pub(super) limit: u64,
    pub(super) streamed: bool,
    arrival: Arrival,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    Requests,
    Tokens,
}

/// When requests come, and how many units they are of the limit, in tenths.
#[derive(Debug, Clone, Copy)]
enum Arrival {
    /// So many in a minute, evenly.
    Even(u64),
    /// So many in a minute, in three bursts of a second.
    Bursts(u64),
}

/// Tokens of one request, about: a hundred for the answer, the rest for what is asked.
const TOKENS: u64 = 180;
const MINUTE_MS: u64 = 60_000;
const BURSTS: u64 = 3;
const BURST_MS: u64 = 1_000;

/// Three quarters of the limit, half as much again, and five times as much.
#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    Case { name: "requests, steady",    measure: Measure::Requests, limit: 300,    streamed: false, arrival: Arrival::Even(225) },
    Case { name: "requests, bursty",    measure: Measure::Requests, limit: 300,    streamed: true,  arrival: Arrival::Bursts(450) },
    Case { name: "requests, overload",  measure: Measure::Requests, limit: 300,    streamed: false, arrival: Arrival::Even(1_500) },
    Case { name: "few requests, overload", measure: Measure::Requests, limit: 20,  streamed: false, arrival: Arrival::Even(100) },
    Case { name: "tokens, steady",      measure: Measure::Tokens,   limit: 30_000, streamed: false, arrival: Arrival::Even(30_000 * 3 / 4 / TOKENS) },
    Case { name: "tokens, bursty",      measure: Measure::Tokens,   limit: 30_000, streamed: true,  arrival: Arrival::Bursts(30_000 * 3 / 2 / TOKENS) },
    Case { name: "tokens, overload",    measure: Measure::Tokens,   limit: 30_000, streamed: false, arrival: Arrival::Even(30_000 * 5 / TOKENS) },
];

impl Case {
    /// When its request of that number is sent, from the beginning.
    pub(super) fn due(&self, number: u64) -> Duration {
        let ms = match self.arrival {
            Arrival::Even(rate) => number * MINUTE_MS / rate,
            Arrival::Bursts(rate) => {
                let size = rate / BURSTS;
                let (burst, place) = (number / size, number % size);
                burst * MINUTE_MS / BURSTS + place * BURST_MS / size
            }
        };
        Duration::from_millis(ms)
    }

    /// Whether far more is asked for than may be had.
    pub(super) fn is_overload(&self) -> bool {
        matches!(self.arrival, Arrival::Even(rate) if rate * self.units() > 2 * self.limit)
    }

    /// Whether less is asked for than may be had, at all times.
    pub(super) fn is_below(&self) -> bool {
        matches!(self.arrival, Arrival::Even(rate) if rate * self.units() < self.limit)
    }

    fn units(&self) -> u64 {
        match self.measure {
            Measure::Requests => 1,
            Measure::Tokens => TOKENS,
        }
    }
}

impl Measure {
    /// As in the table `limits`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests_per_minute",
            Self::Tokens => "tokens_per_minute",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_come_evenly_or_in_bursts() {
        let case = |arrival| Case {
            name: "",
            measure: Measure::Requests,
            limit: 100,
            streamed: false,
            arrival,
        };
        let ms = |arrival, number| case(arrival).due(number).as_millis();
        for (number, even, bursts) in [
            (0, 0, 0),
            (1, 1_000, 50),
            (19, 19_000, 950),
            (20, 20_000, 20_000),
            (60, 60_000, 60_000),
        ] {
            assert_eq!(ms(Arrival::Even(60), number), even, "{number}");
            assert_eq!(ms(Arrival::Bursts(60), number), bursts, "{number}");
        }
    }

    #[test]
    fn of_each_measure_one_case_is_below_its_limit_and_one_far_above() {
        for measure in [Measure::Requests, Measure::Tokens] {
            let of_it = || CASES.iter().filter(|case| case.measure == measure);
            assert!(of_it().any(Case::is_below), "{measure:?}");
            assert!(of_it().any(Case::is_overload), "{measure:?}");
            assert!(
                of_it().any(|case| !case.is_below() && !case.is_overload()),
                "{measure:?}"
            );
        }
    }
}
