//! A chat completion, from the client's bytes to Bedrock and back.

#![cfg(test)]

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, StatusCode};
use llmlite_e2e::{MODEL, Stack};
use serde_json::{Value, json};

const RED_DOT: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";

/// The last body that Bedrock was sent.
fn sent(stack: &Stack) -> Value {
    let requests = stack.sim.requests();
    let last = requests.last().expect("Bedrock was called");
    last.json()
}

#[tokio::test]
async fn an_answer_has_the_shape_and_the_usage_that_openai_documents() {
    let stack = Stack::start().await;
    let answer = stack
        .client
        .chat(&Stack::ask("[[sim:say all is well]]"))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/json");
    let body = answer.json();
    assert_eq!(body["object"], "chat.completion");
    assert!(body["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert!(body["created"].is_i64());
    assert_eq!(body["model"], MODEL);
    assert_eq!(body["choices"].as_array().unwrap().len(), 1);
    assert_eq!(body["choices"][0]["index"], 0);
    assert_eq!(body["choices"][0]["message"]["role"], "assistant");
    assert_eq!(body["choices"][0]["message"]["content"], "all is well");
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    let bill = &stack.sim.bill()[0];
    assert_eq!(body["usage"]["prompt_tokens"], bill.input_tokens);
    assert_eq!(body["usage"]["completion_tokens"], bill.output_tokens);
}

#[tokio::test]
async fn the_headers_say_which_request_it_was_and_where_it_was_served() {
    let stack = Stack::start().await;
    for streamed in [false, true] {
        let mut body = Stack::ask("Hello");
        body["stream"] = streamed.into();
        let answer = stack.client.chat(&body).await;
        assert!(!answer.header("x-request-id").is_empty(), "{answer:?}");
        assert_eq!(answer.header("x-llmlite-residency"), "in-region");
        assert_eq!(answer.header("x-llmlite-region"), "eu-west-2");
    }
    let rows = llmlite_e2e::eventually("two rows", async || {
        let rows = stack.ledger.rows().await;
        (rows.len() == 2).then_some(rows)
    })
    .await;
    for row in rows {
        assert_eq!(row["residency"], "in-region");
        assert_eq!(row["region"], "eu-west-2");
    }
}

#[tokio::test]
async fn a_key_is_taken_from_each_of_the_three_headers() {
    let stack = Stack::start().await;
    let ask = |name: &str, value: &str| {
        stack
            .client
            .bare_request(Method::POST, "/v1/chat/completions")
            .header("content-type", "application/json")
            .header(name, value)
            .body(Full::new(Bytes::from(Stack::ask("Hello").to_string())))
            .unwrap()
    };
    let bearer = format!("Bearer {}", stack.key);
    for (name, value) in [
        ("authorization", &bearer),
        ("x-api-key", &stack.key),
        ("api-key", &stack.key),
    ] {
        let answer = stack.client.send(ask(name, value)).await;
        assert_eq!(answer.status, StatusCode::OK, "{name}: {answer:?}");
        let answer = stack.client.send(ask(name, "sk-wrong")).await;
        assert_eq!(
            answer.status,
            StatusCode::UNAUTHORIZED,
            "{name}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn an_alias_is_answered_under_the_name_that_was_asked_for() {
    let stack = Stack::start().await;
    let mut body = Stack::ask("Hello");
    body["model"] = "claude-3-5-haiku-latest".into();
    let answer = stack.client.chat(&body).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(answer.json()["model"], "claude-3-5-haiku-latest");
    assert_eq!(
        stack.sim.bill()[0].model,
        "anthropic.claude-3-5-haiku-20241022-v1:0"
    );
}

#[tokio::test]
async fn what_the_client_wrote_reaches_the_model() {
    let stack = Stack::start().await;
    let body = json!({
        "model": MODEL,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "developer", "content": "Speak English."},
            {"role": "user", "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{RED_DOT}")}},
            ]},
            {"role": "assistant", "content": "A red dot."},
            {"role": "user", "content": "Are you sure?"},
        ],
        "max_completion_tokens": 77,
        "temperature": 0.25,
        "stop": ["END"],
    });
    let answer = stack.client.chat(&body).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");

    let sent = sent(&stack);
    assert_eq!(sent["anthropic_version"], "bedrock-2023-05-31");
    assert_eq!(sent["max_tokens"], 77);
    assert_eq!(sent["temperature"], 0.25);
    assert_eq!(sent["stop_sequences"], json!(["END"]));
    let system = sent["system"].to_string();
    assert!(
        system.contains("Be brief.") && system.contains("Speak English."),
        "{system}"
    );
    assert_eq!(
        sent["messages"][0]["content"],
        json!([
            {"type": "text", "text": "What is this?"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": RED_DOT}},
        ])
    );
    assert_eq!(sent["messages"][1]["role"], "assistant");
    assert_eq!(sent["messages"][2]["role"], "user");
}

#[tokio::test]
async fn a_tool_goes_round_with_its_arguments_and_its_result() {
    let stack = Stack::start().await;
    let tools = json!([{"type": "function", "function": {
        "name": "add",
        "parameters": {"type": "object", "properties": {"b": {"type": "number"}, "a": {"type": "number"}}},
    }}]);
    let mut body = Stack::ask(r#"[[sim:call add {"b":2,"a":40}]]"#);
    body["tools"] = tools;
    let first = stack.client.chat(&body).await.json();
    assert_eq!(
        first["choices"][0]["finish_reason"], "tool_calls",
        "{first}"
    );
    let call = first["choices"][0]["message"]["tool_calls"][0].clone();
    assert_eq!(call["function"]["name"], "add");
    let arguments: Value =
        serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
    assert_eq!(arguments, json!({"b": 2, "a": 40}));

    let messages = body["messages"].as_array_mut().unwrap();
    messages.push(first["choices"][0]["message"].clone());
    messages.push(json!({"role": "tool", "tool_call_id": call["id"], "content": "42"}));
    let second = stack.client.chat(&body).await.json();
    assert_eq!(second["choices"][0]["finish_reason"], "stop", "{second}");

    let sent = sent(&stack);
    let schema = sent["tools"][0]["input_schema"]["properties"].to_string();
    assert!(
        schema.starts_with(r#"{"b""#),
        "the schema keeps its order: {schema}"
    );
    let turns = sent["messages"].as_array().unwrap();
    assert_eq!(turns[1]["content"][0]["type"], "tool_use");
    assert_eq!(turns[1]["content"][0]["input"], json!({"b": 2, "a": 40}));
    assert_eq!(turns[2]["content"][0]["type"], "tool_result");
    assert_eq!(
        turns[2]["content"][0]["tool_use_id"],
        turns[1]["content"][0]["id"]
    );
}
