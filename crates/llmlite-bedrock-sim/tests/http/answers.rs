//! What an answer holds: thoughts, texts, calls, and things that nobody knows.

use llmlite_bedrock_sim::Script;
use serde_json::{Value, json};

use super::{
    body,
    client::{Client, End},
    sim,
};

const STREAM: &str = "invoke-with-response-stream";

/// A body with tools and thinking that is shown.
fn rich(text: &str) -> Value {
    let mut body = body(text);
    body["thinking"] = json!({"type": "adaptive"});
    body["tools"] = json!([
        {"name": "add", "input_schema": {"type": "object"}},
        {"name": "sub", "input_schema": {"type": "object"}},
    ]);
    body
}

/// The blocks that the events of a stream make, in the form of a whole answer.
fn blocks(events: &[Value]) -> Vec<Value> {
    let mut blocks: Vec<Value> = Vec::new();
    for event in events {
        let index = event["index"].as_u64().unwrap_or_default() as usize;
        match event["type"].as_str().unwrap() {
            "content_block_start" => {
                assert_eq!(index, blocks.len(), "indexes are dense");
                blocks.push(event["content_block"].clone());
            }
            "content_block_delta" => extend(&mut blocks[index], &event["delta"]),
            "content_block_stop" => close(&mut blocks[index]),
            _ => {}
        }
    }
    blocks
}

fn extend(block: &mut Value, delta: &Value) {
    let kinds = [
        ("text_delta", "text", "text"),
        ("thinking_delta", "thinking", "thinking"),
        ("signature_delta", "signature", "signature"),
        ("input_json_delta", "partial_json", "json"),
        ("dream_delta", "dream", "dream"),
    ];
    let kind = kinds.iter().find(|(kind, ..)| delta["type"] == *kind);
    let (_, from, to) = *kind.unwrap();
    let so_far = block.get(to).and_then(Value::as_str).unwrap_or_default();
    block[to] = format!("{so_far}{}", delta[from].as_str().unwrap()).into();
}

fn close(block: &mut Value) {
    if let Some(text) = block.as_object_mut().unwrap().remove("json") {
        block["input"] = serde_json::from_str(text.as_str().unwrap()).unwrap();
    }
}

/// The same with ids that differ from request to request taken away.
fn without_ids(mut blocks: Vec<Value>) -> Vec<Value> {
    for block in &mut blocks {
        block.as_object_mut().unwrap().remove("id");
    }
    blocks
}

/// Asks whole and streamed: both have blocks of these kinds, and the same blocks.
async fn check_blocks(client: &Client, text: &str, kinds: &[&str], reason: &str) -> Vec<Value> {
    let whole = client
        .call("sim.claude", "invoke", &rich(text))
        .await
        .json();
    let events = client
        .call("sim.claude", STREAM, &rich(text))
        .await
        .events();
    let content = whole["content"].as_array().unwrap().clone();
    let got: Vec<_> = content
        .iter()
        .map(|block| block["type"].as_str().unwrap())
        .collect();
    assert_eq!(got, kinds, "{text}");
    assert_eq!(
        without_ids(content.clone()),
        without_ids(blocks(&events)),
        "{text}"
    );

    let delta = events
        .iter()
        .find(|event| event["type"] == "message_delta")
        .unwrap();
    assert_eq!(whole["stop_reason"], reason, "{text}");
    assert_eq!(delta["delta"]["stop_reason"], reason, "{text}");
    assert_eq!(delta["usage"], whole["usage"], "{text}");
    let thinks = kinds.iter().any(|kind| kind.contains("thinking"));
    let details = whole["usage"].get("output_tokens_details");
    assert_eq!(details.is_some(), thinks, "{text}");
    content
}

#[tokio::test]
async fn a_turn_thinks_talks_and_calls_in_that_order() {
    let (_sim, client) = sim(Script::default()).await;
    let calls = "[[sim:call add {\"a\": 1}]] [[sim:call sub {}]] [[sim:parallel]]";
    for (text, kinds, reason) in [
        ("[[sim:say hi]]", &["text"][..], "end_turn"),
        (
            "[[sim:think]] [[sim:say hi]]",
            &["thinking", "text"],
            "end_turn",
        ),
        (
            "[[sim:redact]] [[sim:say hi]]",
            &["redacted_thinking", "text"],
            "end_turn",
        ),
        ("[[sim:refuse]]", &[], "refusal"),
        (
            "[[sim:think]] [[sim:refuse I was about]]",
            &["thinking", "text"],
            "refusal",
        ),
        (
            "[[sim:stop pause_turn]] [[sim:say hi]]",
            &["text"],
            "pause_turn",
        ),
        (calls, &["tool_use", "tool_use"], "tool_use"),
        (
            &format!("[[sim:think]] [[sim:preface Let me see.]] {calls}"),
            &["thinking", "text", "tool_use", "tool_use"],
            "tool_use",
        ),
        (
            &format!("[[sim:think]] [[sim:redact]] {calls}"),
            &["thinking", "redacted_thinking", "tool_use", "tool_use"],
            "tool_use",
        ),
    ] {
        check_blocks(&client, text, kinds, reason).await;
    }
}

