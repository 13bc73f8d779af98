//! `GET /v1/usage/me`: how the limits stand that bind the key which asks.
//!
//! It costs nothing and is answered also when a limit is used up. It tells of limits that bind the
//! key and of no others: of its team's the totals, not who used them.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use hyper::{Response, StatusCode, header::CACHE_CONTROL};
use llmlite_core::{
    keys::{KeyGrant, ModelScope},
    limits::{Ceiling, Limit, Measure, Raise, Subject},
};
use llmlite_http::{Body, reply};
use llmlite_policy::limiter::{Frees, Standing};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::timeout;
use tracing::debug;

use crate::{app::App, words};

/// How long the database may take to say how the limits stand.
const PATIENCE: Duration = Duration::from_millis(400);

/// The answer.
#[derive(Debug, Serialize)]
struct Report<'a> {
    object: &'static str,
    key: Key<'a>,
    /// When this was so.
    as_of: String,
    limits: Vec<Row<'a>>,
}

#[derive(Debug, Serialize)]
struct Key<'a> {
    name: &'a str,
    expires_at: Option<String>,
    /// The friendly names of the models that it may call.
    models: Vec<Arc<str>>,
}

/// One limit and how it stands. Of budgets all amounts are dollars, exact to nine places.
#[derive(Debug, Serialize)]
struct Row<'a> {
    subject: &'static str,
    /// The one model that it is about; null means all together.
    model: Option<&'a str>,
    measure: &'static str,
    period: Option<&'static str>,
    unit: &'static str,
    /// Null means unlimited.
    limit: Option<Box<RawValue>>,
    /// How far a budget may be overdrawn; left out if it may not.
    #[serde(skip_serializing_if = "Option::is_none")]
    overdraft: Option<Box<RawValue>>,
    raised_until: Option<String>,
    /// Whether it refuses; else it is only watched.
    enforced: bool,
    /// Null, as those below, while the database has not told of it.
    used: Option<Box<RawValue>>,
    reserved: Option<Box<RawValue>>,
    remaining: Option<Box<RawValue>>,
    /// When a budget begins anew.
    resets_at: Option<String>,
    /// When more of a rate will be free.
    frees_in_seconds: Option<u64>,
    /// How old these figures are.
    age_seconds: Option<u64>,
}

impl App {
    /// `GET /v1/usage/me`.
    pub(crate) async fn show_usage(&self, grant: &KeyGrant) -> Response<Body> {
        // If the database does not answer in time, what is known here is told all the same.
        let asked = timeout(PATIENCE, self.policy.look_up(grant)).await;
        if asked.is_err() {
            debug!(key.id = %grant.key_id, "the store did not say in time how limits stand");
        }
        let standings = self.policy.standings(grant, None);
        let now = self.clock.now();
        let report = Report {
            object: "usage",
            key: Key {
                name: &grant.name,
                expires_at: grant.expires_at.map(words::rfc3339),
                models: self.open_models(&grant.models),
            },
            as_of: words::rfc3339(now),
            limits: standings.iter().map(|one| row(one, now)).collect(),
        };
        let body = serde_json::to_vec(&report).unwrap_or_default();
        let mut response = reply::json(StatusCode::OK, body);
        reply::set(&mut response, CACHE_CONTROL, "no-store");
        response
    }

    fn open_models(&self, scope: &ModelScope) -> Vec<Arc<str>> {
        let catalogue = self.catalogue.now();
        let models = catalogue.listed().iter();
        let open = models.filter(|model| scope.allows(&model.name));
        open.map(|model| Arc::clone(&model.name)).collect()
    }
}

fn row((limit, standing): &(Limit, Standing), now: SystemTime) -> Row<'_> {
    let budget = matches!(limit.measure, Measure::Budget(_));
    let amount = |n: i64| {
        number(if budget {
            words::exact(n)
        } else {
            n.to_string()
        })
    };
    // Without an age and without a rest the figures are no figures.
    let known = standing.age.is_some() || standing.left.is_some();
    let ceiling = match standing.ceiling {
        Ceiling::At(n) => Some(n),
        Ceiling::Unlimited => None,
    };
    Row {
        subject: subject(limit.scope.subject),
        model: limit.scope.model.as_deref(),
        measure: measure(limit.measure),
        period: match limit.measure {
            Measure::Budget(period) => Some(period.as_str()),
            _ => None,
        },
        unit: unit(limit.measure),
        limit: ceiling.map(amount),
        overdraft: Some(limit.overdraft.0).filter(|n| *n > 0).map(amount),
        raised_until: raised(limit.raise, now),
        enforced: !limit.shadow,
        used: known.then(|| amount(standing.used)),
        reserved: known.then(|| amount(standing.under_way)),
        remaining: standing.left.map(|left| amount(left.max(0))),
        resets_at: match standing.frees {
            Frees::At(at) => Some(words::rfc3339(at)),
            _ => None,
        },
        frees_in_seconds: match (limit.measure, standing.frees) {
            (Measure::ParallelRequests, _) => None,
            (_, Frees::In(wait)) => Some(words::seconds(wait)),
            _ => None,
        },
        age_seconds: standing.age.map(words::seconds),
    }
}

fn number(text: String) -> Box<RawValue> {
    RawValue::from_string(text).expect("digits with at most one point are a number in JSON")
}

fn subject(subject: Subject) -> &'static str {
    match subject {
        Subject::Key(_) => "key",
        Subject::User(_) => "user",
        Subject::Team(_) => "team",
        Subject::Organisation => "organisation",
    }
}

fn measure(measure: Measure) -> &'static str {
    match measure {
        Measure::Budget(_) => "budget",
        Measure::RequestsPerMinute => "requests_per_minute",
        Measure::TokensPerMinute => "tokens_per_minute",
        Measure::ParallelRequests => "parallel_requests",
    }
}

fn unit(measure: Measure) -> &'static str {
    match measure {
        Measure::Budget(_) => "usd",
        Measure::TokensPerMinute => "tokens",
        Measure::RequestsPerMinute | Measure::ParallelRequests => "requests",
    }
}

/// Until when the ceiling is another one than usual, if it is now.
fn raised(raise: Option<Raise>, now: SystemTime) -> Option<String> {
    let raise = raise.filter(|raise| now < raise.until)?;
    Some(words::rfc3339(raise.until))
}

#[cfg(test)]
mod tests;
