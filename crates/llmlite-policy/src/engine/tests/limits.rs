//! Limits, as a request meets them: what it waits for, and what becomes of it.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Wake},
};

use llmlite_core::{
    limits::{Ceiling, Fit, Period, Rules, Scope, Subject},
    quota::{BudgetAnswer, RateAnswer},
};

use super::*;
use crate::limiter::{Frees, Reason};

/// A dollar in nanodollars.
const DOLLAR: i64 = 1_000_000_000;
/// What a request of these tests can cost: 500 tokens of input, 100 of output.
const WORST: i64 = 500 * 3_000 + 100 * 15_000;

fn limit(id: i64, measure: Measure) -> Limit {
    Limit {
        id: LimitId(id),
        scope: Scope {
            subject: Subject::Key(KeyId(1)),
            model: None,
        },
        measure,
        ceiling: Ceiling::At(DOLLAR),
        raise: None,
        overdraft: Nanodollars::ZERO,
        fit: Fit::Deny,
        shadow: false,
        thresholds: Vec::new(),
        durability: None,
    }
}

fn budget() -> Limit {
    limit(7, Measure::Budget(Period::Lifetime))
}

fn bound_by(limits: &[Limit]) -> KeyGrant {
    KeyGrant {
        rules: Arc::new(Rules::new(limits.to_vec())),
        ..grant()
    }
}

/// A store that has `left` of every limit, and gives all that is asked for as far as that goes.
fn answer(call: &Call, left: i64) -> Answer {
    let budgets = call.budgets.iter().map(|line| {
        let granted = if left < line.least {
            0
        } else {
            line.ask.min(left)
        };
        BudgetAnswer {
            account: line.account,
            ceiling: Ceiling::At(DOLLAR),
            overdraft: 0,
            settled: DOLLAR - left,
            others: 0,
            left: left - granted,
            granted,
            drawn: 0,
        }
    });
    let rates = call.rates.iter().map(|line| RateAnswer {
        limit: line.limit,
        ceiling: Ceiling::At(DOLLAR),
        granted: line.ask,
        slot: 900_000_000,
        left,
        frees: None,
    });
    Answer {
        number: call.number,
        clock: UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        live: 1,
        budgets: budgets.collect(),
        rates: rates.collect(),
        permits: Vec::new(),
        recalled: Vec::new(),
    }
}

/// An engine that has heard of the store, and what is around it.
struct Desk {
    engine: Arc<PolicyEngine>,
    kept: Arc<Kept>,
    pad: Arc<Pad>,
}

impl Desk {
    fn new() -> Self {
        let (engine, kept, pad) = engine_with(Arc::new(Noon));
        let desk = Self { engine, kept, pad };
        assert!(!desk.engine.is_ready());
        desk.engine.tick();
        desk.hear(0);
        assert!(desk.engine.is_ready());
        desk
    }

    /// Lets the store, which has so much left, answer the call under way.
    fn hear(&self, left: i64) {
        self.engine.answered(&answer(&self.pad.call(), left));
    }

    #[track_caller]
    fn waits(&self, grant: &KeyGrant, wish: Wish) -> Waiting {
        match self.engine.admit(grant, wish) {
            Ok(Entry::Waits(waiting)) => waiting,
            other => panic!("{other:?}"),
        }
    }

    fn reserved(&self) -> i64 {
        let books = self.engine.books();
        books.iter().map(|books| books.reserved).sum()
    }

    /// Asks, and lets the store answer that has so much left.
    fn admit(&self, grant: &KeyGrant, wish: Wish, left: i64) -> Result<Admission, Denial> {
        let waiting = self.waits(grant, wish);
        self.hear(left);
        verdict(waiting).expect("it has its verdict")
    }

    fn finish(&self, admission: Admission, used: Use) {
        self.engine.settle(admission, outcome(used));
    }
}

struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn verdict(waiting: Waiting) -> Option<Result<Admission, Denial>> {
    let bell = Arc::new(Bell(AtomicBool::new(false))).into();
    match pin!(waiting).poll(&mut Context::from_waker(&bell)) {
        Poll::Ready(verdict) => Some(verdict),
        Poll::Pending => None,
    }
}

