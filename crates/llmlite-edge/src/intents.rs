//! Puts requests under way on a list in the database, for the loss of this machine with its disk.
//!
//! A request that has ended before its turn comes is never put there. One whose budgets insist on
//! it waits until it is there, before Bedrock is called.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use llmlite_core::{
    ids::{EventId, InstanceId},
    limits::Durability,
    ports::{StoreError, intents::Intents},
    usage::UsageRecord,
};
use tokio::{
    sync::{Notify, oneshot},
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::warn;

/// How long a request may be under way before it is on its way to the list: with what a commit
/// takes, it is there after 100 ms.
const LINGER: Duration = Duration::from_millis(80);
/// How long a request has been under way at least when it is sent along with one that is due.
const RIPE: Duration = Duration::from_millis(40);
/// How long what is to be taken off the list waits for more of it.
const TIDY: Duration = Duration::from_secs(1);
/// Requests in one statement.
const BATCH: usize = 500;
/// How long to leave the database alone after it did not answer. Requests that wait for their turn
/// try it all the same.
const PAUSE: Duration = Duration::from_secs(1);
/// How long one attempt may take, whatever the database's side of it does.
const LONGEST: Duration = Duration::from_secs(1);
/// How long taking the last ones off may take.
const LAST: Duration = Duration::from_millis(500);

/// Where requests under way are noted. Shared by requests, the ledger's writer and the task that
/// talks to the database.
pub(crate) struct IntentDesk {
    book: Mutex<Book>,
    /// There is something to do, or to do sooner.
    work: Notify,
}

/// What is known of the list.
#[derive(Debug, Default)]
struct Book {
    /// Requests that wait for their turn.
    waiting: HashMap<EventId, Waiting>,
    /// The same in the order in which they came, and some that do not wait any more.
    order: VecDeque<(Instant, EventId)>,
    /// Those of them that hold somebody up.
    urgent: Vec<EventId>,
    /// Requests that are being put on the list.
    sending: HashMap<EventId, Sending>,
    /// Requests that are on the list.
    listed: HashSet<EventId>,
    /// Requests that are to be taken off the list.
    ended: Vec<EventId>,
    /// Since when there are any.
    ended_since: Option<Instant>,
}

#[derive(Debug)]
struct Waiting {
    record: UsageRecord,
    since: Instant,
    /// Whether it may be on the list, because nobody knows what became of an attempt.
    tried: bool,
    /// Who waits for it to be on the list.
    waiter: Option<oneshot::Sender<bool>>,
}

#[derive(Debug, Default)]
struct Sending {
    waiter: Option<oneshot::Sender<bool>>,
    /// It need not be there any more.
    in_vain: bool,
}

/// What is sent in one statement.
struct Parcel {
    begun: Vec<(UsageRecord, Instant)>,
    ended: Vec<EventId>,
}

impl IntentDesk {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            book: Mutex::default(),
            work: Notify::new(),
        })
    }

    /// A request is about to reach Bedrock.
    pub(crate) fn begin(&self, record: UsageRecord, durability: Durability) {
        if durability == Durability::Journal {
            return;
        }
        let (event, since) = (record.event_id, Instant::now());
        let mut book = self.book();
        let is_first = book.waiting.is_empty();
        book.order.push_back((since, event));
        let waiting = Waiting {
            record,
            since,
            tried: false,
            waiter: None,
        };
        book.waiting.insert(event, waiting);
        book.tidy_order();
        drop(book);
        if is_first {
            self.work.notify_one();
        }
    }

    /// Waits until the request is on the list; returns whether it is.
    pub(crate) async fn listed(&self, event: EventId) -> bool {
        let (waiter, told) = oneshot::channel();
        if !self.book().await_listing(event, waiter) {
            return self.book().listed.contains(&event);
        }
        self.work.notify_one();
        // An attempt that is under way ends, and then one's own.
        let told = timeout(LONGEST * 2, told).await;
        matches!(told, Ok(Ok(true)))
    }

    /// The request has ended, and its record is on its way to the ledger.
    pub(crate) fn settled(&self, event: EventId) {
        let mut book = self.book();
        let waiting = book.waiting.remove(&event);
        if waiting.is_some_and(|waiting| waiting.tried) {
            book.listed.insert(event);
        }
    }

    /// The ledger has these, or they never reached Bedrock.
    pub(crate) fn ended(&self, events: impl IntoIterator<Item = EventId>) {
        let mut book = self.book();
        let had_none = book.ended.is_empty();
        for event in events {
            book.end(event);
        }
        let has_some = !book.ended.is_empty();
        drop(book);
        if had_none && has_some {
            self.work.notify_one();
        }
    }

    /// Begins to keep the list, under the number of this life.
    pub(crate) fn start(self: &Arc<Self>, store: Arc<dyn Intents>, instance: InstanceId) -> Clerk {
        let over = CancellationToken::new();
        let work = Arc::clone(self).run(store, instance, over.clone());
        Clerk {
            task: TaskTracker::new().spawn(work),
            over,
        }
    }

    async fn run(
        self: Arc<Self>,
        store: Arc<dyn Intents>,
        instance: InstanceId,
        over: CancellationToken,
    ) {
        let mut troubled: Option<Instant> = None;
        loop {
            let due = self.book().due(troubled);
            tokio::select! {
                biased;
                () = over.cancelled() => break,
                () = until(due) => {}
                () = self.work.notified() => continue,
            }
            let Some(parcel) = self.book().pack() else {
                continue;
            };
            let arrived = match timeout(LONGEST, parcel.send(&*store, instance)).await {
                Ok(Ok(())) => true,
                failed => {
                    if troubled.is_none() {
                        warn!(?failed, "requests under way cannot be put on the list");
                    }
                    false
                }
            };
            troubled = (!arrived).then(|| Instant::now() + PAUSE);
            self.book().unpack(parcel, arrived);
        }
        // Whatever is left now, the end of this life takes off.
        let parcel = self.book().pack();
        if let Some(parcel) = parcel {
            drop(timeout(LAST, parcel.send(&*store, instance)).await);
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task that keeps the list.
pub(crate) struct Clerk {
    task: JoinHandle<()>,
    over: CancellationToken,
}

impl Clerk {
    /// Ends it. Call it when the ledger has everything.
    pub(crate) async fn finish(self) {
        self.over.cancel();
        drop(self.task.await);
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

impl Parcel {
    async fn send(&self, store: &dyn Intents, instance: InstanceId) -> Result<(), StoreError> {
        let begun: Vec<&UsageRecord> = self.begun.iter().map(|(record, _)| record).collect();
        store.note(instance, &begun, &self.ended).await
    }
}

impl Book {
    /// When there is something to send; not before the end of a pause after trouble, unless
    /// somebody waits for it.
    fn due(&mut self, troubled: Option<Instant>) -> Option<Instant> {
        if !self.urgent.is_empty() {
            return Some(Instant::now());
        }
        while let Some((_, event)) = self.order.front()
            && !self.waiting.contains_key(event)
        {
            self.order.pop_front();
        }
        let oldest = self.order.front().map(|(since, _)| *since + LINGER);
        let tidying = self.ended_since.map(|since| since + TIDY);
        let due = [oldest, tidying].into_iter().flatten().min()?;
        Some(troubled.map_or(due, |pause| due.max(pause)))
    }

    /// Forgets the places of those that do not wait any more, when they have become many.
    fn tidy_order(&mut self) {
        if self.order.len() > 2 * self.waiting.len() + BATCH {
            let waiting = &self.waiting;
            self.order.retain(|(_, event)| waiting.contains_key(event));
        }
    }

    /// Takes what is to be sent now: those that hold somebody up, then those that have been under
    /// way for a while. What has only just begun may well have ended before the next time.
    fn pack(&mut self) -> Option<Parcel> {
        let mut begun = Vec::new();
        let now = Instant::now();
        let is_ripe = |since: Instant| now.saturating_duration_since(since) >= RIPE;
        let urgent = mem::take(&mut self.urgent);
        for event in urgent {
            self.pack_one(event, &mut begun);
        }
        while let Some((since, event)) = self.order.front().copied()
            && is_ripe(since)
            && begun.len() < BATCH
        {
            self.order.pop_front();
            self.pack_one(event, &mut begun);
        }
        let ended = mem::take(&mut self.ended);
        self.ended_since = None;
        (!begun.is_empty() || !ended.is_empty()).then_some(Parcel { begun, ended })
    }

    fn pack_one(&mut self, event: EventId, begun: &mut Vec<(UsageRecord, Instant)>) {
        if let Some(waiting) = self.waiting.remove(&event) {
            let sending = Sending {
                waiter: waiting.waiter,
                in_vain: false,
            };
            self.sending.insert(event, sending);
            begun.push((waiting.record, waiting.since));
        }
    }

    /// The parcel has arrived, or nobody knows. What did not arrive goes before what came later.
    fn unpack(&mut self, parcel: Parcel, arrived: bool) {
        if !arrived {
            self.take_off(parcel.ended);
        }
        for (record, since) in parcel.begun.into_iter().rev() {
            let event = record.event_id;
            let sent = self.sending.remove(&event).unwrap_or_default();
            if let Some(waiter) = sent.waiter {
                // Whoever waited may have left.
                _ = waiter.send(arrived);
            }
            if sent.in_vain {
                // It may be on the list even if nobody said so.
                self.take_off([event]);
            } else if arrived {
                self.listed.insert(event);
            } else {
                self.order.push_front((since, event));
                let waiting = Waiting {
                    record,
                    since,
                    tried: true,
                    waiter: None,
                };
                self.waiting.insert(event, waiting);
            }
        }
    }

    /// Has `waiter` told when the request is on the list, if it is on its way there.
    fn await_listing(&mut self, event: EventId, waiter: oneshot::Sender<bool>) -> bool {
        if let Some(waiting) = self.waiting.get_mut(&event) {
            waiting.waiter = Some(waiter);
            self.urgent.push(event);
            return true;
        }
        let Some(sending) = self.sending.get_mut(&event) else {
            return false;
        };
        sending.waiter = Some(waiter);
        true
    }

    /// The ledger has it, or it never reached Bedrock.
    fn end(&mut self, event: EventId) {
        if let Some(waiting) = self.waiting.remove(&event) {
            if waiting.tried {
                self.take_off([event]);
            }
        } else if let Some(sending) = self.sending.get_mut(&event) {
            sending.in_vain = true;
        } else if self.listed.remove(&event) {
            self.take_off([event]);
        }
    }

    fn take_off(&mut self, events: impl IntoIterator<Item = EventId>) {
        self.ended.extend(events);
        if !self.ended.is_empty() {
            self.ended_since.get_or_insert_with(Instant::now);
        }
    }
}

#[cfg(test)]
mod tests;
