//! What a client sees of limits: refusals, headers, and `GET /v1/usage/me`.

use std::sync::Arc;

use llmlite_core::{
    ids::{LimitId, TeamId},
    keys::KeyGrant,
    limits::{Ceiling, Fit, Limit, Measure, Period, Rules, Scope, Subject, Window},
    money::Nanodollars,
    ports::{
        clock::{Clock, SystemClock},
        ledger::Ledger,
    },
    quota::AccountKey,
};
use llmlite_edge::{BudgetRefusal, Config};
use llmlite_testkit::{Step, Turn, build};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::gateway::{Answer, Gateway, hello, message, read_until, say, start_with, streamed};

/// Nanodollars in a cent.
const CENT: i64 = 10_000_000;
const MONTH: Measure = Measure::Budget(Period::Month);

/// The number of the team whose limits these are: no client shall ever see it.
const TEAM: i64 = 31_337;

/// A request that can cost about two cents.
fn ask(stream: bool) -> Value {
    let mut body = hello(stream);
    body["max_tokens"] = json!(1_000);
    body
}

fn limit(id: i64, measure: Measure, ceiling: i64) -> Limit {
    Limit {
        id: LimitId(id),
        scope: Scope {
            subject: Subject::Team(TeamId(TEAM)),
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

fn of_model(mut limit: Limit, model: &str) -> Limit {
    limit.scope.model = Some(model.into());
    limit
}

/// A gateway whose key is bound by these limits.
async fn bound(limits: Vec<Limit>, turns: Vec<Turn>) -> Gateway {
    bound_with(limits, turns, |_| {}).await
}

async fn bound_with(
    limits: Vec<Limit>,
    turns: Vec<Turn>,
    config: impl FnOnce(&mut Config),
) -> Gateway {
    let rules = Arc::new(Rules::new(limits.clone()));
    let gateway = start_with(turns, |grant: &mut KeyGrant| grant.rules = rules, config).await;
    for limit in limits {
        gateway.quota.set(limit.id, limit.ceiling);
    }
    gateway
}

/// Has another instance spend so much of this month's budget.
async fn spend(gateway: &Gateway, limit: i64, nanos: i64) {
    let mut record = build::a_record(1_795_514_400);
    record.cost = Nanodollars(nanos);
    record.accounts = vec![AccountKey {
        limit: LimitId(limit),
        starts: Window::of(Period::Month, SystemClock.now()).starts,
    }];
    let other = gateway.quota.instance();
    gateway.quota.flush(other, &[record]).await.unwrap();
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines();
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str, words: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code));
    let message = answer.json()["error"]["message"].clone();
    let message = message.as_str().unwrap();
    assert!(message.contains(words), "{message}");
}

#[tokio::test]
async fn a_budget_that_is_used_up_is_a_402_before_bedrock_is_called() {
    let limits = vec![limit(1, MONTH, 500 * CENT)];
    let gateway = bound(limits, Vec::new()).await;
    spend(&gateway, 1, 499 * CENT).await;
    let answer = gateway.chat(&ask(false)).await;
    refused(
        &answer,
        402,
        "insufficient_quota",
        "the monthly budget of this key's team does not allow this request: $4.99 of $5.00 are used",
    );
    assert_eq!(header(&answer.head, "x-should-retry"), Some("false"));
    assert_eq!(header(&answer.head, "retry-after"), None);
    assert_eq!(header(&answer.head, "x-llmlite-budget-limit"), Some("5.00"));
    assert_eq!(
        header(&answer.head, "x-llmlite-budget-remaining"),
        Some("0.01")
    );
    assert_eq!(gateway.backend.calls().len(), 0);
    assert!(!answer.body.contains(&TEAM.to_string()), "{}", answer.body);
}

#[tokio::test]
async fn an_operators_status_and_contact_are_in_the_refusal() {
    let limits = vec![limit(1, MONTH, 0)];
    let gateway = bound_with(limits, Vec::new(), |config| {
        config.budget_refusal = BudgetRefusal::TooManyRequests;
        config.limits_contact = Some("the platform team".to_owned());
    })
    .await;
    let answer = gateway.chat(&ask(false)).await;
    refused(&answer, 429, "insufficient_quota", "ask the platform team");
    assert_eq!(header(&answer.head, "x-should-retry"), Some("false"));
}

#[tokio::test]
async fn requests_beyond_the_minute_are_a_429_with_the_true_wait() {
    let limits = vec![limit(1, Measure::RequestsPerMinute, 1)];
    let gateway = bound(limits, vec![message()]).await;
    let first = gateway.chat(&ask(false)).await;
    assert_eq!(first.status, 200, "{}", first.body);
    assert_eq!(header(&first.head, "x-ratelimit-limit-requests"), Some("1"));
    assert_eq!(
        header(&first.head, "x-ratelimit-remaining-requests"),
        Some("0")
    );
    let answer = gateway.chat(&ask(false)).await;
    refused(
        &answer,
        429,
        "rate_limit_exceeded",
        "the limit of 1 request per minute of this key's team",
    );
    assert_eq!(header(&answer.head, "x-should-retry"), None);
    let seconds: u64 = header(&answer.head, "retry-after")
        .unwrap()
        .parse()
        .unwrap();
    let millis: u64 = header(&answer.head, "retry-after-ms")
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=62).contains(&seconds), "{seconds}");
    assert_eq!(seconds, millis.div_ceil(1_000).max(1));
    assert_eq!(
        header(&answer.head, "x-ratelimit-remaining-requests"),
        Some("0")
    );
    assert_eq!(gateway.backend.calls().len(), 1);
}

