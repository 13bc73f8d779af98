//! Requests, the store and the ledger at the same time, in many orders of their steps.
//!
//! All that threads share is behind one mutex, so what can go wrong between them is decided by
//! who gets it next: the scheduler of the test chooses that anew each time.

use std::{
    cell::Cell,
    future::Future,
    pin::pin,
    sync::atomic::{AtomicU64, AtomicUsize},
    task::{Context, Waker},
};

use llmlite_core::{
    limits::{Ceiling, Fit, Period, Rules, Scope, Subject},
    quota::{BudgetAnswer, BudgetLine, PermitAnswer},
};
use shuttle::thread;

use super::*;

/// What a request of these tests can cost: 500 tokens of input, 100 of output.
const WORST: i64 = 500 * 3_000 + 100 * 15_000;
/// What it does cost: 10 tokens of input, 2 of output.
const COST: i64 = 10 * 3_000 + 2 * 15_000;
/// Two of three requests fit at a time.
const CEILING: i64 = 2 * WORST;
const CLIENTS: usize = 3;

thread_local! {
    static RACES: Cell<bool> = const { Cell::new(false) };
}

/// Lets another thread go first, where a race is being tried.
pub(in crate::engine) fn before_lock() {
    if RACES.get() {
        step();
    }
}

/// A look at an atomic is a step between which threads take turns. A yield would be one too, but it
/// wakes a task that is about to sleep, and so hides wake-ups that are lost.
fn step() {
    shuttle::sync::atomic::AtomicBool::new(false).load(Ordering::SeqCst);
}

/// A clock that is moved on by hand.
struct Hand {
    began: Instant,
    millis: AtomicU64,
}

impl Clock for Hand {
    fn now(&self) -> SystemTime {
        MIDNIGHT + Duration::from_millis(self.millis.load(Ordering::Relaxed))
    }

    fn instant(&self) -> Instant {
        self.began + Duration::from_millis(self.millis.load(Ordering::Relaxed))
    }
}

/// The store's side of one budget, and of one limit of parallel requests.
#[derive(Default)]
struct Till {
    settled: i64,
    held: i64,
    drawn: i64,
    calls: u64,
}

impl Till {
    fn answer(&mut self, call: &Call) -> Answer {
        assert_eq!(call.number, self.calls + 1, "one call at a time");
        self.calls = call.number;
        let permits = call.permits.iter().map(|line| PermitAnswer {
            limit: line.limit,
            ceiling: Ceiling::At(2),
            held: line.hold.min(2),
            others: 0,
        });
        Answer {
            number: call.number,
            clock: UNIX_EPOCH + Duration::from_secs(1_800_000_000),
            live: 1,
            budgets: call.budgets.iter().map(|line| self.budget(line)).collect(),
            rates: Vec::new(),
            permits: permits.collect(),
            recalled: Vec::new(),
        }
    }

    fn budget(&mut self, line: &BudgetLine) -> BudgetAnswer {
        assert!(line.give <= self.held, "more came back than was leased");
        let left = CEILING - self.settled - self.held;
        let grows = if line.give > 0 || left < line.least || left <= 0 {
            0
        } else {
            line.ask.min(left).max(line.want.min(left / 2))
        };
        self.held += grows - line.give;
        BudgetAnswer {
            account: line.account,
            ceiling: Ceiling::At(CEILING),
            overdraft: 0,
            settled: self.settled,
            others: 0,
            left: CEILING - self.settled - self.held,
            granted: self.held + self.drawn,
            drawn: self.drawn,
        }
    }

    fn charge(&mut self, cost: i64) {
        assert!(cost <= self.held, "more was spent than was leased");
        self.settled += cost;
        self.held -= cost;
        self.drawn += cost;
    }
}

/// One run: three clients, and a store that now and then does not answer.
struct Race {
    engine: Arc<PolicyEngine>,
    kept: Arc<Kept>,
    pad: Arc<Pad>,
    clock: Arc<Hand>,
    grant: KeyGrant,
    admitted: AtomicUsize,
    left: AtomicUsize,
}

