//! A streamed answer, event by event.

#![cfg(test)]

use hyper::StatusCode;
use llmlite_e2e::{Stack, Streaming, eventually};
use serde_json::Value;

fn parse(event: &str) -> Value {
    serde_json::from_str(event).unwrap_or_else(|error| panic!("{error}: {event}"))
}

/// The text of a chunk, if it has any.
fn text(event: &str) -> Option<String> {
    let text = parse(event)["choices"][0]["delta"]["content"]
        .as_str()?
        .to_owned();
    (!text.is_empty()).then_some(text)
}

async fn first_text(stream: &mut Streaming) -> String {
    loop {
        let event = stream.next().await.expect("the stream goes on");
        if let Some(text) = text(&event) {
            return text;
        }
    }
}

#[tokio::test]
async fn a_stream_is_role_text_finish_reason_usage_and_done() {
    let stack = Stack::start().await;
    let mut body = Stack::ask_streamed("[[sim:long 30]]");
    body["stream_options"] = serde_json::json!({"include_usage": true});
    let mut stream = stack.client.chat_stream(&body).await;
    assert_eq!(stream.status, StatusCode::OK);
    let kind = stream.headers["content-type"].to_str().unwrap().to_owned();
    assert!(kind.starts_with("text/event-stream"), "{kind}");
    assert!(stream.headers.contains_key("x-request-id"));

    let mut events = stream.rest().await;
    assert_eq!(events.pop().unwrap(), "[DONE]");
    let usage = parse(&events.pop().unwrap());
    assert_eq!(usage["choices"].as_array().unwrap().len(), 0);
    let bill = &stack.sim.bill()[0];
    assert_eq!(usage["usage"]["prompt_tokens"], bill.input_tokens);
    assert_eq!(usage["usage"]["completion_tokens"], bill.output_tokens);
    let last = parse(&events.pop().unwrap());
    assert_eq!(last["choices"][0]["finish_reason"], "stop");

    assert_eq!(
        parse(&events[0])["choices"][0]["delta"]["role"],
        "assistant"
    );
    for event in &events {
        let chunk = parse(event);
        assert_eq!(chunk["object"], "chat.completion.chunk");
        assert_eq!(chunk["id"], last["id"]);
        assert!(chunk["choices"][0]["finish_reason"].is_null());
        assert!(chunk["usage"].is_null());
    }
    let streamed: String = events.iter().filter_map(|event| text(event)).collect();
    let whole = stack
        .client
        .chat(&Stack::ask("[[sim:long 30]]"))
        .await
        .json();
    assert_eq!(
        streamed,
        whole["choices"][0]["message"]["content"].as_str().unwrap()
    );
}

#[tokio::test]
async fn no_usage_chunk_comes_unless_it_was_asked_for() {
    let stack = Stack::start().await;
    let events = stack
        .client
        .chat_stream(&Stack::ask_streamed("Hello"))
        .await
        .rest()
        .await;
    assert_eq!(events.last().unwrap(), "[DONE]");
    for event in &events[..events.len() - 1] {
        assert_eq!(
            parse(event)["choices"].as_array().unwrap().len(),
            1,
            "{event}"
        );
    }
}

#[tokio::test]
async fn chunks_arrive_while_the_model_is_still_speaking() {
    let stack = Stack::start().await;
    // A second between two events: if anything held the answer back, all would come at once.
    let body = Stack::ask_streamed("[[sim:long 12]] [[sim:fault drip 300]]");
    let mut stream = stack.client.chat_stream(&body).await;
    let mut arrivals = Vec::new();
    while let Some(event) = stream.next().await {
        if event != "[DONE]" && text(&event).is_some() {
            arrivals.push(tokio::time::Instant::now());
        }
    }
    assert!(arrivals.len() >= 3, "{} pieces of text", arrivals.len());
    let spread = *arrivals.last().unwrap() - arrivals[0];
    let even = std::time::Duration::from_millis(150) * u32::try_from(arrivals.len() - 1).unwrap();
    assert!(spread > even, "{} pieces within {spread:?}", arrivals.len());
}

#[tokio::test]
async fn a_stream_that_breaks_off_ends_with_an_error_and_never_as_a_success() {
    let stack = Stack::start().await;
    for fault in ["cut", "malformed", "exception modelStreamErrorException"] {
        let body = Stack::ask_streamed(&format!("[[sim:long 80]] [[sim:fault {fault}]]"));
        let mut stream = stack.client.chat_stream(&body).await;
        assert_eq!(stream.status, StatusCode::OK, "{fault}");
        first_text(&mut stream).await;
        let events = stream.rest().await;
        let error = events
            .iter()
            .find(|event| event.contains("\"error\""))
            .unwrap_or_else(|| panic!("{fault}: no error in {events:?}"));
        assert!(
            !parse(error)["error"]["message"]
                .as_str()
                .unwrap()
                .is_empty()
        );
        let success = events
            .iter()
            .any(|event| event.contains("\"finish_reason\":\"stop\""));
        assert!(!success, "{fault}: {events:?}");
    }
    let rows = eventually("three rows", async || {
        let rows = stack.ledger.rows().await;
        (rows.len() == 3).then_some(rows)
    })
    .await;
    for row in rows {
        assert_eq!(row["ending"], "upstream_failed");
    }
}

#[tokio::test]
async fn a_refusal_before_the_first_event_is_a_status_and_not_a_stream() {
    let stack = Stack::start().await;
    let answer = stack
        .client
        .chat(&Stack::ask_streamed("[[sim:fault throttle]]"))
        .await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/json");
    assert!(answer.json()["error"]["message"].is_string());
}

#[tokio::test]
async fn a_client_that_hangs_up_is_charged_for_the_whole_answer() {
    let stack = Stack::start().await;
    let body = Stack::ask_streamed("[[sim:long 120]] [[sim:fault drip 10]]");
    let mut stream = stack.client.chat_stream(&body).await;
    first_text(&mut stream).await;
    drop(stream);

    let row = eventually("a row", async || stack.ledger.rows().await.pop()).await;
    assert_eq!(row["ending"], "client_gone");
    assert_eq!(row["estimated"], false);
    assert_eq!(row["output_tokens"], stack.sim.bill()[0].output_tokens);
}
