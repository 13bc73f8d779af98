//! Names the things of the domain, and the traits through which the outside world is reached.
//!
//! No sockets, no database, no AWS: this crate is what the applications (edge, control) and the
//! adapters (store, bedrock) agree on.
//! A type enters here when two crates need it, not before.
//! Start with [`keys`] (who may call), [`catalogue`] (what may be called and what it costs),
//! [`limits`] (how much of it) and [`usage`] (what was used); [`ports`] holds the traits.

pub mod catalogue;
pub mod changes;
pub mod ids;
pub mod keys;
pub mod limits;
pub mod money;
pub mod people;
pub mod ports;
pub mod quota;
pub mod usage;
