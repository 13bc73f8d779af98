//! Chat Completions: the request, the whole answer and its chunks.

pub mod cache;
pub mod chunk;
pub mod format;
mod input;
pub mod message;
pub mod part;
pub mod reasoning;
pub mod request;
pub mod response;
mod setting;
pub mod tool;
pub mod tool_call;
pub mod tool_choice;
