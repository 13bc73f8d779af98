//! Chat Completions: the request, the whole answer and its chunks.

pub mod chunk;
pub mod message;
pub mod request;
pub mod response;
pub mod tool;
