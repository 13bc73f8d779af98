//! Rules that every body must keep, whatever the client sent: for recorded clients and for
//! conversations made at random.
#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failing helper fails its test"
)]

use llmlite_openai::ChatRequest;
use llmlite_translator::{
    EncodeError, Model, Reply, Sampling, Stamp, StreamDecoder, decode, encode,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fs;
use std::path::Path;

fn model() -> Model {
    Model {
        max_output_tokens: 8192,
        default_max_tokens: 4096,
        sampling: Sampling::Both,
        prefill: true,
        vision: true,
        pdf: true,
        forced_tool: true,
    }
}

fn any_model() -> impl Strategy<Value = Model> {
    let sampling = proptest::sample::select(vec![Sampling::Both, Sampling::OneOf, Sampling::None]);
    let flags = any::<(bool, bool, bool, bool)>();
    (sampling, flags).prop_map(|(sampling, (prefill, vision, pdf, forced_tool))| Model {
        sampling,
        prefill,
        vision,
        pdf,
        forced_tool,
        ..model()
    })
}

#[test]
fn every_recorded_client_is_understood() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captures");
    let mut seen = 0;
    for file in fs::read_dir(folder).expect("the captures are there") {
        let path = file.expect("the captures can be listed").path();
        let body = fs::read(&path).expect("a capture can be read");
        let request =
            ChatRequest::parse(&body).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let encoded = encode(&request, &model())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        keeps_the_rules(&encoded.body, &model());
        seen += 1;
    }
    assert!(seen > 50, "only {seen} captures were found");
}

/// Claude's rules for a body.
#[track_caller]
fn keeps_the_rules(body: &[u8], model: &Model) {
    let body: Value = serde_json::from_slice(body).expect("the body is JSON");
    assert_eq!(body["anthropic_version"], "bedrock-2023-05-31");
    assert!(body["max_tokens"].as_u64().is_some_and(|tokens| tokens > 0));
    assert!(body.get("model").is_none() && body.get("stream").is_none());
    settings_keep_the_rules(&body, model);
    let none = Vec::new();
    for tool in body["tools"].as_array().unwrap_or(&none) {
        let schema = &tool["input_schema"];
        assert!(
            is_plain(&tool["name"]) && schema["type"] == "object",
            "{tool}"
        );
        let combiners = ["anyOf", "oneOf", "allOf"];
        assert!(combiners.iter().all(|word| schema.get(word).is_none()));
    }
    let system = body["system"].as_array().unwrap_or(&none);
    system.iter().for_each(block_keeps_the_rules);

    let mut seen = HashSet::new();
    let mut calls = Vec::new();
    let turns = body["messages"].as_array().expect("there are messages");
    assert!(!turns.is_empty());
    for (index, turn) in turns.iter().enumerate() {
        let role = if index % 2 == 0 { "user" } else { "assistant" };
        assert_eq!(turn["role"], role, "roles alternate and the user begins");
        let blocks = turn["content"].as_array().expect("content is a list");
        assert!(!blocks.is_empty(), "no turn is empty");
        blocks.iter().for_each(block_keeps_the_rules);
        let results = ids(blocks, "tool_result", "tool_use_id");
        assert_eq!(results, calls, "each call has its result in the next turn");
        assert!(
            blocks[..results.len()]
                .iter()
                .all(|block| block["type"] == "tool_result")
        );
        calls = ids(blocks, "tool_use", "id");
        assert!(
            calls.iter().all(|id| seen.insert(id.clone())),
            "each id is used once: {calls:?}"
        );
        assert!(
            calls.is_empty() || body["tools"].is_array(),
            "calls need tools"
        );
    }
    assert!(calls.is_empty(), "no call is left without a result");
    assert!(
        model.prefill || turns.last().is_some_and(|turn| turn["role"] == "user"),
        "only some models continue"
    );
}

#[track_caller]
fn settings_keep_the_rules(body: &Value, model: &Model) {
    let given = |field: &str| body.get(field).is_some();
    match model.sampling {
        Sampling::Both => {}
        Sampling::OneOf => assert!(!(given("temperature") && given("top_p"))),
        Sampling::None => {
            assert!(!given("temperature") && !given("top_p") && !given("top_k"));
        }
    }
    for field in ["temperature", "top_p"] {
        let value = body[field].as_f64();
        assert!(value.is_none_or(|value| (0.0..=1.0).contains(&value)));
    }
    let top_k = body["top_k"].as_i64();
    assert!(top_k.is_none_or(|top_k| (1..=500).contains(&top_k)));

    let choice = &body["tool_choice"];
    let forced = matches!(choice["type"].as_str(), Some("any" | "tool"));
    assert!(model.forced_tool || !forced, "{choice}");
    assert!(choice.is_null() || given("tools"), "a choice needs tools");
    let none = Vec::new();
    let mut tools = body["tools"].as_array().unwrap_or(&none).iter();
    assert!(
        choice["type"] != "tool" || tools.any(|tool| tool["name"] == choice["name"]),
        "{choice}"
    );
}

