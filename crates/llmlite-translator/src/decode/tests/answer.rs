//! One answer in both forms that Claude gives it, and what a client makes of each.

use llmlite_openai::ChatChunk;
use serde_json::{Map, Value, json};

use crate::decode::decode;
use crate::reply::{Reply, Stamp};
use crate::stream::StreamDecoder;

/// An answer, before it is written down.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) blocks: Vec<Block>,
    pub(super) stop: String,
    pub(super) explanation: Option<Value>,
}

#[derive(Debug, Clone)]
pub(super) enum Block {
    Text(String),
    Thought {
        text: String,
        signature: String,
    },
    Sealed(String),
    /// A call with its input as JSON without blanks.
    Call {
        id: String,
        name: String,
        input: String,
    },
    Unknown,
}

/// What a client has in the end.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Told {
    pub(super) content: String,
    pub(super) refusal: String,
    pub(super) reasoning: String,
    pub(super) details: Vec<Value>,
    pub(super) calls: Vec<Value>,
    pub(super) function: Value,
    pub(super) finish_reason: Value,
}

impl Answer {
    /// What a client is told that does not stream.
    pub(super) fn whole(&self, reply: &Reply) -> Told {
        let content: Vec<String> = self.blocks.iter().map(Block::whole).collect();
        let answer = format!(
            r#"{{"type":"message","content":[{}],"stop_reason":"{}","stop_details":{},"usage":{{"input_tokens":1,"output_tokens":2}}}}"#,
            content.join(","),
            self.stop,
            json!(self.explanation),
        );
        let (completion, _) = decode(answer.as_bytes(), reply, stamp()).expect(&answer);
        let choice = json!(completion.choices[0]);
        let message = &choice["message"];
        let text = |field: &str| message[field].as_str().unwrap_or_default().to_owned();
        let list = |field: &str| message[field].as_array().cloned().unwrap_or_default();
        Told {
            content: text("content"),
            refusal: text("refusal"),
            reasoning: text("reasoning_content"),
            details: list("reasoning_details"),
            calls: list("tool_calls"),
            function: message["function_call"].clone(),
            finish_reason: choice["finish_reason"].clone(),
        }
    }

    /// What a client is told that streams; `cuts` says after which characters a piece ends.
    pub(super) fn streamed(&self, reply: &Reply, cuts: &[bool]) -> Told {
        let mut cuts = cuts.iter().copied();
        let mut events = vec![
            json!({"type":"message_start","message":{"usage":{"input_tokens":1,"output_tokens":1}}}),
        ];
        for (index, block) in self.blocks.iter().enumerate() {
            let (start, deltas) = block.events(&mut cuts);
            events.push(json!({"type":"content_block_start","index":index,"content_block":start}));
            for delta in deltas {
                events.push(json!({"type":"content_block_delta","index":index,"delta":delta}));
            }
            events.push(json!({"type":"content_block_stop","index":index}));
        }
        let stop = json!({"stop_reason":self.stop,"stop_details":self.explanation});
        events.push(json!({"type":"message_delta","delta":stop,"usage":{"output_tokens":2}}));
        events.push(json!({"type":"message_stop"}));

        let mut decoder = StreamDecoder::new(reply.clone(), stamp());
        let mut chunks = Vec::new();
        for event in events {
            let event = event.to_string();
            decoder.push(event.as_bytes(), &mut chunks).expect(&event);
        }
        assert!(decoder.is_complete());
        let mut told = Told::default();
        chunks.iter().for_each(|chunk| told.hear(chunk));
        told
    }
}

