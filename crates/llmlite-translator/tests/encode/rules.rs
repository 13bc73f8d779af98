//! Claude's rules for a body, written down without a look at how bodies are made.

use llmlite_translator::{Model, Sampling, Thinking};
use serde_json::Value;
use std::collections::HashSet;

/// Checks all of them.
#[track_caller]
pub(crate) fn keeps_the_rules(body: &[u8], model: &Model) {
    let body: Value = serde_json::from_slice(body).expect("the body is JSON");
    assert_eq!(body["anthropic_version"], "bedrock-2023-05-31");
    assert!(body["max_tokens"].as_u64().is_some_and(|tokens| tokens > 0));
    assert!(body.get("model").is_none() && body.get("stream").is_none());
    settings_keep_the_rules(&body, model);
    tools_keep_the_rules(&body, model);
    points_keep_the_rules(&body, model);
    let system = list(&body["system"]);
    assert!(system.iter().all(|block| block["type"] == "text"));
    system.iter().for_each(block_keeps_the_rules);
    roles_keep_the_rules(&body, model);
    calls_keep_the_rules(&body);
    thoughts_keep_the_rules(&body, model);
    files_keep_the_rules(&body);
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
}

#[track_caller]
fn tools_keep_the_rules(body: &Value, model: &Model) {
    let mut names = HashSet::new();
    for tool in list(&body["tools"]) {
        let schema = &tool["input_schema"];
        assert!(
            is_plain(&tool["name"]) && schema["type"] == "object",
            "{tool}"
        );
        assert!(names.insert(tool["name"].as_str()), "{tool} is there twice");
        let combiners = ["anyOf", "oneOf", "allOf"];
        assert!(combiners.iter().all(|word| schema.get(word).is_none()));
        assert!(tool["strict"].is_null() || model.strict_tools, "{tool}");
        assert!(
            tool["strict"].is_null() || schema["additionalProperties"] == false,
            "{tool}"
        );
        let description = tool["description"].as_str();
        assert!(description.is_none_or(|text| !text.trim().is_empty()));
    }
    let choice = &body["tool_choice"];
    let forced = matches!(choice["type"].as_str(), Some("any" | "tool"));
    assert!(model.forced_tool || !forced, "{choice}");
    assert!(
        choice.is_null() || !names.is_empty(),
        "a choice needs tools"
    );
    assert!(
        choice["type"] != "tool" || names.contains(&choice["name"].as_str()),
        "{choice}"
    );
}

/// At most four points, none of which lives longer than one before it, where the model has a cache.
#[track_caller]
fn points_keep_the_rules(body: &Value, model: &Model) {
    let turns = turns(body).iter().flat_map(|turn| list(&turn["content"]));
    let blocks = list(&body["tools"])
        .iter()
        .chain(list(&body["system"]))
        .chain(turns);
    let (mut points, mut shorter) = (0, false);
    for block in blocks {
        for part in list(&block["content"]) {
            assert!(part.get("cache_control").is_none(), "{part}");
        }
        let Some(point) = block.get("cache_control") else {
            continue;
        };
        points += 1;
        assert_eq!(point["type"], "ephemeral");
        match point["ttl"].as_str() {
            None => shorter = true,
            Some("1h") => {
                assert!(!shorter, "the longer life comes first: {body}");
                assert!(model.cache.is_some_and(|cache| cache.one_hour));
            }
            Some(other) => panic!("nothing lives for {other}"),
        }
    }
    assert!(
        points <= if model.cache.is_some() { 4 } else { 0 },
        "{body}"
    );
}

