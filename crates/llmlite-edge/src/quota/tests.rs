use std::time::{SystemTime, UNIX_EPOCH};

use llmlite_core::{
    catalogue::{Catalogue, Lookup, ResidencyPolicy, ServedCatalogue, ServedModel},
    ids::KeyId,
    keys::KeyGrant,
    limits::{Ceiling, Fit, Limit, Measure, Percent, Period, Rules, Scope, Subject},
    money::Nanodollars,
    ports::clock::Clock,
    usage::{Ending, Tokens},
};
use llmlite_policy::{
    Admission, Denial, Entry, Outcome, Settings, Use, Waiting, Wish, estimate,
    limiter::{Reason, Refusal},
};
use llmlite_testkit::{Fault, MemoryAlerts, MemoryQuota, MemoryStore, build::a_grant};

use super::*;
use crate::ledger::{JournalFull, Keeping, Running, queue};

const LIMIT: LimitId = LimitId(7);
const DOLLAR: i64 = 1_000_000_000;

/// Both clocks go with tokio's, which stands still unless everybody waits.
struct TokioClock(Instant);

impl Clock for TokioClock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000) + self.0.elapsed()
    }

    fn instant(&self) -> std::time::Instant {
        Instant::now().into_std()
    }
}

/// A driver at work between an engine and a store in memory.
struct Shop {
    engine: Arc<PolicyEngine>,
    store: Arc<MemoryQuota>,
    alerts: Arc<MemoryAlerts>,
    writer: Running,
    driver: Driver,
    stop: Stop,
    grant: KeyGrant,
    model: Arc<ServedModel>,
}

impl Shop {
    /// With a budget of that many nanodollars.
    fn open(ceiling: i64) -> Self {
        let clock = Arc::new(TokioClock(Instant::now()));
        let rows = Arc::new(MemoryStore::new(clock.clone()));
        let store = Arc::new(MemoryQuota::new(clock.clone(), rows));
        store.set(LIMIT, Ceiling::At(ceiling));
        let instance = store.instance();
        let measures = Arc::new(Measures::of_this_process());
        let keeping = Keeping {
            journal: None,
            when_full: JournalFull::Continue,
            room: 1_000,
            measures: Arc::clone(&measures),
        };
        let (queue, writer) = queue(keeping, store.clone(), instance);
        let (outbox, inbox) = errands();
        let engine = Arc::new(PolicyEngine::new(
            Settings::default(),
            Arc::new(queue),
            Arc::new(outbox),
            clock,
            "eu-west-2".into(),
        ));
        let alerts = Arc::new(MemoryAlerts::default());
        let office = Office {
            engine: Arc::clone(&engine),
            store: store.clone(),
            instance,
            alerts: alerts.clone(),
            measures,
        };
        let stop = Stop::new();
        Self {
            writer: writer.start(Arc::clone(&engine)),
            driver: office.open(inbox, stop.clone()),
            engine,
            store,
            alerts,
            stop,
            grant: bound_by(ceiling),
            model: model(),
        }
    }

    /// One that has heard of its store.
    async fn ready(ceiling: i64) -> Self {
        let shop = Self::open(ceiling);
        until(|| shop.engine.is_ready()).await;
        shop
    }

    fn ask(&self) -> Result<Entry, Denial> {
        let wish = Wish {
            request_id: "req_1".into(),
            model: Arc::clone(&self.model),
            streamed: false,
            may_be_clamped: false,
            facts: FACTS,
        };
        self.engine.admit(&self.grant, wish)
    }

    #[track_caller]
    fn waits(&self) -> Waiting {
        match self.ask() {
            Ok(Entry::Waits(waiting)) => waiting,
            other => panic!("{other:?}"),
        }
    }

    async fn admit(&self) -> Result<Admission, Denial> {
        self.ask()?.verdict().await
    }

    fn finish(&self, admission: Admission, cost_in_tokens: u64) {
        let used = match cost_in_tokens {
            0 => Use::NotSent,
            output => Use::Counted(Tokens {
                output,
                ..Tokens::default()
            }),
        };
        let outcome = Outcome {
            used,
            ending: Ending::Complete,
            latency: Duration::ZERO,
            time_to_first_token: None,
            upstream_request_id: None,
        };
        self.engine.settle(admission, outcome);
    }

    fn reserved(&self) -> i64 {
        let books = self.engine.books();
        books.iter().map(|books| books.reserved).sum()
    }