impl Block {
    /// The block as part of a whole answer; text, so that arguments stay as they are written.
    fn whole(&self) -> String {
        match self {
            Self::Text(text) => json!({"type":"text","text":text}).to_string(),
            Self::Thought { text, signature } => {
                json!({"type":"thinking","thinking":text,"signature":signature}).to_string()
            }
            Self::Sealed(data) => json!({"type":"redacted_thinking","data":data}).to_string(),
            Self::Call { id, name, input } => {
                format!(r#"{{"type":"tool_use","id":"{id}","name":"{name}","input":{input}}}"#)
            }
            Self::Unknown => json!({"type":"hologram","text":"a","input":[1]}).to_string(),
        }
    }

    /// What the block begins with, and what follows.
    fn events(&self, cuts: &mut impl Iterator<Item = bool>) -> (Value, Vec<Value>) {
        match self {
            Self::Text(text) => {
                let pieces = pieces(text, "text_delta", "text", cuts);
                (json!({"type":"text","text":""}), pieces)
            }
            Self::Thought { text, signature } => {
                let mut deltas = pieces(text, "thinking_delta", "thinking", cuts);
                deltas.extend(pieces(signature, "signature_delta", "signature", cuts));
                (
                    json!({"type":"thinking","thinking":"","signature":""}),
                    deltas,
                )
            }
            Self::Sealed(data) => (json!({"type":"redacted_thinking","data":data}), vec![]),
            Self::Call { id, name, input } => {
                let input = if input == "{}" { "" } else { input };
                let deltas = pieces(input, "input_json_delta", "partial_json", cuts);
                (
                    json!({"type":"tool_use","id":id,"name":name,"input":{}}),
                    deltas,
                )
            }
            Self::Unknown => {
                let deltas = pieces("[1]", "input_json_delta", "partial_json", cuts);
                (json!({"type":"hologram","text":"a","input":[]}), deltas)
            }
        }
    }
}

impl Told {
    /// What is told, without what is not.
    pub(super) fn spoken(&self) -> Value {
        let mut spoken = Map::new();
        let fields = [
            ("content", json!(self.content)),
            ("refusal", json!(self.refusal)),
            ("reasoning_content", json!(self.reasoning)),
            ("reasoning_details", json!(self.details)),
            ("tool_calls", json!(self.calls)),
            ("function_call", self.function.clone()),
            ("finish_reason", self.finish_reason.clone()),
        ];
        for (field, value) in fields {
            if ![json!(""), json!([]), Value::Null].contains(&value) {
                spoken.insert(field.to_owned(), value);
            }
        }
        Value::Object(spoken)
    }

    /// Adds a chunk as the libraries of OpenAI do.
    fn hear(&mut self, chunk: &ChatChunk) {
        assert_eq!(self.finish_reason, Value::Null, "nothing follows the end");
        let choice = json!(chunk.choices[0]);
        let delta = &choice["delta"];
        add(&mut self.content, &delta["content"]);
        add(&mut self.refusal, &delta["refusal"]);
        add(&mut self.reasoning, &delta["reasoning_content"]);
        let details = delta["reasoning_details"].as_array();
        self.details.extend(details.into_iter().flatten().cloned());
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            self.call(call.clone());
        }
        if let Value::Object(function) = &delta["function_call"] {
            merge(&mut self.function, &Value::Object(function.clone()));
        }
        self.finish_reason = choice["finish_reason"].clone();
    }

    fn call(&mut self, mut call: Value) {
        let index = call["index"].as_u64().expect("a piece says of which call");
        let fields = call.as_object_mut().expect("a piece is an object");
        fields.remove("index");
        let at = usize::try_from(index).expect("there are few calls");
        if at == self.calls.len() {
            self.calls.push(Value::Null);
        }
        merge(&mut self.calls[at], &call);
    }
}

/// Puts a piece to what is there: texts grow, objects field by field.
fn merge(whole: &mut Value, piece: &Value) {
    match (whole, piece) {
        (Value::String(whole), Value::String(piece)) => whole.push_str(piece),
        (Value::Object(whole), Value::Object(piece)) => {
            for (field, piece) in piece {
                merge(whole.entry(field.clone()).or_insert(Value::Null), piece);
            }
        }
        (whole, piece) => *whole = piece.clone(),
    }
}

fn add(whole: &mut String, piece: &Value) {
    whole.push_str(piece.as_str().unwrap_or_default());
}

fn pieces(
    text: &str,
    kind: &str,
    field: &str,
    cuts: &mut impl Iterator<Item = bool>,
) -> Vec<Value> {
    let pieces = text.split_inclusive(|_: char| cuts.next().unwrap_or_default());
    pieces
        .map(|piece| json!({"type":kind,field:piece}))
        .collect()
}

fn stamp() -> Stamp {
    Stamp {
        id: "chatcmpl-1".into(),
        created: 7,
        model: "m".into(),
    }
}
