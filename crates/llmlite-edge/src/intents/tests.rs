use std::{collections::VecDeque, future::pending};

use async_trait::async_trait;
use llmlite_core::{
    catalogue::Residency,
    ids::KeyId,
    money::Nanodollars,
    usage::{Ending, Tokens},
};
use tokio::time::{advance, sleep};

use super::*;

/// What becomes of a call of [`List`].
enum Fault {
    Fails,
    /// It is carried out, and nobody hears of it.
    AnswerLost,
    Freezes,
}

/// The list in the database, and the calls that changed it.
#[derive(Default)]
struct List {
    faults: Mutex<VecDeque<Fault>>,
    listed: Mutex<HashSet<EventId>>,
    calls: Mutex<Vec<(usize, usize)>>,
}

impl List {
    fn listed(&self) -> HashSet<EventId> {
        self.listed.lock().unwrap().clone()
    }

    fn calls(&self) -> Vec<(usize, usize)> {
        self.calls.lock().unwrap().clone()
    }

    fn next(&self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.lock().unwrap().extend(faults);
    }
}

#[async_trait]
impl Intents for List {
    async fn note(
        &self,
        instance: InstanceId,
        begun: &[&UsageRecord],
        ended: &[EventId],
    ) -> Result<(), StoreError> {
        assert_eq!(instance, InstanceId(7));
        self.calls.lock().unwrap().push((begun.len(), ended.len()));
        let fault = self.faults.lock().unwrap().pop_front();
        let away = || Err(StoreError::Unavailable("the test says so".into()));
        match fault {
            Some(Fault::Fails) => return away(),
            Some(Fault::Freezes) => pending::<()>().await,
            Some(Fault::AnswerLost) | None => {}
        }
        let mut listed = self.listed.lock().unwrap();
        listed.extend(begun.iter().map(|record| record.event_id));
        for event in ended {
            listed.remove(event);
        }
        match fault {
            Some(_) => away(),
            None => Ok(()),
        }
    }
}

fn open() -> (Arc<IntentDesk>, Arc<List>, Clerk) {
    let (desk, list) = (IntentDesk::new(), Arc::new(List::default()));
    let clerk = desk.start(Arc::clone(&list) as _, InstanceId(7));
    (desk, list, clerk)
}

fn begin(desk: &IntentDesk, durability: Durability) -> EventId {
    let event = EventId::new(std::time::UNIX_EPOCH);
    let record = UsageRecord {
        event_id: event,
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
        estimated: true,
        ending: Ending::Shutdown,
        latency: Duration::ZERO,
        time_to_first_token: None,
    };
    desk.begin(record, durability);
    event
}

