//! Runs the real binary against a PostgreSQL database of each test's own.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failing helper fails its test"
)]

mod command;
mod database;
mod directory;
mod limits;
mod models;
mod refusals;
mod schema;
mod usage;
