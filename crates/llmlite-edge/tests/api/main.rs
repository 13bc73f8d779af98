//! The public API over real sockets, with a scripted model and a ledger in memory.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so and fail"
)]

mod answers;
mod gateway;
mod limits;
mod refusals;
mod revoked;
mod treatment;
