use std::{sync::Arc, time::Duration};

use llmlite_core::{
    catalogue::Prices,
    usage::{Ending, Tokens, UsageRecord},
};

use super::Admission;
use crate::estimate;

/// What is known of the tokens of a request that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Bedrock was never reached: nothing is written down.
    NotSent,
    /// Bedrock refused, and bills nothing.
    Refused,
    /// Bedrock counted.
    Counted(Tokens),
    /// We stopped reading while the model went on: it may put out all that it was allowed to.
    Abandoned {
        /// What Bedrock counted before that, input above all.
        counted: Option<Tokens>,
    },
    /// Bedrock broke off, and its count never came.
    Unknown {
        /// What it counted before that, input above all.
        counted: Option<Tokens>,
        /// Bytes of output that came.
        output_bytes: u64,
    },
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The tokens.
    pub used: Use,
    /// In which way.
    pub ending: Ending,
    /// From the call of Bedrock to the end of its answer.
    pub latency: Duration,
    /// From the call of Bedrock to its first content.
    pub time_to_first_token: Option<Duration>,
    /// Bedrock's id of the request.
    pub upstream_request_id: Option<Arc<str>>,
}

impl Outcome {
    /// Writes into the record how it ended.
    pub(super) fn note(self, record: &mut UsageRecord) {
        record.ending = self.ending;
        record.latency = self.latency;
        record.time_to_first_token = self.time_to_first_token;
        record.upstream_request_id = self.upstream_request_id;
    }
}

impl Use {
    /// The tokens to be charged, and whether they are estimated. None if there is nothing to
    /// charge or to write down.
    pub(super) fn tokens(&self, admission: &Admission) -> Option<(Tokens, bool)> {
        let facts = admission.facts();
        let prices = &admission.model().prices;
        Some(match *self {
            Self::NotSent => return None,
            Self::Refused => (Tokens::default(), false),
            Self::Counted(tokens) => (tokens, false),
            Self::Abandoned { counted } => {
                let output = u64::from(facts.max_tokens);
                (bounded(facts, prices, counted, output), true)
            }
            Self::Unknown {
                counted,
                output_bytes,
            } => {
                let seen = estimate::output_tokens(facts, output_bytes);
                (bounded(facts, prices, counted, seen), true)
            }
        })
    }
}

/// What Bedrock counted of the input stands; without that, a bound from what was sent.
fn bounded(
    facts: &estimate::Facts,
    prices: &Prices,
    counted: Option<Tokens>,
    output: u64,
) -> Tokens {
    match counted {
        Some(tokens) => Tokens {
            output: tokens.output.max(output),
            ..tokens
        },
        None => Tokens {
            output,
            ..estimate::input(facts, prices)
        },
    }
}
