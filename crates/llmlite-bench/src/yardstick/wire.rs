//! The least of both languages that a text conversation needs.

use std::{
    borrow::Cow,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::MAX_TOKENS;

/// An OpenAI chat request. Its `model` is the id that Bedrock knows.
#[derive(Debug, Deserialize)]
pub struct ChatRequest<'a> {
    /// Bedrock's id.
    #[serde(borrow)]
    pub model: Cow<'a, str>,
    #[serde(borrow)]
    messages: Vec<ChatMessage<'a>>,
    max_tokens: Option<u32>,
    #[serde(borrow)]
    temperature: Option<&'a RawValue>,
    /// Whether the answer comes in pieces.
    #[serde(default)]
    pub stream: bool,
    stream_options: Option<StreamOptions>,
}

impl ChatRequest<'_> {
    /// Whether a stream ends with a chunk that tells the usage.
    pub fn wants_usage(&self) -> bool {
        self.stream_options
            .as_ref()
            .is_some_and(|o| o.include_usage)
    }
}

#[derive(Debug, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

#[derive(Debug, Deserialize)]
struct ChatMessage<'a> {
    role: Role,
    #[serde(borrow)]
    content: Cow<'a, str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    #[serde(alias = "developer")]
    System,
    User,
    Assistant,
}

/// Reads a client's body.
///
/// # Errors
/// When it is not the JSON of a text conversation.
pub fn read_request(body: &[u8]) -> serde_json::Result<ChatRequest<'_>> {
    serde_json::from_slice(body)
}

/// Claude's body for `request`.
///
/// # Errors
/// Never, in practice: every part of it is text already.
pub fn claude_body(request: &ChatRequest<'_>) -> serde_json::Result<Vec<u8>> {
    let is_system = |m: &&ChatMessage<'_>| m.role == Role::System;
    let system: Vec<_> = request
        .messages
        .iter()
        .filter(is_system)
        .map(text_block)
        .collect();
    let messages = request.messages.iter().filter(|m| !is_system(m));
    serde_json::to_vec(&ClaudeRequest {
        anthropic_version: "bedrock-2023-05-31",
        max_tokens: request.max_tokens.unwrap_or(MAX_TOKENS),
        temperature: request.temperature,
        system,
        messages: messages
            .map(|message| ClaudeMessage {
                role: match message.role {
                    Role::Assistant => "assistant",
                    Role::User | Role::System => "user",
                },
                content: [text_block(message)],
            })
            .collect(),
    })
}

fn text_block<'a>(message: &'a ChatMessage<'_>) -> TextBlock<'a> {
    TextBlock {
        kind: "text",
        text: &message.content,
    }
}

#[derive(Serialize)]
struct ClaudeRequest<'a> {
    anthropic_version: &'static str,
    max_tokens: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<TextBlock<'a>>,
    messages: Vec<ClaudeMessage<'a>>,
}

#[derive(Serialize)]
struct ClaudeMessage<'a> {
    role: &'static str,
    content: [TextBlock<'a>; 1],
}

#[derive(Serialize)]
struct TextBlock<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    text: &'a str,
}

/// Text that is borrowed where it holds no escape, also inside an `Option`.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct ClaudeAnswer<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    content: Vec<AnswerBlock<'a>>,
    #[serde(borrow)]
    stop_reason: Option<Text<'a>>,
    usage: ClaudeUsage,
}

#[derive(Deserialize)]
struct AnswerBlock<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
}

#[derive(Default, Deserialize)]
struct ClaudeUsage {
    #[serde(default)]
    input_tokens: u64,
    #[serde(default)]
    output_tokens: u64,
}

/// `time` as OpenAI writes it.
pub fn epoch_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// The OpenAI answer to Claude's whole one.
///
/// # Errors
/// When `body` is no Anthropic message.
pub fn reshape(body: &[u8], model: &str, created: u64) -> serde_json::Result<Vec<u8>> {
    let answer: ClaudeAnswer<'_> = serde_json::from_slice(body)?;
    let texts = answer
        .content
        .iter()
        .filter_map(|block| block.text.as_ref());
    serde_json::to_vec(&Completion {
        id: &answer.id.0,
        object: "chat.completion",
        created,
        model,
        choices: [Choice {
            index: 0,
            message: AnswerMessage {
                role: "assistant",
                content: texts.map(|text| text.0.as_ref()).collect(),
            },
            finish_reason: finish_reason(answer.stop_reason.as_ref()),
        }],
        usage: Usage::from(&answer.usage),
    })
}