/// The user begins, and takes turns with the model; instructions between them count for neither.
#[track_caller]
fn roles_keep_the_rules(body: &Value, model: &Model) {
    let roles: Vec<&str> = turns(body)
        .iter()
        .map(|turn| turn["role"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(roles.first(), Some(&"user"), "the user begins: {body}");
    for pair in roles.windows(2) {
        assert_ne!(pair[0], pair[1], "roles take turns: {body}");
    }
    let speakers: Vec<&&str> = roles.iter().filter(|role| **role != "system").collect();
    for pair in speakers.windows(2) {
        assert!(
            !(*pair[0] == "assistant" && *pair[1] == "assistant"),
            "{body}"
        );
    }
    assert!(
        model.system_turns || speakers.len() == roles.len(),
        "{body}"
    );
    assert!(
        model.prefill || speakers.last().is_some_and(|role| **role == "user"),
        "only some models continue: {body}"
    );
    for turn in turns(body) {
        let blocks = list(&turn["content"]);
        assert!(!blocks.is_empty(), "no turn is empty");
        blocks.iter().for_each(block_keeps_the_rules);
        for block in blocks {
            let allowed: &[&str] = match turn["role"].as_str() {
                Some("user") => &["text", "image", "document", "tool_result"],
                Some("assistant") => &["text", "thinking", "redacted_thinking", "tool_use"],
                _ => &["text"],
            };
            let kind = block["type"].as_str().unwrap_or_default();
            assert!(allowed.contains(&kind), "{turn}");
        }
    }
}

/// Each call has its result at the front of the very next turn, and each id is used once.
#[track_caller]
fn calls_keep_the_rules(body: &Value) {
    let (mut seen, mut calls) = (HashSet::new(), Vec::new());
    for turn in turns(body) {
        let blocks = list(&turn["content"]);
        let results = ids(blocks, "tool_result", "tool_use_id");
        assert_eq!(results, calls, "each call has its result in the next turn");
        let front = &blocks[..results.len()];
        assert!(front.iter().all(|block| block["type"] == "tool_result"));
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
}

/// Thoughts come from models that think, lead somewhere, and bear no cache point.
#[track_caller]
fn thoughts_keep_the_rules(body: &Value, model: &Model) {
    let is_thought = |block: &Value| {
        matches!(
            block["type"].as_str(),
            Some("thinking" | "redacted_thinking")
        )
    };
    for turn in turns(body) {
        let blocks = list(&turn["content"]);
        assert!(!blocks.last().is_some_and(is_thought), "{turn}");
        for thought in blocks.iter().filter(|block| is_thought(block)) {
            assert!(model.thinking != Thinking::None, "{thought}");
            assert!(thought.get("cache_control").is_none(), "{thought}");
        }
    }
    let thinking = &body["thinking"];
    if thinking["type"] == "enabled" {
        assert!(
            thinking["budget_tokens"].as_u64() >= Some(1024),
            "{thinking}"
        );
        assert!(thinking["budget_tokens"].as_u64() < body["max_tokens"].as_u64());
        let last = turns(body).iter().rfind(|turn| turn["role"] == "assistant");
        let blocks = last.map_or(&[][..], |turn| list(&turn["content"]));
        let calls = blocks.iter().any(|block| block["type"] == "tool_use");
        assert!(!calls || blocks.first().is_some_and(is_thought), "{body}");
    }
}

/// Files stand beside some text, not beside results, and each has a name of its own.
#[track_caller]
fn files_keep_the_rules(body: &Value) {
    let mut titles = HashSet::new();
    for turn in turns(body) {
        let blocks = list(&turn["content"]);
        let any = |kind: &str| blocks.iter().any(|block| block["type"] == kind);
        assert!(!(any("document") && any("tool_result")), "{turn}");
        assert!(!any("document") || any("text"), "{turn}");
        let nested = blocks.iter().flat_map(|block| list(&block["content"]));
        for block in blocks.iter().chain(nested) {
            if block["type"] == "document" {
                let title = block["title"].as_str().expect("a file has a title");
                assert!((1..=210).contains(&title.chars().count()), "{title:?}");
                assert!(titles.insert(title.to_owned()), "{title:?} is there twice");
            }
        }
    }
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
            let content = list(&block["content"]);
            assert!(!content.is_empty());
            for part in content {
                let kind = part["type"].as_str().unwrap_or_default();
                assert!(["text", "image", "document"].contains(&kind), "{block}");
                block_keeps_the_rules(part);
            }
        }
        Some("thinking") => assert!(block["signature"].as_str() > Some("")),
        Some("redacted_thinking") => assert!(block["data"].as_str() > Some("")),
        Some("image" | "document") => {}
        other => panic!("unknown block {other:?}"),
    }
}

fn turns(body: &Value) -> &[Value] {
    list(&body["messages"])
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
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
