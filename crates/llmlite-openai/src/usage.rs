//! Tokens as OpenAI counts them.

use serde::Serialize;

/// The usage of one answer.
///
/// Here the prompt includes what came from and went into the prompt cache; Claude counts these
/// apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct CompletionUsage {
    /// All tokens of the prompt, cached or not.
    pub prompt_tokens: u64,
    /// Tokens of the answer.
    pub completion_tokens: u64,
    /// Sum of both.
    pub total_tokens: u64,
    /// How much of the prompt met the cache.
    pub prompt_tokens_details: PromptTokensDetails,
    /// How much of the answer was thinking; left out when that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_tokens_details: Option<CompletionTokensDetails>,
}

/// What the tokens of an answer were spent on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct CompletionTokensDetails {
    /// Tokens of thinking.
    pub reasoning_tokens: u64,
}

/// How much of the prompt met the cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PromptTokensDetails {
    /// Tokens read from the cache.
    pub cached_tokens: u64,
    /// Tokens written to the cache.
    pub cache_write_tokens: u64,
}
