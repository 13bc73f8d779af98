//! Every refusal is an OpenAI error body, with a request id in the body and in a header.

#![cfg(test)]

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, StatusCode};
use llmlite_e2e::{Answer, Client, Stack};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const CHAT: &str = "/v1/chat/completions";
const JSON: &str = "application/json";

#[track_caller]
fn check(what: &str, answer: &Answer, status: u16) {
    assert_eq!(answer.status.as_u16(), status, "{what}: {answer:?}");
    assert_eq!(answer.header("content-type"), JSON, "{what}");
    let body = answer.json();
    let error = &body["error"];
    assert!(
        !error["message"].as_str().unwrap().is_empty(),
        "{what}: {body}"
    );
    assert!(
        !error["type"].as_str().unwrap().is_empty(),
        "{what}: {body}"
    );
    for field in ["param", "code"] {
        assert!(error.get(field).is_some(), "{what} has no {field}: {body}");
    }
    let id = answer.header("x-request-id");
    assert!(!id.is_empty(), "{what} has no request id");
    assert!(
        body.to_string().contains(id),
        "{what}: {id} is not in {body}"
    );
}

async fn post(client: &Client, kind: &str, body: impl Into<Bytes>) -> Answer {
    let request = client
        .request(Method::POST, CHAT)
        .header("content-type", kind);
    client
        .send(request.body(Full::new(body.into())).unwrap())
        .await
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_refused() {
    let stack = Stack::start().await;
    let client = &stack.client;
    let good = Stack::ask("Hello").to_string();

    check("not JSON", &post(client, JSON, "{\"model\": ").await, 400);
    check("not an object", &post(client, JSON, "[]").await, 400);
    check("nothing", &post(client, JSON, "").await, 400);
    check(
        "not text",
        &post(client, JSON, &b"\xff\xfe{}"[..]).await,
        400,
    );
    check("deep", &post(client, JSON, "[".repeat(100_000)).await, 400);
    check(
        "a form",
        &post(client, "application/x-www-form-urlencoded", good.clone()).await,
        415,
    );
    check("text", &post(client, "text/plain", good.clone()).await, 415);
    let fine = post(client, "application/json; charset=utf-8", good).await;
    assert_eq!(fine.status, StatusCode::OK, "{fine:?}");
}

#[tokio::test]
async fn values_that_are_wrong_are_named() {
    let stack = Stack::start().await;
    for (change, param) in [
        (json!({"model": null}), "model"),
        (json!({"messages": null}), "messages"),
        (json!({"messages": []}), "messages"),
        (
            json!({"messages": [{"role": "king", "content": "Hello"}]}),
            "messages[0].role",
        ),
        (json!({"temperature": "warm"}), "temperature"),
        (json!({"max_tokens": -1}), "max_tokens"),
        (json!({"n": 2}), "n"),
    ] {
        let mut body = Stack::ask("Hello");
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let answer = stack.client.chat(&body).await;
        check(param, &answer, 400);
        assert_eq!(answer.json()["error"]["param"], param);
        assert_eq!(answer.json()["error"]["type"], "invalid_request_error");
    }
    assert!(stack.sim.bill().is_empty(), "Bedrock was never called");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_whether_its_length_is_told_or_not() {
    let stack = Stack::with_args(&["--body-bytes", "1000000"]).await;
    let large = Stack::ask(&"x".repeat(1_000_100)).to_string();
    check("told", &post(&stack.client, JSON, large.clone()).await, 413);

    let host = stack.gateway.url().trim_start_matches("http://");
    let mut connection = TcpStream::connect(host).await.unwrap();
    let request = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {}\r\n\
         content-type: {JSON}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n\
         {:x}\r\n{large}\r\n0\r\n\r\n",
        stack.key,
        large.len()
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "not told: {answer}");

    assert!(stack.sim.bill().is_empty(), "Bedrock was never called");
    let fits = post(
        &stack.client,
        JSON,
        Stack::ask(&"x".repeat(999_000)).to_string(),
    )
    .await;
    assert_eq!(fits.status, StatusCode::OK, "{fits:?}");
}

#[tokio::test]
async fn methods_and_paths_that_do_not_exist_are_refused() {
    let stack = Stack::start().await;
    for (method, path, status) in [
        (Method::GET, CHAT, 405),
        (Method::DELETE, CHAT, 405),
        (Method::POST, "/v1/models", 405),
        (Method::GET, "/v1/nothing", 404),
        (Method::GET, "/", 404),
        (Method::POST, "/v1/chat/completions/", 404),
    ] {
        let what = format!("{method} {path}");
        let request = stack
            .client
            .request(method, path)
            .body(Full::default())
            .unwrap();
        let answer = stack.client.send(request).await;
        check(&what, &answer, status);
        if status == 405 {
            assert!(!answer.header("allow").is_empty(), "{what}");
        }
    }
}

#[tokio::test]
async fn without_a_key_nothing_is_told_but_health() {
    let stack = Stack::start().await;
    for (method, path) in [(Method::POST, CHAT), (Method::GET, "/v1/models")] {
        let what = format!("{method} {path}");
        let request = stack
            .client
            .bare_request(method, path)
            .body(Full::default())
            .unwrap();
        check(&what, &stack.client.send(request).await, 401);
    }
}

#[tokio::test]
async fn an_unknown_model_is_named_and_never_called() {
    let stack = Stack::start().await;
    let mut body = Stack::ask("Hello");
    body["model"] = "gpt-4o".into();
    let answer = stack.client.chat(&body).await;
    check("gpt-4o", &answer, 404);
    assert_eq!(answer.json()["error"]["code"], "model_not_found");
    assert!(
        answer.json()["error"]["message"]
            .as_str()
            .unwrap()
            .contains("gpt-4o")
    );
    assert!(stack.sim.bill().is_empty());
}

#[tokio::test]
async fn what_bedrock_refuses_is_an_openai_error_and_is_not_charged() {
    let stack = Stack::start().await;
    for (fault, status) in [("throttle", 429), ("error500", 502)] {
        let answer = stack
            .client
            .chat(&Stack::ask(&format!("[[sim:fault {fault}]]")))
            .await;
        check(fault, &answer, status);
    }
    let charged: u64 = stack.sim.bill().iter().map(|line| line.output_tokens).sum();
    assert_eq!(charged, 0);
}
