//! Keeps usage safe on local disk until the database has it.
//!
//! A gateway writes an [`Entry::Intent`] before it calls Bedrock and an [`Entry::Settled`] before
//! the client sees the end of its answer. Both are with the kernel when [`Journal::append`]
//! returns, so they outlive a `kill -9`; within [`Config::sync_every`] they are on the disk, so
//! they outlive a loss of power too. What the ledger has acknowledged is noted as
//! [`Entry::Flushed`], and its space is given back.
//!
//! Each life of a process has a folder of its own, locked for as long as it lives. The next one
//! asks for what was [`left_behind`], and hands each [`Life`]'s [`Remains`] to the ledger.
//!
//! Synchronous, on plain files: no runtime, no database, no HTTP.
//! Start with [`Journal`], then [`Life`]; [`segment`] is the format on disk.

pub mod segment;

mod entry;
mod folder;
mod journal;
mod life;
mod remains;

pub use entry::Entry;
pub use journal::{Config, Journal, State, Trouble};
pub use life::{Life, left_behind};
pub use remains::{Batches, Damage, Flaw, Remains};
