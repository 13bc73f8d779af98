//! Bedrock's two dialects: Claude's own body through `invoke`, and `converse`.
//!
//! Each reads a body into a [`Conversation`] and checks it as the service and the model would;
//! each writes an answer whole, or as events.

use bytes::Bytes;
use serde_json::Value;

use crate::{
    conversation::Conversation,
    error::Refusal,
    faults::Spoil,
    model::{Answer, Said, Stop},
};

use self::{asked::Asked, cache::Usage, family::Family, steps::Step};

mod asked;
pub(crate) mod cache;
pub(crate) mod converse;
pub(crate) mod family;
mod history;
pub(crate) mod invoke;
pub(crate) mod limits;
mod media;
mod node;
pub(crate) mod steps;
mod strict;

/// Which of the two bodies a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Invoke,
    Converse,
}

/// A body that was read and found right.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) talk: Conversation,
    pub(crate) family: &'static Family,
    pub(crate) prefix: cache::Prefix,
    /// Labels for the bill, where the body may carry them.
    pub(crate) metadata: Option<Value>,
    /// Whether the answer names the stop sequence beside itself (`converse` only).
    pub(crate) names_stop: bool,
}

/// An answer with all that is written around it.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) dialect: Dialect,
    pub(crate) answer: Answer,
    pub(crate) usage: Usage,
    /// Claude's own name of the model.
    pub(crate) model: String,
    pub(crate) message_id: String,
    pub(crate) names_stop: bool,
}

impl Dialect {
    /// Reads a body for `model`, the id as it stands in the path.
    pub(crate) fn read(self, body: &[u8], model: &str) -> Result<Request, Refusal> {
        match self {
            Self::Invoke => invoke::read(body, model),
            Self::Converse => converse::read(body, model),
        }
    }
}

/// Refuses what the model would refuse, whichever body it came in.
fn check(
    model: &str,
    family: &Family,
    talk: &Conversation,
    asked: &Asked<'_>,
) -> Result<(), Refusal> {
    limits::check(model, family, talk, asked)?;
    history::check(talk)?;
    strict::check(talk)?;
    media::check(talk)
}

impl Reply {
    /// The answer in one piece.
    pub(crate) fn whole(&self, latency_ms: u128) -> String {
        match self.dialect {
            Dialect::Invoke => invoke::render::whole(self),
            Dialect::Converse => converse::render::whole(self, latency_ms),
        }
    }

    /// The frame of one step, its text spoiled if need be; some steps have none in one dialect.
    pub(crate) fn frame(
        &self,
        step: &Step,
        latency_ms: u128,
        spoil: Option<Spoil>,
    ) -> Option<Bytes> {
        match self.dialect {
            Dialect::Invoke => Some(invoke::render::frame(self, step, latency_ms, spoil)),
            Dialect::Converse => converse::render::frame(self, step, latency_ms, spoil),
        }
    }

    fn said(&self, block: usize) -> Option<&Said> {
        self.answer.said.get(block)
    }
}

impl Stop {
    /// The name of the reason, which both dialects share.
    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::EndTurn => "end_turn",
            Self::ToolUse => "tool_use",
            Self::MaxTokens => "max_tokens",
            Self::Sequence(_) => "stop_sequence",
            Self::Named(name) => name,
        }
    }

    fn sequence(&self) -> Option<&str> {
        match self {
            Self::Sequence(sequence) => Some(sequence),
            _ => None,
        }
    }
}

impl Said {
    /// The text that travels in deltas: words, thoughts, or arguments.
    pub(crate) fn body(&self) -> &str {
        match self {
            Self::Thinking { text, .. } | Self::Text(text) => text,
            Self::Call { input, .. } => input,
            Self::Redacted { .. } | Self::Odd => "",
        }
    }
}

/// A text as a JSON string, for writing into a template.
fn quote(text: &str) -> String {
    Value::from(text).to_string()
}

/// Padding against guesses from the length of a frame, between none and 62 characters.
fn padding(step: &Step) -> &'static str {
    const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let length = step.nth.wrapping_mul(37) % (LETTERS.len() + 1);
    LETTERS.get(..length).unwrap_or_default()
}

/// The bytes of an event's text, spoiled if need be.
fn spoiled(text: String, spoil: Option<Spoil>) -> Vec<u8> {
    match spoil {
        Some(spoil) => spoil.apply(&text),
        None => text.into_bytes(),
    }
}

/// The arguments of a call as an object; those that the token limit cut are lost.
fn complete(input: &str) -> &str {
    match serde_json::from_str::<serde::de::IgnoredAny>(input) {
        Ok(_) => input,
        Err(_) => "{}",
    }
}

#[cfg(test)]
mod tests;
