use std::time::{Duration, SystemTime};

use llmlite_core::{
    ids::TeamId,
    limits::{Fit, Percent, Period, Scope, Subject},
    ports::quota::QuotaFailure,
};

use super::*;
use desk::Desk;

mod changes;
mod desk;
mod leases;
mod outages;
mod rates;
mod refusals;

const BUDGET: LimitId = LimitId(1);
const OTHER_BUDGET: LimitId = LimitId(2);
const RPM: LimitId = LimitId(3);
const TPM: LimitId = LimitId(4);
const PARALLEL: LimitId = LimitId(5);

fn limit(id: LimitId, measure: Measure, ceiling: i64) -> Limit {
    Limit {
        id,
        scope: Scope {
            subject: Subject::Team(TeamId(7)),
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

fn budget(ceiling: i64) -> Limit {
    limit(BUDGET, Measure::Budget(Period::Day), ceiling)
}

fn rpm(ceiling: i64) -> Limit {
    limit(RPM, Measure::RequestsPerMinute, ceiling)
}

fn tpm(ceiling: i64) -> Limit {
    limit(TPM, Measure::TokensPerMinute, ceiling)
}

fn parallel(ceiling: i64) -> Limit {
    limit(PARALLEL, Measure::ParallelRequests, ceiling)
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn cost(n: i64) -> Actual {
    Actual::Used {
        cost: Nanodollars(n),
        tokens: 0,
    }
}
