//! Decides whether a request may run, and what it cost.
//!
//! Every request passes [`PolicyEngine::admit`] before Bedrock is called, and
//! [`PolicyEngine::settle`] once its answer has ended; nothing else knows limits or money.
//! No I/O happens here: time comes from a `Clock`, and records go into a [`UsageSink`].

pub mod engine;
pub mod estimate;
pub mod price;

pub use engine::{Admission, Denial, Outcome, PolicyEngine, UsageSink, Use, Wish};
