//! The JSON form of an explanation.

use serde::Serialize;

use super::{StandingView, SubjectView};
use crate::{
    explain::{Check, Checked, Explanation},
    subjects::Family,
};

/// Whether a request would be let through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExplanationView {
    /// The key.
    pub key: SubjectView,
    /// The model.
    pub model: String,
    /// What the request would take; `null` for a model that is not served.
    pub request: Option<RequestView>,
    /// `admitted`, `depends` or `refused`.
    pub verdict: &'static str,
    /// What is looked at, in the order in which a gateway does.
    pub checks: Vec<CheckView>,
}

/// What a request would take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestView {
    /// Tokens of input.
    pub input_tokens: u64,
    /// Tokens of output at most.
    pub max_tokens: u32,
    /// What it can cost at most.
    pub worst_case_nanodollars: i64,
    /// The same in US dollars with nine places, as text so that no reader rounds it.
    pub worst_case_usd: String,
}

/// One thing that is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckView {
    /// `key`, `model` or `limit`.
    pub check: &'static str,
    /// `admitted`, `depends` or `refused`; of a limit in shadow, what it would say.
    pub verdict: &'static str,
    /// Why, or on what it depends.
    pub why: Option<String>,
    /// Whose limit it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<SubjectView>,
    /// How much of it the request takes at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<i64>,
    /// The limit.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub standing: Option<StandingView>,
}

impl From<&Explanation> for ExplanationView {
    fn from(explanation: &Explanation) -> Self {
        let family = &explanation.report.family;
        Self {
            key: SubjectView::from(&family.own),
            model: explanation.model.to_string(),
            request: explanation.request.map(|request| RequestView {
                input_tokens: request.input_tokens,
                max_tokens: request.max_tokens,
                worst_case_nanodollars: request.worst.0,
                worst_case_usd: request.worst.to_string(),
            }),
            verdict: explanation.verdict.as_str(),
            checks: explanation
                .checks
                .iter()
                .map(|check| CheckView::of(check, family))
                .collect(),
        }
    }
}

impl CheckView {
    fn of(check: &Check, family: &Family) -> Self {
        let plain = |name| Self {
            check: name,
            verdict: check.verdict.as_str(),
            why: (!check.why.is_empty()).then(|| check.why.clone()),
            subject: None,
            needs: None,
            standing: None,
        };
        match &check.what {
            Checked::Key => plain("key"),
            Checked::Model => plain("model"),
            Checked::Limit {
                who,
                standing,
                needs,
            } => Self {
                subject: Some(SubjectView::from(who)),
                needs: Some(*needs),
                standing: Some(StandingView::of(standing, family)),
                ..plain("limit")
            },
        }
    }
}
