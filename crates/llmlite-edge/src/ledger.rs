//! Writes usage down in the background, in batches, and to the last row at shutdown.
//!
//! A record that is kept here is in memory until the database has acknowledged it; the same batch
//! is sent until then.

use std::{
    future::{Future, pending},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use llmlite_core::{
    ids::InstanceId,
    ports::{StoreError, ledger::Ledger},
    usage::UsageRecord,
};
use llmlite_policy::UsageSink;
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep, sleep_until, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, warn};

/// Rows in one statement.
const BATCH: usize = 500;
/// How long the first row of a batch waits for others.
const LINGER: Duration = Duration::from_millis(100);
/// The pauses between two attempts at a batch.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The side of the requests.
pub(crate) struct UsageQueue {
    records: mpsc::UnboundedSender<UsageRecord>,
    waiting: Arc<AtomicUsize>,
    room: usize,
}

/// The side of the database.
pub(crate) struct UsageWriter {
    records: mpsc::UnboundedReceiver<UsageRecord>,
    waiting: Arc<AtomicUsize>,
    ledger: Arc<dyn Ledger>,
    last_call: LastCall,
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

/// A queue that has room for so many records, and what empties it into `ledger`.
pub(crate) fn queue(room: usize, ledger: Arc<dyn Ledger>) -> (UsageQueue, UsageWriter) {
    let (sender, records) = mpsc::unbounded_channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    let queue = UsageQueue {
        records: sender,
        waiting: Arc::clone(&waiting),
        room,
    };
    let writer = UsageWriter {
        records,
        waiting,
        ledger,
        last_call: LastCall::default(),
    };
    (queue, writer)
}

impl UsageSink for UsageQueue {
    fn keep(&self, record: UsageRecord) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        if let Err(mpsc::error::SendError(record)) = self.records.send(record) {
            // Only after the writer has finished, which waits for all requests first.
            print_in_log(&[record], "the ledger is closed");
        }
    }

    fn has_room(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) < self.room
    }
}

impl UsageWriter {
    /// Begins to write.
    pub(crate) fn start(self) -> Running {
        let last_call = self.last_call.clone();
        let task = TaskTracker::new().spawn(self.run());
        Running { task, last_call }
    }

    /// Returns how many records could not be written.
    async fn run(mut self) -> usize {
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
            self.gather(&mut batch).await;
            unwritten += self.write(&batch).await;
            self.waiting.fetch_sub(batch.len(), Ordering::Relaxed);
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
    async fn write(&self, batch: &[UsageRecord]) -> usize {
        let mut pause = FIRST_PAUSE;
        loop {
            match self
                .last_call
                .in_time(self.ledger.flush(InstanceId(0), batch))
                .await
            {
                Some(Ok(_)) => return 0,
                Some(Err(refusal @ StoreError::InvalidData(_))) => {
                    return self.write_singly(batch, &refusal).await;
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

    /// One row that the database refuses must not keep the others from it.
    async fn write_singly(&self, batch: &[UsageRecord], refusal: &StoreError) -> usize {
        if batch.len() == 1 {
            return print_in_log(batch, &format!("{refusal}: {refusal:?}"));
        }
        error!(rows = batch.len(), error = %refusal, cause = ?refusal,
            "the database refuses a batch of usage, writing its rows one by one");
        let mut unwritten = 0;
        for record in batch {
            unwritten += Box::pin(self.write(std::slice::from_ref(record))).await;
        }
        unwritten
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