impl Race {
    fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "any moment will do")]
        let began = Instant::now();
        let clock = Arc::new(Hand {
            began,
            millis: AtomicU64::new(0),
        });
        let (engine, kept, pad) = engine_with(Arc::clone(&clock) as _);
        let money = limit(1, Measure::Budget(Period::Lifetime), CEILING);
        let parallel = limit(2, Measure::ParallelRequests, 2);
        Self {
            engine,
            kept,
            pad,
            clock,
            grant: KeyGrant {
                rules: Arc::new(Rules::new(vec![money, parallel])),
                ..grant()
            },
            admitted: AtomicUsize::new(0),
            left: AtomicUsize::new(0),
        }
    }

    /// Waits for its verdict, and runs.
    fn stays(&self) {
        let wish = wish();
        let entry = self.engine.admit(&self.grant, wish);
        let verdict = entry.and_then(|entry| shuttle::future::block_on(entry.verdict()));
        if let Ok(admission) = verdict {
            self.admitted.fetch_add(1, Ordering::Relaxed);
            step();
            let tokens = Tokens {
                input: 10,
                output: 2,
                ..Tokens::default()
            };
            self.engine.settle(admission, outcome(Use::Counted(tokens)));
        }
        self.left.fetch_add(1, Ordering::Relaxed);
    }

    /// Looks for its verdict once, and leaves.
    fn leaves(&self) {
        let verdict = match self.engine.admit(&self.grant, wish()) {
            Ok(Entry::Waits(waiting)) => {
                let mut context = Context::from_waker(Waker::noop());
                pin!(waiting).poll(&mut context)
            }
            Ok(Entry::Admitted(admission)) => Poll::Ready(Ok(admission)),
            Err(denial) => Poll::Ready(Err(denial)),
        };
        if let Poll::Ready(Ok(admission)) = verdict {
            self.engine.settle(admission, outcome(Use::NotSent));
        }
        self.left.fetch_add(1, Ordering::Relaxed);
    }

    /// Answers, writes down and ticks until everything has been given back.
    fn serves(&self) -> Till {
        let mut till = Till::default();
        let mut draining = false;
        while !self.engine.is_drained() {
            if self.left.load(Ordering::Relaxed) == CLIENTS && !draining {
                draining = true;
                self.engine.drain();
            }
            for call in self.calls() {
                if call.number % 5 == 3 {
                    till.calls = call.number;
                    self.engine.failed(call.number, QuotaFailure::NotDone);
                } else {
                    self.engine.answered(&till.answer(&call));
                }
            }
            let records = mem::take(&mut *self.kept.records.lock().unwrap());
            for record in &records {
                till.charge(record.cost.0);
            }
            self.engine.acknowledged(&records);
            self.clock.millis.fetch_add(40, Ordering::Relaxed);
            self.engine.tick();
        }
        till
    }

    fn calls(&self) -> Vec<Arc<Call>> {
        let errands = mem::take(&mut *self.pad.0.lock().unwrap());
        let calls = errands.into_iter().filter_map(|errand| match errand {
            Errand::Ask(call) => Some(call),
            Errand::Announce(_) | Errand::Hurry => None,
        });
        calls.collect()
    }
}

fn limit(id: i64, measure: Measure, ceiling: i64) -> Limit {
    Limit {
        id: LimitId(id),
        scope: Scope {
            subject: Subject::Key(KeyId(1)),
            model: None,
        },
        measure,
        ceiling: Ceiling::At(ceiling),
        raise: None,
        overdraft: Nanodollars::ZERO,
        fit: Fit::Deny,
        shadow: false,
        thresholds: Vec::new(),
        durability: None,
    }
}

fn race() {
    let race = Arc::new(Race::new());
    let clients: [fn(&Race); CLIENTS] = [Race::stays, Race::leaves, Race::stays];
    let clients = clients.map(|client| {
        let race = Arc::clone(&race);
        thread::spawn(move || client(&race))
    });
    let till = race.serves();
    clients
        .into_iter()
        .for_each(|client| client.join().unwrap());
    let admitted = i64::try_from(race.admitted.load(Ordering::Relaxed)).unwrap();
    assert_eq!(till.settled, admitted * COST, "each is charged once");
    assert_eq!(till.held, 0, "everything went back");
    assert!(
        race.engine.state().seats.is_empty(),
        "no verdict is left lying"
    );
    let begun = race.kept.begun.lock().unwrap().len();
    let withdrawn = race.kept.withdrawn.lock().unwrap().len();
    assert_eq!(begun, race.admitted.load(Ordering::Relaxed) + withdrawn);
}

#[test]
fn in_whatever_order_threads_take_turns_each_request_has_one_verdict_and_one_charge() {
    RACES.set(true);
    shuttle::check_random(race, 2_000);
}