    /// Calls that asked for money.
    fn asked(&self) -> usize {
        let calls = self.store.calls();
        let asks = |call: &&Call| call.budgets.iter().any(|line| line.ask > 0);
        calls.iter().filter(asks).count()
    }

    /// Ends everything; returns whether all leases have gone back.
    async fn close(self) -> bool {
        assert_eq!(self.writer.finish(Duration::from_secs(5)).await, 0);
        self.driver.finish(Duration::from_secs(5)).await
    }
}

const FACTS: estimate::Facts = estimate::Facts {
    body_bytes: 1_000,
    bytes_per_token: estimate::Floor::Two,
    images: 0,
    pdfs: 0,
    tools: false,
    max_tokens: 100,
    thinks: false,
    context_tokens: 200_000,
    cache: None,
};

fn model() -> Arc<ServedModel> {
    let all = Catalogue::embedded();
    let served = ServedCatalogue::new(&all, &ResidencyPolicy::default(), "eu-west-2").unwrap();
    match served.find("claude-3-5-sonnet") {
        Some(Lookup::Served(model)) => Arc::clone(model),
        other => panic!("{other:?}"),
    }
}

fn bound_by(ceiling: i64) -> KeyGrant {
    let budget = Limit {
        id: LIMIT,
        scope: Scope {
            subject: Subject::Key(KeyId(1)),
            model: None,
        },
        measure: Measure::Budget(Period::Month),
        ceiling: Ceiling::At(ceiling),
        raise: None,
        overdraft: Nanodollars::ZERO,
        fit: Fit::Deny,
        shadow: false,
        thresholds: vec![Percent::try_from(50).unwrap()],
        durability: None,
    };
    KeyGrant {
        rules: Arc::new(Rules::new(vec![budget])),
        ..a_grant()
    }
}

