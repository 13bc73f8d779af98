use std::time::SystemTime;

use llmlite_core::{
    ids::{KeyId, LimitId},
    limits::{Period, Scope, Subject},
};

use super::*;

const CENT: i64 = 10_000_000;
const RPM: Measure = Measure::RequestsPerMinute;
const TPM: Measure = Measure::TokensPerMinute;
const MONTH: Measure = Measure::Budget(Period::Month);

fn month_end() -> Frees {
    Frees::At(UNIX_EPOCH + Duration::from_secs(1_796_083_200))
}

fn seconds(n: u64) -> Frees {
    Frees::In(Duration::from_secs(n))
}

fn limit(measure: Measure, shadow: bool) -> Limit {
    let form = serde_json::json!({
        "id": 1,
        "scope": { "subject": { "key": 1 } },
        "measure": measure,
        "ceiling": "unlimited",
        "shadow": shadow,
    });
    let limit: Limit = serde_json::from_value(form).unwrap();
    assert_eq!(
        limit.scope,
        Scope {
            subject: Subject::Key(KeyId(1)),
            model: None
        }
    );
    limit
}

/// A limit of so much, of which so much is left.
fn stands(measure: Measure, ceiling: i64, left: Option<i64>, frees: Frees) -> (Limit, Standing) {
    let standing = Standing {
        limit: LimitId(1),
        ceiling: Ceiling::At(ceiling),
        used: 0,
        under_way: 0,
        left,
        frees,
        age: left.map(|_| Duration::ZERO),
    };
    (limit(measure, false), standing)
}

#[track_caller]
fn check(standings: &[(Limit, Standing)], want: &[(&str, &str)]) {
    let mut headers = HeaderMap::new();
    write(&mut headers, standings);
    let mut got: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    got.sort_unstable();
    let mut want = want.to_vec();
    want.sort_unstable();
    assert_eq!(got, want);
}

#[test]
#[rustfmt::skip]
fn headers_say_how_the_tightest_limit_of_each_kind_stands() {
    let rpm = |limit, left, reset| [("x-ratelimit-limit-requests", limit), ("x-ratelimit-remaining-requests", left), ("x-ratelimit-reset-requests", reset)];
    let tpm = |limit, left, reset| [("x-ratelimit-limit-tokens", limit), ("x-ratelimit-remaining-tokens", left), ("x-ratelimit-reset-tokens", reset)];
    let budget = |limit, left, reset| [("x-llmlite-budget-limit", limit), ("x-llmlite-budget-remaining", left), ("x-llmlite-budget-reset", reset)];

    check(&[], &[]);
    check(&[stands(RPM, 60, Some(59), seconds(62))], &rpm("60", "59", "1m2s"));
    check(&[stands(RPM, 60, Some(0), Frees::In(Duration::from_millis(300)))], &rpm("60", "0", "300ms"));
    check(&[stands(TPM, 100_000, Some(92_500), seconds(20))], &tpm("100000", "92500", "20s"));
    check(&[stands(MONTH, 2_000 * CENT, Some(749 * CENT + 50), month_end())],
          &budget("20.00", "7.49000005", "2026-12-01T00:00:00Z"));
    // What is left decides, not what the ceiling is.
    check(&[stands(RPM, 60, Some(40), seconds(1)), stands(RPM, 600, Some(3), seconds(9))], &rpm("600", "3", "9s"));
    check(&[stands(RPM, 600, Some(3), seconds(9)), stands(RPM, 60, Some(40), seconds(1))], &rpm("600", "3", "9s"));
    // Of two that are used up, the one that is so for longer.
    check(&[stands(RPM, 60, Some(0), seconds(1)), stands(RPM, 50, Some(0), seconds(30))], &rpm("50", "0", "30s"));
    check(&[stands(MONTH, CENT, Some(0), month_end()), stands(MONTH, 2 * CENT, Some(0), Frees::Never)],
          &budget("0.02", "0.00", "")[..2]);
    let all = [stands(RPM, 60, Some(59), seconds(2)), stands(TPM, 10, Some(9), seconds(3)), stands(MONTH, CENT, Some(0), month_end())];
    check(&all, &[rpm("60", "59", "2s"), tpm("10", "9", "3s"), budget("0.01", "0.00", "2026-12-01T00:00:00Z")].concat());
}

#[test]
fn what_is_not_known_or_does_not_bind_is_left_out() {
    let (rpm, standing) = stands(RPM, 60, None, Frees::Never);
    let ceiling_alone = [("x-ratelimit-limit-requests", "60")];
    check(&[(rpm.clone(), standing)], &ceiling_alone);
    // One that is known is tighter than one that is not.
    let known = stands(RPM, 90, Some(80), seconds(1));
    let mut headers = HeaderMap::new();
    write(&mut headers, &[(rpm, standing), known]);
    assert_eq!(headers["x-ratelimit-remaining-requests"], "80");

    let (_, unlimited) = stands(RPM, 60, None, Frees::Never);
    let unlimited = Standing {
        ceiling: Ceiling::Unlimited,
        ..unlimited
    };
    check(&[(limit(RPM, false), unlimited)], &[]);
    let (_, watched) = stands(RPM, 60, Some(1), seconds(1));
    check(&[(limit(RPM, true), watched)], &[]);
    check(
        &[stands(Measure::ParallelRequests, 4, Some(1), seconds(1))],
        &[],
    );
}

#[test]
fn what_is_overdrawn_leaves_nothing() {
    let standings = [stands(
        MONTH,
        CENT,
        Some(-5),
        Frees::At(SystemTime::UNIX_EPOCH),
    )];
    let mut headers = HeaderMap::new();
    write(&mut headers, &standings);
    assert_eq!(headers["x-llmlite-budget-remaining"], "0.00");
}
