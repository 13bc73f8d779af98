//! Whether a request of some size would be let through now, and what says so.
//!
//! The answer goes by the database's books.
//! A gateway goes by what it has leased besides, so where the books alone cannot tell, the answer
//! is that it depends.

mod judge;

use std::sync::Arc;

use llmlite_core::{
    catalogue::{Lookup, ServedCatalogue, ServedModel},
    ids::KeyId,
    keys::{KeyStatus, ModelScope},
    limits::LimitSetting,
    money::Nanodollars,
    people::KeyInfo,
    usage::Tokens,
};

use self::judge::{judge, needs};
use crate::{
    ControlError, dates, keys,
    limits::Desk,
    models,
    standings::{self, Part, Report, Standing},
    subjects::{Named, Who},
};

/// Tokens of input where nobody says how many: a short conversation.
const USUAL_INPUT: u64 = 1_000;
/// What a gateway gives a request that does not say how much it may put out.
const USUAL_OUTPUT: u32 = 8_192;
/// A gateway shortens no answer below this.
const LEAST_OUTPUT: u32 = 256;

/// A request that somebody might send.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// With which key.
    pub key: KeyId,
    /// The name of the model, as in a request.
    pub model: &'a str,
    /// How many tokens of input a gateway would reckon with: about one for each two bytes.
    pub input_tokens: Option<u64>,
    /// How many tokens it may put out at most.
    pub max_tokens: Option<u32>,
    /// What the gateways serve.
    pub served: &'a ServedCatalogue,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The key, those above it, and all their limits.
    pub report: Report,
    /// The friendly name of the model.
    pub model: Arc<str>,
    /// What the request would take; None for a model that is not served.
    pub request: Option<Request>,
    /// What is looked at, in the order in which a gateway does.
    pub checks: Vec<Check>,
    /// What all of it comes to.
    pub verdict: Verdict,
}

/// What a request would take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Tokens of input.
    pub input_tokens: u64,
    /// Nobody said how many.
    pub input_assumed: bool,
    /// Tokens of output at most.
    pub max_tokens: u32,
    /// Nobody said how many.
    pub output_assumed: bool,
    /// What it can cost at most: all output, and input at the dearest price that it can have. That
    /// is the price of writing it to the prompt cache for five minutes, where a gateway does so.
    pub worst: Nanodollars,
    /// What it would cost with the shortest answer that a gateway would have it cut to.
    pub least: Nanodollars,
}

/// One thing that is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What.
    pub what: Checked,
    /// What it says.
    pub verdict: Verdict,
    /// Why, or on what it depends; empty where there is nothing to say.
    pub why: String,
}

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// Whether the key can be used.
    Key,
    /// Whether the key may call the model.
    Model,
    /// A limit.
    Limit {
        /// Whose it is.
        who: Named,
        /// It, and how it stands.
        standing: Box<Standing>,
        /// How much of it the request takes at most.
        needs: i64,
    },
}

/// Whether a request is let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It is.
    Admitted,
    /// It depends on what only the gateways know.
    Depends,
    /// It is refused.
    Refused,
}

impl Verdict {
    /// `admitted`, `depends` or `refused`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Depends => "depends",
            Self::Refused => "refused",
        }
    }
}

impl Check {
    /// Whether it is only watched: then what it says changes nothing.
    pub fn is_shadow(&self) -> bool {
        match &self.what {
            Checked::Limit { standing, .. } => standing.setting.limit.shadow,
            Checked::Key | Checked::Model => false,
        }
    }
}

/// Says whether a request would be let through now.
///
/// # Errors
///
/// When there is no such key or no such model.
pub async fn explain(desk: Desk<'_>, question: Question<'_>) -> Result<Explanation, ControlError> {
    let report = standings::show(desk, Who::Key(question.key)).await?;
    let name = models::named(desk.catalogue, question.model)?.name.clone();
    let key = keys::show(desk.directory, question.key).await?;
    let lookup = question.served.find(&name);
    let mut checks = vec![
        check_key(&key, &report),
        check_model(&name, lookup, &report),
    ];
    let request = match lookup {
        Some(Lookup::Served(model)) => Some(Request::of(&question, model)),
        _ => None,
    };
    if let Some((request, Lookup::Served(model))) = request.zip(lookup) {
        let parts = std::iter::once(&report.own).chain(&report.above);
        let limits = parts.flat_map(|part| limits_of(part, &name));
        checks.extend(limits.map(|(who, s)| check_limit(who, s, &request, model)));
    }
    let enforced = checks.iter().filter(|check| !check.is_shadow());
    let verdict = enforced.map(|check| check.verdict).max();
    Ok(Explanation {
        model: name.into(),
        verdict: verdict.unwrap_or(Verdict::Admitted),
        report,
        request,
        checks,
    })
}

