//! Rules that every body must keep, whatever the client sent: for recorded clients and for
//! conversations made at random.

use llmlite_openai::ChatRequest;
use llmlite_translator::{CachePoints, EncodeError, Model, Options, encode};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

use crate::anything::{any_model, message, request};
use crate::rules::keeps_the_rules;
use crate::{encoded, models, taken};

#[test]
fn every_recorded_client_is_understood_by_every_model() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captures");
    let mut seen = 0;
    for file in fs::read_dir(folder).expect("the captures are there") {
        let path = file.expect("the captures can be listed").path();
        let body = fs::read_to_string(&path).expect("a capture can be read");
        for (name, model) in models::all() {
            let encoded = encoded(&model, &body)
                .unwrap_or_else(|error| panic!("{name}: {}: {error}", path.display()));
            keeps_the_rules(&encoded.body, &model);
        }
        seen += 1;
    }
    assert!(seen > 50, "only {seen} captures were found");
}

/// Whether `error` is one that a request of the right shape may meet.
fn is_understood(error: &EncodeError, request: &Value) -> bool {
    let tools = request["tools"].as_array();
    match error {
        EncodeError::NoUserMessage | EncodeError::BlankLastMessage { .. } => true,
        EncodeError::UnknownToolChoice { .. } | EncodeError::ToolChoiceWithoutTools { .. } => {
            !request["tool_choice"].is_null()
        }
        EncodeError::InvalidSchema { .. } | EncodeError::RootCombiner { .. } => {
            tools.is_some_and(|tools| !tools.is_empty())
        }
        _ => false,
    }
}

/// All that users and instructions say, without what is blank.
fn words(request: &Value) -> Vec<String> {
    let mut words = Vec::new();
    for message in request["messages"].as_array().into_iter().flatten() {
        if !["user", "system", "developer"].contains(&message["role"].as_str().unwrap_or_default())
        {
            continue;
        }
        words.extend(message["content"].as_str().map(str::to_owned));
        for part in message["content"].as_array().into_iter().flatten() {
            words.extend(part["text"].as_str().map(str::to_owned));
        }
    }
    words.retain(|text| !text.trim().is_empty());
    words
}

/// All texts of a body.
fn texts(body: &Value) -> Vec<String> {
    let turns = body["messages"].as_array().into_iter().flatten();
    let blocks = turns.flat_map(|turn| turn["content"].as_array().into_iter().flatten());
    let system = body["system"].as_array().into_iter().flatten();
    let texts = system
        .chain(blocks)
        .filter_map(|block| block["text"].as_str());
    texts.map(str::to_owned).collect()
}

/// Tools, instructions and turns of a body without the points of the cache.
fn prefix(body: &Value) -> (Value, Vec<Value>) {
    fn bare(value: &Value) -> Value {
        match value {
            Value::Object(fields) => {
                let fields = fields.iter().filter(|(key, _)| *key != "cache_control");
                fields
                    .map(|(key, value)| (key.clone(), bare(value)))
                    .collect()
            }
            Value::Array(items) => items.iter().map(bare).collect(),
            other => other.clone(),
        }
    }
    let turns = bare(&body["messages"]);
    let turns = turns.as_array().cloned().unwrap_or_default();
    (bare(&json!([body["tools"], body["system"]])), turns)
}

