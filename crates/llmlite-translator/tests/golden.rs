//! Golden pairs: what goes in beside what comes out, to be read as a diff.
//!
//! The `model` of a request names one of `support/models.rs`, and is a plain one otherwise.
//! An answer beside a request of the same name is the answer to that request.
//!
//! With `LLMLITE_BLESS=1` the outputs are rewritten instead of compared.
#![expect(clippy::panic, reason = "a failing helper fails its test")]

#[path = "support/models.rs"]
mod models;

use llmlite_openai::ChatRequest;
use llmlite_translator::{
    CacheLife, Encoded, Options, Reply, Stamp, StreamDecoder, Usage, decode, encode,
};
use serde::Serialize;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn requests_become_the_bodies_beside_them() {
    for input in inputs(".openai.json") {
        let encoded = encoded(&read(&input));
        let body: Value = serde_json::from_slice(&encoded.body).expect("the body is JSON");
        let told = json!({
            "body": body,
            "facts": {
                "max_tokens": encoded.facts.max_tokens,
                "images": encoded.facts.images,
                "tools": encoded.facts.tools,
                "cache": encoded.facts.cache.map(|life| match life {
                    CacheLife::FiveMinutes => "5m",
                    CacheLife::OneHour => "1h",
                }),
            },
            "ignored": encoded.ignored,
            "adjusted": encoded.adjusted,
        });
        compare(
            &output(&input, ".openai.json", ".claude.json"),
            &pretty(&told),
        );
    }
}

#[test]
fn answers_become_the_completions_beside_them() {
    for input in inputs(".answer.json") {
        let reply = reply(&input, ".answer.json").unwrap_or_else(usual_reply);
        let (completion, usage) =
            decode(read(&input).as_bytes(), &reply, stamp()).expect("the answer is whole");
        let told = json!({ "completion": completion, "billed": billed(usage) });
        compare(
            &output(&input, ".answer.json", ".completion.json"),
            &pretty(&told),
        );
    }
}

#[test]
fn events_become_the_chunks_beside_them() {
    for input in inputs(".events.jsonl") {
        let asks_for_usage = input.to_string_lossy().contains("-with-usage");
        let reply = reply(&input, ".events.jsonl").unwrap_or_else(|| match asks_for_usage {
            true => usual_reply(),
            false => Reply::default(),
        });
        let mut decoder = StreamDecoder::new(reply, stamp());
        let mut lines = String::new();
        for event in read(&input).lines() {
            let mut chunks = Vec::new();
            decoder
                .push(event.as_bytes(), &mut chunks)
                .expect("the event can be read");
            chunks.iter().for_each(|chunk| line(&mut lines, chunk));
        }
        let mut chunks = Vec::new();
        decoder.finish(&mut chunks).expect("the stream is complete");
        chunks.iter().for_each(|chunk| line(&mut lines, chunk));
        let usage = decoder.usage().expect("the stream has usage");
        line(
            &mut lines,
            &json!({ "billed": billed(usage), "skipped": decoder.skipped_events() }),
        );
        compare(&output(&input, ".events.jsonl", ".chunks.jsonl"), &lines);
    }
}

/// What is remembered of the request beside an answer, if there is one.
fn reply(answer: &Path, ending: &str) -> Option<Reply> {
    let request = output(answer, ending, ".openai.json");
    request.exists().then(|| encoded(&read(&request)).reply)
}

/// What is remembered of the request whose answers the other fixtures hold.
fn usual_reply() -> Reply {
    encoded(&read(&fixtures().join("parallel-tool-calls.openai.json"))).reply
}

fn encoded(request: &str) -> Encoded {
    let request = ChatRequest::parse(request.as_bytes()).expect("the request can be read");
    let model = models::named(&request.model);
    encode(&request, &model, Options::default()).expect("the request can be translated")
}

fn stamp() -> Stamp {
    Stamp {
        id: "chatcmpl-1".into(),
        created: 1_763_900_000,
        model: "claude".into(),
    }
}

fn billed(usage: Usage) -> Value {
    json!({
        "input": usage.input_tokens,
        "output": usage.output_tokens,
        "thinking": usage.thinking_tokens,
        "cache_read": usage.cache_read_tokens,
        "cache_write_5m": usage.cache_write_5m_tokens,
        "cache_write_1h": usage.cache_write_1h_tokens,
    })
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// All fixtures whose name ends so; there is at least one.
fn inputs(ending: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(fixtures()).expect("the fixtures are there");
    let paths = files.map(|file| file.expect("the fixtures can be listed").path());
    let mut inputs: Vec<PathBuf> = paths
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect();
    assert!(!inputs.is_empty(), "no fixture ends with {ending}");
    inputs.sort();
    inputs
}

fn output(input: &Path, from: &str, to: &str) -> PathBuf {
    PathBuf::from(input.to_string_lossy().replace(from, to))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("a value is JSON");
    text.push('\n');
    text
}

fn line(lines: &mut String, value: &impl Serialize) {
    lines.push_str(&serde_json::to_string(value).expect("the value is plain data"));
    lines.push('\n');
}

#[track_caller]
fn compare(golden: &Path, got: &str) {
    #[expect(
        clippy::disallowed_methods,
        reason = "a switch for the person at the keyboard"
    )]
    let bless = std::env::var("LLMLITE_BLESS").is_ok_and(|value| value == "1");
    if bless {
        fs::write(golden, got).expect("the fixtures can be written");
    } else {
        assert_eq!(
            got,
            read(golden),
            "{} differs; LLMLITE_BLESS=1 rewrites it",
            golden.display()
        );
    }
}
