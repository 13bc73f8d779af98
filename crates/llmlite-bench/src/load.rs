//! Sends requests and times the answers, without coordinated omission.
//!
//! A thread per connection, blocking sockets and no runtime: a thread wakes at its time to within
//! microseconds, where a runtime's timer would add up to a millisecond to what it measures.

pub mod http;

mod connection;

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

use crate::clock;
use connection::{Connection, Timing};

/// The longest time that is told apart from longer ones.
const LONGEST: Duration = Duration::from_secs(60);

/// What is sent, and how a right answer is known.
#[derive(Debug, Clone)]
pub struct Question {
    /// Where to.
    pub address: SocketAddr,
    /// The request with its head.
    pub request: Arc<[u8]>,
    /// Text that first appears with the first piece of the answer.
    pub first: Arc<str>,
    /// Text near the end, without which an answer is not complete.
    pub last: Arc<str>,
}

/// What happened in the time that was measured.
#[derive(Debug)]
pub struct Outcome {
    /// How long that was.
    pub elapsed: Duration,
    /// Answers in that time. An answer that was under way at its begin or end counts with the
    /// part of its bytes that came in between.
    pub answered: f64,
    /// All right answers, also those before and after: what a ledger has to hold.
    pub answered_in_all: u64,
    /// What went wrong, if anything did: the count and the first reason.
    pub failed: Option<(u64, String)>,
    /// Microseconds to the end of the answer.
    pub whole: Histogram<u64>,
    /// Microseconds to the first piece of the answer.
    pub first: Histogram<u64>,
}

/// When to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// Each connection sends as soon as it has its answer. The times say how long that took.
    Saturate,
    /// So many a second, whatever the answers do. The times run from the moment when the request
    /// was due, not when it was sent, so that waiting for a slow answer counts.
    Rate(u32),
}

/// How long to send, and over how many connections.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// When to send.
    pub pattern: Pattern,
    /// Connections, and so requests under way at most.
    pub connections: usize,
    /// How long to leave the rest of an answer alone once it has begun. Where nobody times its
    /// end, this saves the load generator a wake-up for every piece.
    pub rest: Duration,
    /// Sending that is not measured.
    pub warm_up: Duration,
    /// Sending that is measured.
    pub window: Duration,
}

/// Lets this thread and those it starts wake on time, instead of up to 50 microseconds late.
///
/// # Errors
/// When the kernel has no such setting; the figures are then less exact, and still comparable.
pub fn wake_on_time() -> io::Result<()> {
    std::fs::write("/proc/self/timerslack_ns", "1")
}

/// Asks `question` as `effort` says; calls `edge` as the measured time begins and as it ends, and
/// hands its results back.
///
/// # Errors
/// When a connection cannot be opened.
pub fn run<T>(
    question: &Question,
    effort: Effort,
    mut edge: impl FnMut() -> T,
) -> io::Result<(Outcome, T, T)> {
    let shared = Arc::new(Shared::new(effort));
    let workers = start(question, &shared)?;
    sleep_until(shared.measure_from);
    let before = (edge(), shared.received.load(Relaxed), clock::now());
    sleep_until(shared.measure_to);
    let after = (edge(), shared.received.load(Relaxed), clock::now());
    let mut outcome = Outcome {
        elapsed: after.2 - before.2,
        answered: 0.0,
        answered_in_all: 0,
        failed: None,
        whole: histogram(),
        first: histogram(),
    };
    for worker in workers {
        let tally = worker
            .join()
            .map_err(|_| io::Error::other("a load thread failed"))?;
        outcome.add(tally);
    }
    outcome.answered_in_all = shared.answered.load(Relaxed);
    // By now no answer is under way, so this is the mean size of one.
    let size = shared.received.load(Relaxed) as f64 / outcome.answered_in_all as f64;
    outcome.answered = (after.1 - before.1) as f64 / size;
    Ok((outcome, before.0, after.0))
}

impl Outcome {
    fn add(&mut self, tally: Tally) {
        self.whole += tally.whole;
        self.first += tally.first;
        if let Some((count, reason)) = tally.failed {
            match &mut self.failed {
                Some((all, _)) => *all += count,
                none => *none = Some((count, reason)),
            }
        }
    }
}

struct Shared {
    effort: Effort,
    begin: Instant,
    measure_from: Instant,
    measure_to: Instant,
    next: AtomicU64,
    answered: AtomicU64,
    /// Bytes of answers.
    received: AtomicU64,
}

impl Shared {
    fn new(effort: Effort) -> Self {
        let begin = clock::now();
        let measure_from = begin + effort.warm_up;
        Self {
            effort,
            begin,
            measure_from,
            measure_to: measure_from + effort.window,
            next: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            received: AtomicU64::new(0),
        }
    }

    /// Spreads the first requests over the warm-up, or all answers would begin and end together
    /// for as long as they take equally long.
    fn stagger(&self, index: usize) {
        let part = index as f64 / self.effort.connections as f64;
        if self.effort.pattern == Pattern::Saturate {
            sleep_until(self.begin + self.effort.warm_up.mul_f64(part));
        }
    }

    /// When the next request is due. Any free connection takes it; if none is free, it is late.
    ///
    /// What is due before the end is sent even after it: to drop it would hide the longest waits.
    fn due(&self) -> Instant {
        match self.effort.pattern {
            Pattern::Saturate => clock::now(),
            Pattern::Rate(rate) => {
                let number = self.next.fetch_add(1, Relaxed);
                let due =
                    self.begin + Duration::from_nanos(number * 1_000_000_000 / u64::from(rate));
                if due < self.measure_to {
                    sleep_until(due);
                }
                due
            }
        }
    }
}

/// What one connection saw.
struct Tally {
    whole: Histogram<u64>,
    first: Histogram<u64>,
    failed: Option<(u64, String)>,
}

fn start(question: &Question, shared: &Arc<Shared>) -> io::Result<Vec<JoinHandle<Tally>>> {
    (0..shared.effort.connections)
        .map(|index| {
            let connection = Connection::open(question)?;
            let shared = Arc::clone(shared);
            thread::Builder::new()
                .name("load".to_owned())
                .stack_size(256 * 1024)
                .spawn(move || {
                    shared.stagger(index);
                    work(connection, &shared)
                })
        })
        .collect()
}

fn work(mut connection: Connection, shared: &Shared) -> Tally {
    let mut tally = Tally {
        whole: histogram(),
        first: histogram(),
        failed: None,
    };
    loop {
        let due = shared.due();
        if due >= shared.measure_to {
            return tally;
        }
        match connection.exchange(shared.effort.rest, &shared.received) {
            Ok(timing) => {
                shared.answered.fetch_add(1, Relaxed);
                if due >= shared.measure_from {
                    tally.record(due, timing);
                }
            }
            Err(error) => {
                tally.fail(&error);
                if connection.reopen().is_err() {
                    return tally;
                }
            }
        }
    }
}

impl Tally {
    fn record(&mut self, due: Instant, timing: Timing) {
        self.whole.saturating_record(micros(timing.end - due));
        self.first.saturating_record(micros(timing.first - due));
    }

    fn fail(&mut self, error: &io::Error) {
        match &mut self.failed {
            Some((count, _)) => *count += 1,
            none => *none = Some((1, error.to_string())),
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, micros(LONGEST), 3)
        .expect("the bounds and the precision are valid")
}

fn sleep_until(time: Instant) {
    thread::sleep(time.saturating_duration_since(clock::now()));
}

#[cfg(test)]
mod tests;
