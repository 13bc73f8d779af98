//! What a client is told when Bedrock fails.
//!
//! Never 401 or 403: to a client those mean that its own key is wrong, and some delete it then.

use std::time::Duration;

use llmlite_core::ports::backend::{BackendError, BackendErrorKind as Kind};

use super::Answer;
use crate::scrub::scrub;

/// How long to wait when Bedrock does not say.
const WAIT: Duration = Duration::from_secs(2);

pub(super) fn explained(error: &BackendError) -> Answer {
    let wait = error.retry_after.unwrap_or(WAIT);
    match error.kind {
        Kind::Throttled => limited(
            "rate_limit_exceeded",
            "Bedrock limits the calls of this gateway just now; try again",
        )
        .retry_after(wait),
        Kind::QuotaExceeded => limited(
            "rate_limit_exceeded",
            "a quota of this gateway's account at Bedrock is used up; tell its operator",
        ),
        Kind::NotReady => Answer::server(
            503,
            "model_not_ready",
            "the model is being made ready; try again",
        )
        .retry_after(wait),
        Kind::Overloaded => Answer::server(
            503,
            "overloaded",
            "Bedrock has no capacity for this model just now; try again",
        )
        .retry_after(wait),
        Kind::Timeout => Answer::server(504, "timeout", "the model did not answer in time"),
        Kind::Invalid => Answer::invalid(400, "invalid_request", said(error)),
        Kind::ContextOverflow => Answer::invalid(
            400,
            "context_length_exceeded",
            format!(
                "prompt is too long for this model's context: {}",
                said(error)
            ),
        )
        .param(Some("messages")),
        Kind::Model => Answer::server(502, "model_error", "the model failed; try again"),
        Kind::Misconfigured => Answer::server(
            502,
            "upstream_misconfigured",
            "Bedrock does not know this model under the gateway's settings; tell its operator",
        ),
        Kind::AccessDenied => Answer::server(
            502,
            "upstream_access_denied",
            "Bedrock refuses this gateway's access to the model; tell its operator",
        ),
        Kind::Unreachable => Answer::server(
            502,
            "upstream_unreachable",
            "Bedrock cannot be reached from this gateway; try again",
        ),
        Kind::NoCredentials => Answer::server(
            502,
            "upstream_access_denied",
            "this gateway has no credentials for Bedrock just now; tell its operator",
        ),
        Kind::BrokenStream | Kind::Unexplained => {
            Answer::server(502, "upstream_error", "the model's answer broke off")
        }
        _ => Answer::server(502, "upstream_error", "Bedrock failed; try again"),
    }
}

/// Bedrock's words about the client's request, without what they say about the account.
fn said(error: &BackendError) -> String {
    match &error.said {
        Some(words) => scrub(words),
        None => "Bedrock finds the request invalid, and does not say why".to_owned(),
    }
}

fn limited(code: &'static str, message: &str) -> Answer {
    Answer::new(429, "rate_limit_error", message).code(code)
}
