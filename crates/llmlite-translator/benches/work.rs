//! What both benchmarks do: real requests and answers, at several sizes.
#![expect(
    clippy::indexing_slicing,
    reason = "the shape of the captures is known"
)]

use std::{fs, hint::black_box, path::Path};

use llmlite_openai::{ChatRequest, sse};
use llmlite_translator::{
    Model, Options, PromptCache, Reply, Sampling, Stamp, StreamDecoder, Thinking, encode,
};
use serde_json::{Value, json};

/// How many pieces an answer arrives in.
const PIECES: usize = 1_000;

/// A request of a recorded client, or one made from it.
pub(crate) struct Request {
    pub(crate) name: &'static str,
    pub(crate) body: Vec<u8>,
}

/// A streamed answer.
pub(crate) struct Answer {
    pub(crate) name: &'static str,
    pub(crate) events: Vec<Vec<u8>>,
}

/// From 1 KB to 1 MB, of words, of tools and of one picture.
pub(crate) fn requests() -> Vec<Request> {
    let request = |name, body| Request { name, body };
    let agent = "continue-cli.stream-tools11-toolresult.json";
    vec![
        request(
            "a call and its result",
            capture("openai-python.tools1-toolresult.json"),
        ),
        request("an agent's first turns", capture(agent)),
        request("an agent's long session", repeated(agent, 100_000)),
        request("an agent's longest session", repeated(agent, 1_000_000)),
        request("a hundred tools", with_tools(agent, 100)),
        request(
            "a picture of 1 MB",
            with_picture("openai-python.image.json", 1_000_000),
        ),
    ]
}

/// Text, the arguments of a call, and thoughts.
pub(crate) fn answers() -> Vec<Answer> {
    let piece = |text: &str| json!({ "type": "text_delta", "text": text });
    let text = json!({ "type": "text", "text": "" });
    let arguments = |text: &str| json!({ "type": "input_json_delta", "partial_json": text });
    let call = json!({ "type": "tool_use", "id": "toolu_1", "name": "f", "input": {} });
    let thought = |text: &str| json!({ "type": "thinking_delta", "thinking": text });
    let thinking = json!({ "type": "thinking", "thinking": "", "signature": "" });
    vec![
        answer("text", &text, &piece(" a few \"words\"\n")),
        answer(
            "a call's arguments",
            &call,
            &arguments("\"key\": \"value\", "),
        ),
        answer("thoughts", &thinking, &thought(" so it \"seems\"")),
    ]
}

/// What is measured: from the client's bytes to Claude's.
pub(crate) fn translate(body: &[u8]) -> usize {
    let request = ChatRequest::parse(body).expect("the request can be read");
    let encoded = encode(&request, &model(), Options::default());
    black_box(encoded.expect("the request can be translated"))
        .body
        .len()
}

/// The yardstick: reading the same JSON into a tree, and writing it.
pub(crate) fn yardstick(body: &[u8]) -> usize {
    let value: Value = serde_json::from_slice(body).expect("the request is JSON");
    black_box(serde_json::to_vec(&value).expect("a value is JSON")).len()
}

/// What is measured: from Claude's events to chunks.
pub(crate) fn decode(events: &[Vec<u8>], reply: &Reply) -> usize {
    let mut decoder = StreamDecoder::new(reply.clone(), stamp());
    let (mut chunks, mut heard) = (Vec::new(), 0);
    for event in events {
        decoder
            .push(event, &mut chunks)
            .expect("the event is well formed");
        heard += chunks.len();
        black_box(&mut chunks).clear();
    }
    decoder.finish(&mut chunks).expect("the answer is complete");
    heard
}

/// What is measured: from Claude's events to the frames that the client gets.
pub(crate) fn decode_and_frame(events: &[Vec<u8>], reply: &Reply) -> usize {
    let mut decoder = StreamDecoder::new(reply.clone(), stamp());
    let (mut chunks, mut frames, mut sent) = (Vec::new(), Vec::new(), 0);
    for event in events {
        decoder
            .push(event, &mut chunks)
            .expect("the event is well formed");
        for chunk in chunks.drain(..) {
            sse::data(&mut frames, &chunk).expect("a chunk has only string keys");
        }
        sent += frames.len();
        black_box(&mut frames).clear();
    }
    decoder.finish(&mut chunks).expect("the answer is complete");
    sent
}

