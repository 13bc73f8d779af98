//! The list of models.

#![cfg(test)]

use std::collections::BTreeSet;

use hyper::StatusCode;
use llmlite_e2e::{MODEL, Stack};

#[tokio::test]
async fn every_model_that_may_be_called_is_listed_once_and_can_be_asked_for() {
    let stack = Stack::start().await;
    let answer = stack.client.get("/v1/models").await;
    assert_eq!(answer.status, StatusCode::OK);
    let list = answer.json();
    assert_eq!(list["object"], "list");
    let models = list["data"].as_array().unwrap();
    let names: BTreeSet<_> = models.iter().map(|m| m["id"].as_str().unwrap()).collect();
    assert_eq!(names.len(), models.len());
    assert!(
        names.contains(MODEL) && names.contains("claude-3-opus"),
        "{names:?}"
    );

    let known = stack.admin.json(&["model", "list"]).await;
    assert_eq!(names.len(), known["models"].as_array().unwrap().len());
    for model in models {
        assert_eq!(model["object"], "model");
        assert!(
            model["created"].is_i64() && model["owned_by"].is_string(),
            "{model}"
        );
        let name = model["id"].as_str().unwrap();
        assert_eq!(
            stack.client.get(&format!("/v1/models/{name}")).await.json(),
            *model
        );
    }
}

#[tokio::test]
async fn every_listed_model_answers() {
    let stack = Stack::start().await;
    let list = stack.client.get("/v1/models").await.json();
    for model in list["data"].as_array().unwrap() {
        let mut body = Stack::ask("Hello");
        body["model"] = model["id"].clone();
        body["temperature"] = 0.5.into();
        let answer = stack.client.chat(&body).await;
        assert_eq!(answer.status, StatusCode::OK, "{model}: {answer:?}");
    }
}
