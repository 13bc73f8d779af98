//! The forms in which a completion can be asked for: what a body is read as, and how its answer
//! is written. All that lies between is the same.

use std::borrow::Cow;

use llmlite_openai::{
    ChatChunk, ChatCompletion, RequestError,
    completions::{CompletionRequest, TextChunk, TextCompletion},
    sse,
};

/// A form in which a completion can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `POST /v1/chat/completions`
    Chat,
    /// `POST /v1/completions`, the form that came before it.
    Text,
}

impl Dialect {
    /// The body of a chat request that says the same as `body`, and the names of fields that it
    /// says nothing of.
    pub(crate) fn chat_body(
        self,
        body: &[u8],
    ) -> Result<(Cow<'_, [u8]>, Vec<String>), RequestError> {
        match self {
            Self::Chat => Ok((body.into(), Vec::new())),
            Self::Text => {
                let request = CompletionRequest::parse(body)?;
                Ok((request.chat_body().into(), request.unknown))
            }
        }
    }

    /// The client's name of what is this field, or a part of it, in the chat request.
    pub(crate) fn own_field(self, field: &str) -> &str {
        match self {
            Self::Chat => field,
            Self::Text => match field.strip_prefix("messages") {
                Some(rest) if rest.is_empty() || rest.starts_with(['[', '.']) => "prompt",
                _ => field,
            },
        }
    }

    /// What an answer's id begins with.
    pub(crate) fn id_prefix(self) -> &'static str {
        match self {
            Self::Chat => "chatcmpl",
            Self::Text => "cmpl",
        }
    }

    /// A whole answer.
    pub(crate) fn whole(self, completion: ChatCompletion) -> serde_json::Result<Vec<u8>> {
        match self {
            Self::Chat => serde_json::to_vec(&completion),
            Self::Text => serde_json::to_vec(&TextCompletion::from(completion)),
        }
    }

    /// Appends a piece of a streamed answer; a piece that this form has no place for is left out.
    pub(crate) fn piece(self, text: &mut Vec<u8>, chunk: ChatChunk) -> serde_json::Result<()> {
        match self {
            Self::Chat => sse::data(text, &chunk),
            Self::Text => match TextChunk::of(chunk) {
                Some(chunk) => sse::data(text, &chunk),
                None => Ok(()),
            },
        }
    }
}
