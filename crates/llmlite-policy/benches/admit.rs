//! What it costs to admit and settle a request when all its leases are warm: four budgets, four
//! rates and a limit of parallel requests, among those of 500 keys, behind a mutex. First of the
//! limits alone, then of the whole engine, worst case, ids and records included.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark measures time, and says so"
)]

use std::{
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant, SystemTime},
};

use llmlite_core::{
    catalogue::{Catalogue, Lookup, ResidencyPolicy, ServedCatalogue, ServedModel},
    ids::{EventId, KeyId, LimitId},
    keys::{KeyGrant, ModelScope},
    limits::{Ceiling, Durability, Fit, Limit, Measure, Period, Rules, Scope, Subject},
    money::Nanodollars,
    ports::clock::Clock,
    quota::{Answer, BudgetAnswer, Call, PermitAnswer, RateAnswer},
    usage::{Ending, Tokens, UsageRecord},
};
use llmlite_policy::{
    Entry, Errand, Limiter, Messenger, Outcome, PolicyEngine, Settings, UsageSink, Use,
    estimate::{Facts, Floor},
    limiter::{Actual, Command, Verdict, Wish},
};

const KEYS: i64 = 500;
const ROUNDS: u32 = 1_000_000;
const PLENTY: i64 = 1 << 50;

fn main() {
    let mut limiter = Limiter::new(Settings::default());
    obey(&mut limiter, Duration::ZERO);
    let wishes: Vec<Wish> = (0..KEYS).map(wish).collect();
    for wish in &wishes {
        warm(&mut limiter, wish);
    }
    let limiter = Arc::new(Mutex::new(limiter));
    for threads in [1, 2] {
        let took = run(&limiter, &wishes, threads);
        let each = took.as_nanos() / u128::from(ROUNDS);
        println!("{threads} threads: {each} ns to admit and settle, with the lock");
    }
    let began = Instant::now();
    obey(
        &mut limiter.lock().expect("nobody panicked"),
        Duration::from_secs(1),
    );
    println!("a tick over {} leases: {:?}", KEYS * 9, began.elapsed());
    whole_engine();
}

/// The engine with all that it does but writing the records down.
fn whole_engine() {
    let tray = Arc::new(Tray::default());
    let engine = Arc::new(PolicyEngine::new(
        Settings::default(),
        Arc::new(Drain),
        Arc::clone(&tray) as _,
        Arc::new(Still(Instant::now())),
        "eu-west-2".into(),
    ));
    engine.tick();
    tray.answer(&engine);
    let model = model();
    let grants: Vec<KeyGrant> = (0..KEYS).map(grant).collect();
    for grant in &grants {
        if let Ok(Entry::Waits(waiting)) = engine.admit(grant, engine_wish(&model)) {
            tray.answer(&engine);
            drop(waiting);
        }
    }
    let began = Instant::now();
    for (_, grant) in (0..ROUNDS).zip(grants.iter().cycle()) {
        let Ok(Entry::Admitted(admission)) = engine.admit(grant, engine_wish(&model)) else {
            println!("not warm");
            return;
        };
        engine.settle(admission, OUTCOME);
    }
    let each = began.elapsed().as_nanos() / u128::from(ROUNDS);
    println!("whole engine: {each} ns to admit and settle");
}

const OUTCOME: Outcome = Outcome {
    used: Use::Counted(Tokens {
        input: 3,
        output: 1,
        cache_read: 0,
        cache_write_5m: 0,
        cache_write_1h: 0,
    }),
    ending: Ending::Complete,
    latency: Duration::ZERO,
    time_to_first_token: None,
    upstream_request_id: None,
};

fn engine_wish(model: &Arc<ServedModel>) -> llmlite_policy::Wish {
    llmlite_policy::Wish {
        request_id: "req_1".into(),
        model: Arc::clone(model),
        streamed: true,
        may_be_clamped: true,
        facts: Facts {
            body_bytes: 300,
            bytes_per_token: Floor::Two,
            images: 0,
            pdfs: 0,
            tools: false,
            max_tokens: 100,
            thinks: false,
            context_tokens: 200_000,
            cache: None,
        },
    }
}

fn model() -> Arc<ServedModel> {
    let all = Catalogue::embedded();
    let served = ServedCatalogue::new(&all, &ResidencyPolicy::default(), "eu-west-2");
    let served = served.expect("the embedded catalogue is tested");
    match served.find("claude-3-5-sonnet") {
        Some(Lookup::Served(model)) => Arc::clone(model),
        _ => Arc::clone(served.listed().first().expect("it has models")),
    }
}

fn grant(key: i64) -> KeyGrant {
    KeyGrant {
        key_id: KeyId(key),
        name: "bench".into(),
        user_id: None,
        team_id: None,
        models: ModelScope::All,
        expires_at: None,
        revoked_at: None,
        cut_streams: false,
        strict: false,
        rules: Arc::new(Rules::new(wish(key).rules.to_vec())),
    }
}

