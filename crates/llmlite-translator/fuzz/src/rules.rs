//! Claude's rules for a body, written down without the translator's help.

use std::collections::HashSet;

use llmlite_translator::{Encoded, Model};
use serde::de::IgnoredAny;
use serde_json::Value;

const MOST_BYTES: usize = 25_000_000;
const MOST_CACHE_POINTS: usize = 4;

/// Panics when the body breaks a rule.
pub(super) fn keep(encoded: &Encoded, model: &Model) {
    assert!(encoded.body.len() <= MOST_BYTES, "the body is too large");
    let body = match serde_json::from_slice::<Value>(&encoded.body) {
        Ok(body) => body,
        Err(error) => return only_a_number_is_too_large(&encoded.body, &error),
    };
    assert!(body.is_object(), "the body is an object");
    assert_eq!(body["anthropic_version"], "bedrock-2023-05-31");
    let tokens = body["max_tokens"].as_u64();
    assert!(
        tokens.is_some_and(|tokens| (1..=u64::from(model.max_output_tokens)).contains(&tokens))
    );
    assert_eq!(tokens, Some(encoded.facts.max_tokens.into()));
    tools(&body);
    let turns = list(&body["messages"]);
    alternate(turns, model);
    calls_are_answered(turns);
    let points = cache_points(&body);
    assert!(points <= MOST_CACHE_POINTS, "{points} cache points");
    assert_eq!(points > 0, encoded.facts.cache.is_some());
    assert!(
        points == 0 || model.cache.is_some(),
        "the model has no cache"
    );
}

/// The arguments of calls keep the text of their numbers, and JSON knows no largest number.
fn only_a_number_is_too_large(body: &[u8], error: &serde_json::Error) {
    let text = error.to_string();
    assert!(
        text.starts_with("number out of range"),
        "the body is JSON: {text}"
    );
    let known: Result<IgnoredAny, _> = serde_json::from_slice(body);
    assert!(known.is_ok(), "the body is JSON");
}

fn tools(body: &Value) {
    let mut names = HashSet::new();
    for tool in list(&body["tools"]) {
        assert!(is_plain(&tool["name"]), "{tool}");
        assert!(names.insert(&tool["name"]), "two tools of one name: {tool}");
    }
    let choice = &body["tool_choice"];
    assert!(
        choice.is_null() || !names.is_empty(),
        "a choice needs tools"
    );
    assert!(
        choice["type"] != "tool" || names.contains(&choice["name"]),
        "{choice}"
    );
}

/// The user begins, and nobody speaks twice in a row; the system speaks only where it may.
fn alternate(turns: &[Value], model: &Model) {
    assert!(!turns.is_empty(), "nobody speaks");
    let mut before = "assistant";
    for (index, turn) in turns.iter().enumerate() {
        let role = turn["role"].as_str().unwrap_or_default();
        let known = match role {
            "user" => true,
            "assistant" => index > 0,
            "system" => index > 0 && model.system_turns,
            _ => false,
        };
        assert!(
            known && role != before,
            "turn {index} is {role:?} after {before:?}"
        );
        assert!(!list(&turn["content"]).is_empty(), "turn {index} is empty");
        before = role;
    }
    let may_end = before != "assistant" || model.prefill;
    assert!(may_end, "the model does not continue its own words");
}

/// The turn after calls begins with their results: each once, and nothing else's.
fn calls_are_answered(turns: &[Value]) {
    let mut seen = HashSet::new();
    let mut waiting: Vec<&Value> = Vec::new();
    for turn in turns {
        let blocks = list(&turn["content"]);
        let results = named(blocks, "tool_result", "tool_use_id");
        let first = blocks.iter().take(results.len());
        assert_eq!(results, waiting, "each call has its result");
        assert!(
            first
                .into_iter()
                .all(|block| block["type"] == "tool_result")
        );
        waiting = named(blocks, "tool_use", "id");
        for id in &waiting {
            assert!(
                is_plain(id) && seen.insert(*id),
                "the id {id} is used twice or not plain"
            );
        }
        for name in named(blocks, "tool_use", "name") {
            assert!(is_plain(name), "{name}");
        }
    }
    assert!(waiting.is_empty(), "the last calls have no results");
}

fn named<'a>(blocks: &'a [Value], kind: &str, field: &str) -> Vec<&'a Value> {
    let blocks = blocks.iter().filter(|block| block["type"] == kind);
    blocks.map(|block| &block[field]).collect()
}

/// How many blocks and tools carry one, wherever Claude looks for them.
fn cache_points(body: &Value) -> usize {
    let marked = |items: &[Value]| {
        let marks = items
            .iter()
            .filter(|item| item.get("cache_control").is_some());
        marks.count()
    };
    let turns = list(&body["messages"]).iter().map(|turn| {
        let blocks = list(&turn["content"]);
        let inside = blocks.iter().map(|block| marked(list(&block["content"])));
        marked(blocks) + inside.sum::<usize>()
    });
    marked(list(&body["tools"])) + marked(list(&body["system"])) + turns.sum::<usize>()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Claude's alphabet for ids and names.
fn is_plain(name: &Value) -> bool {
    let plain = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-');
    name.as_str()
        .is_some_and(|name| (1..=64).contains(&name.len()) && name.chars().all(plain))
}