/// Waits until it is so; time passes meanwhile.
async fn until(so: impl Fn() -> bool) {
    timeout(Duration::from_secs(60), async {
        while !so() {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("it is so within a minute");
}

#[track_caller]
fn refused(verdict: Result<Admission, Denial>) -> Box<Refusal> {
    match verdict {
        Err(Denial::Limited(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_share_one_call_and_there_is_never_a_second() {
    let shop = Shop::ready(DOLLAR).await;
    shop.store.next(Fault::Freezes);
    let first = shop.waits();
    until(|| shop.asked() == 1).await;
    let others: Vec<Waiting> = (0..50).map(|_| shop.waits()).collect();
    shop.store.thaw();
    let mut admitted = vec![first.await.unwrap()];
    for waiting in others {
        admitted.push(waiting.await.unwrap());
    }
    assert_eq!((shop.asked(), shop.store.busiest()), (2, 1));
    for admission in admitted {
        shop.finish(admission, 0);
    }
    assert!(shop.close().await);
}

#[tokio::test(start_paused = true)]
async fn a_budget_is_spent_to_its_end_and_not_beyond() {
    let worst = estimate::worst(&FACTS, &model().prices).0;
    let shop = Shop::ready(3 * worst).await;
    let mut admitted = Vec::new();
    for _ in 0..3 {
        admitted.push(shop.admit().await.unwrap());
    }
    let refusal = refused(shop.admit().await);
    assert_eq!(refusal.reason, Reason::Exhausted);
    for admission in admitted {
        shop.finish(admission, 1);
    }
    // What they did not use is there for others, as soon as the ledger has them.
    let again = shop.admit().await.unwrap();
    shop.finish(again, 0);
    assert!(shop.close().await);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_while_it_waits_takes_nothing() {
    let shop = Shop::ready(DOLLAR).await;
    shop.store.next(Fault::Freezes);
    let leaves = shop.waits();
    until(|| shop.asked() == 1).await;
    drop(leaves);
    shop.store.thaw();
    until(|| shop.engine.books().iter().any(|books| books.avail > 0)).await;
    assert_eq!(shop.reserved(), 0);
    assert!(shop.close().await);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_patience_allows_whatever_the_store_does() {
    for fault in [
        Fault::Silence,
        Fault::AnswerLost,
        Fault::Fails(QuotaFailure::Unknown),
        Fault::Fails(QuotaFailure::NotDone),
    ] {
        let shop = Shop::ready(DOLLAR).await;
        for _ in 0..10 {
            shop.store.next(fault);
        }
        let began = Instant::now();
        let refusal = refused(shop.admit().await);
        assert_eq!(refusal.reason, Reason::StoreAway, "{fault:?}");
        let waited = began.elapsed();
        assert!(
            waited <= Duration::from_millis(310),
            "{fault:?}: {waited:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_panics_was_in_vain_and_the_next_is_made() {
    let shop = Shop::ready(DOLLAR).await;
    shop.store.next(Fault::Panics);
    // What it asked for is in doubt, so it may be told to come again.
    let first = shop.admit().await;
    until(|| shop.store.calls().len() >= 3).await;
    let second = shop.admit().await.unwrap();
    shop.finish(second, 0);
    if let Ok(admission) = first {
        shop.finish(admission, 0);
    }
    assert!(shop.close().await);
}

#[tokio::test(start_paused = true)]
async fn while_the_store_is_away_the_lease_is_spent_and_then_nothing() {
    let shop = Shop::ready(1_000 * DOLLAR).await;
    let first = shop.admit().await.unwrap();
    shop.finish(first, 100);
    // The lease grows with what is spent.
    until(|| shop.engine.books().iter().any(|books| books.avail > 0)).await;
    shop.store.set_down(true);
    until(|| shop.engine.is_degraded()).await;
    let mut admitted = Vec::new();
    let refusal = loop {
        match shop.admit().await {
            Ok(admission) => admitted.push(admission),
            Err(Denial::Limited(refusal)) => break refusal,
            Err(other) => panic!("{other:?}"),
        }
        assert!(admitted.len() < 100_000, "the lease never ends");
    };
    assert_eq!(refusal.reason, Reason::StoreAway);
    assert!(!admitted.is_empty());
    shop.store.set_down(false);
    for admission in admitted {
        shop.finish(admission, 0);
    }
    until(|| !shop.engine.is_degraded()).await;
    assert!(shop.close().await);
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_was_raised_lets_through_at_once_who_was_refused_before() {
    let shop = Shop::ready(10).await;
    refused(shop.admit().await);
    shop.store.set(LIMIT, Ceiling::At(DOLLAR));
    Changes(Arc::clone(&shop.engine)).changed(&[Change::Limit {
        id: LIMIT,
        subject: Subject::Key(KeyId(1)),
    }]);
    let admission = shop.admit().await.unwrap();
    shop.finish(admission, 0);
    assert!(shop.close().await);
}

#[tokio::test(start_paused = true)]
async fn a_threshold_is_told_once_also_when_the_store_was_away_meanwhile() {
    let worst = estimate::worst(&FACTS, &model().prices).0;
    let shop = Shop::ready(2 * worst).await;
    shop.store.fail_announcements(3);
    let admission = shop.admit().await.unwrap();
    // All that it may cost: half of the budget.
    shop.finish(admission, 200);
    until(|| !shop.alerts.heard().is_empty()).await;
    sleep(Duration::from_secs(30)).await;
    let heard = shop.alerts.heard();
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0].account.limit, LIMIT);
    assert!(shop.close().await);
}

#[tokio::test(start_paused = true)]
async fn an_instance_whose_leases_were_closed_stops() {
    let shop = Shop::ready(DOLLAR).await;
    let ready = LimitsReady(Arc::clone(&shop.engine));
    assert_eq!(ready.check().await, Ok(()));
    shop.store.fence(InstanceId(1));
    shop.stop.stopping().await;
    assert!(shop.engine.is_fenced());
    assert!(ready.check().await.is_err());
    refused(shop.admit().await);
    let began = Instant::now();
    assert!(!shop.close().await);
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "it does not wait for nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn at_the_end_everything_is_given_back_and_the_store_is_asked_no_more() {
    let shop = Shop::ready(DOLLAR).await;
    for _ in 0..5 {
        let admission = shop.admit().await.unwrap();
        shop.finish(admission, 40);
    }
    let (engine, store) = (Arc::clone(&shop.engine), Arc::clone(&shop.store));
    assert!(shop.close().await);
    let held = |engine: &PolicyEngine| {
        engine
            .books()
            .iter()
            .map(|books| books.granted)
            .sum::<i64>()
    };
    assert_eq!(held(&engine), 0);
    let calls = store.calls().len();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(store.calls().len(), calls);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_at_the_end_does_not_hold_it_up() {
    let shop = Shop::ready(DOLLAR).await;
    let admission = shop.admit().await.unwrap();
    shop.finish(admission, 0);
    shop.store.set_down(true);
    let began = Instant::now();
    assert!(!shop.close().await);
    assert!(began.elapsed() <= Duration::from_secs(6));
}
