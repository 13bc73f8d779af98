//! One event of a streamed answer.

use serde::Deserialize;

use super::response::{
    AnswerBlock, InvocationMetrics, Kind, Maybe, StopDetails, Text, UsageFields,
};

/// One event: the fields of all kinds, of which each kind has some.
///
/// A flat struct is read in one pass without buffering, which counts because there is one event
/// for every few characters of an answer.
#[derive(Debug, Deserialize)]
pub struct Event<'a> {
    /// The kind, such as `content_block_delta`; an open set.
    #[serde(borrow)]
    pub r#type: Text<'a>,
    /// Of the block events: which block.
    pub index: Option<u32>,
    /// Of `message_start`: the message, still empty.
    pub message: Option<StartedMessage>,
    /// Of `content_block_start`: the block, still empty.
    #[serde(borrow)]
    pub content_block: Option<AnswerBlock<'a>>,
    /// Of `content_block_delta` and `message_delta`: what is new.
    #[serde(borrow)]
    pub delta: Option<EventDelta<'a>>,
    /// Of `message_delta`: the tokens so far.
    pub usage: Option<UsageFields>,
    /// Of `error`: what went wrong.
    #[serde(borrow)]
    pub error: Option<EventError<'a>>,
    /// Of `message_stop`: Bedrock's own counts.
    #[serde(rename = "amazon-bedrock-invocationMetrics")]
    pub invocation_metrics: Option<InvocationMetrics>,
}

/// What is read of a block event that does not have the shape of the known ones.
#[derive(Debug, Deserialize)]
pub struct EventKinds<'a> {
    /// Which block.
    pub index: Option<u32>,
    /// The kind of its block.
    #[serde(borrow)]
    pub content_block: Option<Kind<'a>>,
    /// The kind of what is new.
    #[serde(borrow)]
    pub delta: Option<Kind<'a>>,
}

/// The message that `message_start` announces.
#[derive(Debug, Deserialize)]
pub struct StartedMessage {
    /// The tokens of the input.
    pub usage: Option<UsageFields>,
}

/// What is new: the fields of all kinds, of which each kind has some.
#[derive(Debug, Deserialize)]
pub struct EventDelta<'a> {
    /// The kind, such as `text_delta`; an open set, absent in `message_delta`.
    #[serde(borrow)]
    pub r#type: Option<Text<'a>>,
    /// Of `text_delta`.
    #[serde(borrow)]
    pub text: Option<Text<'a>>,
    /// Of `thinking_delta`.
    #[serde(borrow)]
    pub thinking: Option<Text<'a>>,
    /// Of `signature_delta`: a piece of the model's signature of a thought.
    #[serde(borrow)]
    pub signature: Option<Text<'a>>,
    /// Of `input_json_delta`: a piece of JSON text.
    #[serde(borrow)]
    pub partial_json: Option<Text<'a>>,
    /// In `message_delta`: why the answer ended.
    #[serde(borrow)]
    pub stop_reason: Option<Text<'a>>,
    /// In `message_delta`: more about why.
    #[serde(borrow)]
    pub stop_details: Option<Maybe<StopDetails<'a>>>,
}

impl EventDelta<'_> {
    /// Whether an answer cannot be told without the deltas of this kind.
    pub fn is_used(kind: &str) -> bool {
        matches!(kind, "text_delta" | "input_json_delta" | "thinking_delta")
    }

    /// Bytes of what the model gave.
    pub(crate) fn bytes(&self) -> usize {
        let texts = [
            &self.text,
            &self.thinking,
            &self.signature,
            &self.partial_json,
        ];
        texts.into_iter().map(Text::bytes).sum()
    }
}

/// What went wrong upstream.
#[derive(Debug, Deserialize)]
pub struct EventError<'a> {
    /// The family, such as `overloaded_error`.
    #[serde(borrow)]
    pub r#type: Option<Text<'a>>,
    /// For people.
    #[serde(borrow)]
    pub message: Option<Text<'a>>,
}
