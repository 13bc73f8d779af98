//! What a client is told of an answer, piece by piece.

use llmlite_openai::chat::response::ReasoningDetail;

/// A piece of an answer in the client's terms; none of its texts is empty.
#[derive(Debug)]
pub(crate) enum Piece {
    /// The next piece of text.
    Content(String),
    /// The next piece of thinking.
    Thinking(String),
    /// A thought that has become whole.
    Thought(ReasoningDetail),
    /// Why the model declined.
    Refusal(String),
    /// A call begins.
    Call {
        /// Which call, counted from 0 without gaps.
        index: u32,
        /// The form in which the client wants it.
        form: Form,
        /// Its id.
        id: String,
        /// The client's name of the tool.
        name: String,
    },
    /// The next piece of a call's arguments or input.
    Arguments {
        /// Which call.
        index: u32,
        /// The form of the call.
        form: Form,
        /// The piece.
        text: String,
    },
}

/// The form in which a client wants a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As one of `tool_calls`, with arguments in JSON.
    Function,
    /// As one of `tool_calls`, with plain text as input.
    Custom,
    /// As the one `function_call`.
    Legacy,
}

/// Who is told: the maker of a whole message, or of chunks.
pub(crate) trait Listener {
    /// Takes the next piece.
    fn hear(&mut self, piece: Piece);
}
