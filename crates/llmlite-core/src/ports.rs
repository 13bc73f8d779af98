//! The traits through which the outside world is reached, one file each, cut by need.
//!
//! The real implementations live in the adapters (store, bedrock), the fakes in the testkit;
//! only a binary brings them together.

pub mod alerts;
pub mod backend;
pub mod clock;
pub mod directory;
pub mod instances;
pub mod intents;
pub mod journal;
pub mod keys;
pub mod ledger;
pub mod limits;
pub mod orphans;
pub mod quota;
pub mod readiness;
pub mod reports;
mod store_error;

pub use store_error::StoreError;
