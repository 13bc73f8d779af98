//! A whole answer of Claude, and the parts that it shares with the stream.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A whole answer.
#[derive(Debug, Deserialize)]
pub struct MessageAnswer<'a> {
    /// What Claude said, in order.
    #[serde(borrow)]
    pub content: Vec<AnswerBlock<'a>>,
    /// Why the answer ended; an open set.
    #[serde(borrow)]
    pub stop_reason: Option<Text<'a>>,
    /// More about why.
    #[serde(borrow)]
    pub stop_details: Option<Maybe<StopDetails<'a>>>,
    /// What the answer used.
    pub usage: UsageFields,
}

/// A whole answer whose blocks are still to be read, because one of them has an unknown shape.
#[derive(Debug, Deserialize)]
pub struct RawAnswer<'a> {
    /// What Claude said, in order.
    #[serde(borrow)]
    pub content: Vec<&'a RawValue>,
    /// Why the answer ended; an open set.
    #[serde(borrow)]
    pub stop_reason: Option<Text<'a>>,
    /// More about why.
    #[serde(borrow)]
    pub stop_details: Option<Maybe<StopDetails<'a>>>,
    /// What the answer used.
    pub usage: UsageFields,
}

/// Something of which only the kind is read.
#[derive(Debug, Deserialize)]
pub struct Kind<'a> {
    /// The kind; an open set.
    #[serde(borrow)]
    pub r#type: Option<Text<'a>>,
}

/// One block of an answer: the fields of all kinds, of which each kind has some.
#[derive(Debug, Deserialize)]
pub struct AnswerBlock<'a> {
    /// The kind, such as `text` or `tool_use`; an open set.
    #[serde(borrow)]
    pub r#type: Text<'a>,
    /// Of `text`: the text.
    #[serde(borrow)]
    pub text: Option<Text<'a>>,
    /// Of `thinking`: the thought.
    #[serde(borrow)]
    pub thinking: Option<Text<'a>>,
    /// Of `thinking`: the model's signature of the thought.
    #[serde(borrow)]
    pub signature: Option<Text<'a>>,
    /// Of `redacted_thinking`: the thought, readable by the model alone.
    #[serde(borrow)]
    pub data: Option<Text<'a>>,
    /// Of `tool_use`: the call's id.
    #[serde(borrow)]
    pub id: Option<Text<'a>>,
    /// Of `tool_use`: the tool's name.
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    /// Of `tool_use`: the arguments.
    #[serde(borrow)]
    pub input: Option<&'a RawValue>,
}

impl AnswerBlock<'_> {
    /// Whether an answer cannot be told without the blocks of this kind.
    pub fn is_used(kind: &str) -> bool {
        matches!(kind, "text" | "thinking" | "tool_use")
    }

    /// Bytes of what the model gave.
    pub(crate) fn bytes(&self) -> usize {
        let texts = [
            &self.text,
            &self.thinking,
            &self.signature,
            &self.data,
            &self.name,
        ];
        let input = self.input.map_or(0, |input| input.get().len());
        texts.into_iter().map(Text::bytes).sum::<usize>() + input
    }
}

/// Text that stays in the buffer it came in, unless it has escapes.
///
/// serde borrows a bare `Cow`, but not one inside an `Option`.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl Text<'_> {
    /// Bytes of a text that may be missing.
    pub(super) fn bytes(text: &Option<Self>) -> usize {
        text.as_ref().map_or(0, |text| text.0.len())
    }
}

/// Something that is of use in the shape that is known, and in no other.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Maybe<T> {
    /// In the shape that is known.
    Known(T),
    /// In another.
    Other(IgnoredAny),
}

impl<T> Maybe<T> {
    /// The value, if it has the shape that is known.
    pub fn known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Other(_) => None,
        }
    }
}

/// More about why an answer ended.
#[derive(Debug, Deserialize)]
pub struct StopDetails<'a> {
    /// For people: why the model declined.
    #[serde(borrow)]
    pub explanation: Option<Text<'a>>,
}

/// Tokens counted so far; each field may be missing.
#[derive(Debug, Default, Deserialize)]
pub struct UsageFields {
    /// Input that did not meet the cache.
    pub input_tokens: Option<u64>,
    /// The answer.
    pub output_tokens: Option<u64>,
    /// Input read from the cache.
    pub cache_read_input_tokens: Option<u64>,
    /// Input written to the cache.
    pub cache_creation_input_tokens: Option<u64>,
    /// The cache writes by lifetime.
    pub cache_creation: Option<CacheCreation>,
    /// What the answer's tokens were spent on.
    pub output_tokens_details: Option<Maybe<OutputTokensDetails>>,
}

/// What the tokens of an answer were spent on.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
pub struct OutputTokensDetails {
    /// Thinking.
    pub thinking_tokens: Option<u64>,
}

/// Cache writes by lifetime.
#[derive(Debug, Default, Deserialize)]
pub struct CacheCreation {
    /// For five minutes.
    pub ephemeral_5m_input_tokens: Option<u64>,
    /// For one hour.
    pub ephemeral_1h_input_tokens: Option<u64>,
}

/// Bedrock's own counts, in the last event of a stream.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InvocationMetrics {
    /// Input that did not meet the cache.
    pub input_token_count: Option<u64>,
    /// The answer.
    pub output_token_count: Option<u64>,
    /// Input read from the cache.
    pub cache_read_input_token_count: Option<u64>,
    /// Input written to the cache.
    pub cache_write_input_token_count: Option<u64>,
}
