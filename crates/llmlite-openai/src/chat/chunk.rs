//! One piece of a streamed answer.

use serde::Serialize;
use std::sync::Arc;

use super::response::{AssistantTag, FinishReason, ReasoningDetail};
use super::tool_call::{FunctionDelta, ToolCallDelta};
use crate::usage::CompletionUsage;

/// One piece of a streamed answer.
///
/// `id`, `created` and `model` are the same in every chunk of an answer, and shared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChatChunk {
    /// Names the answer.
    pub id: Arc<str>,
    /// Always `chat.completion.chunk`.
    pub object: ChunkTag,
    /// When the answer was begun, in Unix seconds.
    pub created: i64,
    /// The model's name as the client sent it.
    pub model: Arc<str>,
    /// Always `null`: there is no such thing behind this surface.
    pub system_fingerprint: Option<Arc<str>>,
    /// One choice; none in the chunk that carries the usage.
    pub choices: Vec<ChunkChoice>,
    /// Left out, `null` or the usage.
    #[serde(skip_serializing_if = "ChunkUsage::is_left_out")]
    pub usage: ChunkUsage,
}

/// The words `chat.completion.chunk`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub enum ChunkTag {
    /// The only value.
    #[default]
    #[serde(rename = "chat.completion.chunk")]
    ChatCompletionChunk,
}

/// The `usage` field of a chunk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ChunkUsage {
    /// No such field: the client did not ask for usage.
    #[default]
    LeftOut,
    /// `null`: the client asked, and the usage comes in the last chunk.
    Null,
    /// The usage.
    Known(CompletionUsage),
}

impl ChunkUsage {
    fn is_left_out(&self) -> bool {
        *self == Self::LeftOut
    }
}

/// The answer's next piece.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChunkChoice {
    /// Position among the answers.
    pub index: u32,
    /// What is new.
    pub delta: Delta,
    /// Always `null`.
    pub logprobs: (),
    /// Why the answer ended; `null`, never absent, until it has.
    pub finish_reason: Option<FinishReason>,
}

/// What is new in a chunk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Delta {
    /// In the first chunk only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<AssistantTag>,
    /// The next piece of text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// The next piece of thinking, in the field that clients read it from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<String>,
    /// Thoughts that have become whole, with the model's signatures.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasoning_details: Vec<ReasoningDetail>,
    /// Why the model declined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// The next pieces of calls.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCallDelta>,
    /// The next piece of a call, for a client that offered `functions`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_call: Option<FunctionDelta>,
}
