//! Requests go no further than the operator allows.

#![cfg(test)]

use hyper::StatusCode;
use llmlite_e2e::{Options, Stack, eventually};
use serde_json::{Value, json};

/// Asks one model and says where Bedrock was called and what the answer and the ledger claim.
async fn served(stack: &Stack, model: &str) -> (String, String, Value) {
    let before = stack.sim.bill().len();
    let mut body = Stack::ask("Hello");
    body["model"] = model.into();
    let answer = stack.client.chat(&body).await;
    assert_eq!(answer.status, StatusCode::OK, "{model}: {answer:?}");
    let row = eventually("its row", async || {
        let mut rows = stack.ledger.rows().await;
        (rows.len() == before + 1).then(|| rows.pop()).flatten()
    })
    .await;
    let called = stack.sim.bill()[before].model.clone();
    assert_eq!(row["bedrock_model_id"], called.as_str());
    (
        called,
        answer.header("x-llmlite-residency").to_owned(),
        row["residency"].clone(),
    )
}

fn id_of(path: &tempfile::TempDir, routes: Value) -> String {
    let catalogue = json!({"models": [{
        "name": "house-model", "display_name": "House", "context_tokens": 200_000,
        "max_output_tokens": 4096,
        "abilities": {"vision": false, "pdf": false, "sampling": "both", "prefill": true},
        "routes": routes,
    }]});
    let file = path.path().join("catalogue.json");
    std::fs::write(&file, catalogue.to_string()).expect("a temporary folder can be written");
    file.to_string_lossy().into_owned()
}

fn route(id: &str) -> Value {
    json!({"id": id, "prices": {"input": 1_000_000, "output": 5_000_000, "cache_read": 100_000,
           "cache_write_5m": 1_250_000, "cache_write_1h": 2_000_000}})
}

#[tokio::test]
async fn by_default_a_request_stays_in_its_region() {
    let stack = Stack::start().await;
    let (called, header, row) = served(&stack, "claude-sonnet-4-5").await;
    assert_eq!(called, "anthropic.claude-sonnet-4-5-20250929-v1:0");
    assert_eq!((header.as_str(), row), ("in-region", json!("in-region")));
}

#[tokio::test]
async fn the_setting_picks_the_widest_route_that_it_allows_and_a_model_may_differ() {
    let args = [
        "--residency",
        "global",
        "--model-residency",
        "claude-haiku-4-5=eu",
    ];
    let stack = Stack::with_args(&args).await;
    let (called, header, row) = served(&stack, "claude-sonnet-4-5").await;
    assert_eq!(called, "global.anthropic.claude-sonnet-4-5-20250929-v1:0");
    assert_eq!((header.as_str(), row), ("global", json!("global")));
    let (called, header, row) = served(&stack, "claude-haiku-4-5").await;
    assert_eq!(called, "eu.anthropic.claude-haiku-4-5-20251001-v1:0");
    assert_eq!((header.as_str(), row), ("eu", json!("eu")));
    // It has no global route, so the next narrower one serves.
    let (called, header, _) = served(&stack, "claude-3-opus").await;
    assert_eq!(called, "eu.anthropic.claude-3-opus-20240229-v1:0");
    assert_eq!(header, "eu");
}

#[tokio::test]
async fn an_entry_that_reaches_further_than_allowed_stops_the_start_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = id_of(&folder, json!({"eu": route("eu.anthropic.house")}));
    let args = |more: &[&str]| {
        let mut args = vec!["--catalogue".to_owned(), file.clone()];
        args.extend(more.iter().map(ToString::to_string));
        Options {
            gateway_args: args,
            ..Options::default()
        }
    };
    let (status, printed) = Stack::try_start(args(&[]))
        .await
        .expect_err("it does not start");
    assert!(!status.success());
    assert!(
        printed.contains("house-model") && printed.contains("in-region"),
        "{printed}"
    );
    assert!(
        printed.contains("--model-residency house-model=eu"),
        "{printed}"
    );

    let stack = Stack::start_with(args(&["--model-residency", "house-model=eu"])).await;
    let (called, header, _) = served(&stack, "house-model").await;
    assert_eq!(
        (called.as_str(), header.as_str()),
        ("eu.anthropic.house", "eu")
    );
    let (_, header, _) = served(&stack, "claude-sonnet-4-5").await;
    assert_eq!(header, "in-region");
}

#[tokio::test]
async fn an_id_that_belies_its_entry_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = id_of(
        &folder,
        json!({"in-region": route("global.anthropic.house")}),
    );
    let options = Options {
        gateway_args: vec!["--catalogue".to_owned(), file],
        ..Options::default()
    };
    let (status, printed) = Stack::try_start(options)
        .await
        .expect_err("it does not start");
    assert!(!status.success());
    assert!(printed.contains("global.anthropic.house"), "{printed}");
}
