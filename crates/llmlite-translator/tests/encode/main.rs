//! From requests to bodies: what each field becomes, and rules that every body keeps.
#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failing helper fails its test"
)]

#[path = "../support/models.rs"]
mod models;

mod anything;
mod rules;

mod cache;
mod conversation;
mod hybrids;
mod legacy;
mod limits;
mod media;
mod refusals;
mod strict;
mod structured;
mod thinking;
mod tools;

use llmlite_openai::ChatRequest;
use llmlite_translator::{EncodeError, Encoded, Model, Options, encode};
use serde_json::Value;

/// A conversation of one word.
const HI: &str = r#"[{"role":"user","content":"hi"}]"#;

/// What becomes of `body`, a whole request as JSON.
fn encoded(model: &Model, body: &str) -> Result<Encoded, EncodeError> {
    encoded_with(model, body, Options::default())
}

fn encoded_with(model: &Model, body: &str, options: Options) -> Result<Encoded, EncodeError> {
    let request = ChatRequest::parse(body.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    encode(&request, model, options)
}

/// The same for a request that is taken.
#[track_caller]
fn taken(model: &Model, body: &str) -> (Encoded, Value) {
    let encoded = encoded(model, body).unwrap_or_else(|error| panic!("{body}: {error}"));
    let value = serde_json::from_slice(&encoded.body).expect("the body is JSON");
    (encoded, value)
}

/// A request with these messages and, behind a comma, more fields.
fn request(messages: &str, fields: &str) -> String {
    format!(r#"{{"model":"m","messages":{messages}{fields}}}"#)
}
