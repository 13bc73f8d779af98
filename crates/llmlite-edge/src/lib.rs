//! Serves the public API, and carries one request from key to bill.
//!
//! `routes` finds out what is asked for, `auth` who asks, `chat` carries a completion of either
//! `dialect` to Bedrock and back with `pump` (the stream) and `meter` (the bill), `aside` keeps the
//! translation of large bodies from holding up the others, `failure` is the one place that chooses
//! statuses and words for errors, and `ledger` writes usage down in the background.
//! Start with [`serve`].

mod app;
mod aside;
mod auth;
mod chat;
mod dialect;
mod failure;
mod health;
mod ledger;
mod meter;
mod models;
mod named;
mod options;
mod pump;
mod routes;
mod scrub;

pub use app::{Config, Ended, Ports, serve};
pub use llmlite_http::Stop;