#[tokio::test]
async fn what_was_thought_goes_back_and_forth_to_the_end_of_a_tool_loop() {
    let (_sim, client) = sim(Script::default()).await;
    let text = "[[sim:think]] [[sim:redact]] [[sim:preface So.]] [[sim:call add {}]] [[sim:call sub {}]] [[sim:say done]]";
    let mut request = rich(text);
    request["thinking"] = json!({"type": "enabled", "budget_tokens": 1024});
    for last in ["tool_use", "tool_use", "text"] {
        let answer = client.call("sim.claude", "invoke", &request).await;
        assert_eq!(answer.status, 200, "{}", answer.json());
        let content = answer.json()["content"].clone();
        let call = content.as_array().unwrap().last().unwrap().clone();
        assert_eq!(
            (&content[0]["type"], &call["type"]),
            (&json!("thinking"), &json!(last))
        );
        let messages = request["messages"].as_array_mut().unwrap();
        let result = json!({"type": "tool_result", "tool_use_id": call["id"], "content": "1"});
        messages.push(json!({"role": "assistant", "content": content}));
        messages.push(json!({"role": "user", "content": [result]}));
    }
    request["messages"].as_array_mut().unwrap().truncate(3);
    request["messages"][1]["content"][0]["thinking"] = "I never thought so".into();
    let forged = client.call("sim.claude", "invoke", &request).await;
    assert_eq!(
        forged.json()["message"],
        "messages.1.content.0: Invalid `signature` in `thinking` block"
    );
}

type Change = fn(&mut Value);

