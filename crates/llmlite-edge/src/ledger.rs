//! Writes usage down in the background, in batches, and to the last row at shutdown.
//!
//! A record that is kept here is in the journal, and in memory, until the database has acknowledged
//! it; the same batch is sent until then.

use std::{
    future::{Future, pending},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use llmlite_core::{
    ids::{EventId, InstanceId},
    limits::Durability,
    ports::{
        StoreError,
        journal::{Unkept, UsageJournal},
        ledger::Ledger,
    },
    usage::UsageRecord,
};
use llmlite_policy::{PolicyEngine, UsageSink};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep, sleep_until, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, warn};

use crate::{intents::IntentDesk, measures::Measures};

/// Rows in one statement.
const BATCH: usize = 500;
/// How long the first row of a batch waits for others.
const LINGER: Duration = Duration::from_millis(200);
/// The pauses between two attempts at a batch.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What happens while the journal cannot be written, because it is full or the disk fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum JournalFull {
    /// Usage is kept in memory alone, so much of it, and after that nothing is admitted.
    #[default]
    Continue,
    /// Nothing is admitted.
    Shed,
}

/// What usage is kept in until the ledger has it.
#[derive(Clone)]
pub(crate) struct Keeping {
    /// The file beside the memory.
    pub(crate) journal: Option<Arc<dyn UsageJournal>>,
    pub(crate) when_full: JournalFull,
    /// How many records may be in memory alone.
    pub(crate) room: usize,
    pub(crate) measures: Arc<Measures>,
}

/// The side of the requests.
pub(crate) struct UsageQueue {
    records: mpsc::UnboundedSender<UsageRecord>,
    shelf: Arc<Shelf>,
}

/// The side of the database.
pub(crate) struct UsageWriter {
    records: mpsc::UnboundedReceiver<UsageRecord>,
    shelf: Arc<Shelf>,
    ledger: Arc<dyn Ledger>,
    instance: InstanceId,
    last_call: LastCall,
}

/// What both sides see.
pub(crate) struct Shelf {
    keeping: Keeping,
    /// The list of requests under way.
    intents: Arc<IntentDesk>,
    /// Records that the ledger does not have.
    waiting: AtomicUsize,
    /// When the oldest of them began to be written.
    since: Mutex<Option<Instant>>,
    /// Whether the journal took the last note.
    sound: AtomicBool,
}

impl Shelf {
    /// Records that the ledger does not have, and how long the oldest of them has been tried.
    pub(crate) fn backlog(&self) -> (usize, Duration) {
        let since = *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = since.map_or(Duration::ZERO, |since| since.elapsed());
        (self.waiting.load(Ordering::Relaxed), oldest)
    }

    /// Where requests under way are noted.
    pub(crate) fn intents(&self) -> &Arc<IntentDesk> {
        &self.intents
    }

    /// The journal, if there is one.
    pub(crate) fn journal(&self) -> Option<&Arc<dyn UsageJournal>> {
        self.keeping.journal.as_ref()
    }

    /// Notes that a request begins; returns whether it may.
    fn begin(&self, record: &UsageRecord) -> bool {
        let keeping = &self.keeping;
        match self.note(|journal| journal.begin(record)) {
            Noted::Yes => return true,
            // If this process dies now, the next one would give back the money that it spends.
            Noted::Untold if !record.accounts.is_empty() => return false,
            Noted::No | Noted::Untold => {}
        }
        let in_memory = keeping.journal.is_none() || keeping.when_full == JournalFull::Continue;
        in_memory && self.has_memory()
    }

    /// Makes a note in the journal, if there is one, and returns what became of it.
    fn note(&self, make: impl FnOnce(&dyn UsageJournal) -> Result<(), Unkept>) -> Noted {
        let Some(journal) = &self.keeping.journal else {
            return Noted::No;
        };
        let made = make(&**journal);
        let was_sound = self.sound.swap(made.is_ok(), Ordering::Relaxed);
        match &made {
            Err(error) if was_sound => {
                error!(%error, cause = ?error, "usage is not in the journal from now on");
            }
            Ok(()) if !was_sound => warn!("usage is in the journal again"),
            _ => {}
        }
        match made {
            Ok(()) => Noted::Yes,
            Err(Unkept::Untold(_)) => Noted::Untold,
            Err(_) => Noted::No,
        }
    }

