//! Whole answers, and the way of a text through either form of answer.

use llmlite_openai::ChatChunk;
use llmlite_translator::{Reply, StreamDecoder, decode};
use serde_json::{Value, json};

use super::{frame, subjects};

/// Reads `data` as a whole answer; then lets the model say `data`, whole and streamed.
pub fn sse(data: &[u8]) {
    for reply in subjects::replies() {
        if let Ok((completion, _)) = decode(data, reply, subjects::stamp()) {
            let completion = frame::through(&completion);
            let ended = &completion["choices"][0]["finish_reason"];
            assert!(ended.is_string(), "a whole answer says why it ended");
        }
    }
    let text = String::from_utf8_lossy(data);
    frame::comment(&text);
    assert_eq!(whole(&text), *text, "no text is lost in a whole answer");
    assert_eq!(streamed(&text), text, "no text is lost in a stream");
}

fn whole(text: &str) -> Value {
    let answer = json!({
        "type": "message", "role": "assistant", "stop_reason": "end_turn",
        "content": [{ "type": "text", "text": text }],
        "usage": { "input_tokens": 1, "output_tokens": 1 },
    });
    let answer = answer.to_string();
    let (completion, _) = decode(answer.as_bytes(), &Reply::default(), subjects::stamp())
        .expect("the answer is a message");
    frame::through(&completion)["choices"][0]["message"]["content"].take()
}

/// Says the text in two pieces.
fn streamed(text: &str) -> String {
    let mut middle = text.len() / 2;
    while !text.is_char_boundary(middle) {
        middle -= 1;
    }
    let (first, second) = text.split_at(middle);
    let mut decoder = StreamDecoder::new(Reply::default(), subjects::stamp());
    let mut chunks = Vec::new();
    let mut push = |event: Value| {
        let event = event.to_string();
        decoder
            .push(event.as_bytes(), &mut chunks)
            .expect("the event is well formed");
    };
    let piece = |text: &str| {
        json!({ "type": "content_block_delta", "index": 0,
                "delta": { "type": "text_delta", "text": text } })
    };
    push(json!({ "type": "message_start", "message": { "usage": { "input_tokens": 1 } } }));
    push(piece(first));
    push(piece(second));
    push(
        json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" },
                 "usage": { "output_tokens": 1 } }),
    );
    push(json!({ "type": "message_stop" }));
    said(&chunks)
}

fn said(chunks: &[ChatChunk]) -> String {
    let pieces = chunks.iter().map(|chunk| {
        let chunk = frame::through(chunk);
        let piece = chunk["choices"][0]["delta"]["content"].as_str();
        piece.unwrap_or_default().to_owned()
    });
    pieces.collect()
}