#[tokio::test]
async fn a_request_that_no_minute_allows_is_told_what_to_lower() {
    let limits = vec![limit(1, Measure::TokensPerMinute, 100)];
    let gateway = bound(limits, vec![message()]).await;
    let answer = gateway.chat(&ask(false)).await;
    refused(&answer, 400, "request_exceeds_limit", "lower max_tokens");
    assert_eq!(header(&answer.head, "x-should-retry"), Some("false"));
    assert_eq!(
        header(&answer.head, "x-ratelimit-limit-tokens"),
        Some("100")
    );
}

#[tokio::test]
async fn a_store_that_is_away_is_a_503() {
    let limits = vec![limit(1, MONTH, 500 * CENT)];
    let gateway = bound(limits, Vec::new()).await;
    gateway.quota.set_down(true);
    let answer = gateway.chat(&ask(false)).await;
    refused(&answer, 503, "quota_store_unavailable", "database");
    assert_eq!(header(&answer.head, "retry-after"), Some("2"));
    assert_eq!(gateway.backend.calls().len(), 0);
}

#[tokio::test]
async fn keys_that_cannot_be_looked_up_are_a_503_and_no_401() {
    let gateway = bound(Vec::new(), vec![message()]).await;
    gateway.store.set_down(true);
    let answer = gateway.chat(&ask(false)).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (503, "temporarily_unavailable")
    );
    assert_eq!(gateway.get("/v1/usage/me").await.status, 503);
}

/// Limits of every kind, some of them for one model.
fn many() -> Vec<Limit> {
    vec![
        limit(1, Measure::RequestsPerMinute, 60),
        limit(2, Measure::TokensPerMinute, 100_000),
        limit(3, MONTH, 500 * CENT),
        of_model(limit(4, Measure::RequestsPerMinute, 5), "claude-sonnet-4-5"),
        of_model(limit(5, Measure::RequestsPerMinute, 1), "claude-3-opus"),
    ]
}

/// What is left of the budget, after checking that the other headers are right.
#[track_caller]
fn left_of_many(head: &str) -> f64 {
    let told = |name| header(head, name);
    assert_eq!(told("x-ratelimit-limit-requests"), Some("5"));
    assert_eq!(told("x-ratelimit-remaining-requests"), Some("4"));
    assert_eq!(told("x-ratelimit-limit-tokens"), Some("100000"));
    assert!(told("x-ratelimit-reset-tokens").unwrap().ends_with('s'));
    assert_eq!(told("x-llmlite-budget-limit"), Some("5.00"));
    let left = told("x-llmlite-budget-remaining").unwrap();
    left.parse().unwrap()
}

