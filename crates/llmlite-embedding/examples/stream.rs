//! A chat completion request on standard input, the stream of chunks on standard output as it
//! comes: `stream BEDROCK_MODEL_ID < request.json`.
//!
//! Region, endpoint and credentials come from where every program that calls AWS has them.

use std::{
    env,
    error::Error,
    io::{self, Write},
};

use aws_config::BehaviorVersion;
use aws_sdk_bedrockruntime::{Client, primitives::Blob, types::ResponseStream};
use llmlite_openai::{ChatChunk, ChatRequest, sse};
use llmlite_translator::{
    Model, Options, PromptCache, Sampling, Stamp, StreamDecoder, Thinking, encode,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let model_id = env::args().nth(1).ok_or("which model?")?;
    let body = io::read_to_string(io::stdin())?;

    let request = ChatRequest::parse(body.as_bytes())?;
    let encoded = encode(&request, &CLAUDE_SONNET_4_5, Options::default())?;

    let bedrock = Client::new(&aws_config::load_defaults(BehaviorVersion::latest()).await);
    let call = bedrock
        .invoke_model_with_response_stream()
        .model_id(model_id);
    let call = call
        .content_type("application/json")
        .body(Blob::new(encoded.body));
    let mut answer = call.send().await?;

    let stamp = Stamp {
        id: "chatcmpl-1".into(),
        created: 1_763_900_000,
        model: (*request.model).into(),
    };
    let mut decoder = StreamDecoder::new(encoded.reply, stamp);
    let mut chunks = Vec::new();
    while let Some(event) = answer.body.recv().await? {
        let ResponseStream::Chunk(part) = event else {
            continue;
        };
        decoder.push(part.bytes.unwrap_or_default().as_ref(), &mut chunks)?;
        send(&mut chunks)?;
    }
    // An error here means that the answer was cut: it must not look whole.
    decoder.finish(&mut chunks)?;
    send(&mut chunks)?;
    io::stdout().write_all(sse::DONE)?;
    Ok(())
}

/// To the client, as soon as they are there.
fn send(chunks: &mut Vec<ChatChunk>) -> Result<(), Box<dyn Error>> {
    let mut frames = Vec::new();
    for chunk in chunks.drain(..) {
        sse::data(&mut frames, &chunk)?;
    }
    io::stdout().write_all(&frames)?;
    io::stdout().flush()?;
    Ok(())
}

/// What the model can do, from its documentation.
const CLAUDE_SONNET_4_5: Model = Model {
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
};
