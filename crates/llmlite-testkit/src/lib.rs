//! Gives tests a world in memory, and a database each.
//!
//! [`MemoryStore`] and [`ScriptedBackend`] stand for the database and for Bedrock, and fail when
//! they are told to; [`ManualClock`] tells the time that a test decides; [`build`] makes keys,
//! grants and usage records of which a test states only what matters to it.
//! [`MemoryQuota`] hands out leases of limits by the rules of the database, and [`MemoryJournal`]
//! keeps notes of usage.
//! [`postgres::fresh`] gives a test a migrated PostgreSQL database of its own.

mod backend;
pub mod build;
mod clock;
mod journal;
mod memory;
pub mod postgres;
mod quota;

pub use backend::{ScriptedBackend, Step, Turn};
pub use clock::ManualClock;
pub use journal::{MemoryJournal, Note};
pub use memory::MemoryStore;
pub use quota::{Fault, MemoryAlerts, MemoryQuota};
