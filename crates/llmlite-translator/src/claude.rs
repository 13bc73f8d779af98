//! The shapes of Claude's JSON, as far as they are used here.
//!
//! Requests are written borrowed from the client's request; answers and events are read borrowed
//! from Bedrock's bytes.
//! What is read is an open set: unknown fields, blocks and events are skipped.

pub mod event;
pub mod request;
pub mod response;