proptest! {
    #[test]
    fn every_conversation_is_refused_or_keeps_the_rules(request in request(), model in any_model()) {
        match encoded(&model, &request.to_string()) {
            Ok(encoded) => keeps_the_rules(&encoded.body, &model),
            Err(error) => prop_assert!(is_understood(&error, &request), "{error}"),
        }
    }

    #[test]
    fn the_same_bytes_always_give_the_same_body(request in request(), model in any_model()) {
        let request = request.to_string();
        let body = || encoded(&model, &request).map(|encoded| encoded.body);
        prop_assert_eq!(body(), body());
    }

    #[test]
    fn nothing_that_users_say_is_lost(request in request(), model in any_model()) {
        if let Ok(encoded) = encoded(&model, &request.to_string()) {
            let body: Value = serde_json::from_slice(&encoded.body).expect("the body is JSON");
            let texts = texts(&body);
            for word in words(&request) {
                let is_there = |text: &String| text.contains(word.as_str());
                prop_assert!(texts.iter().any(is_there), "{:?} is lost: {}", word, body);
            }
        }
    }

    /// The prompt cache depends on it.
    ///
    /// The conversation so far ends with words of the user; a call without a result, or an answer
    /// that the client began, is closed in another way at the end than in the middle.
    #[test]
    fn a_conversation_that_grows_keeps_its_beginning(
        messages in proptest::collection::vec(message(), 0..6),
        more in proptest::collection::vec(message(), 0..4),
        model in any_model(),
    ) {
        let mut short = messages;
        short.push(json!({ "role": "user", "content": "and now" }));
        let mut long = short.clone();
        long.push(json!({ "role": "assistant", "content": "so" }));
        long.extend(more);
        long.push(json!({ "role": "user", "content": "go on" }));
        let bodies = [short, long].map(|messages| {
            let request = json!({ "model": "m", "messages": messages }).to_string();
            let encoded = encoded(&model, &request).unwrap_or_else(|error| panic!("{error}"));
            prefix(&serde_json::from_slice(&encoded.body).expect("the body is JSON"))
        });
        let [(system, turns), (system_later, turns_later)] = bodies;
        // No tools are offered here: stand-ins come when the history calls them.
        prop_assert_eq!(&system[1], &system_later[1]);
        prop_assert_eq!(turns.as_slice(), &turns_later[..turns.len()]);
    }

    #[test]
    fn the_switch_for_cache_points_changes_nothing_else(request in request(), model in any_model()) {
        let request = request.to_string();
        let parsed = ChatRequest::parse(request.as_bytes()).expect("the shape is right");
        let bodies = [CachePoints::Automatic, CachePoints::Asked].map(|cache| {
            let options = Options { cache, ..Options::default() };
            let body = encode(&parsed, &model, options).map(|encoded| encoded.body);
            body.map(|body| prefix(&serde_json::from_slice(&body).expect("the body is JSON")))
        });
        let [automatic, asked] = bodies;
        prop_assert_eq!(automatic, asked);
    }
}

#[test]
fn system_messages_stay_where_they_are_only_for_models_that_take_them() {
    let messages = r#"[
        {"role":"system","content":"first"},
        {"role":"user","content":"a"},
        {"role":"assistant","content":"b","tool_calls":[{"id":"c","function":{"name":"f"}}]},
        {"role":"system","content":"between"},
        {"role":"tool","tool_call_id":"c","content":"r"},
        {"role":"assistant","content":"d"},
        {"role":"developer","content":"last"}
    ]"#;
    let roles = |model: &Model| {
        let (_, body) = taken(model, &crate::request(messages, ""));
        let turns = body["messages"].as_array().expect("there are turns").iter();
        let turn = |turn: &Value| {
            let kinds = turn["content"]
                .as_array()
                .expect("a turn has blocks")
                .iter();
            let kinds = kinds.map(|block| match block["text"].as_str() {
                Some(text) => text.to_owned(),
                None => block["type"].to_string(),
            });
            let role = turn["role"].as_str().expect("a turn has a role");
            format!("{role}: {}", kinds.collect::<Vec<_>>().join(", "))
        };
        turns.map(turn).collect::<Vec<_>>()
    };
    let marked = |text: &str| format!("<system_message>\n{text}\n</system_message>");
    assert_eq!(
        roles(&models::plain()),
        [
            "user: a".to_owned(),
            "assistant: b, \"tool_use\"".to_owned(),
            format!("user: \"tool_result\", {}", marked("between")),
            "assistant: d".to_owned(),
            format!("user: {}", marked("last")),
        ]
    );
    assert_eq!(
        roles(&models::adaptive()),
        [
            "user: a".to_owned(),
            "assistant: b, \"tool_use\"".to_owned(),
            "user: \"tool_result\"".to_owned(),
            "system: between".to_owned(),
            "assistant: d".to_owned(),
            format!("user: {}", marked("last")),
        ]
    );
}