/// Sends a thought back after a change of the request that it came from.
async fn think_and_change(model: &str, change: Change) -> String {
    let models = vec!["anthropic.*".to_owned()];
    let (_sim, client) = sim(Script {
        models,
        ..Script::default()
    })
    .await;
    let mut request = rich("[[sim:think]] [[sim:redact]] [[sim:call add {}]]");
    request["system"] = "be brief".into();
    let content = client.call(model, "invoke", &request).await.json()["content"].clone();
    assert_eq!(content[0]["type"], "thinking");
    let result = json!({"type": "tool_result", "tool_use_id": content[2]["id"], "content": "1"});
    let messages = request["messages"].as_array_mut().unwrap();
    messages.push(json!({"role": "assistant", "content": content}));
    messages.push(json!({"role": "user", "content": [result]}));
    change(&mut request);
    let answer = client.call(model, "invoke", &request).await.json();
    answer["message"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn some_families_bind_their_thoughts_to_what_stood_before() {
    let changes: [(&str, Change, bool); 7] = [
        ("nothing", |_| {}, true),
        (
            "the limit",
            |request| request["max_tokens"] = 99.into(),
            true,
        ),
        (
            "a point of the cache",
            |request| {
                let point = json!({"type": "ephemeral"});
                request["system"] =
                    json!([{"type": "text", "text": "be brief", "cache_control": point}]);
            },
            true,
        ),
        (
            "the system prompt",
            |request| request["system"] = "be long".into(),
            false,
        ),
        (
            "a tool",
            |request| request["tools"][1]["description"] = "subtracts".into(),
            false,
        ),
        (
            "a message",
            |request| request["messages"][0]["content"] = "[[sim:say other]]".into(),
            false,
        ),
        (
            "a message, but thoughts may be dropped",
            |request| {
                request["messages"][0]["content"] = "[[sim:say other]]".into();
                request["anthropic_beta"] = json!(["thinking-binding-controls-2026-08-01"]);
                let binding = json!({"prefix_mismatch_behavior": "drop_block"});
                request["thinking"] = json!({"type": "adaptive", "block_binding": binding});
            },
            true,
        ),
    ];
    for (what, change, fits) in changes {
        for (model, binds) in [
            ("anthropic.claude-opus-5-5", true),
            ("anthropic.claude-opus-4-8", false),
        ] {
            let refusal = think_and_change(model, change).await;
            let want = match fits || !binds {
                true => "",
                false => "messages.1.content.0: `thinking` blocks cannot be used after a change",
            };
            assert!(
                refusal.starts_with(want) && refusal.is_empty() == want.is_empty(),
                "{model}, {what}: {refusal}"
            );
        }
    }
    let without_beta = think_and_change("anthropic.claude-opus-5-5", |request| {
        request["thinking"] = json!({"type": "adaptive", "block_binding": {}});
    });
    assert_eq!(
        without_beta.await,
        "thinking.block_binding: Extra inputs are not permitted"
    );
}

#[tokio::test]
async fn the_newest_families_show_a_signature_and_no_thought() {
    let models = vec!["eu.anthropic.*".to_owned()];
    let (sim, client) = sim(Script {
        models,
        ..Script::default()
    })
    .await;
    let model = "eu.anthropic.claude-sonnet-5";
    let mut request = body("[[sim:think]] [[sim:say hi]]");
    let hidden = client.call(model, "invoke", &request).await.json();
    assert_eq!(hidden["content"][0]["thinking"], "");
    assert!(
        !hidden["content"][0]["signature"]
            .as_str()
            .unwrap()
            .is_empty()
    );
    let events = client.call(model, STREAM, &request).await.events();
    assert_eq!(blocks(&events), *hidden["content"].as_array().unwrap());

    request["thinking"] = json!({"type": "adaptive", "display": "summarized"});
    let shown = client.call(model, "invoke", &request).await.json();
    assert_ne!(shown["content"][0]["thinking"], "");
    assert_eq!(
        shown["usage"]["output_tokens"],
        hidden["usage"]["output_tokens"]
    );
    let costs: Vec<_> = sim.bill().iter().map(|line| line.output_tokens).collect();
    assert_eq!(costs, [costs[0]; 3]);
}

#[tokio::test]
async fn one_event_is_spoiled_and_the_stream_goes_on() {
    let (sim, client) = sim(Script::default()).await;
    for fault in ["bad-utf8", "bad-json"] {
        let text = format!("[[sim:long 40]] [[sim:fault {fault}]]");
        let answer = client.call("sim.claude", STREAM, &body(&text)).await;
        assert_eq!((answer.status, answer.end), (200, End::Proper));
        let texts = answer.event_texts();
        let is_json = |text: &Vec<u8>| serde_json::from_slice::<Value>(text).is_ok();
        let wrong: Vec<_> = texts.iter().filter(|text| !is_json(text)).collect();
        assert_eq!(wrong.len(), 1, "{fault}");
        assert_eq!(str::from_utf8(wrong[0]).is_err(), fault == "bad-utf8");
        let last: Value = serde_json::from_slice(texts.last().unwrap()).unwrap();
        assert_eq!(last["type"], "message_stop");
        assert!(sim.bill().last().unwrap().complete, "{fault}");
    }
}

#[tokio::test]
async fn odd_things_come_before_an_answer_that_is_as_ever() {
    let (_sim, client) = sim(Script::default()).await;
    let text = "[[sim:preface So.]] [[sim:call add {}]] [[sim:fault odd]]";
    let kinds = ["dream", "text", "tool_use"];
    check_blocks(&client, text, &kinds, "tool_use").await;
    let events = client
        .call("sim.claude", STREAM, &rich(text))
        .await
        .events();
    assert!(events.iter().any(|event| event["type"] == "dream"));
    assert_eq!(events.last().unwrap()["type"], "message_stop");
}

#[tokio::test]
async fn an_error_says_what_it_is_told_to_say() {
    let (_sim, client) = sim(Script::default()).await;
    let wished = "prompt is too long: 3 tokens > 2 maximum";
    let text = format!("[[sim:fault error ValidationException {wished}]]");
    let answer = client.call("sim.claude", "invoke", &body(&text)).await;
    assert_eq!(
        (answer.status, answer.json()["message"].as_str()),
        (400, Some(wished))
    );
}

#[tokio::test]
async fn the_window_is_counted_before_the_model_is_asked() {
    let models = vec!["anthropic.*".to_owned()];
    let (sim, client) = sim(Script {
        models,
        ..Script::default()
    })
    .await;
    let text = "word ".repeat(260_000);
    for (model, want) in [
        (
            "anthropic.claude-sonnet-4-5-20250929-v1:0",
            "prompt is too long: ",
        ),
        ("anthropic.claude-opus-4-8", ""),
    ] {
        let answer = client.call(model, "invoke", &body(&text)).await.json();
        let message = answer["message"].as_str().unwrap_or_default();
        assert!(
            message.starts_with(want) && message.is_empty() == want.is_empty(),
            "{message}"
        );
    }
    assert_eq!(sim.bill().len(), 1);
}
