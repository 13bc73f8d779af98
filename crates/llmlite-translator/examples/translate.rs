//! A chat completion request on standard input, Claude's body on standard output, and on standard
//! error what of the request has no effect or was brought into the model's limits.
//!
//! `cargo run --example translate < request.json`
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it talks to whoever typed it"
)]

use std::{error::Error, io};

use llmlite_openai::ChatRequest;
use llmlite_translator::{Model, Options, PromptCache, Sampling, Thinking, encode};

fn main() -> Result<(), Box<dyn Error>> {
    let body = io::read_to_string(io::stdin())?;
    let request = ChatRequest::parse(body.as_bytes())?;
    let encoded = encode(&request, &CLAUDE_SONNET_4_5, Options::default())?;
    for field in &encoded.ignored {
        eprintln!("without effect: {field}");
    }
    for field in &encoded.adjusted {
        eprintln!("adjusted: {field}");
    }
    println!("{}", String::from_utf8(encoded.body)?);
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
