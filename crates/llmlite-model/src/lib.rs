//! Tries the limits of several instances against every fault there is, in simulated time.
//!
//! [`run`] makes a world from a seed: two to five real [`Limiter`](llmlite_policy::Limiter)s, one
//! database in memory, clients, a model that bills, and faults. After every step it looks whether
//! any promise is broken; when the faults are over, whether everything comes to rest.
//! The same seed always gives the same run, step by step ([`trace`]).
//! The database in memory is there by itself too ([`Twin`]), to compare the real one with.

mod database;
mod random;
mod scenario;
mod twin;
mod world;

use std::fmt;

use llmlite_core::limits::Limit;
use scenario::Scenario;
use world::World;

pub use twin::Twin;

/// A mistake made on purpose, to see that the model notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// The statement for permits sums the others' leases by what it saw before it had the lock.
    SumAfterSnapshot,
    /// Leases of an instance that was silent for a while are taken back.
    LeaseByTimeOut,
    /// A process that starts anew uses the number of its former life.
    MissingFence,
}

/// What a run came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Steps of the simulation.
    pub steps: u64,
    /// Requests that were admitted.
    pub admitted: u64,
    /// Requests that a limit refused.
    pub refused: u64,
    /// Requests that were refused because the database was away.
    pub away: u64,
    /// Requests that waited for the database.
    pub waited: u64,
    /// Calls of the database.
    pub calls: u64,
    /// Instances that crashed.
    pub crashes: u64,
    /// What was settled of all budgets, in nanodollars.
    pub settled: i64,
}

impl Figures {
    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.admitted += other.admitted;
        self.refused += other.refused;
        self.away += other.away;
        self.waited += other.waited;
        self.calls += other.calls;
        self.crashes += other.crashes;
        self.settled += other.settled;
    }
}

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The seed that shows it again.
    pub seed: u64,
    /// Simulated time since the beginning, in microseconds.
    pub at: u64,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, at, what } = self;
        let (seconds, micros) = (at / 1_000_000, at % 1_000_000);
        write!(f, "seed {seed}, after {seconds}.{micros:06} s: {what}")
    }
}

impl std::error::Error for Violation {}

/// Runs the world of a seed to its end.
///
/// # Errors
///
/// The first broken promise.
pub fn run(seed: u64, planted: Option<Planted>) -> Result<Figures, Violation> {
    World::new(seed, planted, false).run().0
}

/// Five instances without any fault, and five times as many requests for 310 seconds as `limit`
/// allows, which binds all of them together. A request costs at most `worst`.
///
/// # Errors
///
/// The first broken promise.
pub fn overload(seed: u64, limit: Limit, worst: i64) -> Result<Figures, Violation> {
    let scenario = Scenario::overload(limit, worst);
    World::with(seed, scenario, None, false).run().0
}

/// Runs the world of a seed, and writes down every step.
pub fn trace(seed: u64, planted: Option<Planted>) -> (Result<Figures, Violation>, String) {
    World::new(seed, planted, true).run()
}
