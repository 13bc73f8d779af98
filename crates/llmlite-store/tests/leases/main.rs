//! Leases of limits on a real database: what a call does, what many at once do, and what is left
//! when something breaks.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod books;
mod charges;
mod exchange;
mod failures;
mod lives;
mod orphans;
mod races;
mod speed;
mod twin;
