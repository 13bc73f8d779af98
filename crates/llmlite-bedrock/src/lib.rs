//! Sends a body to a Bedrock model, and hands back bytes or a stream of events.
//!
//! The body is an Anthropic Messages body and passes as an opaque blob: this crate neither reads
//! nor changes it.
//! The region is pinned, and no variable of the environment can point the client elsewhere.
//! Start with [`connect`].

mod client;
mod config;
mod credentials;
mod error;
mod events;

pub use client::Bedrock;
pub use config::{Config, ConfigError, connect};
pub use credentials::Credentials;
