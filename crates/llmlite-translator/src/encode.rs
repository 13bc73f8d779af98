//! Turns a chat completion request into the Messages body for Claude on Bedrock.

mod base64;
mod blocks;
mod calls;
mod json;
mod media;
mod names;
mod schema;
mod settings;
mod tools;
mod turns;

use llmlite_openai::ChatRequest;
use llmlite_openai::chat::request::ResponseFormat;
use std::borrow::Cow;

use crate::claude::request::{ANTHROPIC_VERSION, Block, MessagesBody};
use crate::error::EncodeError;
use crate::model::Model;
use crate::reply::Reply;

/// The largest body that Bedrock takes.
const MOST_BYTES: usize = 25_000_000;

/// A request in the form that Bedrock takes, and what has to be known about it.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// The Messages body for `InvokeModel`, without model and stream flag.
    pub body: Vec<u8>,
    /// What an estimate of the cost needs besides the length of the body.
    pub facts: Facts,
    /// Fields of the request that were accepted but have no effect.
    pub ignored: Vec<&'static str>,
    /// Fields of the request that were brought into the model's limits.
    pub adjusted: Vec<&'static str>,
    /// What is needed to translate the answer.
    pub reply: Reply,
}

/// What an estimate of the cost needs besides the length of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Longest answer that the model may give, in tokens.
    pub max_tokens: u32,
    /// Pictures in the whole conversation.
    pub images: u32,
    /// Whether tools are sent along, which costs input of the provider's own.
    pub tools: bool,
}

/// Turns `request` into a body for `model`.
///
/// A pure function: the same request and model always give the same bytes.
///
/// # Errors
///
/// When the request asks for something that neither can be had nor may be left out silently.
pub fn encode(request: &ChatRequest, model: &Model) -> Result<Encoded, EncodeError> {
    settings::refuse_long_lists(request)?;
    settings::refuse_unsupported(request)?;
    let mut notes = Notes::default();
    settings::note_ignored(request, &mut notes);

    let tools = tools::encode(request, model, &mut notes)?;
    let mut conversation = turns::encode(&request.messages, model)?;
    conversation
        .system
        .extend(format_instruction(request, &mut notes)?);

    let max_tokens = settings::max_tokens(request, model, &mut notes)?;
    let sampling = settings::sampling(request, model, &mut notes);
    let facts = Facts {
        max_tokens,
        images: conversation.images,
        tools: !tools.tools.is_empty(),
    };
    let body = MessagesBody {
        anthropic_version: ANTHROPIC_VERSION,
        max_tokens,
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        top_k: sampling.top_k,
        stop_sequences: settings::stop_sequences(request, &mut notes),
        tools: tools.tools,
        tool_choice: tools.choice,
        system: conversation.system,
        messages: conversation.turns,
    };
    let body = serde_json::to_vec(&body).expect("the body has only string keys and finite numbers");
    if body.len() > MOST_BYTES {
        return Err(EncodeError::TooLarge {
            bytes: body.len(),
            most: MOST_BYTES,
        });
    }
    Ok(Encoded {
        body,
        facts,
        ignored: notes.ignored,
        adjusted: notes.adjusted,
        reply: Reply {
            include_usage: request.wants_usage(),
            renamed: tools.renamed,
        },
    })
}

/// What the client is told about its request besides the answer; each field is named once.
#[derive(Debug, Default)]
struct Notes {
    ignored: Vec<&'static str>,
    adjusted: Vec<&'static str>,
}

impl Notes {
    fn ignore(&mut self, field: &'static str) {
        if !self.ignored.contains(&field) {
            self.ignored.push(field);
        }
    }

    fn adjust(&mut self, field: &'static str) {
        if !self.adjusted.contains(&field) {
            self.adjusted.push(field);
        }
    }
}

/// Asks for JSON in words, which every model understands; that the answer fits is then likely
/// but not certain, and `strict` is reported as ignored.
///
/// That the format becomes an instruction is reported as adjusted.
fn format_instruction<'a>(
    request: &ChatRequest,
    notes: &mut Notes,
) -> Result<Option<Block<'a>>, EncodeError> {
    const ONLY: &str = "When you answer in text, answer with one JSON object and nothing else: \
                        no words around it and no code fence.";
    let schema = match &request.response_format {
        None | Some(ResponseFormat::Text) => return Ok(None),
        Some(ResponseFormat::JsonObject) => None,
        Some(ResponseFormat::JsonSchema(schema)) => Some(schema),
    };
    notes.adjust("response_format");
    let mut text = ONLY.to_owned();
    if let Some(schema) = schema {
        if schema.strict == Some(true) {
            notes.ignore("response_format.json_schema.strict");
        }
        if let Some(description) = &schema.description {
            text.push_str("\n\nWhat the object is for: ");
            text.push_str(description);
        }
        if let Some(schema) = &schema.schema {
            schema::check(schema, &|| "response_format.json_schema.schema".to_owned())?;
            text.push_str("\n\nThe object must fit this JSON Schema:\n");
            text.push_str(schema.get());
        }
    }
    Ok(Some(Block::Text {
        text: Cow::Owned(text),
    }))
}
