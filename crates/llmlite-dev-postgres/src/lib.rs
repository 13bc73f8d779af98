//! Starts and stops a private PostgreSQL from the binaries of this machine: for development and
//! for tests, never for production.
//!
//! [`Server`] belongs to one process and stops with it, however that process ends: a guardian
//! reads from a pipe that closes when its owner is gone.
//! [`Shared`] belongs to all processes of a test run, and stops a few seconds after the last one.
//! Nothing here is asynchronous, and nothing but the standard library is needed.

mod account;
mod cluster;
mod locate;
mod server;
mod shared;

pub use server::{DataDir, Options, Server};
pub use shared::Shared;
