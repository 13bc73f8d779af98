//! Why an answer ended, in Claude's words and in OpenAI's.

use llmlite_openai::chat::response::FinishReason;

use crate::claude::response::{Maybe, StopDetails};

/// What is said of an answer that the model declined without a word of its own.
const DECLINED: &str = "The model declined to answer this request.";

/// Why an answer ended, as far as the difference counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The model was done, met a stop text, or calls tools.
    #[default]
    Done,
    /// The answer reached its longest length, or the end of the model's memory.
    Cut,
    /// A filter held the answer back.
    Filtered,
    /// The model declined.
    Refused,
    /// The model made something that is no answer, and says so.
    Fault(&'static str),
    /// A reason that nobody knows yet.
    Unknown,
}

impl Stop {
    /// The meaning of Claude's word.
    pub(crate) fn of(reason: &str) -> Self {
        match reason {
            "end_turn" | "stop_sequence" | "tool_use" => Self::Done,
            "max_tokens" | "model_context_window_exceeded" => Self::Cut,
            "guardrail_intervened" | "content_filtered" => Self::Filtered,
            "refusal" => Self::Refused,
            "malformed_tool_use" => Self::Fault("malformed_tool_use"),
            "malformed_model_output" => Self::Fault("malformed_model_output"),
            _ => Self::Unknown,
        }
    }

    /// OpenAI's word; `calls` is the one for an answer that makes calls, if this one does.
    ///
    /// Some clients look only there to learn that there are calls to make.
    pub(crate) fn finish_reason(self, calls: Option<FinishReason>) -> FinishReason {
        match self {
            Self::Cut => FinishReason::Length,
            Self::Filtered | Self::Refused => FinishReason::ContentFilter,
            Self::Done | Self::Fault(_) | Self::Unknown => calls.unwrap_or(FinishReason::Stop),
        }
    }
}

/// What is said of an answer that the model declined: its own words, if it has any.
pub(crate) fn refusal(details: Option<Maybe<StopDetails<'_>>>) -> String {
    let words = details.and_then(Maybe::known);
    let words = words.and_then(|details| details.explanation);
    words
        .map(|words| words.0.into_owned())
        .filter(|words| !words.trim().is_empty())
        .unwrap_or_else(|| DECLINED.to_owned())
}