impl Request {
    fn of(question: &Question<'_>, model: &ServedModel) -> Self {
        let input = question.input_tokens.unwrap_or(USUAL_INPUT);
        let input = input.min(u64::from(model.context_tokens));
        let output = question.max_tokens.unwrap_or(USUAL_OUTPUT);
        let output = output.min(model.max_output_tokens);
        Self {
            input_tokens: input,
            input_assumed: question.input_tokens.is_none(),
            max_tokens: output,
            output_assumed: question.max_tokens.is_none(),
            worst: cost(model, input, output),
            least: cost(model, input, output.min(LEAST_OUTPUT)),
        }
    }
}

/// The most that so many tokens can cost.
fn cost(model: &ServedModel, input: u64, output: u32) -> Nanodollars {
    let plain = Tokens {
        input,
        output: u64::from(output),
        ..Tokens::default()
    };
    let is_cached =
        |cache: llmlite_core::catalogue::PromptCache| input >= u64::from(cache.min_tokens);
    let written = Tokens {
        input: 0,
        cache_write_5m: input,
        ..plain
    };
    let price = |tokens| model.prices.cost(&tokens);
    match model.abilities.cache {
        Some(cache) if is_cached(cache) => price(plain).max(price(written)),
        _ => price(plain),
    }
}

fn check_key(key: &KeyInfo, report: &Report) -> Check {
    let (verdict, why) = match key.status(report.at) {
        KeyStatus::Active => (Verdict::Admitted, String::new()),
        KeyStatus::Expired => {
            let since = key.expires_at.map(dates::rfc3339).unwrap_or_default();
            (Verdict::Refused, format!("expired at {since}"))
        }
        KeyStatus::Revoked => {
            let since = key.revoked_at.map(dates::rfc3339).unwrap_or_default();
            (Verdict::Refused, format!("revoked at {since}"))
        }
    };
    Check {
        what: Checked::Key,
        verdict,
        why,
    }
}

fn check_model(name: &str, lookup: Option<&Lookup>, report: &Report) -> Check {
    let mut parts = std::iter::once(&report.own).chain(&report.above);
    let why = match (parts.find(|part| !part.models.allows(name)), lookup) {
        (Some(part), _) => Some(may_only(part)),
        (None, Some(Lookup::TooFar { needs, allowed, .. })) => Some(format!(
            "it can only be called with the residency {needs}, and the gateways allow {allowed}"
        )),
        (None, None) => Some("the gateways do not serve it".to_owned()),
        (None, Some(Lookup::Served(_))) => None,
    };
    Check {
        what: Checked::Model,
        verdict: match why {
            Some(_) => Verdict::Refused,
            None => Verdict::Admitted,
        },
        why: why.unwrap_or_default(),
    }
}

fn may_only(part: &Part) -> String {
    let names: Vec<_> = match &part.models {
        ModelScope::All => Vec::new(),
        ModelScope::Only(names) => names.iter().map(String::as_str).collect(),
    };
    format!("{} may only call {}", part.who, names.join(", "))
}

/// The limits of one subject that bind a call of that model: budgets first, as refusals name them.
fn limits_of<'a>(part: &'a Part, model: &str) -> Vec<(&'a Named, &'a Standing)> {
    let binds = |setting: &LimitSetting| {
        let only = &setting.limit.scope.model;
        only.as_ref().is_none_or(|only| **only == *model)
    };
    let mut limits: Vec<_> = part
        .limits
        .iter()
        .filter(|standing| binds(&standing.setting))
        .map(|standing| (&part.who, standing))
        .collect();
    limits.sort_by_key(|(_, standing)| standing.setting.limit.measure);
    limits
}

fn check_limit(who: &Named, standing: &Standing, request: &Request, model: &ServedModel) -> Check {
    let limit = &standing.setting.limit;
    let (least, most) = needs(limit, request);
    let (verdict, why) = judge(standing, least, most, |left| {
        affordable(model, request, Nanodollars(left))
    });
    Check {
        what: Checked::Limit {
            who: who.clone(),
            standing: Box::new(standing.clone()),
            needs: most,
        },
        verdict,
        why,
    }
}

/// The longest answer that an amount pays for.
fn affordable(model: &ServedModel, request: &Request, amount: Nanodollars) -> u32 {
    let fits = |output: u32| cost(model, request.input_tokens, output) <= amount;
    let (mut enough, mut most) = (0, request.max_tokens);
    while enough < most {
        let middle = enough + (most - enough).div_ceil(2);
        if fits(middle) {
            enough = middle;
        } else {
            most = middle - 1;
        }
    }
    enough
}
