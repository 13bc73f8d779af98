//! The choke point: admission on the way in, settlement on the way out.

use std::{fmt, sync::Arc, time::Duration};

use llmlite_core::{
    catalogue::{Prices, ServedModel},
    ids::{EventId, KeyId, TeamId, UserId},
    keys::{KeyGrant, KeyStatus},
    ports::clock::Clock,
    usage::{Ending, Tokens, UsageRecord},
};

use crate::{estimate, price};

/// Takes the record of every settled request, at once and for good.
pub trait UsageSink: Send + Sync {
    /// Keeps the record until the ledger has it.
    fn keep(&self, record: UsageRecord);

    /// Whether more can be kept. While it cannot, nothing new is admitted.
    fn has_room(&self) -> bool;
}

/// Decides whether a request may run, and what it cost.
pub struct PolicyEngine {
    sink: Arc<dyn UsageSink>,
    clock: Arc<dyn Clock>,
    region: Arc<str>,
}

/// What a request wants to do.
#[derive(Debug)]
pub struct Wish {
    /// The request.
    pub request_id: Arc<str>,
    /// The model that it names.
    pub model: Arc<ServedModel>,
    /// Whether it is to be streamed.
    pub streamed: bool,
    /// What bounds its tokens.
    pub facts: estimate::Facts,
}

/// The right to call Bedrock once, and the duty to settle.
///
/// Only [`PolicyEngine::admit`] makes one, and [`PolicyEngine::settle`] takes it back.
#[derive(Debug)]
#[must_use = "an admitted request has to be settled"]
pub struct Admission {
    event_id: EventId,
    key_id: KeyId,
    user_id: Option<UserId>,
    team_id: Option<TeamId>,
    wish: Wish,
}

impl Admission {
    /// Names the request in the ledger.
    pub fn event_id(&self) -> EventId {
        self.event_id
    }

    /// The model that may be called.
    pub fn model(&self) -> &Arc<ServedModel> {
        &self.wish.model
    }
}

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

/// Why a request may not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denial {
    /// The key was taken back.
    KeyRevoked,
    /// The key's time has run out.
    KeyExpired,
    /// The key may not call this model.
    ModelNotAllowed,
    /// The database is away, and no more usage can be kept for it.
    LedgerFull,
}

impl PolicyEngine {
    /// An engine for calls of `region`, whose records go into `sink`.
    pub fn new(sink: Arc<dyn UsageSink>, clock: Arc<dyn Clock>, region: Arc<str>) -> Self {
        Self {
            sink,
            clock,
            region,
        }
    }

    /// Whether the key may be used at all: asked before a body is read.
    ///
    /// # Errors
    ///
    /// When it was revoked or has expired.
    pub fn check_key(&self, grant: &KeyGrant) -> Result<(), Denial> {
        match grant.status(self.clock.now()) {
            KeyStatus::Active => Ok(()),
            KeyStatus::Expired => Err(Denial::KeyExpired),
            KeyStatus::Revoked => Err(Denial::KeyRevoked),
        }
    }

    /// Lets a request through to Bedrock, or says why not.
    ///
    /// # Errors
    ///
    /// When it may not run. Nothing is written down then.
    pub fn admit(&self, grant: &KeyGrant, wish: Wish) -> Result<Admission, Denial> {
        self.check_key(grant)?;
        if !grant.models.allows(&wish.model.name) {
            return Err(Denial::ModelNotAllowed);
        }
        if !self.sink.has_room() {
            return Err(Denial::LedgerFull);
        }
        Ok(Admission {
            event_id: EventId::new(self.clock.now()),
            key_id: grant.key_id,
            user_id: grant.user_id,
            team_id: grant.team_id,
            wish,
        })
    }

    /// Charges a request that has ended. From here on its record is the sink's to keep.
    pub fn settle(&self, admission: Admission, outcome: Outcome) {
        let prices = &admission.wish.model.prices;
        let (tokens, estimated) = match outcome.used {
            Use::NotSent => return,
            Use::Refused => (Tokens::default(), false),
            Use::Counted(tokens) => (tokens, false),
            Use::Abandoned { counted } => {
                let facts = &admission.wish.facts;
                let output = u64::from(facts.max_tokens);
                (bounded(facts, prices, counted, output), true)
            }
            Use::Unknown {
                counted,
                output_bytes,
            } => {
                let facts = &admission.wish.facts;
                let seen = estimate::output_tokens(facts, output_bytes);
                (bounded(facts, prices, counted, seen), true)
            }
        };
        let model = &admission.wish.model;
        self.sink.keep(UsageRecord {
            event_id: admission.event_id,
            request_id: admission.wish.request_id,
            upstream_request_id: outcome.upstream_request_id,
            key_id: admission.key_id,
            user_id: admission.user_id,
            team_id: admission.team_id,
            model: Arc::clone(&model.name),
            bedrock_model_id: Arc::clone(&model.bedrock_model_id),
            region: Arc::clone(&self.region),
            residency: model.residency,
            streamed: admission.wish.streamed,
            tokens,
            cost: price::cost(prices, &tokens),
            accounts: Vec::new(),
            estimated,
            ending: outcome.ending,
            latency: outcome.latency,
            time_to_first_token: outcome.time_to_first_token,
        });
    }
}

impl fmt::Debug for PolicyEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyEngine")
            .field("region", &self.region)
            .finish_non_exhaustive()
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

#[cfg(test)]
mod tests;
