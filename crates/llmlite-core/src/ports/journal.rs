//! Keeping usage on this machine's disk until the ledger has it.

use std::{error::Error, fmt};

use crate::{ids::EventId, usage::UsageRecord};

/// Takes notes that survive the process. Every method returns within microseconds, or fails.
pub trait UsageJournal: Send + Sync {
    /// A request is about to reach Bedrock. The record is what has to be written down if nothing
    /// more is heard of it: its worst case, estimated.
    ///
    /// # Errors
    ///
    /// When it cannot be kept. If the request runs all the same, the journal tells its next reader
    /// that it is not whole, until the request is withdrawn, settled here, or flushed; where it
    /// cannot do that, the error is [`Unkept::Untold`].
    fn begin(&self, record: &UsageRecord) -> Result<(), Unkept>;

    /// That request never reached Bedrock.
    ///
    /// # Errors
    ///
    /// When it cannot be kept.
    fn withdraw(&self, event: EventId) -> Result<(), Unkept>;

    /// That request has ended, with this final record.
    ///
    /// # Errors
    ///
    /// When it cannot be kept.
    fn settle(&self, record: &UsageRecord) -> Result<(), Unkept>;

    /// The ledger has these for good.
    ///
    /// # Errors
    ///
    /// When it cannot be kept.
    fn flushed(&self, events: &[EventId]) -> Result<(), Unkept>;

    /// How it is, for metrics.
    fn health(&self) -> Health;
}

/// How a journal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// Its size on disk.
    pub bytes: u64,
    /// Whether it can be written.
    pub is_sound: bool,
}

/// Why the journal keeps nothing more.
#[derive(Debug)]
pub enum Unkept {
    /// It has grown as large as it may.
    Full,
    /// The disk failed.
    Disk(std::io::Error),
    /// The request could not be written down, and not even that it is missing could be: whoever
    /// reads the journal later would take it for whole.
    Untold(std::io::Error),
}

impl fmt::Display for Unkept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the journal is full",
            Self::Disk(_) => "the journal cannot be written",
            Self::Untold(_) => "the journal cannot be written, nor can it be noted what it lacks",
        })
    }
}

impl Error for Unkept {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Full => None,
            Self::Disk(cause) | Self::Untold(cause) => Some(cause),
        }
    }
}
