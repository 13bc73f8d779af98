//! What the model may call, and the calls that it made.

use serde_json::value::RawValue;
use std::borrow::Cow;

use super::cache::CacheControl;
pub use super::tool_choice::ToolChoice;

mod read;

/// Something that the model may call.
#[derive(Debug, Clone)]
pub struct Tool<'a> {
    /// What kind of thing.
    pub kind: ToolKind<'a>,
    /// Wish for a prompt cache breakpoint after this tool, in Anthropic's form.
    pub cache_control: Option<CacheControl>,
    /// Where the tool's own fields are, for error messages: `function`, `custom`, or empty when
    /// they stand beside `type`.
    pub place: &'static str,
    /// The client's name of a function's schema, for error messages: `parameters` or
    /// `input_schema`.
    pub schema_field: &'static str,
}

/// What kind of tool; exhaustive like [`super::message::Role`].
#[derive(Debug, Clone)]
pub enum ToolKind<'a> {
    /// A function with JSON arguments.
    Function(Function<'a>),
    /// A tool whose input is plain text.
    Custom(CustomTool<'a>),
    /// A tool that this crate has no type for, such as `web_search`.
    Other {
        /// The `type` that the client gave.
        kind: Cow<'a, str>,
    },
}

/// A function with JSON arguments.
#[derive(Debug, Clone, Default)]
pub struct Function<'a> {
    /// The function's name.
    pub name: Cow<'a, str>,
    /// What it does and when to call it.
    pub description: Option<Cow<'a, str>>,
    /// JSON Schema of the arguments, as the client wrote it.
    pub parameters: Option<&'a RawValue>,
    /// Whether the arguments must fit the schema without exception.
    pub strict: Option<bool>,
}

/// A tool whose input is plain text.
#[derive(Debug, Clone)]
pub struct CustomTool<'a> {
    /// The tool's name.
    pub name: Cow<'a, str>,
    /// What it does and when to call it.
    pub description: Option<Cow<'a, str>>,
    /// `{"type":"text"}` or a grammar, as the client wrote it.
    pub format: Option<&'a RawValue>,
}

/// A call that the model made in an earlier turn.
#[derive(Debug, Clone)]
pub struct ToolCall<'a> {
    /// The call's id, repeated by its result.
    pub id: Cow<'a, str>,
    /// What was called.
    pub call: Called<'a>,
    /// Wish for a prompt cache breakpoint after this call, in Anthropic's form.
    pub cache_control: Option<CacheControl>,
}

/// What was called; exhaustive like [`super::message::Role`].
#[derive(Debug, Clone)]
pub enum Called<'a> {
    /// A function.
    Function(FunctionCall<'a>),
    /// A tool whose input is plain text.
    Custom {
        /// The tool's name.
        name: Cow<'a, str>,
        /// The text.
        input: Cow<'a, str>,
    },
}

impl Called<'_> {
    /// The name of what was called.
    pub fn name(&self) -> &str {
        match self {
            Self::Function(call) => &call.name,
            Self::Custom { name, .. } => name,
        }
    }
}

/// The called function and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionCall<'a> {
    /// The function's name.
    pub name: Cow<'a, str>,
    /// The arguments as JSON text, which a model may have left incomplete.
    pub arguments: Cow<'a, str>,
}
