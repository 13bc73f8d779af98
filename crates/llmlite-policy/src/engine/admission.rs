use std::{sync::Arc, time::Duration};

use llmlite_core::{
    catalogue::ServedModel,
    ids::{EventId, KeyId, TeamId, UserId},
    keys::KeyGrant,
    limits::Durability,
    money::Nanodollars,
    usage::{Ending, Tokens, UsageRecord},
};

use crate::{
    Ticket, estimate,
    limiter::{Admitted, Refusal},
    price,
};

/// What a request wants to do.
#[derive(Debug)]
pub struct Wish {
    /// The request.
    pub request_id: Arc<str>,
    /// The model that it names.
    pub model: Arc<ServedModel>,
    /// Whether it is to be streamed.
    pub streamed: bool,
    /// Whether it is of use with a shorter answer than it asks for.
    pub may_be_clamped: bool,
    /// What bounds its tokens.
    pub facts: estimate::Facts,
}

/// The right to call Bedrock once, and the duty to settle.
///
/// Only [`PolicyEngine::admit`] makes one, and [`PolicyEngine::settle`] takes it back.
///
/// [`PolicyEngine::admit`]: super::PolicyEngine::admit
/// [`PolicyEngine::settle`]: super::PolicyEngine::settle
#[derive(Debug)]
#[must_use = "an admitted request has to be settled"]
pub struct Admission {
    event_id: EventId,
    draft: Draft,
    ticket: Ticket,
    clamped: bool,
    shadowed: Vec<Refusal>,
}

impl Admission {
    /// Names the request in the ledger.
    pub fn event_id(&self) -> EventId {
        self.event_id
    }

    /// The model that may be called.
    pub fn model(&self) -> &Arc<ServedModel> {
        &self.draft.wish.model
    }

    /// What bounds its tokens; its longest answer is shorter than was asked for if a budget has
    /// clamped it.
    pub fn facts(&self) -> &estimate::Facts {
        &self.draft.wish.facts
    }

    /// What was set aside for it in every budget that binds it: what it may cost.
    pub fn amount(&self) -> Nanodollars {
        self.ticket.amount()
    }

    /// Tokens that it was counted as by rates of tokens; nothing if there is none.
    pub fn tokens(&self) -> i64 {
        self.ticket.tokens()
    }

    /// Whether a budget pays only for a shorter answer than was asked for: that of its
    /// [`Admission::facts`].
    pub fn is_clamped(&self) -> bool {
        self.clamped
    }

    /// The longest answer of a body with these facts that what was set aside pays for, if it is
    /// long enough to be of use.
    pub fn affordable_output(&self, facts: &estimate::Facts) -> Option<u32> {
        estimate::affordable_output(facts, &self.model().prices, self.amount())
    }

    /// Where it has to be written down before Bedrock is called.
    pub fn durability(&self) -> Durability {
        self.draft.durability
    }

    /// What limits in shadow would have said.
    pub fn shadowed(&self) -> &[Refusal] {
        &self.shadowed
    }

    /// What has to be written down if nothing more is heard of the request.
    pub(super) fn intent(&self, region: &Arc<str>) -> UsageRecord {
        let facts = self.facts();
        let prices = &self.model().prices;
        let tokens = Tokens {
            output: u64::from(facts.max_tokens),
            ..estimate::input(facts, prices)
        };
        UsageRecord {
            accounts: self.ticket.accounts().collect(),
            tokens,
            cost: price::cost(prices, &tokens),
            ..self.draft.record(self.event_id, region)
        }
    }

    /// What it held, and the beginning of its record.
    pub(super) fn ended(self, region: &Arc<str>) -> (Ticket, UsageRecord) {
        let record = self.draft.record(self.event_id, region);
        (self.ticket, record)
    }
}

/// A request on its way to being admitted.
#[derive(Debug)]
pub(super) struct Draft {
    key_id: KeyId,
    user_id: Option<UserId>,
    team_id: Option<TeamId>,
    wish: Wish,
    worst: Nanodollars,
    durability: Durability,
}

impl Draft {
    pub(super) fn new(
        grant: &KeyGrant,
        wish: Wish,
        worst: Nanodollars,
        durability: Durability,
    ) -> Self {
        Self {
            key_id: grant.key_id,
            user_id: grant.user_id,
            team_id: grant.team_id,
            wish,
            worst,
            durability,
        }
    }

    pub(super) fn admitted(mut self, event_id: EventId, admitted: Admitted) -> Admission {
        let clamped = admitted.amount < self.worst;
        if clamped {
            let facts = &mut self.wish.facts;
            let prices = &self.wish.model.prices;
            let affordable = estimate::affordable_output(facts, prices, admitted.amount);
            facts.max_tokens = affordable.unwrap_or(estimate::LEAST_OUTPUT);
        }
        Admission {
            event_id,
            draft: self,
            ticket: admitted.ticket,
            clamped,
            shadowed: admitted.shadowed,
        }
    }

    /// A record that says who, what and where, and that nothing was heard.
    fn record(&self, event_id: EventId, region: &Arc<str>) -> UsageRecord {
        let model = &self.wish.model;
        UsageRecord {
            event_id,
            request_id: Arc::clone(&self.wish.request_id),
            upstream_request_id: None,
            key_id: self.key_id,
            user_id: self.user_id,
            team_id: self.team_id,
            model: Arc::clone(&model.name),
            bedrock_model_id: Arc::clone(&model.bedrock_model_id),
            region: Arc::clone(region),
            residency: model.residency,
            streamed: self.wish.streamed,
            tokens: Tokens::default(),
            cost: Nanodollars::ZERO,
            accounts: Vec::new(),
            estimated: true,
            ending: Ending::Shutdown,
            latency: Duration::ZERO,
            time_to_first_token: None,
        }
    }
}
