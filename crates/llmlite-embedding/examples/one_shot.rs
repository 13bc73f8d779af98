//! A chat completion request on standard input, the completion on standard output:
//! `one_shot BEDROCK_MODEL_ID < request.json`.
//!
//! Region, endpoint and credentials come from where every program that calls AWS has them.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it talks to whoever typed it"
)]

use std::{env, error::Error, io};

use aws_config::BehaviorVersion;
use aws_sdk_bedrockruntime::{Client, primitives::Blob};
use llmlite_openai::ChatRequest;
use llmlite_translator::{Model, Options, PromptCache, Sampling, Stamp, Thinking, decode, encode};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let model_id = env::args().nth(1).ok_or("which model?")?;
    let body = io::read_to_string(io::stdin())?;

    let request = ChatRequest::parse(body.as_bytes())?;
    let encoded = encode(&request, &CLAUDE_SONNET_4_5, Options::default())?;
    eprintln!("without effect: {:?}", encoded.ignored);

    let bedrock = Client::new(&aws_config::load_defaults(BehaviorVersion::latest()).await);
    let call = bedrock
        .invoke_model()
        .model_id(model_id)
        .body(Blob::new(encoded.body));
    let answer = call.content_type("application/json").send().await?;

    let stamp = Stamp {
        id: "chatcmpl-1".into(),
        created: 1_763_900_000,
        model: (*request.model).into(),
    };
    let (completion, usage) = decode(answer.body.as_ref(), &encoded.reply, stamp)?;
    println!("{}", serde_json::to_string(&completion)?);
    eprintln!("to be billed: {usage:?}");
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