fn finish_reason(stop_reason: Option<&Text<'_>>) -> &'static str {
    match stop_reason.map(|reason| reason.0.as_ref()) {
        Some("max_tokens" | "model_context_window_exceeded") => "length",
        Some("tool_use") => "tool_calls",
        Some("refusal") => "content_filter",
        _ => "stop",
    }
}

#[derive(Serialize)]
struct Completion<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: [Choice; 1],
    usage: Usage,
}

#[derive(Serialize)]
struct Choice {
    index: u32,
    message: AnswerMessage,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct AnswerMessage {
    role: &'static str,
    content: String,
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
}

impl From<&ClaudeUsage> for Usage {
    fn from(usage: &ClaudeUsage) -> Self {
        Self {
            prompt_tokens: usage.input_tokens,
            completion_tokens: usage.output_tokens,
            total_tokens: usage.input_tokens + usage.output_tokens,
        }
    }
}

/// Turns Claude's events into OpenAI's chunks, one after the other.
#[derive(Debug)]
pub struct Reshaper {
    id: String,
    model: String,
    created: u64,
    wants_usage: bool,
    input_tokens: u64,
    output_tokens: u64,
}

impl Reshaper {
    /// For an answer of `model` that begins at `created`, in seconds of the Unix epoch.
    pub fn new(model: &str, created: u64, wants_usage: bool) -> Self {
        Self {
            id: String::new(),
            model: model.to_owned(),
            created,
            wants_usage,
            input_tokens: 0,
            output_tokens: 0,
        }
    }

    /// Appends what the client gets for `event` to `out`.
    ///
    /// # Errors
    /// When `event` is no Anthropic event.
    pub fn push(&mut self, event: &[u8], out: &mut Vec<u8>) -> serde_json::Result<()> {
        let event: ClaudeEvent<'_> = serde_json::from_slice(event)?;
        match event.kind.0.as_ref() {
            "message_start" => {
                if let Some(message) = event.message {
                    self.id = message.id.0.into_owned();
                    self.input_tokens = message.usage.input_tokens;
                }
                self.choice(Some("assistant"), Some(""), None, out)
            }
            "content_block_delta" => match event.delta.and_then(|delta| delta.text) {
                Some(text) => self.choice(None, Some(&text.0), None, out),
                None => Ok(()),
            },
            "message_delta" => {
                self.output_tokens = event.usage.unwrap_or_default().output_tokens;
                let reason = event.delta.and_then(|delta| delta.stop_reason);
                self.choice(None, None, Some(finish_reason(reason.as_ref())), out)
            }
            "message_stop" => self.end(out),
            _ => Ok(()),
        }
    }

    fn end(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        if self.wants_usage {
            let usage = Usage::from(&ClaudeUsage {
                input_tokens: self.input_tokens,
                output_tokens: self.output_tokens,
            });
            self.write(&[], Some(usage), out)?;
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
        Ok(())
    }

    fn choice(
        &self,
        role: Option<&'static str>,
        content: Option<&str>,
        finish_reason: Option<&'static str>,
        out: &mut Vec<u8>,
    ) -> serde_json::Result<()> {
        let choice = ChunkChoice {
            index: 0,
            delta: Delta { role, content },
            finish_reason,
        };
        self.write(&[choice], None, out)
    }

    fn write(
        &self,
        choices: &[ChunkChoice<'_>],
        usage: Option<Usage>,
        out: &mut Vec<u8>,
    ) -> serde_json::Result<()> {
        out.extend_from_slice(b"data: ");
        serde_json::to_writer(
            &mut *out,
            &Chunk {
                id: &self.id,
                object: "chat.completion.chunk",
                created: self.created,
                model: &self.model,
                choices,
                usage,
            },
        )?;
        out.extend_from_slice(b"\n\n");
        Ok(())
    }
}

/// Every kind of event in one: what a kind lacks is `None`, and nothing is read twice.
#[derive(Deserialize)]
struct ClaudeEvent<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    message: Option<StartedMessage<'a>>,
    #[serde(borrow)]
    delta: Option<EventDelta<'a>>,
    usage: Option<ClaudeUsage>,
}

#[derive(Deserialize)]
struct StartedMessage<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    usage: ClaudeUsage,
}

#[derive(Deserialize)]
struct EventDelta<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    stop_reason: Option<Text<'a>>,
}

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: &'a [ChunkChoice<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
}

#[derive(Serialize)]
struct ChunkChoice<'a> {
    index: u32,
    delta: Delta<'a>,
    finish_reason: Option<&'static str>,
}

#[derive(Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
}

#[cfg(test)]
mod tests;
