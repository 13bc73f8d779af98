//! What a client is told when a limit stands in the way of its request.
//!
//! Everything is said of the one limit that refused, and of no other: whom it binds, how it
//! stands, what the request needs, when there is room again, and whom to ask.

use std::{sync::Arc, time::Duration};

use llmlite_core::limits::{Measure, Period, Scope, Subject};
use llmlite_policy::{
    Denial,
    limiter::{Exceeded, Frees, Reason, Refusal},
};

use super::{Answer, Failure};
use crate::words::{self, Round};

/// How long to wait for the database, or for another instance to take over.
const SOON: Duration = Duration::from_secs(2);

/// What an operator can set about the refusals of limits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Manner {
    /// Whom a message names for those who need more.
    pub(crate) contact: Option<Arc<str>>,
    pub(crate) budgets: BudgetRefusal,
}

/// The status with which a request is refused whose budget is used up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BudgetRefusal {
    /// 402: nobody tries again by himself.
    #[default]
    PaymentRequired,
    /// 429, as OpenAI does: for clients that know the code `insufficient_quota` with it alone.
    /// Many others try again for minutes.
    TooManyRequests,
}

/// A refusal by a limit.
#[derive(Debug)]
pub(crate) struct Limited {
    refusal: Box<Refusal>,
    manner: Arc<Manner>,
    model: Option<Arc<str>>,
}

impl Failure {
    /// What a denial means to the caller; `model` is the one that was asked for, if that is known.
    pub(crate) fn denied(denial: Denial, manner: &Arc<Manner>, model: Option<&Arc<str>>) -> Self {
        match denial {
            Denial::Limited(refusal) => Self::Limited(Limited {
                refusal,
                manner: Arc::clone(manner),
                model: model.cloned(),
            }),
            denial => Self::Denied(denial),
        }
    }

    /// The model whose limits were looked at.
    pub(crate) fn limited_model(&self) -> Option<&Arc<str>> {
        match self {
            Self::Limited(limited) => limited.model.as_ref(),
            _ => None,
        }
    }
}

impl Limited {
    /// Whether trying again by itself is in vain.
    pub(super) fn is_final(&self) -> bool {
        match (&self.refusal.reason, &self.refusal.limit) {
            (Reason::TooLarge, _) => true,
            (Reason::Exhausted, Some(limit)) => matches!(limit.measure, Measure::Budget(_)),
            _ => false,
        }
    }

    pub(super) fn explained(&self) -> Answer {
        let refusal = &self.refusal;
        match (refusal.reason, &refusal.limit) {
            (Reason::Draining, _) => Answer::server(
                503,
                "stopping",
                "this instance of the gateway is being stopped and takes nothing new; try again",
            )
            .retry_after(SOON),
            (Reason::Exhausted | Reason::TooLarge, Some(limit)) => self.exceeded(limit),
            (Reason::StoreAway | Reason::Exhausted | Reason::TooLarge, _) => Answer::server(
                503,
                "quota_store_unavailable",
                "the gateway's database cannot be reached just now, so nobody can tell whether \
                 the limits of this key allow the request; try again",
            )
            .retry_after(SOON),
        }
    }

    fn exceeded(&self, limit: &Exceeded) -> Answer {
        let never = self.refusal.reason == Reason::TooLarge;
        let message = match limit.measure {
            Measure::Budget(period) => self.budget(limit, period, never),
            Measure::RequestsPerMinute => rate(limit, never, self.refusal.frees, "request"),
            Measure::TokensPerMinute => rate(limit, never, self.refusal.frees, "token"),
            Measure::ParallelRequests => parallel(limit, never),
        };
        let message = match &self.manner.contact {
            Some(contact) => format!("{message}; to have the limit raised, ask {contact}"),
            None => message,
        };
        match limit.measure {
            Measure::Budget(_) => Answer::new(self.budget_status(), "insufficient_quota", message)
                .code("insufficient_quota"),
            // It is the request that has to change: to try again is never of any use.
            Measure::TokensPerMinute if never && limit.ceiling > 0 => {
                Answer::invalid(400, "request_exceeds_limit", message)
            }
            _ => {
                let answer = Answer::new(429, "rate_limit_error", message);
                let answer = answer.code("rate_limit_exceeded");
                match self.refusal.frees {
                    Frees::In(wait) if !never => answer.retry_after(wait),
                    _ => answer,
                }
            }
        }
    }