#[track_caller]
fn block_keeps_the_rules(block: &Value) {
    match block["type"].as_str() {
        Some("text") => assert!(!block["text"].as_str().unwrap_or_default().trim().is_empty()),
        Some("tool_use") => {
            assert!(
                is_plain(&block["id"]) && is_plain(&block["name"]) && block["input"].is_object()
            );
        }
        Some("tool_result") => {
            let content = block["content"].as_array().expect("a result has a list");
            assert!(!content.is_empty());
            content.iter().for_each(block_keeps_the_rules);
        }
        Some("image" | "document") => {}
        other => panic!("unknown block {other:?}"),
    }
}

fn is_plain(name: &Value) -> bool {
    let name = name.as_str().unwrap_or_default();
    let plain = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-');
    (1..=64).contains(&name.len()) && name.chars().all(plain)
}

fn ids(blocks: &[Value], kind: &str, field: &str) -> Vec<String> {
    let blocks = blocks.iter().filter(|block| block["type"] == kind);
    blocks
        .map(|block| block[field].as_str().unwrap_or_default().to_owned())
        .collect()
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just(" \n".to_owned()),
        "[a-zé\"\\\\ \u{2028}]{0,12}"
    ]
}

fn content() -> impl Strategy<Value = Value> {
    let part = text().prop_map(|text| json!({ "type": "text", "text": text, "x": 1 }));
    prop_oneof![
        Just(Value::Null),
        text().prop_map(Value::from),
        proptest::collection::vec(part, 0..3).prop_map(Value::from),
    ]
}

/// Tool names and call ids, some outside Claude's alphabet.
fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]", "[a-b]/[. é]{1,3}", "x{70}"]
}

fn message() -> impl Strategy<Value = Value> {
    let arguments = prop_oneof![
        Just("{}".to_owned()),
        Just("[1]".to_owned()),
        Just("{\"a\": 1.50}".to_owned()),
        text()
    ];
    let call = (name(), name(), arguments).prop_map(|(id, name, arguments)| {
        json!({ "id": id, "type": "function", "function": { "name": name, "arguments": arguments } })
    });
    let calls = proptest::collection::vec(call, 0..3);
    prop_oneof![
        (
            prop_oneof![Just("user"), Just("system"), Just("developer")],
            content()
        )
            .prop_map(|(role, content)| json!({ "role": role, "content": content })),
        (content(), calls).prop_map(|(content, calls)| {
            json!({ "role": "assistant", "content": content, "tool_calls": calls })
        }),
        (name(), content()).prop_map(
            |(id, content)| json!({ "role": "tool", "tool_call_id": id, "content": content })
        ),
    ]
}

/// Schemas, of which Claude refuses some.
fn schema() -> impl Strategy<Value = Value> {
    let branch = prop_oneof![
        Just(json!({ "required": ["a"] })),
        Just(json!({ "properties": {} }))
    ];
    let branches = proptest::collection::vec(branch, 0..3);
    let word = proptest::sample::select(vec!["anyOf", "oneOf", "allOf", "title"]);
    let kind = proptest::sample::select(vec![json!("object"), Value::Null, json!("string")]);
    prop_oneof![
        Just(Value::Null),
        Just(json!({})),
        (kind, word, branches)
            .prop_map(|(kind, word, branches)| json!({ "type": kind, word: branches })),
    ]
}

fn tools() -> impl Strategy<Value = Value> {
    proptest::collection::btree_map(name(), schema(), 0..3).prop_map(|tools| {
        let tool = |(name, schema): (String, Value)| json!({ "function": { "name": name, "parameters": schema } });
        tools.into_iter().map(tool).collect()
    })
}

fn tool_choice() -> impl Strategy<Value = Value> {
    let named = |name: String| json!({ "type": "function", "function": { "name": name } });
    let allowed = |(names, mode): (Vec<String>, &str)| {
        let tools: Vec<Value> = names
            .into_iter()
            .map(|name| json!({ "function": { "name": name } }))
            .collect();
        json!({ "type": "allowed_tools", "allowed_tools": { "mode": mode, "tools": tools } })
    };
    let mode = proptest::sample::select(vec!["auto", "required"]);
    let word = proptest::sample::select(vec![
        Value::Null,
        json!("auto"),
        json!("none"),
        json!("required"),
    ]);
    prop_oneof![
        4 => word,
        1 => name().prop_map(named),
        1 => (proptest::collection::vec(name(), 0..2), mode).prop_map(allowed),
    ]
}

