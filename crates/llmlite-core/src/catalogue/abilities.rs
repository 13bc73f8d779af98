//! What a model can do.
//!
//! An ability that an entry does not mention is one that the model is not asked for: so an entry
//! that was written before the ability was known goes on working.
//! Nor is it written down then: the release before refuses entries with fields that it does not
//! know, and must be able to read those that use nothing new.

use serde::{Deserialize, Serialize};

/// What a model can do, as far as a translation has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Abilities {
    /// It takes images.
    pub vision: bool,
    /// It takes PDF documents.
    pub pdf: bool,
    /// Which of `temperature` and `top_p` it takes.
    pub sampling: Sampling,
    /// The conversation may end with an assistant's turn that the model goes on with.
    pub prefill: bool,
    /// It can be made to call a tool; most can.
    #[serde(default = "can")]
    pub forced_tool: bool,
    /// Whether and how it can be made to think before it answers.
    #[serde(default, skip_serializing_if = "Thinking::is_none")]
    pub thinking: Thinking,
    /// It holds itself to a JSON schema (`output_config.format`).
    #[serde(default, skip_serializing_if = "is_false")]
    pub json_schema: bool,
    /// It holds itself to the schemas of its tools (`strict`).
    #[serde(default, skip_serializing_if = "is_false")]
    pub strict_tools: bool,
    /// Its prompt cache, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<PromptCache>,
    /// It takes instructions of the system between the turns of a conversation.
    #[serde(default, skip_serializing_if = "is_false")]
    pub system_turns: bool,
}

/// What an entry says that does not mention an ability which nearly all models have.
fn can() -> bool {
    true
}

fn is_false(ability: &bool) -> bool {
    !ability
}

/// Which sampling parameters a model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sampling {
    /// `temperature` and `top_p`, also together.
    Both,
    /// One of the two.
    OneOf,
    /// Neither.
    None,
}

/// Whether and how a model thinks: `"none"`, `"budget"` or `{"adaptive": {...}}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Thinking {
    /// It does not.
    #[default]
    None,
    /// When asked, within a budget of tokens.
    Budget,
    /// As much as it sees fit, steered by an effort.
    Adaptive(Adaptive),
}

impl Thinking {
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// How a model thinks that decides by itself how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adaptive {
    /// How its thinking is switched off.
    #[serde(default)]
    pub off: ThinkingOff,
    /// It also takes a budget of tokens, like the models before it.
    #[serde(default)]
    pub budget: bool,
    /// It knows the effort `xhigh`.
    #[serde(default)]
    pub xhigh: bool,
    /// It knows the effort `max`.
    #[serde(default)]
    pub max: bool,
    /// It leaves its thoughts out of the answer unless it is asked for them.
    #[serde(default)]
    pub hidden: bool,
}

/// How adaptive thinking is switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThinkingOff {
    /// It is off unless it is asked for.
    #[default]
    Unasked,
    /// It is on unless it is disabled.
    Disabled,
    /// It is on unless it is kept to the places between calls of tools.
    BetweenTools,
    /// It is always on.
    Never,
}

/// What a model keeps of the prompts that it has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptCache {
    /// A shorter beginning of a prompt, in tokens, is not kept.
    pub min_tokens: u32,
    /// It can be kept for an hour, and not only for five minutes.
    #[serde(default)]
    pub one_hour: bool,
}
