//! What a model thought: the wish for it, and thoughts that clients send back.

use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::value::RawValue;
use std::borrow::Cow;

use crate::read::{self, Hint, Text};

/// Wish for thinking in Anthropic's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThinkingWish {
    /// `{"type":"enabled","budget_tokens":N}`.
    Enabled {
        /// How many tokens the model may think.
        budget_tokens: Option<u64>,
    },
    /// `{"type":"adaptive"}`: as much as the model sees fit.
    Adaptive,
    /// `{"type":"disabled"}`.
    Disabled,
}

/// A thought of an earlier turn that the client sends back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thought<'a> {
    /// Text, which may be empty, with the model's signature of it.
    Signed {
        /// What the model thought.
        text: Cow<'a, str>,
        /// The model's signature.
        signature: Cow<'a, str>,
    },
    /// A thought that only the model can read.
    Redacted {
        /// Opaque.
        data: Cow<'a, str>,
    },
}

/// `reasoning` as some gateways and OpenAI's newer API take it.
#[derive(Deserialize)]
pub(crate) struct RawReasoning<'a> {
    #[serde(borrow)]
    effort: Option<Text<'a>>,
    max_tokens: Option<u64>,
    enabled: Option<bool>,
    exclude: Option<Hint<bool>>,
}

/// What `reasoning` asks for.
#[derive(Default)]
pub(crate) struct Reasoning<'a> {
    /// How hard the model is to think.
    pub(crate) effort: Option<Text<'a>>,
    /// The wish in Anthropic's form.
    pub(crate) wish: Option<ThinkingWish>,
    /// The field that the wish comes from.
    pub(crate) field: &'static str,
    /// The fields without effect.
    pub(crate) unread: Vec<&'static str>,
}

impl<'a> RawReasoning<'a> {
    pub(crate) fn narrow(self) -> Reasoning<'a> {
        let budget = |budget_tokens| Some(ThinkingWish::Enabled { budget_tokens });
        let (wish, field) = match (self.enabled, self.max_tokens) {
            (Some(false), _) => (Some(ThinkingWish::Disabled), "reasoning.enabled"),
            (_, Some(tokens)) => (budget(Some(tokens)), "reasoning.max_tokens"),
            (Some(true), None) if self.effort.is_none() => (budget(None), "reasoning.enabled"),
            (Some(true) | None, None) => (None, ""),
        };
        let mut unread = Vec::new();
        if self.enabled == Some(false) && self.max_tokens.is_some() {
            unread.push("reasoning.max_tokens");
        }
        if Hint::of(self.exclude) == Some(true) {
            unread.push("reasoning.exclude");
        }
        Reasoning {
            effort: self.effort,
            wish,
            field,
            unread,
        }
    }
}

#[derive(Deserialize)]
struct RawWish<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
    budget_tokens: Option<u64>,
}

impl<'de> Deserialize<'de> for ThinkingWish {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read::object(deserializer, |raw: RawWish<'_>| {
            match raw.r#type.0.as_ref() {
                "enabled" => Ok(Self::Enabled {
                    budget_tokens: raw.budget_tokens,
                }),
                "adaptive" => Ok(Self::Adaptive),
                "disabled" | "between_tools" => Ok(Self::Disabled),
                other => Err(read::unknown(
                    "type",
                    other,
                    "enabled, adaptive or disabled",
                )),
            }
        })
    }
}

/// One entry of `reasoning_details` or `thinking_blocks`, or a thought among the parts of a
/// message: the fields of all forms, of which each has some.
#[derive(Deserialize)]
pub(crate) struct RawThought<'a> {
    #[serde(borrow)]
    r#type: Option<Text<'a>>,
    #[serde(borrow)]
    thinking: Option<Text<'a>>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    signature: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<Text<'a>>,
    #[serde(borrow)]
    format: Option<Text<'a>>,
}

impl<'a> RawThought<'a> {
    /// A thought among the parts of a message.
    pub(crate) fn of_part(
        r#type: Text<'a>,
        thinking: Option<&'a RawValue>,
        signature: Option<&'a RawValue>,
        data: Option<&'a RawValue>,
    ) -> Self {
        Self {
            r#type: Some(r#type),
            thinking: read::loose(thinking),
            text: None,
            signature: read::loose(signature),
            data: read::loose(data),
            format: None,
        }
    }

    /// The thought, if it is one that the model would take back: it refuses unsigned ones, and
    /// those of other models.
    pub(crate) fn narrow(self) -> Option<Thought<'a>> {
        if self
            .format
            .is_some_and(|format| !format.0.starts_with("anthropic"))
        {
            return None;
        }
        let filled = |text: Option<Text<'a>>| text.map(Text::cow).filter(|text| !text.is_empty());
        match self.r#type?.0.as_ref() {
            "thinking" | "reasoning.text" => Some(Thought::Signed {
                text: self
                    .thinking
                    .or(self.text)
                    .map(Text::cow)
                    .unwrap_or_default(),
                signature: filled(self.signature)?,
            }),
            "redacted_thinking" | "reasoning.encrypted" => Some(Thought::Redacted {
                data: filled(self.data)?,
            }),
            _ => None,
        }
    }
}

/// The thoughts in a list, without the ones that the model would not take back.
///
/// Whatever else the field holds is no thought; every gateway has its own idea of it.
pub(crate) fn thoughts(list: &RawValue) -> Vec<Thought<'_>> {
    let entries: Vec<&RawValue> = serde_json::from_str(list.get()).unwrap_or_default();
    entries
        .into_iter()
        .filter_map(|entry| serde_json::from_str(entry.get()).ok())
        .filter_map(RawThought::narrow)
        .collect()
}