#[tokio::test]
async fn every_answer_says_how_the_tightest_limits_stand() {
    let gateway = bound(many(), vec![message()]).await;
    let answer = gateway.chat(&ask(false)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let left = left_of_many(&answer.head);
    // 10 tokens at 3.30 and 3 at 16.50 dollars a million.
    assert!((4.9999..5.0).contains(&left), "{left}");
    // The model is known no sooner than the body is read.
    let answer = gateway.chat(&json!({ "model": 7 })).await;
    assert_eq!(answer.status, 400);
    assert_eq!(
        header(&answer.head, "x-ratelimit-limit-requests"),
        Some("60")
    );
}

#[tokio::test]
async fn a_stream_says_so_at_its_head_with_its_own_worst_case_set_aside() {
    let gate = Arc::new(Semaphore::new(0));
    let stream = streamed([say("hi "), Step::Wait(gate.clone()), say("there")]);
    let gateway = bound(many(), vec![stream]).await;
    let mut socket = gateway.open_chat(&ask(true)).await;
    let seen = read_until(&mut socket, "hi ").await;
    let left = left_of_many(&seen);
    assert!((4.9..4.99).contains(&left), "{left}");
    gate.add_permits(1);
    read_until(&mut socket, "[DONE]").await;
}

#[tokio::test]
async fn a_key_without_limits_hears_nothing_of_any() {
    let gateway = bound(Vec::new(), vec![message()]).await;
    let answer = gateway.chat(&ask(false)).await;
    assert_eq!(answer.status, 200);
    assert!(!answer.head.contains("x-ratelimit") && !answer.head.contains("x-llmlite-budget"));
}

#[tokio::test]
async fn the_holder_of_a_key_sees_how_its_limits_stand_also_when_they_are_used_up() {
    let limits = vec![
        limit(1, MONTH, 500 * CENT),
        limit(2, Measure::RequestsPerMinute, 60),
        of_model(limit(3, Measure::ParallelRequests, 4), "claude-3-opus"),
    ];
    let gateway = bound(limits, Vec::new()).await;
    spend(&gateway, 1, 500 * CENT).await;
    let answer = gateway.get("/v1/usage/me").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(header(&answer.head, "cache-control"), Some("no-store"));
    let body = answer.json();
    assert_eq!(body["object"], "usage");
    assert_eq!(body["key"]["name"], "test");
    let models = body["key"]["models"].as_array().unwrap();
    assert!(models.contains(&json!("claude-sonnet-4-5")));
    let limits = body["limits"].as_array().unwrap();
    assert_eq!(limits.len(), 3);
    let [budget, rate, parallel] = &limits[..] else {
        panic!("there are three")
    };
    assert_eq!(
        (&budget["subject"], &budget["period"]),
        (&json!("team"), &json!("month"))
    );
    assert_eq!(
        (&budget["used"], &budget["remaining"]),
        (&json!(5.0), &json!(0.0))
    );
    assert!(budget["resets_at"].is_string() && budget["age_seconds"].is_number());
    assert_eq!(
        (&rate["limit"], &rate["remaining"]),
        (&json!(60), &json!(60))
    );
    assert_eq!(parallel["model"], "claude-3-opus");
    assert_eq!(parallel["remaining"], 4);
    assert!(!answer.body.contains(&TEAM.to_string()), "{}", answer.body);

    // It was no request that counts.
    refused(
        &gateway.chat(&ask(false)).await,
        402,
        "insufficient_quota",
        "$5.00 of $5.00",
    );
    let again = gateway.get("/usage/me").await.json();
    assert_eq!(again["limits"][1]["used"], 0);
}

#[tokio::test]
async fn what_nobody_can_tell_is_null_and_the_rest_is_told() {
    let limits = vec![limit(1, MONTH, 500 * CENT)];
    let gateway = bound(limits, Vec::new()).await;
    gateway.quota.set_down(true);
    let answer = gateway.get("/v1/usage/me").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let limit = &answer.json()["limits"][0];
    assert_eq!(
        (&limit["limit"], &limit["used"]),
        (&json!(5.0), &Value::Null)
    );
    assert_eq!(
        gateway
            .send("POST", "/v1/usage/me", &gateway.bearer(), "")
            .await
            .status,
        405
    );
}
