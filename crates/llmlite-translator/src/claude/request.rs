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
}

/// One block of a turn.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Block<'a> {
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
        data: String,
    },
}

/// A tool.
#[derive(Debug, Serialize)]
pub struct Tool<'a> {
    /// The tool's name.
    pub name: Cow<'a, str>,
    /// What it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<&'a str>,
    /// JSON Schema of its arguments.
    pub input_schema: Cow<'a, RawValue>,
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