    fn has_memory(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) < self.keeping.room
    }

    fn look_at_oldest(&self, since: Option<Instant>) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

/// What became of a note for the journal.
enum Noted {
    Yes,
    /// Whoever reads the journal later knows at least that something is missing.
    No,
    /// Not even that.
    Untold,
}

/// Says that no record will be added any more, and until when the rest can be written.
#[derive(Clone, Default)]
struct LastCall {
    said: CancellationToken,
    deadline: Arc<OnceLock<Instant>>,
}

impl LastCall {
    /// Does `work`, unless the time for the last rows has run out, or runs out meanwhile.
    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let over = async {
            self.said.cancelled().await;
            match self.deadline.get() {
                Some(deadline) => sleep_until(*deadline).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            () = over => None,
            done = work => Some(done),
        }
    }
}

/// A queue, and what empties it into `ledger` in the name of `instance`.
pub(crate) fn queue(
    keeping: Keeping,
    ledger: Arc<dyn Ledger>,
    instance: InstanceId,
) -> (UsageQueue, UsageWriter) {
    let (sender, records) = mpsc::unbounded_channel();
    let shelf = Arc::new(Shelf {
        keeping,
        intents: IntentDesk::new(),
        waiting: AtomicUsize::new(0),
        since: Mutex::default(),
        sound: AtomicBool::new(true),
    });
    let queue = UsageQueue {
        records: sender,
        shelf: Arc::clone(&shelf),
    };
    let writer = UsageWriter {
        records,
        shelf,
        ledger,
        instance,
        last_call: LastCall::default(),
    };
    (queue, writer)
}

impl UsageQueue {
    pub(crate) fn shelf(&self) -> Arc<Shelf> {
        Arc::clone(&self.shelf)
    }
}

impl UsageSink for UsageQueue {
    fn begin(&self, record: UsageRecord, durability: Durability) -> bool {
        let may_run = self.shelf.begin(&record);
        if may_run {
            self.shelf.intents.begin(record, durability);
        }
        may_run
    }

    fn withdraw(&self, event: EventId) {
        self.shelf.note(|journal| journal.withdraw(event));
        self.shelf.intents.ended([event]);
    }

    fn keep(&self, record: UsageRecord) {
        self.shelf.note(|journal| journal.settle(&record));
        self.shelf.intents.settled(record.event_id);
        self.shelf.keeping.measures.settled(&record);
        self.shelf.waiting.fetch_add(1, Ordering::Relaxed);
        if let Err(mpsc::error::SendError(record)) = self.records.send(record) {
            // Only after the writer has finished, which waits for all requests first.
            print_in_log(&[record], "the ledger is closed");
        }
    }

    /// What the journal takes may be any number; it has a limit of its own. One that takes nothing
    /// is tried again with every request.
    fn has_room(&self) -> bool {
        let shelf = &self.shelf;
        let journal_decides = match shelf.keeping.when_full {
            JournalFull::Continue => shelf.sound.load(Ordering::Relaxed),
            JournalFull::Shed => true,
        };
        (shelf.keeping.journal.is_some() && journal_decides) || shelf.has_memory()
    }
}

impl UsageWriter {
    /// Begins to write, and to tell `engine` of what was written.
    pub(crate) fn start(self, engine: Arc<PolicyEngine>) -> Running {
        let last_call = self.last_call.clone();
        let task = TaskTracker::new().spawn(self.run(engine));
        Running { task, last_call }
    }

    /// Returns how many records could not be written.
    async fn run(mut self, engine: Arc<PolicyEngine>) -> usize {
        let mut batch = Vec::with_capacity(BATCH);
        let mut unwritten = 0;
        let last_call = self.last_call.said.clone();
        loop {
            tokio::select! {
                biased;
                received = self.records.recv_many(&mut batch, BATCH) => {
                    if received == 0 {
                        return unwritten;
                    }
                }
                () = last_call.cancelled(), if !self.records.is_closed() => {
                    self.records.close();
                    continue;
                }
            }
            self.shelf.look_at_oldest(Some(Instant::now()));
            self.gather(&mut batch).await;
            unwritten += self.write(&batch, &engine).await;
            self.shelf.waiting.fetch_sub(batch.len(), Ordering::Relaxed);
            self.shelf.look_at_oldest(None);
            batch.clear();
        }
    }

