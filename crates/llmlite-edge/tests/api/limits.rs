//! Limits over HTTP, with a store of leases in memory.

use std::sync::Arc;

use llmlite_core::{
    catalogue::{Catalogue, ResidencyPolicy, ServedCatalogue},
    ids::{KeyId, LimitId},
    keys::KeyGrant,
    limits::{Ceiling, Durability, Fit, Limit, Measure, Period, Rules, Scope, Subject},
    money::Nanodollars,
};
use llmlite_testkit::{Note, Turn};
use serde_json::{Value, json};

use crate::gateway::{Gateway, hello, message, start_with};

const LIMIT: LimitId = LimitId(7);

fn limit(measure: Measure, fit: Fit) -> Limit {
    Limit {
        id: LIMIT,
        scope: Scope {
            subject: Subject::Key(KeyId(1)),
            model: None,
        },
        measure,
        ceiling: Ceiling::At(0),
        raise: None,
        overdraft: Nanodollars::ZERO,
        fit,
        shadow: false,
        thresholds: Vec::new(),
        durability: None,
    }
}

/// A gateway whose key is bound by a limit, which has that ceiling.
async fn bound(limit: Limit, ceiling: i64, turns: Vec<Turn>) -> Gateway {
    let grant = |grant: &mut KeyGrant| grant.rules = Arc::new(Rules::new(vec![limit]));
    let gateway = start_with(turns, grant, |_| {}).await;
    gateway.quota.set(LIMIT, Ceiling::At(ceiling));
    loop {
        if gateway.get("/health/ready").await.status == 200 {
            return gateway;
        }
    }
}

/// A request that can cost about `max_tokens` times 15,000 nanodollars.
fn ask(max_tokens: u32) -> Value {
    let mut body = hello(false);
    body["max_tokens"] = json!(max_tokens);
    body
}

#[tokio::test]
async fn each_refusal_comes_before_bedrock_and_leaves_no_row() {
    let month = Measure::Budget(Period::Month);
    for (measure, status, code) in [
        (month, 402, "insufficient_quota"),
        (Measure::RequestsPerMinute, 429, "rate_limit_exceeded"),
        (Measure::ParallelRequests, 429, "rate_limit_exceeded"),
    ] {
        let gateway = bound(limit(measure, Fit::Deny), 0, vec![message()]).await;
        let answer = gateway.chat(&ask(100)).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
        assert!(gateway.backend.calls().is_empty(), "{measure:?}");
        let (rows, ended) = gateway.finish().await;
        assert!(rows.is_empty());
        assert!(ended.returned, "{measure:?}");
    }
}

#[tokio::test]
async fn a_clamped_request_is_shorter_at_bedrock_and_its_client_is_told() {
    let limit = limit(Measure::Budget(Period::Month), Fit::Clamp);
    let gateway = bound(limit, 12_000_000, vec![message(), message()]).await;
    let answer = gateway.chat(&ask(4_000)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(
        answer.head.contains("x-llmlite-adjusted: max_tokens"),
        "{}",
        answer.head
    );
    let sent: Value = serde_json::from_slice(&gateway.backend.calls()[0].body).unwrap();
    let most = sent["max_tokens"].as_u64().unwrap();
    assert!((256..800).contains(&most), "{most}");
    let (rows, _) = gateway.finish().await;
    assert!(rows[0].cost < Nanodollars(12_000_000));
}

#[tokio::test]
async fn a_strict_client_is_refused_rather_than_clamped() {
    let limit = limit(Measure::Budget(Period::Month), Fit::Clamp);
    let gateway = bound(limit, 12_000_000, vec![message()]).await;
    let headers = format!("{}x-llmlite-strict: true\r\n", gateway.bearer());
    let body = ask(4_000).to_string();
    let answer = gateway.send("POST", "/v1/chat/completions", &headers, &body);
    assert_eq!(answer.await.status, 402);
    assert!(gateway.backend.calls().is_empty());
}

#[tokio::test]
async fn a_request_is_in_the_journal_before_bedrock_and_at_its_end() {
    let limit = limit(Measure::Budget(Period::Month), Fit::Deny);
    let gateway = bound(limit, 1 << 40, vec![message()]).await;
    assert_eq!(gateway.chat(&ask(100)).await.status, 200);
    let journal = gateway.journal.clone();
    let notes = journal.notes();
    assert!(
        matches!(notes[..2], [Note::Begun(begun), Note::Settled(ended)] if begun == ended),
        "{notes:?}"
    );
    let (rows, ended) = gateway.finish().await;
    assert_eq!(
        journal.notes().last(),
        Some(&Note::Flushed(rows[0].event_id))
    );
    assert_eq!(rows[0].accounts[0].limit, LIMIT);
    assert!(ended.returned);
}

#[tokio::test]
async fn an_instance_whose_leases_were_closed_ends_and_says_so() {
    let limit = limit(Measure::Budget(Period::Month), Fit::Deny);
    let gateway = bound(limit, 1 << 40, Vec::new()).await;
    gateway.quota.fence(llmlite_core::ids::InstanceId(1));
    let ended = gateway.task.await.unwrap();
    assert!(ended.fenced);
}

#[tokio::test]
async fn models_come_and_go_while_the_gateway_runs() {
    let gateway = start_with(vec![message()], |_| {}, |_| {}).await;
    let mut catalogue = Catalogue::embedded();
    catalogue
        .models
        .retain(|model| model.name == "claude-3-5-sonnet");
    let served = ServedCatalogue::new(&catalogue, &ResidencyPolicy::default(), "eu-west-2");
    gateway.models.replace(served.unwrap());
    let gone = gateway.chat(&hello(false)).await;
    assert_eq!(
        (gone.status, gone.code().as_str()),
        (404, "model_not_found")
    );
    let listed = gateway.get("/v1/models").await.json();
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_budget_that_insists_has_its_requests_in_the_database_before_bedrock_or_not_at_all() {
    let insists = Limit {
        durability: Some(Durability::Sync),
        ..limit(Measure::Budget(Period::Month), Fit::Deny)
    };
    let gateway = bound(insists, 1 << 40, vec![message(), Turn::Silence]).await;
    // Money enough is leased for the next one too.
    assert_eq!(gateway.chat(&ask(100)).await.status, 200);
    gateway.quota.set_down(true);
    let answer = gateway.chat(&ask(100)).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (503, "temporarily_unavailable")
    );
    assert_eq!(gateway.backend.calls().len(), 1);
    gateway.quota.set_down(false);

    let body = ask(100);
    let asking = gateway.chat(&body);
    tokio::pin!(asking);
    let called = async {
        while gateway.backend.calls().len() < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = &mut asking => panic!("the answer hangs"),
        () = called => {}
    }
    let listed = gateway.quota.listed();
    let called = gateway.backend.calls()[1].event_id;
    let record = listed.iter().find(|record| record.event_id == called);
    assert!(record.is_some_and(|record| record.estimated && record.cost > Nanodollars::ZERO));
}
