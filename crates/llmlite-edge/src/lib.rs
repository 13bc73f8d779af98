//! Serves the public API, and carries one request from key to bill.
//!
//! `routes` finds out what is asked for, `auth` who asks, `chat` carries a completion of either
//! `dialect` to Bedrock and back with `pump` (the stream) and `meter` (the bill), `aside` keeps the
//! translation of large bodies from holding up the others, `failure` is the one place that chooses
//! statuses and words for errors, `limits` and `usage_me` tell how limits stand, `quota` asks the
//! store for what the limits need, `running` knows whose answers to cut when a key is taken back, and
//! `ledger` writes usage down in the background.
//! Start with [`Api`].

mod app;
mod aside;
mod auth;
mod chat;
mod dialect;
mod failure;
mod health;
mod intents;
mod ledger;
mod limits;
pub mod measures;
mod meter;
mod models;
mod named;
mod options;
mod pump;
mod quota;
mod routes;
mod running;
mod scrub;
mod served;
mod usage_me;
mod watch;
mod words;

pub use app::{Api, Config, Ended, Ports};
pub use failure::BudgetRefusal;
pub use ledger::JournalFull;
pub use llmlite_core::limits::Durability;
pub use llmlite_http::Stop;
pub use llmlite_policy::{BudgetOutage, RateOutage, estimate::Floor};
pub use served::ServedModels;
