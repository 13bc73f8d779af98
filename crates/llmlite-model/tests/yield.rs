//! Limits are not only kept, but used: what five instances together let through of what they may.

use llmlite_core::{
    ids::LimitId,
    limits::{Ceiling, Fit, Limit, Measure, Period, Scope, Subject},
    money::Nanodollars,
};
use llmlite_model::{Figures, overload};

fn limit(measure: Measure, ceiling: i64) -> Limit {
    Limit {
        id: LimitId(1),
        scope: Scope {
            subject: Subject::Organisation,
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

#[track_caller]
fn figures(seed: u64, measure: Measure, ceiling: i64, worst: i64) -> Figures {
    overload(seed, limit(measure, ceiling), worst).expect("every promise is kept")
}

/// In 310 seconds five rings pass.
#[track_caller]
fn check_rate(ceiling: i64, at_least: i64) {
    for seed in 0..5 {
        let figures = figures(seed, Measure::RequestsPerMinute, ceiling, 1);
        let admitted = i64::try_from(figures.admitted).expect("it is a number of requests");
        let share = admitted * 1_000 / (ceiling * 5);
        assert!(
            share >= at_least,
            "{share} of a thousand at {ceiling}: {figures:?}"
        );
    }
}

#[test]
fn almost_all_of_a_rate_is_used_under_overload() {
    check_rate(60, 985);
    check_rate(600, 985);
    check_rate(6_000, 985);
}

/// A request is at most a hundredth of the budget.
#[test]
fn almost_all_of_a_budget_is_used_before_the_last_refusal() {
    for seed in 0..10 {
        let measure = Measure::Budget(Period::Lifetime);
        let figures = figures(seed, measure, 1_000_000, 10_000);
        assert!(figures.refused > 0, "it was used up: {figures:?}");
        let share = figures.settled / 1_000;
        assert!(share >= 980, "{share} of a thousand: {figures:?}");
    }
}
