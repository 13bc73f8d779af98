//! What a message says: text, pictures, files, and the blocks of other dialects.
//!
//! Some clients choose the form of a request by the model's name and send Anthropic's blocks or
//! the parts of OpenAI's newer API on this surface; these are read into the same types.

use std::borrow::Cow;

use super::cache::CacheControl;
use super::reasoning::Thought;
use super::tool::ToolCall;

mod read;

/// What a message says.
#[derive(Debug, Clone)]
pub enum Content<'a> {
    /// Plain text.
    Text(Cow<'a, str>),
    /// Text, pictures and files in order.
    Parts(Vec<Part<'a>>),
}

/// One part of a message.
#[derive(Debug, Clone)]
pub struct Part<'a> {
    /// What the part holds.
    pub kind: PartKind<'a>,
    /// Wish for a prompt cache breakpoint after this part, in Anthropic's form.
    pub cache_control: Option<CacheControl>,
    /// Whether the same is wished in OpenAI's form.
    pub prompt_cache_breakpoint: bool,
    /// Names of the part's settings that were given and are not read here although the answer
    /// depends on them: `context` and `citations` of a document.
    pub unread: Vec<&'static str>,
}

impl<'a> From<Cow<'a, str>> for Part<'a> {
    /// A part that holds text alone.
    fn from(text: Cow<'a, str>) -> Self {
        Self {
            kind: PartKind::Text(text),
            cache_control: None,
            prompt_cache_breakpoint: false,
            unread: Vec::new(),
        }
    }
}

/// What a part holds; exhaustive like [`super::message::Role`].
#[derive(Debug, Clone)]
pub enum PartKind<'a> {
    /// Text.
    Text(Cow<'a, str>),
    /// A picture.
    Image(Image<'a>),
    /// A file, inline or by reference.
    File(FilePart<'a>),
    /// The model's reason to decline, in an earlier turn.
    Refusal(Cow<'a, str>),
    /// A call that the model made, as a block of Anthropic's.
    ToolUse(ToolCall<'a>),
    /// What a call gave, as a block of Anthropic's.
    ToolResult(ToolResult<'a>),
    /// What the model thought, as a block of Anthropic's; `None` when the model would not take it
    /// back.
    Thought(Option<Thought<'a>>),
    /// A part that this crate has no type for, such as `input_audio`, or that cannot be where it
    /// is: what a call gave has no other call's result in it.
    Other {
        /// The `type` that the client gave.
        kind: Cow<'a, str>,
    },
}

/// Where a picture is.
#[derive(Debug, Clone)]
pub enum Image<'a> {
    /// At a remote URL, or in a data URL.
    Url(Cow<'a, str>),
    /// In the request, in base64 of whatever alphabet.
    Base64(Cow<'a, str>),
}

/// A file in a message.
#[derive(Debug, Clone, Default)]
pub struct FilePart<'a> {
    /// The content, as data URL or bare base64.
    pub file_data: Option<Cow<'a, str>>,
    /// The content, as plain text.
    pub text: Option<Cow<'a, str>>,
    /// The file's name.
    pub filename: Option<Cow<'a, str>>,
    /// A reference to a file stored with the provider.
    pub file_id: Option<Cow<'a, str>>,
}

/// What a call gave.
#[derive(Debug, Clone)]
pub struct ToolResult<'a> {
    /// The call's id.
    pub tool_use_id: Cow<'a, str>,
    /// What it gave.
    pub content: Option<Content<'a>>,
    /// Whether the call failed.
    pub is_error: bool,
}