/// What is remembered of a request that streams and has tools.
pub(crate) fn reply() -> Reply {
    let body = capture("continue-cli.stream-tools11.json");
    let request = ChatRequest::parse(&body).expect("the request can be read");
    let encoded = encode(&request, &model(), Options::default());
    encoded.expect("the request can be translated").reply
}

/// One of the generation of 4.5.
fn model() -> Model {
    Model {
        max_output_tokens: 64_000,
        default_max_tokens: 8192,
        sampling: Sampling::OneOf,
        prefill: true,
        vision: true,
        pdf: true,
        forced_tool: true,
        thinking: Thinking::Budget,
        json_schema: true,
        strict_tools: true,
        cache: Some(PromptCache {
            min_tokens: 1024,
            one_hour: true,
        }),
        system_turns: false,
    }
}

fn stamp() -> Stamp {
    Stamp {
        id: "chatcmpl-0123456789abcdef".into(),
        created: 1_763_900_000,
        model: "claude-sonnet".into(),
    }
}

fn capture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captures");
    fs::read(folder.join(name)).expect("the capture is in the checkout")
}

fn parsed(name: &str) -> Value {
    serde_json::from_slice(&capture(name)).expect("a capture is JSON")
}

/// The capture, with its turns said again and again until the body has about `size` bytes.
fn repeated(name: &str, size: usize) -> Vec<u8> {
    let mut body = parsed(name);
    let messages = body["messages"]
        .as_array_mut()
        .expect("a capture has messages");
    let (system, turns): (Vec<Value>, Vec<Value>) = messages
        .drain(..)
        .partition(|message| message["role"] == "system");
    let mut said = system;
    let (mut length, mut round) = (0, 0);
    while length < size {
        for turn in &turns {
            let mut turn = turn.clone();
            rename_calls(&mut turn, round);
            length += turn.to_string().len();
            said.push(turn);
        }
        round += 1;
    }
    body["messages"] = said.into();
    written(&body)
}

/// No client uses the id of a call twice.
fn rename_calls(turn: &mut Value, round: usize) {
    let calls = turn["tool_calls"].as_array_mut().into_iter().flatten();
    for id in calls.filter_map(|call| call.get_mut("id")) {
        rename(id, round);
    }
    if let Some(id) = turn.get_mut("tool_call_id") {
        rename(id, round);
    }
}

fn rename(id: &mut Value, round: usize) {
    *id = format!("{}_{round}", id.as_str().unwrap_or_default()).into();
}

/// The capture with `count` tools, made from its own under further names.
fn with_tools(name: &str, count: usize) -> Vec<u8> {
    let mut body = parsed(name);
    let own = body["tools"]
        .as_array()
        .expect("the capture has tools")
        .clone();
    let tools = own
        .iter()
        .cycle()
        .take(count)
        .enumerate()
        .map(|(index, tool)| {
            let mut tool = tool.clone();
            if index >= own.len() {
                let name = tool["function"]["name"].as_str().unwrap_or_default();
                tool["function"]["name"] = format!("{name}_{index}").into();
            }
            tool
        });
    body["tools"] = tools.collect();
    written(&body)
}

/// The capture with its picture made larger; only the first bytes are a picture's.
fn with_picture(name: &str, size: usize) -> Vec<u8> {
    let mut body = parsed(name);
    let parts = body
        .pointer_mut("/messages/0/content")
        .and_then(Value::as_array_mut)
        .expect("the capture has parts");
    let picture = parts.iter_mut().find(|part| part["type"] == "image_url");
    let url = &mut picture.expect("the capture has a picture")["image_url"]["url"];
    *url = format!(
        "data:image/png;base64,iVBORw0KGgo{}",
        "Ab3+".repeat(size / 4) + "A"
    )
    .into();
    written(&body)
}

fn written(body: &Value) -> Vec<u8> {
    serde_json::to_vec(body).expect("a value is JSON")
}

fn answer(name: &'static str, block: &Value, piece: &Value) -> Answer {
    let usage = json!({ "input_tokens": 1200, "cache_read_input_tokens": 900, "output_tokens": 1 });
    let mut events = vec![
        json!({ "type": "message_start", "message": { "role": "assistant", "usage": usage } }),
        json!({ "type": "content_block_start", "index": 0, "content_block": block }),
    ];
    let delta = json!({ "type": "content_block_delta", "index": 0, "delta": piece });
    events.extend(std::iter::repeat_n(delta, PIECES));
    events.extend([
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" },
                "usage": { "output_tokens": PIECES } }),
        json!({ "type": "message_stop" }),
    ]);
    let events = events.iter().map(written).collect();
    Answer { name, events }
}
