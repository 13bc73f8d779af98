//! What real clients were seen to send, against every kind of model.

#![cfg(test)]

use std::fs;

use hyper::StatusCode;
use llmlite_e2e::{Stack, source};
use serde_json::Value;

/// One model of each generation: what it takes and refuses is told by the simulator, which
/// shares no code with the translator.
const MODELS: [&str; 8] = [
    "claude-3-opus",
    "claude-3-5-sonnet",
    "claude-3-7-sonnet",
    "claude-sonnet-4-5",
    "claude-opus-4-6",
    "claude-opus-4-8",
    "claude-sonnet-5",
    "claude-opus-5-5",
];

/// The one refusal that is right: Claude 3 cannot read PDF, and leaving the file out would be
/// worse than saying so.
fn is_refused(file: &str, model: &str) -> bool {
    (file, model) == ("openai-python.file.json", "claude-3-opus")
}

#[tokio::test]
async fn every_recorded_request_is_answered_by_every_kind_of_model() {
    let stack = Stack::start().await;
    let mut answered = 0;
    let mut failures = Vec::new();
    let folder = source("../llmlite-translator/fixtures/captures");
    for file in fs::read_dir(folder).expect("the captures are there") {
        let path = file.expect("the captures can be listed").path();
        let text = fs::read(&path).expect("a capture can be read");
        let mut body: Value = serde_json::from_slice(&text).expect("a capture is JSON");
        body["stream"] = false.into();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        for model in MODELS {
            body["model"] = model.into();
            let answer = stack.client.chat(&body).await;
            let right = match is_refused(&name, model) {
                true => StatusCode::BAD_REQUEST,
                false => StatusCode::OK,
            };
            answered += 1;
            if answer.status != right {
                failures.push(format!("{name} for {model}: {answer:?}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(answered > 600, "only {answered} requests were found");
}
