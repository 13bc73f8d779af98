//! The journal of the life that goes on.

mod book;
mod fill;
mod keeper;
mod writer;

use std::{
    fmt,
    fs::File,
    io,
    path::PathBuf,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use llmlite_core::{
    ids::{EventId, InstanceId},
    ports::journal::{Health, Unkept, UsageJournal},
    usage::UsageRecord,
};

use crate::{
    entry::{Entry, record},
    folder,
    segment::Kind,
};
use book::Book;
use keeper::Keeper;

/// Ids in one record: as many as surely fit.
const MOST_IDS: usize = 1_000;
/// The smallest segment: a record or two.
const LEAST_SEGMENT: u64 = 1024;
/// The largest: it is read in one piece.
const LARGEST_SEGMENT: u64 = 1 << 30;
/// How many segments fit under the cap at least, so that there is always an old one to clear.
const LEAST_SEGMENTS: u64 = 4;

/// Where a journal lies and how large it grows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Holds a folder for each life. Several processes may share it.
    pub folder: PathBuf,
    /// A segment is full at this size, in bytes; from 1,024 to 1 GiB.
    pub segment_bytes: u64,
    /// All segments together take about so many bytes; at least four times `segment_bytes`.
    ///
    /// Beyond it no request begins. One that has begun may still be settled.
    pub cap_bytes: u64,
    /// How long an entry stays in the kernel's memory before it is put on the disk.
    pub sync_every: Duration,
}

impl Config {
    /// Segments of 16 MiB, 256 MiB in all, on the disk after 50 ms.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            segment_bytes: 16 << 20,
            cap_bytes: 256 << 20,
            sync_every: Duration::from_millis(50),
        }
    }

    fn check(&self) -> io::Result<()> {
        let wrong = if !(LEAST_SEGMENT..=LARGEST_SEGMENT).contains(&self.segment_bytes) {
            "a segment of a journal has from 1,024 bytes to 1 GiB"
        } else if self.cap_bytes / LEAST_SEGMENTS < self.segment_bytes {
            "the cap of a journal is at least four segments"
        } else {
            return Ok(());
        };
        Err(io::Error::new(io::ErrorKind::InvalidInput, wrong))
    }
}

/// What one process writes down while it lives.
///
/// Dropping it leaves everything in place for the next life to find; [`Journal::remove`] does not.
pub struct Journal {
    keeper: Arc<Keeper>,
    thread: Option<JoinHandle<()>>,
    /// Says that this life goes on.
    lock: File,
}

/// How a journal does.
#[derive(Debug, Clone)]
pub struct State {
    /// Bytes of all segments.
    pub bytes: u64,
    /// Bytes that they may have.
    pub cap_bytes: u64,
    /// How many segments there are.
    pub segments: usize,
    /// Requests that have begun and not ended.
    pub open: usize,
    /// Requests that have ended and that the ledger has not acknowledged.
    pub settled: usize,
    /// Requests that have begun and could not be written down, and that the ledger does not have.
    pub missing: usize,
    /// What is wrong, if anything is.
    pub trouble: Option<Trouble>,
}

impl State {
    /// Whether nothing is wrong.
    pub fn is_healthy(&self) -> bool {
        self.trouble.is_none()
    }
}

/// What is wrong with a journal, until the same thing succeeds again.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Trouble {
    /// It has grown to its cap.
    Full,
    /// An entry could not be written.
    Writing(Arc<io::Error>),
    /// Entries could not be put on the disk. They outlive the process, but not a loss of power.
    Syncing(Arc<io::Error>),
    /// Space that is needed no more could not be given back.
    Clearing(Arc<io::Error>),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("the journal is full"),
            Self::Writing(error) => write!(f, "the journal cannot be written: {error}"),
            Self::Syncing(error) => write!(f, "the journal cannot be put on the disk: {error}"),
            Self::Clearing(error) => write!(f, "the journal cannot be cleared: {error}"),
        }
    }
}

