//! What it costs to admit and settle a request when all its leases are warm: four budgets, four
//! rates and a limit of parallel requests, among those of 500 keys, behind a mutex.

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
    ids::{KeyId, LimitId},
    limits::{Ceiling, Fit, Limit, Measure, Period, Scope, Subject},
    money::Nanodollars,
    quota::{Answer, BudgetAnswer, Call, PermitAnswer, RateAnswer},
};
use llmlite_policy::{
    Limiter, Settings,
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