    /// Waits a moment for further records: one statement for many rows.
    async fn gather(&mut self, batch: &mut Vec<UsageRecord>) {
        let deadline = Instant::now() + LINGER;
        while batch.len() < BATCH && !self.last_call.said.is_cancelled() {
            let room = BATCH - batch.len();
            match timeout_at(deadline, self.records.recv_many(batch, room)).await {
                Ok(received) if received > 0 => {}
                _ => return,
            }
        }
    }

    /// Sends the batch, unchanged, until it is acknowledged; returns how many rows were given up.
    ///
    /// Whatever the database refuses but the rows themselves may be mended: a grant, a password,
    /// a missing table. Until then the rows wait, and when too many wait nothing is admitted.
    async fn write(&self, batch: &[UsageRecord], engine: &PolicyEngine) -> usize {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.last_call.in_time(self.flush(batch)).await {
                Some(Ok(_)) => {
                    engine.acknowledged(batch);
                    self.forget(batch);
                    return 0;
                }
                Some(Err(refusal @ StoreError::InvalidData(_))) => {
                    return self.write_singly(batch, &refusal, engine).await;
                }
                Some(Err(cause)) => {
                    warn!(rows = batch.len(), error = %cause, cause = ?cause, "usage waits for the database");
                }
                None => return print_in_log(batch, "there was no time left to write it"),
            }
            // When the time runs out in the pause, the next attempt says so.
            self.last_call.in_time(sleep(pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn flush(&self, batch: &[UsageRecord]) -> Result<u64, StoreError> {
        let began = Instant::now();
        let flushed = self.ledger.flush(self.instance, batch).await;
        let measures = &self.shelf.keeping.measures;
        measures.flushed(batch.len(), flushed.is_ok(), began.elapsed());
        flushed
    }

    /// One row that the database refuses must not keep the others from it.
    ///
    /// Its cost stays set aside in the leases, because no budget was charged with it. So it stays
    /// in the journal too: the next life has to find out, and must not give the leases back.
    async fn write_singly(
        &self,
        batch: &[UsageRecord],
        refusal: &StoreError,
        engine: &PolicyEngine,
    ) -> usize {
        if batch.len() == 1 {
            return print_in_log(batch, &format!("{refusal}: {refusal:?}"));
        }
        error!(rows = batch.len(), error = %refusal, cause = ?refusal,
            "the database refuses a batch of usage, writing its rows one by one");
        let mut unwritten = 0;
        for record in batch {
            unwritten += Box::pin(self.write(std::slice::from_ref(record), engine)).await;
        }
        unwritten
    }

    /// The journal need not keep these any more.
    fn forget(&self, batch: &[UsageRecord]) {
        let events: Vec<EventId> = batch.iter().map(|record| record.event_id).collect();
        self.shelf.note(|journal| journal.flushed(&events));
        self.shelf.intents.ended(events);
    }
}

/// The writer at work.
pub(crate) struct Running {
    task: JoinHandle<usize>,
    last_call: LastCall,
}

impl Running {
    /// Writes what is left, trying for at most `within`; returns how many records could not be
    /// written, which are then in the log.
    ///
    /// Call it when no request can add a record any more.
    pub(crate) async fn finish(self, within: Duration) -> usize {
        self.last_call
            .deadline
            .get_or_init(|| Instant::now() + within);
        self.last_call.said.cancel();
        self.task.await.unwrap_or_else(|error| {
            error!(%error, "the writer of usage ended badly");
            1
        })
    }
}

/// The last resort: a record that cannot be written is whole in the log, and holds no prompt.
fn print_in_log(records: &[UsageRecord], why: &str) -> usize {
    for record in records {
        let record = serde_json::to_string(record).unwrap_or_default();
        error!(why, record, "a usage record could not be written");
    }
    records.len()
}

#[cfg(test)]
mod tests;
