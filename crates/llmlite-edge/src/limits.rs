//! How the limits of a key stand, in the headers of every answer to it.

use std::{
    cmp::Reverse,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use hyper::{
    HeaderMap,
    header::{HeaderName, HeaderValue},
};
use llmlite_core::{
    keys::KeyGrant,
    limits::{Ceiling, Limit, Measure},
};
use llmlite_policy::{
    Denial,
    limiter::{Frees, Reason, Standing},
};

use crate::{app::App, failure::Failure, words};

/// What headers tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Requests,
    Tokens,
    Budget,
}

/// The headers about one kind.
struct Names {
    limit: HeaderName,
    remaining: HeaderName,
    reset: HeaderName,
}

impl App {
    /// What a denial means to the caller; `model` is the one that was asked for, if that is known.
    pub(crate) fn denied(&self, denial: Denial, model: Option<&Arc<str>>) -> Failure {
        if let Some((reason, measure)) = in_short(&denial) {
            self.measures.refused(reason, measure);
        }
        Failure::denied(denial, &self.manner, model)
    }

    /// Writes how the limits stand that bind a call of `model`, or every call of the key, into
    /// `headers`: of each kind the tightest, and nothing where there is none.
    pub(crate) fn tell_limits(
        &self,
        headers: &mut HeaderMap,
        grant: &KeyGrant,
        model: Option<&str>,
    ) {
        let mut standings = self.policy.standings(grant, model);
        if model.is_none() {
            standings.retain(|(limit, _)| limit.scope.model.is_none());
        }
        write(headers, &standings);
    }
}

/// Why, for metrics, which count what limits refuse, or cannot be asked about.
fn in_short(denial: &Denial) -> Option<(&'static str, Option<Measure>)> {
    match denial {
        Denial::LedgerFull => Some(("ledger_full", None)),
        Denial::NotListed => Some(("not_listed", None)),
        Denial::Limited(refusal) => {
            let measure = refusal.limit.as_ref().map(|limit| limit.measure);
            let reason = match refusal.reason {
                Reason::Exhausted => "exhausted",
                Reason::TooLarge => "too_large",
                Reason::StoreAway => "store_away",
                Reason::Draining => "draining",
            };
            Some((reason, measure))
        }
        _ => None,
    }
}

fn write(headers: &mut HeaderMap, standings: &[(Limit, Standing)]) {
    for kind in [Kind::Requests, Kind::Tokens, Kind::Budget] {
        let of_kind = standings.iter().filter(|(limit, standing)| {
            Kind::of(limit) == Some(kind) && matches!(standing.ceiling, Ceiling::At(_))
        });
        // Of those that leave as little the one that does so for longest: all have to give way.
        let tightest = of_kind.min_by_key(|(_, standing)| {
            let left = standing.left.unwrap_or(i64::MAX);
            (left, Reverse(lasts(standing.frees)))
        });
        if let Some((_, standing)) = tightest {
            kind.write(headers, standing);
        }
    }
}

impl Kind {
    /// One that is only watched stands in nobody's way, and how many requests are under way at a
    /// time is no longer true when it is read.
    fn of(limit: &Limit) -> Option<Self> {
        match limit.measure {
            _ if limit.shadow => None,
            Measure::RequestsPerMinute => Some(Self::Requests),
            Measure::TokensPerMinute => Some(Self::Tokens),
            Measure::Budget(_) => Some(Self::Budget),
            Measure::ParallelRequests => None,
        }
    }

    fn names(self) -> Names {
        let name = HeaderName::from_static;
        match self {
            Self::Requests => Names {
                limit: name("x-ratelimit-limit-requests"),
                remaining: name("x-ratelimit-remaining-requests"),
                reset: name("x-ratelimit-reset-requests"),
            },
            Self::Tokens => Names {
                limit: name("x-ratelimit-limit-tokens"),
                remaining: name("x-ratelimit-remaining-tokens"),
                reset: name("x-ratelimit-reset-tokens"),
            },
            Self::Budget => Names {
                limit: name("x-llmlite-budget-limit"),
                remaining: name("x-llmlite-budget-remaining"),
                reset: name("x-llmlite-budget-reset"),
            },
        }
    }

    /// As numbers; of a budget in dollars.
    fn amount(self, n: i64) -> String {
        match self {
            Self::Requests | Self::Tokens => n.to_string(),
            Self::Budget => words::exact(n),
        }
    }

    fn write(self, headers: &mut HeaderMap, standing: &Standing) {
        let names = self.names();
        if let Ceiling::At(ceiling) = standing.ceiling {
            set(headers, names.limit, &self.amount(ceiling));
        }
        // Until the database has told of it, nothing more is known.
        let Some(left) = standing.left else { return };
        set(headers, names.remaining, &self.amount(left.max(0)));
        match standing.frees {
            Frees::In(wait) => set(headers, names.reset, &words::span(wait)),
            Frees::At(at) => set(headers, names.reset, &words::rfc3339(at)),
            Frees::Never => {}
        }
    }
}

/// How far away the time is at which more will be left, to compare like with like.
fn lasts(frees: Frees) -> Duration {
    match frees {
        Frees::In(wait) => wait,
        Frees::At(at) => at.duration_since(UNIX_EPOCH).unwrap_or_default(),
        Frees::Never => Duration::MAX,
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests;
