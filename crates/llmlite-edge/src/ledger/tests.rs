use std::{collections::VecDeque, sync::Mutex};

use async_trait::async_trait;
use llmlite_core::{
    catalogue::Residency,
    ids::{KeyId, LimitId},
    money::Nanodollars,
    ports::clock::SystemClock,
    quota::AccountKey,
    usage::{Ending, Tokens},
};
use llmlite_policy::{Errand, Messenger, Settings};
use llmlite_testkit::{MemoryJournal, Note};

use super::*;

/// Answers with what it was told to, then well.
#[derive(Default)]
struct Book {
    answers: Mutex<VecDeque<StoreError>>,
    poison: Option<EventId>,
    frozen: bool,
    rows: Mutex<Vec<EventId>>,
    batches: Mutex<Vec<usize>>,
}

#[async_trait]
impl Ledger for Book {
    async fn flush(&self, instance: InstanceId, batch: &[UsageRecord]) -> Result<u64, StoreError> {
        assert_eq!(instance, InstanceId(7));
        if self.frozen {
            pending::<()>().await;
        }
        if let Some(error) = self.answers.lock().unwrap().pop_front() {
            return Err(error);
        }
        if batch.iter().any(|r| Some(r.event_id) == self.poison) {
            return Err(StoreError::InvalidData("a poison row".into()));
        }
        self.batches.lock().unwrap().push(batch.len());
        self.rows
            .lock()
            .unwrap()
            .extend(batch.iter().map(|r| r.event_id));
        Ok(batch.len() as u64)
    }
}

/// Nobody carries anything here.
struct Nobody;

impl Messenger for Nobody {
    fn carry(&self, _: Errand) {}
}

/// A queue with this journal and so much room without it, and its writer.
fn kept(
    journal: Option<Arc<MemoryJournal>>,
    when_full: JournalFull,
    room: usize,
    book: &Arc<Book>,
) -> (Arc<UsageQueue>, UsageWriter) {
    let keeping = Keeping {
        journal: journal.map(|journal| journal as _),
        when_full,
        room,
        measures: Arc::new(Measures::of_this_process()),
    };
    let (queue, writer) = super::queue(keeping, Arc::clone(book) as _, InstanceId(7));
    (Arc::new(queue), writer)
}

fn queue(room: usize, book: Arc<Book>) -> (Arc<UsageQueue>, UsageWriter) {
    kept(None, JournalFull::Continue, room, &book)
}

fn start(writer: UsageWriter, queue: &Arc<UsageQueue>) -> Running {
    let engine = PolicyEngine::new(
        Settings::default(),
        Arc::clone(queue) as _,
        Arc::new(Nobody),
        Arc::new(SystemClock),
        "eu-west-2".into(),
    );
    writer.start(Arc::new(engine))
}

fn record() -> UsageRecord {
    UsageRecord {
        event_id: EventId::new(std::time::UNIX_EPOCH),
        request_id: "req_1".into(),
        upstream_request_id: None,
        key_id: KeyId(1),
        user_id: None,
        team_id: None,
        model: "m".into(),
        bedrock_model_id: "anthropic.m".into(),
        region: "eu-west-2".into(),
        residency: Residency::InRegion,
        streamed: false,
        tokens: Tokens::default(),
        cost: Nanodollars(1),
        accounts: Vec::new(),
        estimated: false,
        ending: Ending::Complete,
        latency: Duration::ZERO,
        time_to_first_token: None,
    }
}

fn keep(queue: &UsageQueue, count: usize) -> Vec<EventId> {
    let records: Vec<_> = std::iter::repeat_with(record).take(count).collect();
    let ids = records.iter().map(|r| r.event_id).collect();
    records.into_iter().for_each(|r| queue.keep(r));
    ids
}