fn request() -> impl Strategy<Value = Value> {
    let messages = proptest::collection::vec(message(), 0..8);
    let sampling = (
        proptest::option::of(-1.0..2.0),
        proptest::option::of(-1.0..2.0),
        proptest::option::of(-1_i64..600),
    );
    let calls = (tools(), tool_choice(), any::<Option<bool>>());
    (messages, sampling, calls).prop_map(
        |(messages, (temperature, top_p, top_k), (tools, choice, parallel))| {
            json!({
                "model": "m", "messages": messages, "temperature": temperature, "top_p": top_p,
                "top_k": top_k, "tools": tools, "tool_choice": choice,
                "parallel_tool_calls": parallel,
            })
        },
    )
}

/// Whether `error` is one that a request of the right shape may meet.
fn is_understood(error: &EncodeError, request: &Value, model: &Model) -> bool {
    match error {
        EncodeError::NoUserMessage
        | EncodeError::BlankLastMessage { .. }
        | EncodeError::OrphanToolResult { .. } => true,
        EncodeError::PrefillUnsupported { param } => {
            let index = param.trim_matches(|char: char| !char.is_ascii_digit());
            let message = index
                .parse()
                .map(|index: usize| &request["messages"][index]);
            !model.prefill && message.is_ok_and(|message| message["role"] == "assistant")
        }
        EncodeError::UnknownToolChoice { .. } | EncodeError::ToolChoiceWithoutTools => {
            !request["tool_choice"].is_null()
        }
        EncodeError::InvalidSchema { .. } | EncodeError::RootCombiner { .. } => request["tools"]
            .as_array()
            .is_some_and(|tools| !tools.is_empty()),
        _ => false,
    }
}

proptest! {
    #[test]
    fn every_conversation_is_refused_or_keeps_the_rules(request in request(), model in any_model()) {
        let parsed = ChatRequest::parse(request.to_string().as_bytes()).expect("the shape is right");
        match encode(&parsed, &model) {
            Ok(encoded) => keeps_the_rules(&encoded.body, &model),
            Err(error) => prop_assert!(is_understood(&error, &request, &model), "{error}"),
        }
    }

    #[test]
    fn the_same_bytes_always_give_the_same_body(request in request()) {
        let request = request.to_string();
        let body = || {
            let parsed = ChatRequest::parse(request.as_bytes()).expect("the shape is right");
            encode(&parsed, &model()).map(|encoded| encoded.body)
        };
        prop_assert_eq!(body(), body());
    }

    #[test]
    fn no_bytes_make_the_decoders_panic(
        events in proptest::collection::vec(prop_oneof![event(), noise()], 0..8),
    ) {
        let stamp = Stamp { id: "c".into(), created: 0, model: "m".into() };
        let mut decoder = StreamDecoder::new(Reply::default(), stamp.clone());
        let mut chunks = Vec::new();
        for event in &events {
            let known = decoder.push(event, &mut chunks).is_ok();
            prop_assert!(known || decode(event, &Reply::default(), stamp.clone()).is_err());
        }
        prop_assert_eq!(decoder.finish(&mut chunks).is_ok(), decoder.is_complete());
        prop_assert!(chunks.iter().all(|chunk| chunk.choices.len() <= 1));
    }
}

/// Events of the right shape in a wrong order.
fn event() -> impl Strategy<Value = Vec<u8>> {
    let kinds = [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "ping",
        "error",
        "new",
    ];
    let deltas = [
        "text_delta",
        "input_json_delta",
        "thinking_delta",
        "signature_delta",
        "new",
    ];
    let kinds = proptest::sample::select(kinds.to_vec());
    let deltas = proptest::sample::select(deltas.to_vec());
    (kinds, deltas, 0_u32..3, text(), any::<bool>()).prop_map(|(kind, delta, index, text, tool)| {
        let block = if tool { "tool_use" } else { "text" };
        json!({
            "type": kind, "index": index,
            "message": { "usage": { "input_tokens": index } },
            "content_block": { "type": block, "id": "a", "name": "f", "input": {} },
            "delta": { "type": delta, "text": text, "thinking": text, "partial_json": text },
            "usage": { "output_tokens": index, "cache_creation_input_tokens": index },
        })
        .to_string()
        .into_bytes()
    })
}

fn noise() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        "[{}\\[\\]:,\"a-z0-9]{0,40}".prop_map(String::into_bytes)
    ]
}