    fn budget_status(&self) -> u16 {
        match self.manner.budgets {
            BudgetRefusal::PaymentRequired => 402,
            BudgetRefusal::TooManyRequests => 429,
        }
    }

    fn budget(&self, limit: &Exceeded, period: Period, never: bool) -> String {
        let whose = whose(&limit.scope);
        let name = period_name(period);
        let asked = words::dollars(limit.asked, Round::Up);
        let ceiling = words::dollars(limit.ceiling, Round::Down);
        if limit.ceiling <= 0 {
            return format!("the {name} budget of {whose} is {ceiling}: nothing can be spent");
        }
        if never {
            return format!(
                "this request could cost up to {asked}, more than the whole {name} budget of \
                 {whose}, {ceiling}; a lower max_tokens, a shorter prompt or a cheaper model costs \
                 less"
            );
        }
        let used = words::dollars(limit.used, Round::Up);
        let under_way = match limit.under_way {
            0 => String::new(),
            n => format!(
                ", {} are set aside for requests under way",
                words::dollars(n, Round::Up)
            ),
        };
        let again = match self.refusal.frees {
            Frees::At(at) => format!("; it begins anew on {}", words::moment(at)),
            Frees::In(wait) => format!("; it begins anew in {} s", words::seconds(wait)),
            Frees::Never => "; it never begins anew".to_owned(),
        };
        format!(
            "the {name} budget of {whose} does not allow this request: {used} of {ceiling} are \
             used{under_way}, and the request could cost up to {asked}{again}"
        )
    }
}

fn rate(limit: &Exceeded, never: bool, frees: Frees, unit: &str) -> String {
    let whose = whose(&limit.scope);
    let ceiling = counted(limit.ceiling, unit);
    let asked = counted(limit.asked, unit);
    if limit.ceiling <= 0 {
        return format!("the limit of {unit}s per minute of {whose} is 0: nothing is let through");
    }
    if never {
        return format!(
            "this request may take about {asked}, more than the limit of {ceiling} per minute of \
             {whose} ever allows; lower max_tokens or shorten the prompt"
        );
    }
    let used = words::count(limit.used);
    let needs = match limit.measure {
        Measure::TokensPerMinute => format!("; this request may take about {asked}"),
        _ => String::new(),
    };
    let again = match frees {
        Frees::In(wait) => format!("; there is room again in {} s", words::seconds(wait).max(1)),
        Frees::At(at) => format!("; there is room again on {}", words::moment(at)),
        Frees::Never => String::new(),
    };
    format!(
        "the limit of {ceiling} per minute of {whose} does not allow this request (used in the \
         last minute: {used}){needs}{again}"
    )
}

fn parallel(limit: &Exceeded, never: bool) -> String {
    let whose = whose(&limit.scope);
    if never {
        return format!("the limit of parallel requests of {whose} is 0: nothing is let through");
    }
    let ceiling = counted(limit.ceiling, "parallel request");
    let used = words::count(limit.used);
    format!(
        "the limit of {ceiling} of {whose} is reached (under way: {used}); try again when one has \
         ended"
    )
}

/// `1 request`, `1,200 requests`.
fn counted(n: i64, unit: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {unit}{plural}", words::count(n))
}

/// Whom a limit binds, as the holder of the key sees it: without names or numbers, because they
/// say nothing to him, and those of others are none of his business.
fn whose(scope: &Scope) -> String {
    let subject = match scope.subject {
        Subject::Key(_) => "this key",
        Subject::User(_) => "this key's user",
        Subject::Team(_) => "this key's team",
        Subject::Organisation => "the organisation",
    };
    match &scope.model {
        Some(model) => format!("{subject} for {model}"),
        None => subject.to_owned(),
    }
}

fn period_name(period: Period) -> &'static str {
    match period {
        Period::Day => "daily",
        Period::Week => "weekly",
        Period::Month => "monthly",
        Period::FinancialYear => "financial year's",
        Period::Lifetime => "lifetime",
    }
}
