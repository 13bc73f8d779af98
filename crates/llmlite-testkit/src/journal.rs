use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use llmlite_core::{
    ids::EventId,
    ports::journal::{Health, Unkept, UsageJournal},
    usage::UsageRecord,
};

/// One note in a [`MemoryJournal`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// It is about to reach Bedrock.
    Begun(EventId),
    /// It never did.
    Withdrawn(EventId),
    /// It has ended.
    Settled(EventId),
    /// The ledger has it.
    Flushed(EventId),
}

/// A journal in memory, which is full when a test says so.
#[derive(Debug, Default)]
pub struct MemoryJournal {
    notes: Mutex<Vec<Note>>,
    full: AtomicBool,
    untold: AtomicBool,
}

impl MemoryJournal {
    /// All notes, in their order.
    pub fn notes(&self) -> Vec<Note> {
        self.lock().clone()
    }

    /// From now on it takes nothing, or everything again.
    pub fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }

    /// From now on it takes nothing, and cannot even say that something is missing.
    pub fn set_untold(&self) {
        self.untold.store(true, Ordering::SeqCst);
    }

    fn take(&self, notes: impl IntoIterator<Item = Note>) -> Result<(), Unkept> {
        if self.untold.load(Ordering::SeqCst) {
            return Err(Unkept::Untold(std::io::Error::other("the test says so")));
        }
        if self.full.load(Ordering::SeqCst) {
            return Err(Unkept::Full);
        }
        self.lock().extend(notes);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Note>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UsageJournal for MemoryJournal {
    fn begin(&self, record: &UsageRecord) -> Result<(), Unkept> {
        self.take([Note::Begun(record.event_id)])
    }

    fn withdraw(&self, event: EventId) -> Result<(), Unkept> {
        self.take([Note::Withdrawn(event)])
    }

    fn settle(&self, record: &UsageRecord) -> Result<(), Unkept> {
        self.take([Note::Settled(record.event_id)])
    }

    fn flushed(&self, events: &[EventId]) -> Result<(), Unkept> {
        self.take(events.iter().copied().map(Note::Flushed))
    }

    fn health(&self) -> Health {
        Health {
            bytes: self.lock().len() as u64,
            is_sound: !self.full.load(Ordering::SeqCst),
        }
    }
}
