//! The messages of a conversation.

use std::borrow::Cow;

use super::cache::CacheControl;
pub use super::part::{Content, FilePart, Image, Part, PartKind, ToolResult};
use super::reasoning::Thought;
use super::tool::{FunctionCall, ToolCall};

mod read;

/// One message.
#[derive(Debug, Clone)]
pub struct Message<'a> {
    /// Who speaks, and what only this speaker can say.
    pub role: Role<'a>,
    /// What is said; absent, `null` and `""` all occur.
    pub content: Option<Content<'a>>,
    /// The speaker's name among several of the same role.
    pub name: Option<Cow<'a, str>>,
    /// Wish for a prompt cache breakpoint after this message, in Anthropic's form.
    pub cache_control: Option<CacheControl>,
    /// Names of the fields that say something and are not read, because only the assistant has
    /// them: `tool_calls` and `function_call`.
    pub unread: Vec<&'static str>,
}

/// Who speaks.
///
/// Exhaustive on purpose: whoever translates a conversation has to decide about a new speaker.
#[derive(Debug, Clone)]
pub enum Role<'a> {
    /// Instructions, whether sent as `system` or `developer`.
    System,
    /// The person.
    User,
    /// The model, in an earlier turn.
    Assistant(Box<Assistant<'a>>),
    /// The result of a call.
    Tool {
        /// The call that this answers.
        tool_call_id: Cow<'a, str>,
    },
    /// The result of a function call in the form that came before tools.
    Function {
        /// The function that was called.
        name: Cow<'a, str>,
    },
}

/// What only the model can say.
#[derive(Debug, Clone, Default)]
pub struct Assistant<'a> {
    /// Why the model declined, if it did.
    pub refusal: Option<Cow<'a, str>>,
    /// The calls that it made.
    pub tool_calls: Vec<ToolCall<'a>>,
    /// The call that it made, in the form that came before tools.
    pub function_call: Option<FunctionCall<'a>>,
    /// The thoughts that it signed, from `reasoning_details` or `thinking_blocks`.
    pub thoughts: Vec<Thought<'a>>,
    /// Whether there are thoughts without a signature, which cannot be given back to the model.
    pub unsigned_reasoning: bool,
}
