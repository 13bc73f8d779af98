//! Gives tests a world in memory, and a database each.
//!
//! [`MemoryStore`] and [`ScriptedBackend`] stand for the database and for Bedrock, and fail when
//! they are told to; [`ManualClock`] tells the time that a test decides; [`build`] makes keys,
//! grants and usage records of which a test states only what matters to it.
//! [`postgres::fresh`] gives a test a migrated PostgreSQL database of its own.

mod backend;
pub mod build;
mod clock;
mod memory;
pub mod postgres;

pub use backend::{ScriptedBackend, Step, Turn};
pub use clock::ManualClock;
pub use memory::MemoryStore;
