//! A whole answer.

use serde::Serialize;
use std::sync::Arc;

use super::tool_call::{FunctionCalled, ToolCalled};
use crate::usage::CompletionUsage;

/// The answer to a request that does not stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChatCompletion {
    /// Names this answer.
    pub id: Arc<str>,
    /// Always `chat.completion`.
    pub object: CompletionTag,
    /// When the answer was made, in Unix seconds.
    pub created: i64,
    /// The model's name as the client sent it.
    pub model: Arc<str>,
    /// The answers, of which there is one.
    pub choices: Vec<Choice>,
    /// What the answer used.
    pub usage: CompletionUsage,
    /// Always `null`: there is no such thing behind this surface.
    pub system_fingerprint: Option<Arc<str>>,
}

/// The words `chat.completion`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub enum CompletionTag {
    /// The only value.
    #[default]
    #[serde(rename = "chat.completion")]
    ChatCompletion,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// Position among the answers.
    pub index: u32,
    /// What the model said.
    pub message: AssistantMessage,
    /// Always `null`.
    pub logprobs: (),
    /// Why the answer ended.
    pub finish_reason: FinishReason,
}

/// What the model said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AssistantMessage {
    /// Always `assistant`.
    pub role: AssistantTag,
    /// The text; `null` when there are only calls.
    pub content: Option<String>,
    /// Why the model declined; `null` when it did not.
    pub refusal: Option<String>,
    /// What the model thought, in the field that clients read it from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<String>,
    /// The same with the model's signatures; a client that sends it back lets the model go on
    /// from its own thoughts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasoning_details: Vec<ReasoningDetail>,
    /// What it called.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCalled>,
    /// What it called, for a client that offered `functions`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_call: Option<FunctionCalled>,
}

/// One thought of the model, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReasoningDetail {
    /// What the thought says, or its sealed form.
    #[serde(flatten)]
    pub thought: ReasoningThought,
    /// Whose thoughts these are, and in which form.
    pub format: ReasoningFormat,
    /// Position among the answer's thoughts.
    pub index: u32,
}

/// What a thought says, or its sealed form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type")]
pub enum ReasoningThought {
    /// In words, which may be left out.
    #[serde(rename = "reasoning.text")]
    Text {
        /// The words.
        text: String,
        /// The model's signature of them.
        #[serde(skip_serializing_if = "Option::is_none")]
        signature: Option<String>,
    },
    /// Readable by the model alone.
    #[serde(rename = "reasoning.encrypted")]
    Encrypted {
        /// Opaque.
        data: String,
    },
}

/// Whose thoughts these are, and in which form.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub enum ReasoningFormat {
    /// The only value.
    #[default]
    #[serde(rename = "anthropic-claude-v1")]
    Claude,
}

/// The word `assistant`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub enum AssistantTag {
    /// The only value.
    #[default]
    #[serde(rename = "assistant")]
    Assistant,
}

/// Why an answer ended.
///
/// Closed on purpose: clients loop or fail on any other word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model was done, or met a stop text.
    Stop,
    /// The answer reached its longest length.
    Length,
    /// The model calls tools.
    ToolCalls,
    /// The model calls a function, for a client that offered `functions`.
    FunctionCall,
    /// A filter held the answer back.
    ContentFilter,
}
