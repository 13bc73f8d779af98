//! Answers that are not as they should be, whole and streamed: what is told, skipped and refused.
#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failing helper fails its test"
)]

mod anything;
mod endings;
mod order;
mod shapes;

use llmlite_openai::ChatChunk;
use llmlite_translator::{Reply, Stamp, StreamDecoder, StreamError};
use serde_json::{Value, json};

const START: &str =
    r#"{"type":"message_start","message":{"usage":{"input_tokens":9,"output_tokens":1}}}"#;
const STOP: &str = r#"{"type":"message_stop"}"#;

fn stamp() -> Stamp {
    Stamp {
        id: "chatcmpl-1".into(),
        created: 7,
        model: "m".into(),
    }
}

fn decoder() -> StreamDecoder {
    StreamDecoder::new(Reply::default(), stamp())
}

/// The beginning of block `index`, with the fields of that block.
fn begin(index: u32, block: &str) -> String {
    format!(r#"{{"type":"content_block_start","index":{index},"content_block":{{{block}}}}}"#)
}

/// The beginning of a call in block `index`.
fn begin_call(index: u32, id: &str) -> String {
    let block = format!(r#""type":"tool_use","id":"{id}","name":"f","input":{{}}"#);
    begin(index, &block)
}

/// A piece of block `index`.
fn piece(index: u32, kind: &str, field: &str, text: &str) -> String {
    let delta = json!({"type":kind,field:text});
    json!({"type":"content_block_delta","index":index,"delta":delta}).to_string()
}

fn words(index: u32, text: &str) -> String {
    piece(index, "text_delta", "text", text)
}

fn arguments(index: u32, text: &str) -> String {
    piece(index, "input_json_delta", "partial_json", text)
}

fn end(index: u32) -> String {
    format!(r#"{{"type":"content_block_stop","index":{index}}}"#)
}

/// Why the answer ends.
fn reason(stop_reason: &str) -> String {
    let delta = json!({"stop_reason":stop_reason});
    json!({"type":"message_delta","delta":delta,"usage":{"output_tokens":5}}).to_string()
}

fn push(decoder: &mut StreamDecoder, event: &str) -> Result<Vec<ChatChunk>, StreamError> {
    let mut chunks = Vec::new();
    decoder.push(event.as_bytes(), &mut chunks)?;
    Ok(chunks)
}

/// What is new in each chunk, without the role.
fn news(chunks: &[ChatChunk]) -> Vec<Value> {
    let deltas = chunks.iter().map(|chunk| &chunk.choices[0].delta);
    let told = deltas.filter(|delta| delta.role.is_none());
    told.map(|delta| json!(delta)).collect()
}

/// Feeds events that are all well, and gives what is new.
#[track_caller]
fn fed<T: AsRef<str>>(decoder: &mut StreamDecoder, events: &[T]) -> Vec<Value> {
    let mut chunks = Vec::new();
    for event in events {
        let event = event.as_ref();
        let told = push(decoder, event).unwrap_or_else(|error| panic!("{event}: {error}"));
        chunks.extend(told);
    }
    news(&chunks)
}
