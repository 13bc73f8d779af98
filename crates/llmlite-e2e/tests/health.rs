//! The two questions that a platform asks, answered truthfully.

#![cfg(test)]

use hyper::StatusCode;
use llmlite_e2e::{Options, Stack};

#[tokio::test]
async fn a_running_gateway_is_live_and_ready_under_both_names_and_asks_for_no_key() {
    let stack = Stack::start().await;
    for path in [
        "/health/live",
        "/health/liveliness",
        "/health/ready",
        "/health/readiness",
    ] {
        let request = stack.client.bare_request(hyper::Method::GET, path);
        let answer = stack
            .client
            .send(request.body(Default::default()).unwrap())
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn a_gateway_whose_database_is_cut_off_is_live_but_not_ready_until_it_is_back() {
    let stack = Stack::start().await;
    let status = async |path: &str| stack.client.get(path).await.status;
    assert_eq!(status("/health/ready").await, StatusCode::OK);

    stack.database_wire.cut();
    llmlite_e2e::eventually("not ready", async || {
        (status("/health/ready").await == StatusCode::SERVICE_UNAVAILABLE).then_some(())
    })
    .await;
    assert_eq!(status("/health/live").await, StatusCode::OK);

    stack.database_wire.mend();
    llmlite_e2e::eventually("ready again", async || {
        (status("/health/ready").await == StatusCode::OK).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_database_that_was_never_migrated_is_refused_with_the_command_to_type() {
    let (status, printed) = Stack::try_start(Options {
        prepare: Some("DROP SCHEMA public CASCADE; CREATE SCHEMA public"),
        ..Options::default()
    })
    .await
    .expect_err("the gateway does not start");
    assert!(!status.success());
    assert!(printed.contains("llmlite-admin migrate"), "{printed}");
}

#[tokio::test]
async fn a_database_that_asks_for_a_newer_program_is_refused() {
    let (status, printed) = Stack::try_start(Options {
        prepare: Some("UPDATE settings SET value = '9999' WHERE key = 'schema_needs'"),
        ..Options::default()
    })
    .await
    .expect_err("the gateway does not start");
    assert!(!status.success());
    assert!(printed.contains("9999"), "{printed}");
}
