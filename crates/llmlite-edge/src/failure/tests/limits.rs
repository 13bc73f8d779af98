//! The refusals of limits, in all that depends on numbers and settings.

use std::time::{SystemTime, UNIX_EPOCH};

use llmlite_core::{
    ids::{KeyId, LimitId, TeamId, UserId},
    limits::{Measure, Period, Scope, Subject},
};
use llmlite_policy::limiter::{Exceeded, Frees, Reason, Refusal};

use super::*;

/// The end of November 2026 in London.
pub(super) fn month_end() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_796_083_200)
}

pub(super) fn exceeded(subject: Subject, measure: Measure, told: [i64; 4]) -> Exceeded {
    let [ceiling, used, under_way, asked] = told;
    Exceeded {
        id: LimitId(7),
        scope: Scope {
            subject,
            model: None,
        },
        measure,
        ceiling,
        used,
        under_way,
        asked,
    }
}

/// The refusal that a limiter makes of it.
pub(super) fn refusal(limit: Exceeded, frees: Frees) -> Refusal {
    Refusal {
        reason: if limit.asked > limit.ceiling {
            Reason::TooLarge
        } else {
            Reason::Exhausted
        },
        limit: Some(limit),
        frees,
    }
}

pub(super) fn limited(refusal: Refusal, manner: Manner) -> Failure {
    Failure::denied(
        Denial::Limited(Box::new(refusal)),
        &Arc::new(manner),
        Some(&Arc::from("claude-sonnet-4-5")),
    )
}

const CENT: i64 = 10_000_000;
const TEAM: Subject = Subject::Team(TeamId(31_337));
const KEY: Subject = Subject::Key(KeyId(31_337));
const MONTH: Measure = Measure::Budget(Period::Month);

fn plain(limit: Exceeded, frees: Frees) -> Failure {
    limited(refusal(limit, frees), Manner::default())
}

fn message(failure: &Failure) -> String {
    failure.explained().message
}

#[test]
#[rustfmt::skip]
fn a_refusal_by_a_limit_has_the_status_code_and_waits_of_its_kind() {
    let check = |failure: Failure, status: u16, code: &str, wait: Option<(&str, &str)>, again: bool| {
        let response = failure.answer(Dialect::Chat, &RequestId::new());
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap());
        assert_eq!((response.status().as_u16(), failure.explained().code), (status, Some(code)));
        let waits = header("retry-after").zip(header("retry-after-ms"));
        assert_eq!(waits, wait, "{code}");
        assert_eq!(header("x-should-retry"), (!again).then_some("false"), "{code}");
    };
    let millis = |n| Frees::In(Duration::from_millis(n));
    let of = |measure, told, frees| plain(exceeded(TEAM, measure, told), frees);
    let rpm = Measure::RequestsPerMinute;
    let tpm = Measure::TokensPerMinute;
    let parallel = Measure::ParallelRequests;
    let without = |reason| limited(Refusal { reason, limit: None, frees: Frees::In(Duration::from_secs(2)) }, Manner::default());
    //                                                               status code                    wait                      again
    check(of(MONTH, [100, 90, 0, 20], Frees::At(month_end())),       402, "insufficient_quota",      None,                     false);
    check(of(MONTH, [100, 0, 0, 101], Frees::At(month_end())),       402, "insufficient_quota",      None,                     false);
    check(of(MONTH, [0, 0, 0, 1], Frees::Never),                     402, "insufficient_quota",      None,                     false);
    check(of(rpm, [60, 60, 0, 1], millis(19_001)),                   429, "rate_limit_exceeded",     Some(("20", "19001")),    true);
    check(of(rpm, [60, 60, 0, 1], millis(250)),                      429, "rate_limit_exceeded",     Some(("1", "250")),       true);
    check(of(rpm, [60, 60, 0, 1], millis(0)),                        429, "rate_limit_exceeded",     Some(("1", "1")),         true);
    check(of(rpm, [0, 0, 0, 1], Frees::Never),                       429, "rate_limit_exceeded",     None,                     false);
    check(of(tpm, [100, 60, 0, 41], millis(62_000)),                 429, "rate_limit_exceeded",     Some(("62", "62000")),    true);
    check(of(tpm, [100, 0, 0, 101], Frees::Never),                   400, "request_exceeds_limit",   None,                     false);
    check(of(tpm, [0, 0, 0, 1], Frees::Never),                       429, "rate_limit_exceeded",     None,                     false);
    check(of(parallel, [4, 4, 0, 1], millis(1_000)),                 429, "rate_limit_exceeded",     Some(("1", "1000")),      true);
    check(of(parallel, [0, 0, 0, 1], millis(1_000)),                 429, "rate_limit_exceeded",     None,                     false);
    check(without(Reason::StoreAway),                                503, "quota_store_unavailable", Some(("2", "2000")),      true);
    check(without(Reason::Draining),                                 503, "stopping",                Some(("2", "2000")),      true);
}

