//! The Messages body that goes through `InvokeModel`.

use serde::Serialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The value of `anthropic_version` that every Claude on Bedrock takes.
pub const ANTHROPIC_VERSION: &str = "bedrock-2023-05-31";

/// The whole body; the model and whether to stream are not in it but in the call.
#[derive(Debug, Serialize)]
pub struct MessagesBody<'a> {
    /// Always [`ANTHROPIC_VERSION`].
    pub anthropic_version: &'static str,
    /// Longest answer, in tokens.
    pub max_tokens: u32,
    /// Randomness, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Nucleus sampling, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Sample from so many tokens only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<i64>,
    /// Whether and how the model thinks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking: Option<Thinking>,
    /// How hard the model tries and what form the answer has.
    #[serde(skip_serializing_if = "OutputConfig::is_empty")]
    pub output_config: OutputConfig<'a>,
    /// Texts at which the answer ends.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop_sequences: Vec<&'a str>,
    /// The tools.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool<'a>>,
    /// Which tool to call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<ToolChoice<'a>>,
    /// The instructions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub system: Vec<Block<'a>>,
    /// The conversation; roles alternate and the user begins.
    pub messages: Vec<Turn<'a>>,
}

/// One turn of the conversation.
#[derive(Debug, Serialize)]
pub struct Turn<'a> {
    /// Who speaks.
    pub role: Role,
    /// What is said; never empty.
    pub content: Vec<Block<'a>>,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The client's side.
    User,
    /// The model.
    Assistant,
    /// Instructions in the middle of the conversation, which only some models take.
    System,
}

/// One block of a turn, and whether the prompt cache is to end a prefix after it.
#[derive(Debug, Serialize)]
pub struct Block<'a> {
    /// What the block holds.
    #[serde(flatten)]
    pub kind: BlockKind<'a>,
    /// The end of a cached prefix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<CacheControl>,
}

impl<'a> Block<'a> {
    /// A block of text.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        BlockKind::Text { text: text.into() }.into()
    }
}

impl<'a> From<BlockKind<'a>> for Block<'a> {
    fn from(kind: BlockKind<'a>) -> Self {
        Self {
            kind,
            cache_control: None,
        }
    }
}

/// What a block holds.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum BlockKind<'a> {
    /// Text; never blank.
    Text {
        /// The text.
        text: Cow<'a, str>,
    },
    /// A picture.
    Image {
        /// Where it is.
        source: Source<'a>,
    },
    /// A PDF or text file.
    Document {
        /// Where it is.
        source: Source<'a>,
        /// The file's name.
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<String>,
    },
    /// What the model thought in an earlier turn, exactly as it was given.
    Thinking {
        /// The words, which may be left out.
        thinking: Cow<'a, str>,
        /// The model's signature of them.
        signature: Cow<'a, str>,
    },
    /// The same in a form that only the model can read.
    RedactedThinking {
        /// Opaque.
        data: Cow<'a, str>,
    },
    /// A call that the model made.
    ToolUse {
        /// The call's id.
        id: Cow<'a, str>,
        /// The tool's name.
        name: Cow<'a, str>,
        /// The arguments, a JSON object.
        input: Cow<'a, RawValue>,
    },
    /// What a call gave.
    ToolResult {
        /// The call's id.
        tool_use_id: Cow<'a, str>,
        /// What it gave; never empty.
        content: Vec<Block<'a>>,
        /// Whether the call failed.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
    },
}

/// The end of a cached prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "ephemeral")]
pub struct CacheControl {
    /// How long the prefix is kept; five minutes if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<OneHour>,
}

/// The only lifetime that has to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum OneHour {
    /// `1h`.
    #[serde(rename = "1h")]
    OneHour,
}

/// Where the content of a picture or file is.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Source<'a> {
    /// In the body, encoded.
    Base64 {
        /// The media type.
        media_type: &'static str,
        /// Standard base64 with padding.
        data: Cow<'a, str>,
    },
    /// In the body, as text.
    Text {
        /// The media type.
        media_type: &'static str,
        /// The text.
        data: Cow<'a, str>,
    },
}

/// Whether and how the model thinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Thinking {
    /// Within a number of tokens, which is below `max_tokens`.
    Enabled {
        /// The number, at least 1,024.
        budget_tokens: u32,
    },
    /// As much as it sees fit.
    Adaptive {
        /// Whether the answer has the thoughts in words.
        #[serde(skip_serializing_if = "Option::is_none")]
        display: Option<Display>,
    },
    /// Not at all.
    Disabled,
    /// Between calls only.
    BetweenTools,
}

/// Whether an answer has the model's thoughts in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Display {
    /// It has a summary of them.
    Summarized,
}

/// How hard the model tries and what form the answer has.
#[derive(Debug, Default, Serialize)]
pub struct OutputConfig<'a> {
    /// How hard it tries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effort: Option<Effort>,
    /// What form the answer has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<Format<'a>>,
}

impl OutputConfig<'_> {
    fn is_empty(&self) -> bool {
        self.effort.is_none() && self.format.is_none()
    }
}

/// How hard the model tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// Little.
    Low,
    /// Less than it would by itself.
    Medium,
    /// As much as it would by itself.
    High,
    /// More, on some models.
    XHigh,
    /// As much as it can, on some models.
    Max,
}

/// What form an answer has.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Format<'a> {
    /// JSON that fits a schema.
    JsonSchema {
        /// The schema, within Claude's rules for it.
        schema: Cow<'a, RawValue>,
    },
}

/// A tool.
#[derive(Debug, Serialize)]
pub struct Tool<'a> {
    /// The tool's name.
    pub name: Cow<'a, str>,
    /// What it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Cow<'a, str>>,
    /// JSON Schema of its arguments.
    pub input_schema: Cow<'a, RawValue>,
    /// Whether the arguments must fit the schema without exception, on models that know this.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub strict: bool,
    /// The end of a cached prefix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<CacheControl>,
}

/// Which tool to call.
#[derive(Debug, Serialize)]
pub struct ToolChoice<'a> {
    /// How free the model is.
    #[serde(flatten)]
    pub mode: ToolMode<'a>,
    /// Whether at most one tool may be called in a turn.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub disable_parallel_tool_use: bool,
}

/// How free the model is to call tools.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToolMode<'a> {
    /// The model decides.
    Auto,
    /// At least one.
    Any,
    /// This one.
    Tool {
        /// The tool's name.
        name: Cow<'a, str>,
    },
    /// None.
    None,
}