/// Lets so much time pass, and everything happen that happens in it.
async fn pass(ms: u64) {
    for _ in 0..ms {
        sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_is_on_the_list_within_a_tenth_of_a_second_until_the_ledger_has_it() {
    let (desk, list, clerk) = open();
    let event = begin(&desk, Durability::Async);
    pass(70).await;
    assert_eq!(list.calls(), []);
    pass(20).await;
    assert_eq!(list.listed(), HashSet::from([event]));
    desk.settled(event);
    pass(5_000).await;
    assert_eq!(
        list.listed(),
        HashSet::from([event]),
        "the ledger does not have it yet"
    );
    desk.ended([event]);
    pass(1_100).await;
    assert_eq!(list.listed(), HashSet::new());
    assert_eq!(list.calls(), [(1, 0), (0, 1)]);
    clerk.finish().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_over_before_its_turn_and_one_that_asks_for_less_are_never_written() {
    let (desk, list, clerk) = open();
    let event = begin(&desk, Durability::Async);
    begin(&desk, Durability::Journal);
    pass(50).await;
    desk.settled(event);
    desk.ended([event]);
    pass(5_000).await;
    clerk.finish().await;
    assert_eq!(list.calls(), []);
}

#[tokio::test(start_paused = true)]
async fn requests_share_a_statement_and_those_that_have_only_just_begun_are_left_for_the_next() {
    let (desk, list, _clerk) = open();
    let old: Vec<_> = (0..700).map(|_| begin(&desk, Durability::Async)).collect();
    pass(60).await;
    let young = begin(&desk, Durability::Async);
    pass(30).await;
    assert_eq!(list.calls(), [(500, 0), (200, 0)]);
    assert!(old.iter().all(|event| list.listed().contains(event)));
    pass(60).await;
    assert!(list.listed().contains(&young));
}

#[tokio::test(start_paused = true)]
async fn whoever_insists_waits_until_the_request_is_on_the_list_and_no_longer() {
    let (desk, list, _clerk) = open();
    let event = begin(&desk, Durability::Sync);
    assert!(desk.listed(event).await);
    assert_eq!(list.listed(), HashSet::from([event]));
    assert!(desk.listed(event).await, "and it stays so");
    assert!(!desk.listed(EventId::new(std::time::UNIX_EPOCH)).await);
}

#[tokio::test(start_paused = true)]
async fn while_the_database_is_away_whoever_insists_is_told_at_once_and_others_wait() {
    let (desk, list, _clerk) = open();
    list.next([Fault::Fails, Fault::Fails]);
    let patient = begin(&desk, Durability::Async);
    pass(100).await;
    assert_eq!(
        list.calls(),
        [(1, 0)],
        "it fails, and the database is left alone"
    );
    let insistent = begin(&desk, Durability::Sync);
    assert!(!desk.listed(insistent).await, "it is tried all the same");
    desk.ended([insistent]);
    pass(1_100).await;
    assert_eq!(list.listed(), HashSet::from([patient]));
}

#[tokio::test(start_paused = true)]
async fn what_may_be_on_the_list_though_nobody_said_so_is_taken_off_again() {
    let (desk, list, _clerk) = open();
    list.next([Fault::AnswerLost, Fault::Fails, Fault::Fails]);
    let insistent = begin(&desk, Durability::Sync);
    assert!(!desk.listed(insistent).await);
    assert_eq!(list.listed(), HashSet::from([insistent]));
    desk.ended([insistent]);
    pass(5_000).await;
    assert_eq!(list.listed(), HashSet::new(), "however often that fails");

    list.next([Fault::AnswerLost]);
    let settled = begin(&desk, Durability::Async);
    pass(100).await;
    desk.settled(settled);
    assert_eq!(list.listed(), HashSet::from([settled]));
    desk.ended([settled]);
    pass(3_000).await;
    assert_eq!(list.listed(), HashSet::new());
}

#[tokio::test(start_paused = true)]
async fn what_ends_while_it_is_put_on_the_list_is_taken_off_afterwards() {
    let (desk, list, _clerk) = open();
    list.next([Fault::Freezes]);
    let event = begin(&desk, Durability::Async);
    pass(100).await;
    desk.settled(event);
    desk.ended([event]);
    assert_eq!(list.calls(), [(1, 0)]);
    let other = begin(&desk, Durability::Sync);
    let told = timeout(Duration::from_secs(1), desk.listed(other)).await;
    assert_eq!(told, Ok(true), "nobody waits longer for a silent database");
    assert_eq!(list.listed(), HashSet::from([other]));
    assert_eq!(
        list.calls().last(),
        Some(&(1, 1)),
        "it may be there for all we know"
    );
}

#[tokio::test(start_paused = true)]
async fn what_has_ended_is_taken_off_before_the_desk_closes() {
    let (desk, list, clerk) = open();
    let event = begin(&desk, Durability::Sync);
    assert!(desk.listed(event).await);
    desk.ended([event]);
    clerk.finish().await;
    assert_eq!(list.listed(), HashSet::new());
}

#[tokio::test(start_paused = true)]
async fn a_request_that_lasts_does_not_make_the_desk_remember_all_that_came_after_it() {
    let (desk, list, _clerk) = open();
    list.next((0..100).map(|_| Fault::Fails));
    let _lasting = begin(&desk, Durability::Async);
    for _ in 0..10_000 {
        let event = begin(&desk, Durability::Async);
        desk.settled(event);
    }
    advance(Duration::from_secs(10)).await;
    let book = desk.book();
    assert!(book.order.len() < 2 * BATCH, "{}", book.order.len());
    assert_eq!((book.waiting.len(), book.listed.len()), (1, 0));
}
