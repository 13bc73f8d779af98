//! The bytes that the upstream sends.

use std::time::Duration;

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::{
    event_stream::{Header, HeaderValue, Message},
    str_bytes::StrBytes,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// Stands in the first text of every answer, and nowhere else.
pub const FIRST: &str = "Once";
/// Stands in the last text of every whole answer.
pub const LAST: &str = "after.";

/// How an answer is streamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Pieces of text, each written by itself.
    pub deltas: usize,
    /// The pause between two of them.
    pub gap: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            deltas: 64,
            gap: Duration::ZERO,
        }
    }
}

/// A streamed answer as HTTP, in the pieces in which it is written.
#[derive(Debug)]
pub struct StreamAnswer {
    /// How to write it.
    pub pace: Pace,
    /// The response's head and the events before the first text.
    pub opening: Vec<u8>,
    first: Vec<u8>,
    other: Vec<u8>,
    /// The events after the last text, and the end of the body.
    pub closing: Vec<u8>,
}

impl StreamAnswer {
    /// Makes the bytes for `pace`.
    pub fn new(pace: Pace) -> Self {
        let mut opening = b"HTTP/1.1 200 OK\r\n\
            content-type: application/vnd.amazon.eventstream\r\n\
            x-amzn-bedrock-content-type: application/json\r\n\
            x-amzn-requestid: 0d4d1a52-2f43-4bd5-9d8a-6f1c6c2b9a10\r\n\
            transfer-encoding: chunked\r\n\r\n"
            .to_vec();
        for event in before_text() {
            opening.extend(chunk(&frame(&event)));
        }
        let mut closing = Vec::new();
        for event in after_text(pace.deltas) {
            closing.extend(chunk(&frame(&event)));
        }
        closing.extend_from_slice(b"0\r\n\r\n");
        Self {
            pace,
            opening,
            first: chunk(&frame(&delta(FIRST))),
            other: chunk(&frame(&delta(" more"))),
            closing,
        }
    }

    /// The piece that carries the text number `index`.
    pub fn delta(&self, index: usize) -> &[u8] {
        if index == 0 { &self.first } else { &self.other }
    }
}

/// A whole answer as HTTP.
pub fn whole() -> Vec<u8> {
    let text = format!(
        "{FIRST} upon a time, {}and ever {LAST}",
        "and on, ".repeat(32)
    );
    let body = json!({
        "model": "claude-3-5-sonnet-20241022",
        "id": "msg_bdrk_01XFDUDYJgAACzvnptvVoYEL",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": null,
        "usage": {
            "input_tokens": 250,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 64,
        },
    })
    .to_string();
    format!(
        "HTTP/1.1 200 OK\r\n\
        content-type: application/json\r\n\
        x-amzn-requestid: 0d4d1a52-2f43-4bd5-9d8a-6f1c6c2b9a10\r\n\
        x-amzn-bedrock-invocation-latency: 900\r\n\
        x-amzn-bedrock-input-token-count: 250\r\n\
        x-amzn-bedrock-output-token-count: 64\r\n\
        content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// What the first text looks like inside a frame: for a client that talks to the upstream
/// directly and wants to know when it came.
pub fn first_on_the_wire() -> String {
    STANDARD.encode(delta(FIRST).to_string())
}

/// The last bytes of a streamed answer's last event inside its frame.
pub fn last_on_the_wire() -> String {
    STANDARD.encode(stop().to_string())
}

fn before_text() -> [Value; 2] {
    [
        json!({
            "type": "message_start",
            "message": {
                "model": "claude-3-5-sonnet-20241022",
                "id": "msg_bdrk_01XFDUDYJgAACzvnptvVoYEL",
                "type": "message",
                "role": "assistant",
                "content": [],
                "stop_reason": null,
                "stop_sequence": null,
                "usage": {
                    "input_tokens": 250,
                    "cache_creation_input_tokens": 0,
                    "cache_read_input_tokens": 0,
                    "output_tokens": 1,
                },
            },
        }),
        json!({
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "text", "text": ""},
        }),
    ]
}

fn delta(text: &str) -> Value {
    json!({
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": text},
    })
}

fn after_text(tokens: usize) -> [Value; 3] {
    [
        json!({"type": "content_block_stop", "index": 0}),
        json!({
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": null},
            "usage": {"output_tokens": tokens},
        }),
        stop(),
    ]
}

fn stop() -> Value {
    json!({
        "type": "message_stop",
        "amazon-bedrock-invocationMetrics": {
            "inputTokenCount": 250,
            "outputTokenCount": 64,
            "invocationLatency": 900,
            "firstByteLatency": 300,
        },
    })
}

/// One frame as Bedrock sends it: the event in base64, and padding that hides its length.
fn frame(event: &Value) -> Vec<u8> {
    let payload = json!({
        "bytes": STANDARD.encode(event.to_string()),
        "p": "abcdefghijklmnopqrstuvwxyz",
    })
    .to_string();
    let header = |name: &'static str, value: &'static str| {
        let value = HeaderValue::String(StrBytes::from(value));
        Header::new(name, value)
    };
    let message = Message::new_from_parts(
        vec![
            header(":event-type", "chunk"),
            header(":content-type", "application/json"),
            header(":message-type", "event"),
        ],
        payload.into_bytes(),
    );
    let mut bytes = Vec::new();
    write_message_to(&message, &mut bytes).expect("three short headers and a short body fit");
    bytes
}

fn chunk(data: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", data.len()).into_bytes();
    chunk.extend_from_slice(data);
    chunk.extend_from_slice(b"\r\n");
    chunk
}
