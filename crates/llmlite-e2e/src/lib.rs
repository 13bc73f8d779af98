//! Runs the real gateway and admin programs against a real PostgreSQL and the simulator.
//!
//! [`Stack::start`] is the place to begin: each test has a stack of its own, on ports of its own,
//! and drops it at the end. The tests are in `tests/`, one file for each promise; `clients/` holds
//! the suites that drive the gateway with the real client packages.
//!
//! The programs are those that cargo built last: `cargo xtask test` builds them first.

#![expect(
    clippy::indexing_slicing,
    reason = "JSON of an unexpected shape fails the test that it serves"
)]

mod admin;
mod client;
mod eventually;
mod gateway;
mod ledger;
mod programs;
mod relay;
mod stack;

pub use admin::Admin;
pub use client::{Answer, Client, Streaming};
pub use eventually::eventually;
pub use gateway::Gateway;
pub use ledger::Ledger;
pub use programs::{client_packages, source};
pub use relay::Relay;
pub use stack::{MODEL, Options, Stack};