/// A clock that asks the machine for the monotonic time, and whose wall clock stands still.
struct Still(Instant);

impl Clock for Still {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    fn instant(&self) -> Instant {
        // Leases of rates are good for two seconds; the run takes longer.
        std::hint::black_box(Instant::now());
        self.0
    }
}

/// Takes records and forgets them.
struct Drain;

impl UsageSink for Drain {
    fn begin(&self, _: UsageRecord, _: Durability) -> bool {
        true
    }

    fn withdraw(&self, _: EventId) {}

    fn keep(&self, _: UsageRecord) {}

    fn has_room(&self) -> bool {
        true
    }
}

/// Keeps the call that is to be made.
#[derive(Default)]
struct Tray(Mutex<Option<Arc<Call>>>);

impl Messenger for Tray {
    fn carry(&self, errand: Errand) {
        if let Errand::Ask(call) = errand {
            *self.0.lock().expect("nobody panicked") = Some(call);
        }
    }
}

impl Tray {
    fn answer(&self, engine: &PolicyEngine) {
        let call = self.0.lock().expect("nobody panicked").take();
        if let Some(call) = call {
            engine.answered(&generous(&call));
        }
    }
}

fn run(limiter: &Mutex<Limiter>, wishes: &[Wish], threads: u32) -> Duration {
    let began = Instant::now();
    thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                for (round, wish) in (0..ROUNDS / threads).zip(wishes.iter().cycle()) {
                    let now = Duration::from_micros(u64::from(round / 10 + thread));
                    let admitted = limiter
                        .lock()
                        .expect("nobody panicked")
                        .admit(now, wish.clone());
                    let Verdict::Admitted(admitted) = admitted else {
                        println!("not warm: {admitted:?}");
                        return;
                    };
                    let actual = Actual::Used {
                        cost: Nanodollars(900),
                        tokens: 90,
                    };
                    let mut limiter = limiter.lock().expect("nobody panicked");
                    limiter.settle(now, admitted.ticket, actual);
                }
            });
        }
    });
    began.elapsed()
}

fn wish(key: i64) -> Wish {
    let measures = [
        Measure::Budget(Period::Day),
        Measure::Budget(Period::Week),
        Measure::Budget(Period::Month),
        Measure::Budget(Period::Lifetime),
        Measure::RequestsPerMinute,
        Measure::RequestsPerMinute,
        Measure::TokensPerMinute,
        Measure::TokensPerMinute,
        Measure::ParallelRequests,
    ];
    let rules = (0..).zip(measures).map(|(i, measure)| Limit {
        id: LimitId(key * 9 + i),
        scope: Scope {
            subject: Subject::Key(KeyId(key)),
            model: None,
        },
        measure,
        ceiling: Ceiling::At(PLENTY),
        raise: None,
        overdraft: Nanodollars::ZERO,
        fit: Fit::Deny,
        shadow: false,
        thresholds: Vec::new(),
        durability: None,
    });
    Wish {
        rules: rules.collect(),
        worst: Nanodollars(1_000),
        least: Nanodollars(100),
        tokens: 100,
    }
}

fn warm(limiter: &mut Limiter, wish: &Wish) {
    if let Verdict::Wait(need) = limiter.admit(Duration::ZERO, wish.clone()) {
        let call = need.ask.expect("no other call is under way");
        for command in limiter.answered(Duration::ZERO, &generous(&call)) {
            if let Command::Decide(_, Ok(admitted)) = command {
                limiter.settle(Duration::ZERO, admitted.ticket, Actual::NotSent);
            }
        }
    }
}

fn obey(limiter: &mut Limiter, now: Duration) {
    for command in limiter.tick(now) {
        if let Command::Ask(call) = command {
            let answer = generous(&call);
            for command in limiter.answered(now, &answer) {
                println!("one more: {command:?}");
            }
        }
    }
}

/// Grants everything, and more.
fn generous(call: &Call) -> Answer {
    let budgets = call.budgets.iter().map(|line| BudgetAnswer {
        account: line.account,
        ceiling: Ceiling::At(PLENTY),
        overdraft: 0,
        settled: 0,
        others: 0,
        left: PLENTY,
        granted: 1 << 40,
        drawn: 0,
    });
    let rates = call.rates.iter().map(|line| RateAnswer {
        limit: line.limit,
        ceiling: Ceiling::At(PLENTY),
        granted: 1 << 40,
        slot: 900_000_000,
        left: PLENTY,
        frees: None,
    });
    let permits = call.permits.iter().map(|line| PermitAnswer {
        limit: line.limit,
        ceiling: Ceiling::At(PLENTY),
        held: 1_000,
        others: 0,
    });
    Answer {
        number: call.number,
        clock: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        live: 5,
        budgets: budgets.collect(),
        rates: rates.collect(),
        permits: permits.collect(),
        recalled: Vec::new(),
    }
}
