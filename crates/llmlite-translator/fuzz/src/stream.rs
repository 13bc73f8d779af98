//! Streamed answers.

use llmlite_openai::ChatChunk;
use llmlite_translator::{Reply, StreamDecoder};
use serde_json::Value;

use super::{frame, subjects};

/// Feeds each line of `data` as an event, to the decoder of every kind of request.
pub fn event(data: &[u8]) {
    for reply in subjects::replies() {
        listen(data, reply.clone());
    }
}

fn listen(data: &[u8], reply: Reply) {
    let wants_usage = reply.include_usage();
    let mut decoder = StreamDecoder::new(reply, subjects::stamp());
    let mut client = Client::default();
    let mut chunks = Vec::new();
    for event in data.split(|byte| *byte == b'\n') {
        let pushed = decoder.push(event, &mut chunks);
        client.hear(&mut chunks);
        if pushed.is_err() {
            break;
        }
    }
    let finished = decoder.finish(&mut chunks);
    client.hear(&mut chunks);
    assert_eq!(finished.is_ok(), decoder.is_complete());
    assert_eq!(
        client.ended,
        decoder.is_complete(),
        "an end is told, and only an end"
    );
    assert_eq!(
        client.usage,
        wants_usage && client.ended,
        "usage comes if asked for"
    );
}

/// What a client remembers of a stream.
#[derive(Default)]
struct Client {
    begun: bool,
    ended: bool,
    usage: bool,
    calls: u64,
}

impl Client {
    fn hear(&mut self, chunks: &mut Vec<ChatChunk>) {
        for chunk in chunks.drain(..) {
            self.chunk(&frame::through(&chunk));
        }
    }

    fn chunk(&mut self, chunk: &Value) {
        assert!(!self.usage, "nothing follows the usage");
        let choices = chunk["choices"].as_array().expect("choices are a list");
        let [choice] = choices.as_slice() else {
            assert!(choices.is_empty() && chunk["usage"].is_object(), "{chunk}");
            self.usage = true;
            return;
        };
        assert!(!self.ended, "nothing but the usage follows the end");
        self.delta(&choice["delta"]);
        self.ended = choice["finish_reason"].is_string();
    }

    fn delta(&mut self, delta: &Value) {
        let has_role = delta.get("role").is_some();
        assert_eq!(has_role, !self.begun, "the role comes first, and once");
        self.begun = true;
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            self.call(call);
        }
    }

    /// Clients keep calls in a list by their index, and read id and name from the first piece.
    fn call(&mut self, call: &Value) {
        let index = call["index"].as_u64().expect("a call has an index");
        assert!(index <= self.calls, "a gap before call {index}");
        let is_new = index == self.calls;
        self.calls += u64::from(is_new);
        assert_eq!(call["id"].is_string(), is_new, "{call}");
        assert_eq!(call["type"].is_string(), is_new, "{call}");
        let inside = [&call["function"], &call["custom"]];
        let named = inside.iter().any(|inside| inside["name"].is_string());
        assert_eq!(named, is_new, "{call}");
    }
}