#[test]
fn a_cold_budget_is_asked_for_once_and_a_warm_one_not_at_all() {
    let desk = Desk::new();
    let grant = bound_by(&[budget()]);
    let admission = desk.admit(&grant, wish(), DOLLAR).unwrap();
    assert_eq!(admission.amount(), Nanodollars(WORST));
    desk.finish(admission, Use::Refused);
    desk.pad.0.lock().unwrap().clear();
    let again = admit(&desk.engine, &grant, wish()).unwrap();
    assert!(desk.pad.0.lock().unwrap().is_empty());
    desk.finish(again, Use::NotSent);
    assert_eq!(desk.reserved(), 0);
}

#[test]
fn whoever_waits_is_woken_by_the_verdict() {
    let desk = Desk::new();
    let mut waiting = pin!(desk.waits(&bound_by(&[budget()]), wish()));
    let bell = Arc::new(Bell(AtomicBool::new(false)));
    let waker = Arc::clone(&bell).into();
    let mut context = Context::from_waker(&waker);
    assert!(waiting.as_mut().poll(&mut context).is_pending());
    desk.hear(DOLLAR);
    assert!(bell.0.load(Ordering::Relaxed));
    match waiting.poll(&mut context) {
        Poll::Ready(Ok(admission)) => desk.finish(admission, Use::NotSent),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_client_that_leaves_while_it_waits_takes_nothing() {
    let desk = Desk::new();
    let grant = bound_by(&[budget()]);
    let before = desk.waits(&grant, wish());
    let call = desk.pad.call();
    let after = desk.waits(&grant, wish());
    drop(before);
    desk.engine.answered(&answer(&call, DOLLAR));
    assert_eq!(desk.reserved(), WORST, "of the one that still waits");
    drop(after);
    assert_eq!(desk.reserved(), 0);
    assert!(desk.kept.begun.lock().unwrap().is_empty());
    assert!(desk.engine.state().seats.is_empty());
}

#[test]
fn a_used_up_budget_refuses_and_then_without_reading_or_asking() {
    let desk = Desk::new();
    let grant = bound_by(&[budget()]);
    assert_eq!(desk.engine.check_limits(&grant), Ok(()));
    let denial = desk.admit(&grant, wish(), 0).unwrap_err();
    let Denial::Limited(refusal) = &denial else {
        panic!("{denial:?}");
    };
    assert_eq!(refusal.reason, Reason::Exhausted);
    assert_eq!(refusal.frees, Frees::Never);
    let limit = refusal.limit.as_ref().unwrap();
    assert_eq!((limit.id, limit.used), (LimitId(7), DOLLAR));
    assert_eq!(limit.asked, WORST);
    let again = desk.engine.check_limits(&grant);
    assert!(matches!(again, Err(Denial::Limited(_))));
    assert!(desk.engine.admit(&grant, wish()).is_err());
    assert_eq!(desk.engine.check_limits(&super::grant()), Ok(()));
}

#[test]
fn a_budget_that_clamps_shortens_the_answer_unless_that_is_not_wanted() {
    let clamps = Limit {
        fit: Fit::Clamp,
        ..budget()
    };
    let grant = bound_by(&[clamps]);
    let long = |may_be_clamped| {
        let mut wish = wish();
        wish.facts.max_tokens = 4_000;
        wish.may_be_clamped = may_be_clamped;
        wish
    };
    // Enough for the input and a thousand tokens of output.
    let left = 500 * 3_000 + 1_000 * 15_000 + 14_999;
    let desk = Desk::new();
    let admission = desk.admit(&grant, long(true), left).unwrap();
    assert!(admission.is_clamped());
    assert_eq!(admission.facts().max_tokens, 1_000);
    let facts = |body_bytes| estimate::Facts {
        body_bytes,
        ..*admission.facts()
    };
    assert_eq!(admission.affordable_output(&facts(1_000)), Some(1_000));
    assert_eq!(admission.affordable_output(&facts(1_040)), Some(996));
    assert_eq!(desk.kept.begun.lock().unwrap()[0].tokens.output, 1_000);
    desk.finish(admission, Use::Abandoned { counted: None });
    let cost = desk.kept.records.lock().unwrap()[0].cost;
    assert_eq!(cost, Nanodollars(left - 14_999));

    assert!(Desk::new().admit(&grant, long(false), left).is_err());
}

#[test]
fn a_request_is_noted_before_it_runs_and_ends_once() {
    let desk = Desk::new();
    let grant = bound_by(&[budget()]);
    let admission = desk.admit(&grant, wish(), DOLLAR).unwrap();
    let id = admission.event_id();
    let begun = desk.kept.begun.lock().unwrap()[0].clone();
    assert_eq!((begun.event_id, begun.cost), (id, Nanodollars(WORST)));
    assert!(begun.estimated);
    assert_eq!(begun.accounts[0].limit, LimitId(7));

    let tokens = Tokens {
        input: 10,
        output: 2,
        ..Tokens::default()
    };
    desk.finish(admission, Use::Counted(tokens));
    let record = desk.kept.records.lock().unwrap()[0].clone();
    assert_eq!(record.accounts, begun.accounts);
    assert_eq!((record.event_id, record.cost), (id, Nanodollars(60_000)));
    let books = || desk.engine.books()[0];
    assert_eq!((books().reserved, books().pending), (0, 60_000));
    desk.engine.acknowledged(&[record]);
    assert_eq!(books().pending, 0);
    assert!(desk.kept.withdrawn.lock().unwrap().is_empty());
}

#[test]
fn a_request_that_never_reached_bedrock_is_withdrawn() {
    let desk = Desk::new();
    let grant = bound_by(&[budget()]);
    let admission = desk.admit(&grant, wish(), DOLLAR).unwrap();
    let id = admission.event_id();
    desk.finish(admission, Use::NotSent);
    assert_eq!(*desk.kept.withdrawn.lock().unwrap(), [id]);
    assert_eq!(desk.reserved(), 0);
}

#[test]
fn what_cannot_be_noted_does_not_run_and_holds_nothing() {
    let desk = Desk::new();
    let grant = bound_by(&[budget()]);
    desk.kept.refuses.store(true, Ordering::Relaxed);
    let denied = desk.admit(&grant, wish(), DOLLAR);
    assert_eq!(denied.unwrap_err(), Denial::LedgerFull);
    assert_eq!(desk.reserved(), 0);
    let denied = admit(&desk.engine, &grant, wish());
    assert_eq!(denied.unwrap_err(), Denial::LedgerFull);
    assert_eq!(desk.reserved(), 0);
}

#[test]
fn a_rate_of_tokens_is_asked_for_the_usual_answer_of_key_and_model() {
    let desk = Desk::new();
    let grant = bound_by(&[limit(8, Measure::TokensPerMinute)]);
    let wish = || {
        let mut wish = wish();
        wish.facts.max_tokens = 4_000;
        wish
    };
    let input = 334;
    let first = desk.admit(&grant, wish(), DOLLAR).unwrap();
    assert_eq!(first.tokens(), input + 4_000);
    let counted = Tokens {
        input: 400,
        output: 600,
        cache_read: 5_000,
        ..Tokens::default()
    };
    desk.finish(first, Use::Counted(counted));
    let second = match desk.engine.admit(&grant, wish()).unwrap() {
        Entry::Admitted(admission) => admission,
        Entry::Waits(waiting) => {
            desk.hear(DOLLAR);
            verdict(waiting).unwrap().unwrap()
        }
    };
    assert_eq!(second.tokens(), input + 767);
    desk.finish(second, Use::NotSent);
}

#[test]
fn an_engine_that_drains_or_was_fenced_admits_nothing() {
    let free = grant();
    let drains = Desk::new();
    drains.engine.drain();
    let checked = drains.engine.check_limits(&free);
    assert!(matches!(checked, Err(Denial::Limited(r)) if r.reason == Reason::Draining));
    assert!(drains.engine.admit(&free, wish()).is_err());

    let fenced = Desk::new();
    let waiting = fenced.waits(&bound_by(&[budget()]), wish());
    let call = fenced.pad.call();
    fenced.engine.failed(call.number, QuotaFailure::Fenced);
    assert!(fenced.engine.is_fenced());
    assert!(verdict(waiting).expect("it has its verdict").is_err());
    assert!(fenced.engine.admit(&free, wish()).is_err());
    assert!(fenced.engine.check_limits(&free).is_err());
}
