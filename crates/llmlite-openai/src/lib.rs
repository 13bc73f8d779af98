//! Says what OpenAI's requests, answers, chunks and errors look like as Rust types: those of chats,
//! of text completions and of the model list.
//!
//! The crate reads what clients send and writes what they expect; it knows no model, no key and
//! no socket.
//!
//! * Requests: [`ChatRequest::parse`] reads a body and names the field that is wrong.
//!   Unknown fields are accepted at every level, and `null` equals absent for every optional
//!   field, because real clients send both; a value that changes nothing in the answer may have
//!   any type.
//!   Anthropic's blocks and tools, and the items of OpenAI's newer API, are read into the same
//!   types, because some clients choose their dialect by the name of the model.
//!   What has no effect is named in [`ChatRequest::unknown`].
//! * Answers: [`ChatCompletion`] whole, [`ChatChunk`] in pieces, framed by [`sse`].
//! * The form that came before chat: [`completions`] turns a request into a chat request, and the
//!   chat's answer into a completion.
//! * Everything else: [`models`] for the model list, [`error::ErrorBody`] for refusals.
//!
//! A request borrows from its body: text without escapes, such as a picture in base64, is not
//! copied, and JSON that only passes through (the schema of a tool) stays a raw value, so that the
//! order of its keys and the text of its numbers survive byte for byte.
//!
//! ```
//! use llmlite_openai::ChatRequest;
//!
//! let request = ChatRequest::parse(br#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#)?;
//! assert_eq!(request.model, "m");
//!
//! let refused = ChatRequest::parse(br#"{"model":"m","messages":[{"role":"user","content":7}]}"#);
//! assert_eq!(refused.unwrap_err().param.as_deref(), Some("messages[0].content"));
//! # Ok::<(), llmlite_openai::RequestError>(())
//! ```
#![deny(missing_docs)]

pub mod chat;
pub mod completions;
pub mod error;
pub mod models;
pub mod sse;
pub mod usage;

mod locate;
mod read;
mod shallow;

pub use chat::chunk::ChatChunk;
pub use chat::request::ChatRequest;
pub use chat::response::ChatCompletion;
pub use error::{ErrorBody, RequestError, RequestErrorKind};