#[test]
fn an_operator_may_choose_429_for_budgets_and_nobody_is_told_to_wait_for_weeks() {
    let limit = exceeded(KEY, MONTH, [100, 90, 0, 20]);
    let manner = Manner {
        budgets: BudgetRefusal::TooManyRequests,
        ..Manner::default()
    };
    let failure = limited(refusal(limit, Frees::At(month_end())), manner);
    let response = failure.answer(Dialect::Chat, &RequestId::new());
    assert_eq!(response.status().as_u16(), 429);
    assert_eq!(failure.explained().code, Some("insufficient_quota"));
    assert!(response.headers().get("retry-after").is_none());
    assert_eq!(response.headers()["x-should-retry"], "false");
}

#[test]
#[rustfmt::skip]
fn a_budget_is_told_by_whose_it_is_what_it_holds_and_when_it_begins_anew() {
    let check = |subject, period, told, frees, want: &str| {
        assert_eq!(message(&plain(exceeded(subject, Measure::Budget(period), told), frees)), want);
    };
    let end = Frees::At(month_end());
    check(TEAM, Period::Month, [2_000 * CENT, 1_250 * CENT, 700 * CENT, 61 * CENT + 1], end,
          "the monthly budget of this key's team does not allow this request: $12.50 of $20.00 are used, \
           $7.00 are set aside for requests under way, and the request could cost up to $0.6101; \
           it begins anew on Tuesday 1 December 2026, 00:00 GMT (2026-12-01T00:00:00Z)");
    check(Subject::User(UserId(31_337)), Period::Lifetime, [100 * CENT, 100 * CENT, 0, CENT], Frees::Never,
          "the lifetime budget of this key's user does not allow this request: $1.00 of $1.00 are used, \
           and the request could cost up to $0.01; it never begins anew");
    check(Subject::Organisation, Period::FinancialYear, [CENT, 0, 0, 2 * CENT], end,
          "this request could cost up to $0.02, more than the whole financial year's budget of the organisation, $0.01; \
           a lower max_tokens, a shorter prompt or a cheaper model costs less");
    check(KEY, Period::Day, [0, 0, 0, 1], end,
          "the daily budget of this key is $0.00: nothing can be spent");
}

#[test]
#[rustfmt::skip]
fn a_rate_is_told_by_what_was_used_and_when_there_is_room() {
    let check = |measure, told, frees, want: &str| {
        assert_eq!(message(&plain(exceeded(KEY, measure, told), frees)), want);
    };
    check(Measure::RequestsPerMinute, [1_200, 1_200, 0, 1], Frees::In(Duration::from_millis(11_200)),
          "the limit of 1,200 requests per minute of this key does not allow this request \
           (used in the last minute: 1,200); there is room again in 12 s");
    check(Measure::RequestsPerMinute, [1, 1, 0, 1], Frees::In(Duration::ZERO),
          "the limit of 1 request per minute of this key does not allow this request \
           (used in the last minute: 1); there is room again in 1 s");
    check(Measure::TokensPerMinute, [10_000, 9_500, 0, 800], Frees::In(Duration::from_secs(4)),
          "the limit of 10,000 tokens per minute of this key does not allow this request \
           (used in the last minute: 9,500); this request may take about 800 tokens; there is room again in 4 s");
    check(Measure::TokensPerMinute, [10_000, 0, 0, 40_000], Frees::Never,
          "this request may take about 40,000 tokens, more than the limit of 10,000 tokens per minute of this key \
           ever allows; lower max_tokens or shorten the prompt");
    check(Measure::RequestsPerMinute, [0, 0, 0, 1], Frees::Never,
          "the limit of requests per minute of this key is 0: nothing is let through");
    check(Measure::ParallelRequests, [4, 4, 0, 1], Frees::In(Duration::from_secs(1)),
          "the limit of 4 parallel requests of this key is reached (under way: 4); try again when one has ended");
}

#[test]
fn a_limit_for_one_model_names_it() {
    let mut limit = exceeded(TEAM, MONTH, [100, 90, 0, 20]);
    limit.scope.model = Some("claude-opus-4-5".into());
    let message = message(&plain(limit, Frees::Never));
    assert!(
        message.starts_with("the monthly budget of this key's team for claude-opus-4-5 does"),
        "{message}"
    );
}

#[test]
fn the_operators_contact_is_named_where_a_limit_refuses_and_nowhere_else() {
    let manner = || Manner {
        contact: Some("platform@example.org".into()),
        ..Manner::default()
    };
    let limit = exceeded(TEAM, MONTH, [100, 90, 0, 20]);
    let told = message(&limited(refusal(limit, Frees::Never), manner()));
    assert!(
        told.ends_with("; to have the limit raised, ask platform@example.org"),
        "{told}"
    );
    let away = Refusal {
        reason: Reason::StoreAway,
        limit: None,
        frees: Frees::Never,
    };
    assert!(!message(&limited(away, manner())).contains("example.org"));
}

#[test]
fn nobody_is_told_the_numbers_under_which_others_are_known() {
    for subject in [KEY, TEAM, Subject::User(UserId(31_337))] {
        for measure in [
            MONTH,
            Measure::RequestsPerMinute,
            Measure::TokensPerMinute,
            Measure::ParallelRequests,
        ] {
            let told = message(&plain(
                exceeded(subject, measure, [9, 9, 0, 9]),
                Frees::Never,
            ));
            assert!(
                !told.contains("31337") && !told.contains("31,337"),
                "{told}"
            );
        }
    }
}
