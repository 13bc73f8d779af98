//! A Bedrock Runtime that runs on loopback, with scripted answers and faults.
//!
//! It speaks the real wire forms (SigV4, event-stream frames, AWS error shapes) for
//! `InvokeModel`, `InvokeModelWithResponseStream`, `Converse`, `ConverseStream` and `CountTokens`,
//! checks what it is sent as Claude would, answers like a small model, and keeps the bill.
//! What a family of models can do is told by the model's id.
//! It shares no code with the gateway, because an oracle must not agree with a bug.
//!
//! Start with [`start`]; what it can be told is in [`Script`], [`faults`] and, for prompts, in
//! the crate's `README.md`.

pub use self::{
    bill::BillLine,
    faults::Fault,
    model::reasoning::{seal, sign},
    record::RecordedRequest,
    script::{FaultRule, Script},
    sim::{Sim, start, start_on},
};

pub mod faults;
pub mod frames;

mod auth;
mod bill;
mod conversation;
mod error;
mod model;
mod record;
mod script;
mod server;
mod service;
mod sim;
mod wire;
