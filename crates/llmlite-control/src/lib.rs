//! Everything an administrator does, as functions.
//!
//! Each use case takes the traits of `llmlite-core` that it needs and nothing else, so that the
//! command line and a portal behave alike and tests need no database.
//! How things are printed is left to the caller; [`views`] holds the JSON forms that every caller
//! shares.
//! Start with [`keys`].

pub mod amounts;
pub mod dates;
mod error;
pub mod explain;
pub mod keys;
pub mod limits;
pub mod models;
mod names;
pub mod reports;
pub mod standings;
pub mod subjects;
pub mod teams;
pub mod users;
pub mod views;

pub use error::ControlError;
