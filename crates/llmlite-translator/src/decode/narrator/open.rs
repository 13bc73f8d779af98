//! Blocks that were begun and not ended.

use llmlite_openai::chat::response::ReasoningThought;
use std::borrow::Cow;

use crate::claude::response::AnswerBlock;
use crate::decode::piece::{Form, Listener, Piece};
use crate::decode::unwrap::Unwrapper;

/// A block that was begun and not ended.
#[derive(Debug)]
pub(super) struct Open {
    /// Claude's number of the block.
    pub(super) index: Option<u32>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Text,
    Thought(Thought),
    Call(Call),
    Unknown,
}

/// A thought so far.
#[derive(Debug)]
pub(super) enum Thought {
    Said { text: String, signature: String },
    Sealed(String),
}

/// A call so far.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) arguments: Arguments,
    /// What the block was begun with: the arguments, unless they come in pieces.
    pub(super) whole: Option<String>,
}

/// Where the arguments of a call go.
#[derive(Debug)]
pub(super) enum Arguments {
    /// Into the call of that number, as JSON.
    Json { index: u32, form: Form },
    /// Into the call of that number, as the text inside them.
    Plain { index: u32, inside: Unwrapper },
    /// Into the answer's text.
    Answer,
    /// Nowhere.
    Dropped,
}

impl Open {
    pub(super) fn text(index: Option<u32>) -> Self {
        let kind = Kind::Text;
        Self { index, kind }
    }

    pub(super) fn thought(index: Option<u32>, thought: Thought) -> Self {
        let kind = Kind::Thought(thought);
        Self { index, kind }
    }

    pub(super) fn call(index: Option<u32>, call: Call) -> Self {
        let kind = Kind::Call(call);
        Self { index, kind }
    }

    pub(super) fn unknown(index: Option<u32>) -> Self {
        let kind = Kind::Unknown;
        Self { index, kind }
    }

    pub(super) fn is_unknown(&self) -> bool {
        matches!(self.kind, Kind::Unknown)
    }

    pub(super) fn is_thought(&self) -> bool {
        matches!(self.kind, Kind::Thought(_))
    }

    /// Whether this is the call that `block` begins: one that was begun twice.
    pub(super) fn is_begun_by(&self, block: &AnswerBlock<'_>) -> bool {
        match (&self.kind, &block.id) {
            (Kind::Call(call), Some(id)) => call.id == id.0,
            _ => false,
        }
    }

    pub(super) fn as_thought(&mut self) -> Option<&mut Thought> {
        match &mut self.kind {
            Kind::Thought(thought) => Some(thought),
            _ => None,
        }
    }

    pub(super) fn as_call(&mut self) -> Option<&mut Call> {
        match &mut self.kind {
            Kind::Call(call) => Some(call),
            _ => None,
        }
    }

    /// Ends the block; gives the thought that it was, if the model would take it back.
    pub(super) fn end(self, out: &mut impl Listener) -> Option<ReasoningThought> {
        match self.kind {
            Kind::Thought(thought) => thought.end(),
            Kind::Call(call) => {
                call.end(out);
                None
            }
            Kind::Text | Kind::Unknown => None,
        }
    }
}

impl Default for Thought {
    fn default() -> Self {
        Self::Said {
            text: String::new(),
            signature: String::new(),
        }
    }
}

impl Thought {
    /// Adds words; a sealed thought has none.
    pub(super) fn say(&mut self, words: &str) {
        if let Self::Said { text, .. } = self {
            text.push_str(words);
        }
    }

    pub(super) fn sign(&mut self, piece: &str) {
        if let Self::Said { signature, .. } = self {
            signature.push_str(piece);
        }
    }

    /// The model takes no thought back without its signature.
    fn end(self) -> Option<ReasoningThought> {
        match self {
            Self::Said { text, signature } if !signature.is_empty() => {
                let signature = Some(signature);
                Some(ReasoningThought::Text { text, signature })
            }
            Self::Sealed(data) if !data.is_empty() => Some(ReasoningThought::Encrypted { data }),
            Self::Said { .. } | Self::Sealed(_) => None,
        }
    }
}

impl Call {
    /// A call without a single piece of arguments gets them whole, so that their text is valid
    /// JSON.
    fn end(mut self, out: &mut impl Listener) {
        if let Some(whole) = self.whole {
            self.arguments.push(Cow::Owned(whole), out);
        }
        self.arguments.finish(out);
    }
}

impl Arguments {
    /// The arguments of call number `index`, which the client wants in that form.
    pub(super) fn of(index: u32, form: Form) -> Self {
        match form {
            Form::Function | Form::Legacy => Self::Json { index, form },
            Form::Custom => Self::Plain {
                index,
                inside: Unwrapper::default(),
            },
        }
    }

    /// Tells the next piece, which is not empty.
    pub(super) fn push(&mut self, text: Cow<'_, str>, out: &mut impl Listener) {
        match self {
            Self::Json { index, form } => out.hear(Piece::Arguments {
                index: *index,
                form: *form,
                text: text.into_owned(),
            }),
            Self::Plain { index, inside } => plain(*index, inside.push(&text), out),
            Self::Answer => out.hear(Piece::Content(text.into_owned())),
            Self::Dropped => {}
        }
    }

    fn finish(&mut self, out: &mut impl Listener) {
        if let Self::Plain { index, inside } = self {
            plain(*index, inside.finish(), out);
        }
    }
}

fn plain(index: u32, text: String, out: &mut impl Listener) {
    if !text.is_empty() {
        out.hear(Piece::Arguments {
            index,
            form: Form::Custom,
            text,
        });
    }
}
