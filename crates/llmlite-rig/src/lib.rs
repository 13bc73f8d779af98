//! Runs several real gateways on one PostgreSQL and the simulator, under load and faults, and
//! holds what they say they charged against what the simulator billed.
//!
//! Nothing of the gateway's own code is in here: prices are multiplied out anew, minutes are
//! counted from the simulator's bill, and the books are read with SQL of our own, because an
//! oracle must not agree with a bug.
//!
//! [`Rig::start`] is the place to begin: everything that an experiment needs, on ports of its own.
//! The experiments are [`overspend`], [`rates`], [`hot_path`] and [`revocation`]; each has
//! `Settings`, so that the same code runs for minutes by hand and for seconds in a test.

pub mod hot_path;
pub mod overspend;
pub mod rates;
pub mod revocation;

mod bill;
mod books;
mod client;
mod database;
mod fleet;
mod gateway;
mod load;
mod people;
mod prices;
mod programs;
mod rig;
mod wire;

pub use database::Database;
pub use fleet::Fleet;
pub use programs::Programs;
pub use rig::Rig;

/// Why an experiment could not be carried out, in words for whoever started it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
