//! Holds all SQL and implements the data traits on PostgreSQL.
//!
//! Start with [`Store`]: it implements `KeyStore`, `QuotaStore`, `Instances`, `Ledger`, `Directory`,
//! `LimitDirectory`, `Reports`, `AlertOutbox` and `Dependency`, and a binary hands out only the
//! traits that its applications may hold.
//! [`schema`] brings a database up to date and tells whether this program fits it;
//! [`CachedKeys`] keeps lookups off the request path and [`Store::follow_changes`] keeps it true.
//!
//! Each statement is a constant that begins with its name as a comment, each runs under a
//! deadline, and each is a transaction of its own.

mod alerts;
mod cache;
mod database;
mod directory;
mod error;
mod feed;
mod instances;
mod intents;
mod keys;
mod ledger;
mod limits;
mod measures;
mod models;
mod pool;
mod quota;
mod readiness;
mod reports;
mod roles;
pub mod schema;
mod settings;
mod store;

pub use cache::{CacheConfig, CachedKeys};
pub use feed::FeedHealth;
pub use roles::RoleError;
pub use schema::{Migrated, SchemaError, migrate};
pub use settings::PepperError;
pub use store::{Store, StoreConfig};