#[tokio::test(start_paused = true)]
async fn every_record_is_written_once_in_batches() {
    let book = Arc::new(Book::default());
    let (queue, writer) = queue(10_000, Arc::clone(&book));
    let ids = keep(&queue, 1_234);
    let running = start(writer, &queue);
    assert_eq!(running.finish(Duration::from_secs(1)).await, 0);
    assert_eq!(*book.rows.lock().unwrap(), ids);
    assert_eq!(*book.batches.lock().unwrap(), [500, 500, 234]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_sent_until_the_database_has_it() {
    let book = Arc::new(Book::default());
    let away = || StoreError::Unavailable("away".into());
    let no_grant = StoreError::Refused("permission denied".into());
    book.answers
        .lock()
        .unwrap()
        .extend([away(), no_grant, away()]);
    let (queue, writer) = queue(10, Arc::clone(&book));
    let ids = keep(&queue, 3);
    assert_eq!(
        start(writer, &queue).finish(Duration::from_secs(60)).await,
        0
    );
    assert_eq!(*book.rows.lock().unwrap(), ids);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_written_in_time_is_counted() {
    let book = Arc::new(Book::default());
    let away = || StoreError::Unavailable("away".into());
    book.answers
        .lock()
        .unwrap()
        .extend(std::iter::repeat_with(away).take(100));
    let (queue, writer) = queue(10, Arc::clone(&book));
    keep(&queue, 7);
    assert_eq!(
        start(writer, &queue).finish(Duration::from_secs(5)).await,
        7
    );
}

#[tokio::test(start_paused = true)]
async fn a_poison_row_does_not_keep_the_others_out_and_stays_in_the_journal() {
    let poison = record();
    let refused = poison.event_id;
    let book = Arc::new(Book {
        poison: Some(refused),
        ..Book::default()
    });
    let journal = Arc::new(MemoryJournal::default());
    let (queue, writer) = kept(Some(Arc::clone(&journal)), JournalFull::Continue, 0, &book);
    let mut ids = keep(&queue, 2);
    queue.keep(poison);
    ids.extend(keep(&queue, 2));
    assert_eq!(
        start(writer, &queue).finish(Duration::from_secs(5)).await,
        1
    );
    assert_eq!(*book.rows.lock().unwrap(), ids);
    let notes = journal.notes();
    let flushed = notes.iter().filter_map(|note| match note {
        Note::Flushed(event) => Some(*event),
        _ => None,
    });
    assert_eq!(flushed.collect::<Vec<_>>(), ids);
    assert!(notes.contains(&Note::Settled(refused)));
}

#[test]
#[rustfmt::skip]
fn what_a_budget_pays_for_does_not_begin_where_nobody_would_ever_know_of_it() {
    let check = |how: fn(&MemoryJournal), budgets: usize, want: bool| {
        let (book, journal) = (Arc::new(Book::default()), Arc::new(MemoryJournal::default()));
        let (queue, _writer) = kept(Some(Arc::clone(&journal)), JournalFull::Continue, 9, &book);
        how(&journal);
        let account = AccountKey { limit: LimitId(3), starts: std::time::UNIX_EPOCH };
        let record = UsageRecord { accounts: vec![account; budgets], ..record() };
        assert_eq!(queue.begin(record, Durability::Async), want, "{budgets}");
    };
    check(|_| {},                          1, true);
    check(|journal| journal.set_full(true), 1, true);
    check(MemoryJournal::set_untold,       1, false);
    check(MemoryJournal::set_untold,       0, true);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_says_so_until_rows_are_written() {
    let book = Arc::new(Book::default());
    let (queue, writer) = queue(2, Arc::clone(&book));
    keep(&queue, 1);
    assert!(queue.has_room());
    keep(&queue, 1);
    assert!(!queue.has_room());
    assert_eq!(
        start(writer, &queue).finish(Duration::from_secs(1)).await,
        0
    );
    assert!(queue.has_room());
}

#[tokio::test(start_paused = true)]
async fn a_frozen_database_does_not_hold_the_end_up() {
    let book = Arc::new(Book {
        frozen: true,
        ..Book::default()
    });
    let (queue, writer) = queue(10_000, Arc::clone(&book));
    keep(&queue, 1_234);
    let started = Instant::now();
    assert_eq!(
        start(writer, &queue).finish(Duration::from_secs(5)).await,
        1_234
    );
    assert_eq!(started.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn the_journal_forgets_what_the_ledger_has_and_nothing_else() {
    let (book, journal) = (
        Arc::new(Book::default()),
        Arc::new(MemoryJournal::default()),
    );
    let away = StoreError::Unavailable("away".into());
    book.answers.lock().unwrap().push_back(away);
    let (queue, writer) = kept(Some(Arc::clone(&journal)), JournalFull::Continue, 0, &book);
    let record = record();
    let id = record.event_id;
    assert!(queue.begin(record.clone(), Durability::Async));
    queue.keep(record);
    assert_eq!(journal.notes(), [Note::Begun(id), Note::Settled(id)]);
    assert_eq!(
        start(writer, &queue).finish(Duration::from_secs(9)).await,
        0
    );
    assert_eq!(journal.notes().last(), Some(&Note::Flushed(id)));
}

#[tokio::test(start_paused = true)]
async fn what_there_was_no_time_for_stays_in_the_journal() {
    let book = Arc::new(Book {
        frozen: true,
        ..Book::default()
    });
    let journal = Arc::new(MemoryJournal::default());
    let (queue, writer) = kept(Some(Arc::clone(&journal)), JournalFull::Continue, 0, &book);
    let ids = keep(&queue, 1);
    assert_eq!(
        start(writer, &queue).finish(Duration::from_secs(1)).await,
        1
    );
    assert_eq!(journal.notes(), [Note::Settled(ids[0])]);
}

#[test]
#[rustfmt::skip]
fn while_the_journal_is_full_memory_takes_over_or_requests_are_refused() {
    use JournalFull::{Continue, Shed};
    let check = |when_full, room, waiting, full, want: bool| {
        let (book, journal) = (Arc::new(Book::default()), Arc::new(MemoryJournal::default()));
        let (queue, _writer) = kept(Some(Arc::clone(&journal)), when_full, room, &book);
        keep(&queue, waiting);
        journal.set_full(full);
        let admits = || queue.has_room() && queue.begin(record(), Durability::Async);
        // The first request may be the one that finds out.
        assert_eq!(admits(), want, "{when_full:?} {room} {waiting} {full}");
        assert_eq!(admits(), want, "{when_full:?} {room} {waiting} {full}");
        journal.set_full(false);
        assert!(queue.begin(record(), Durability::Async), "it is tried again");
        assert!(queue.has_room());
    };
    //    when full  room waiting  full   admits
    check(Continue,  2,   0,       false, true);
    check(Continue,  2,   9,       false, true);
    check(Continue,  2,   1,       true,  true);
    check(Continue,  2,   2,       true,  false);
    check(Shed,      2,   9,       false, true);
    check(Shed,      2,   0,       true,  false);
}