impl Journal {
    /// Begins the journal of `life`, and a thread that puts it on the disk.
    ///
    /// # Errors
    ///
    /// When `config` is out of bounds, when `life` has a journal already, or when the disk fails.
    pub fn create(config: &Config, life: InstanceId) -> io::Result<Self> {
        config.check()?;
        let (path, lock) = folder::begin(&config.folder, life)?;
        let book = Book::open(config, path, life)?;
        let keeper = Arc::new(Keeper::new(book, config.sync_every)?);
        let worker = Arc::clone(&keeper);
        let thread = thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || worker.work())?;
        Ok(Self {
            keeper,
            thread: Some(thread),
            lock,
        })
    }

    /// Writes an entry down. When this returns, it outlives the process.
    ///
    /// Takes a few microseconds; entries of several threads take their turns.
    ///
    /// # Errors
    ///
    /// When the journal is full or the disk fails; the next entry tries the disk again. Of an
    /// intent that is not kept a later reader is told that it is missing, see
    /// [`Remains::is_whole`](crate::Remains::is_whole), until the request is withdrawn, settled or
    /// flushed; [`Unkept::Untold`] when even that fails.
    /// What is taken back or acknowledged holds all the same, as far as the process lives: its
    /// space is given back, and a withdrawal is written as soon as that is possible.
    pub fn append(&self, entry: &Entry<'_>) -> Result<(), Unkept> {
        match entry {
            Entry::Intent(usage) => self.keep(Kind::Intent, usage),
            Entry::Settled(usage) => self.keep(Kind::Settled, usage),
            Entry::Withdrawn(event) => self
                .keeper
                .change(|book| book.withdraw(*event))
                .map_err(Unkept::Disk),
            Entry::Flushed(events) => self.acknowledge(events),
        }
    }

    /// How it does. Costs less than a microsecond.
    pub fn state(&self) -> State {
        self.keeper.look(Book::state)
    }

    /// Puts everything that was written so far on the disk, without waiting for the thread.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub fn sync(&self) -> io::Result<()> {
        self.keeper.round()
    }

    /// Ends this life for good, and removes all that it wrote.
    ///
    /// # Errors
    ///
    /// When a request is open or the ledger has not acknowledged one: then everything stays where
    /// the next life finds it. When the disk fails.
    pub fn remove(mut self) -> io::Result<()> {
        self.stop();
        let state = self.state();
        let kept = state.open + state.settled + state.missing;
        if kept > 0 {
            let what = format!("{kept} requests are not in the ledger yet");
            return Err(io::Error::other(what));
        }
        folder::remove(&self.keeper.look(|book| book.path().to_owned()))
    }

    fn keep(&self, kind: Kind, usage: &UsageRecord) -> Result<(), Unkept> {
        let event = usage.event_id;
        match record(kind, usage).map_err(Unkept::Disk) {
            Ok(bytes) => self.keeper.change(|book| book.keep(kind, event, &bytes)),
            Err(why) if kind == Kind::Intent => {
                Err(self.keeper.change(|book| book.miss(event, why)))
            }
            Err(why) => Err(why),
        }
    }

    /// Only what is in the journal has to be noted: the rest would fill a journal that is full.
    fn acknowledge(&self, events: &[EventId]) -> Result<(), Unkept> {
        self.keeper.change(|book| book.miss_no_more(events));
        for events in events.chunks(MOST_IDS) {
            let known = self.keeper.look(|book| book.known(events));
            if !known.is_empty() {
                let bytes = record(Kind::Flushed, &known).map_err(Unkept::Disk)?;
                self.keeper
                    .change(|book| book.acknowledge(&known, &bytes))
                    .map_err(Unkept::Disk)?;
            }
        }
        Ok(())
    }

    fn stop(&mut self) {
        self.keeper.stop();
        if let Some(thread) = self.thread.take() {
            // It ends with a last round; a panic in it has been reported already.
            drop(thread.join());
        }
    }
}

impl UsageJournal for Journal {
    fn begin(&self, record: &UsageRecord) -> Result<(), Unkept> {
        self.append(&Entry::Intent(record))
    }

    fn withdraw(&self, event: EventId) -> Result<(), Unkept> {
        self.append(&Entry::Withdrawn(event))
    }

    fn settle(&self, record: &UsageRecord) -> Result<(), Unkept> {
        self.append(&Entry::Settled(record))
    }

    fn flushed(&self, events: &[EventId]) -> Result<(), Unkept> {
        self.append(&Entry::Flushed(events))
    }

    fn health(&self) -> Health {
        let state = self.state();
        Health {
            bytes: state.bytes,
            is_sound: state.is_healthy(),
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("lock", &self.lock)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