#[test]
fn thoughts_go_back_unchanged_and_only_to_models_that_think() {
    let messages = r#"[
        {"role":"user","content":"a"},
        {"role":"assistant","content":" b ","reasoning_content":"x","reasoning_details":[
            {"type":"reasoning.text","text":" so \n","signature":"s1"},
            {"type":"reasoning.text","text":"","signature":"s2"},
            {"type":"reasoning.text","text":"unsigned"},
            {"type":"reasoning.encrypted","data":"d"}],
         "tool_calls":[{"id":"c","function":{"name":"f"}}]},
        {"role":"tool","tool_call_id":"c","content":"r"}
    ]"#;
    let body = crate::request(messages, "");
    let (encoded, value) = taken(&models::budget(), &body);
    assert_eq!(
        value["messages"][1]["content"],
        json!([
            { "type": "thinking", "thinking": " so \n", "signature": "s1" },
            { "type": "thinking", "thinking": "", "signature": "s2" },
            { "type": "redacted_thinking", "data": "d" },
            { "type": "text", "text": " b " },
            { "type": "tool_use", "id": "c", "name": "f", "input": {} },
        ])
    );
    assert!(encoded.ignored.is_empty(), "{:?}", encoded.ignored);
    let (encoded, value) = taken(&models::plain(), &body);
    assert_eq!(value["messages"][1]["content"][0]["type"], "text");
    assert_eq!(encoded.ignored, ["messages[].reasoning_details"]);
}

#[test]
#[rustfmt::skip]
fn thoughts_that_lead_nowhere_go_with_the_next_words_or_not_at_all() {
    let kinds = |middle: &str| {
        let messages = format!(r#"[{{"role":"user","content":"a"}},{middle},{{"role":"user","content":"z"}}]"#);
        let (_, body) = taken(&models::budget(), &crate::request(&messages, ""));
        let turns = body["messages"].as_array().expect("there are turns").iter();
        let blocks = turns.filter(|turn| turn["role"] == "assistant").flat_map(|turn| turn["content"].as_array().expect("a turn has blocks"));
        blocks.map(|block| block["type"].as_str().expect("a block has a type").to_owned()).collect::<Vec<_>>().join(" ")
    };
    let thought = r#"{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"}]}"#;
    let text = r#"{"role":"assistant","content":"b"}"#;
    let both = r#"{"role":"assistant","content":[{"type":"text","text":"b"},{"type":"thinking","thinking":"t","signature":"s"}]}"#;
    let call = r#"{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"},{"type":"tool_use","id":"i","name":"f","input":{}},{"type":"text","text":"b"}]}"#;
    assert_eq!(kinds(thought),                    "");
    assert_eq!(kinds(&format!("{thought},{text}")), "thinking text");
    assert_eq!(kinds(&format!("{text},{thought}")), "text");
    assert_eq!(kinds(both),                       "text");
    assert_eq!(kinds(call),                       "thinking text tool_use");
    assert_eq!(kinds(&format!("{text},{call}")),  "text thinking text tool_use");
}

/// The turns of a conversation, as `role: kinds` each.
fn outline(model: &Model, messages: &str) -> Vec<String> {
    let body = format!(r#"{{"model":"m","messages":[{messages}]}}"#);
    let encoded = encoded(model, &body).unwrap_or_else(|error| panic!("{error}"));
    let body: Value = serde_json::from_slice(&encoded.body).expect("the body is JSON");
    let turns = body["messages"].as_array().expect("there are turns");
    let kinds = |turn: &Value| -> Vec<String> {
        let blocks = turn["content"].as_array().into_iter().flatten();
        blocks
            .map(|block| {
                block["text"]
                    .as_str()
                    .or(block["type"].as_str())
                    .unwrap_or_default()
                    .to_owned()
            })
            .collect()
    };
    turns
        .iter()
        .map(|turn| {
            format!(
                "{}: {}",
                turn["role"].as_str().unwrap_or_default(),
                kinds(turn).join(", ")
            )
        })
        .collect()
}

#[test]
fn an_instruction_after_a_call_that_nothing_answers_stays_before_what_follows() {
    let talk = r#"{"role":"user","content":"go"},{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f"}}]},{"role":"system","content":"stopped"},{"role":"assistant","content":"ok"},{"role":"user","content":"next"}"#;
    assert_eq!(
        outline(&models::adaptive(), talk),
        [
            "user: go",
            "assistant: tool_use",
            "user: tool_result",
            "system: stopped",
            "assistant: ok",
            "user: next"
        ]
    );
}

#[test]
fn an_instruction_after_a_blank_answer_does_not_move_to_the_front() {
    let talk = r#"{"role":"system","content":"rules"},{"role":"user","content":"a"},{"role":"assistant","content":""},{"role":"system","content":"reminder"},{"role":"user","content":"b"}"#;
    let turns = outline(&models::plain(), talk);
    assert!(turns.concat().contains("reminder"), "{turns:?}");

    let blank = r#"{"role":"user"},{"role":"assistant","content":" "},{"role":"system","content":"s"},{"role":"user","content":"go"}"#;
    assert_eq!(outline(&models::adaptive(), blank), ["user: go"]);
}
