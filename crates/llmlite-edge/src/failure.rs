//! What a client is told when its request fails: the one place that chooses statuses and words.
//!
//! Nothing from inside reaches the client; the cause goes to the log, under the same request id.

mod limited;
mod upstream;

use std::{sync::Arc, time::Duration};

use hyper::{
    Method, Response, StatusCode,
    header::{ALLOW, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE},
};
use llmlite_core::{
    catalogue::Residency,
    ports::{
        StoreError,
        backend::{BackendError, BackendErrorKind},
    },
};
use llmlite_http::{Body, RequestId, bearer::CredentialError, body::ReadError, reply};
use llmlite_openai::{ErrorBody, RequestError};
use llmlite_policy::Denial;
use llmlite_translator::{DecodeError, EncodeError, StreamError};
use tracing::{error, warn};

use self::limited::Limited;
use crate::{dialect::Dialect, words};

pub use limited::BudgetRefusal;
pub(crate) use limited::Manner;

/// The wait of `retry-after` to the millisecond, which the SDKs of OpenAI look at first.
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
/// Tells the SDKs of OpenAI and Anthropic whether to try again.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// Everything that can go wrong with a request.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No key, or not in a form that can be read.
    Credential(CredentialError),
    /// A key that is unknown, revoked or expired: which, is not told.
    UnknownKey,
    /// A path that leads nowhere.
    NoSuchRoute,
    /// A path that wants another method.
    WrongMethod { allowed: Method },
    /// A body that is not declared as JSON.
    MediaType,
    /// A body that is compressed.
    ContentEncoding,
    /// A header of ours with a value that it does not take.
    Header {
        header: HeaderName,
        values: [&'static str; 2],
    },
    /// A body that could not be read.
    Body(ReadError),
    /// A body that is no chat request.
    Request(RequestError),
    /// A chat request that Claude cannot be asked.
    Encode(EncodeError),
    /// A model that does not exist, or not for this key.
    UnknownModel { model: String },
    /// A model that is further away than the operator allows.
    Residency {
        model: Arc<str>,
        needs: Residency,
        allowed: Residency,
    },
    /// The policy says no.
    Denied(Denial),
    /// A limit of the key stands in the way.
    Limited(Limited),
    /// The database did not answer.
    Store(StoreError),
    /// Bedrock did not answer.
    Backend(BackendError),
    /// Bedrock's answer is not one.
    Decode(DecodeError),
    /// Bedrock's stream is not one.
    Stream(StreamError),
    /// The gateway is being stopped.
    Stopped,
    /// The key was taken back while the answer was on its way.
    Cut,
    /// As many requests are under way as are taken.
    Busy,
    /// The request's own task is gone: a bug.
    Lost,
}

/// What the client gets.
struct Answer {
    status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    param: Option<String>,
    message: String,
    retry_after: Option<Duration>,
}

impl Answer {
    fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            kind,
            code: None,
            param: None,
            message: message.into(),
            retry_after: None,
        }
    }

    fn invalid(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self::new(status, "invalid_request_error", message).code(code)
    }

    fn server(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self::new(status, "server_error", message).code(code)
    }

    fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    fn param(mut self, param: Option<&str>) -> Self {
        self.param = param.map(str::to_owned);
        self
    }

    fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Names the client's own field where this dialect's differs from that of chat, in which
    /// everything behind the edge thinks.
    fn told_in(mut self, dialect: Dialect) -> Self {
        let Some(param) = self.param.take() else {
            return self;
        };
        let own = dialect.own_field(&param);
        if let Some(rest) = self.message.strip_prefix(param.as_str()) {
            self.message = format!("{own}{rest}");
        }
        self.param = Some(own.to_owned());
        self
    }

    fn body(self, id: &RequestId) -> ErrorBody {
        let body = ErrorBody::new(self.kind, self.message)
            .with_param(self.param)
            .with_request_id(id.as_str());
        match self.code {
            Some(code) => body.with_code(code),
            None => body,
        }
    }
}

impl Failure {
    /// The whole answer to a request of that dialect.
    pub(crate) fn answer(&self, dialect: Dialect, id: &RequestId) -> Response<Body> {
        let answer = self.explained().told_in(dialect);
        self.log(answer.status, id);
        let status = answer.status;
        let retry_after = answer.retry_after;
        let body = serde_json::to_vec(&answer.body(id)).unwrap_or_default();
        let mut response = reply::json(status, body);
        if let Some(wait) = retry_after {
            let seconds = words::seconds(wait).max(1).to_string();
            reply::set(&mut response, RETRY_AFTER, &seconds);
            let millis = words::milliseconds(wait).max(1).to_string();
            reply::set(&mut response, RETRY_AFTER_MS, &millis);
        }
        match self {
            Self::WrongMethod { allowed } => reply::set(&mut response, ALLOW, allowed.as_str()),
            Self::Credential(_) | Self::UnknownKey | Self::Cut => {
                reply::set(&mut response, WWW_AUTHENTICATE, "Bearer");
            }
            _ => {}
        }
        if self.is_final() {
            reply::set(&mut response, SHOULD_RETRY, "false");
        }
        response
    }

    /// The error object alone, for the middle of a stream whose status has been sent.
    pub(crate) fn in_stream(&self, dialect: Dialect, id: &RequestId) -> ErrorBody {
        let answer = self.explained().told_in(dialect);
        self.log(answer.status, id);
        answer.body(id)
    }

    /// Whether another try would be in vain, or might be paid for a second time. The SDKs would
    /// try most of these again by themselves.
    fn is_final(&self) -> bool {
        match self {
            Self::Credential(_) | Self::UnknownKey | Self::Cut | Self::Decode(_) => true,
            Self::Denied(denial) => {
                matches!(denial, Denial::KeyRevoked | Denial::KeyExpired)
            }
            Self::Limited(limited) => limited.is_final(),
            Self::Backend(error) => {
                error.kind.may_have_run() || error.kind == BackendErrorKind::QuotaExceeded
            }
            _ => false,
        }
    }

    fn explained(&self) -> Answer {
        match self {
            Self::Credential(error) => credential(*error),
            Self::UnknownKey | Self::Denied(Denial::KeyRevoked | Denial::KeyExpired) => {
                Answer::invalid(
                    401,
                    "invalid_api_key",
                    "the API key is not valid here: it is unknown, revoked or expired",
                )
            }
            Self::Cut => Answer::invalid(
                401,
                "invalid_api_key",
                "the API key was revoked while the answer was on its way",
            ),
            Self::NoSuchRoute => Answer::invalid(
                404,
                "not_found",
                "there is nothing at this path; the base URL of the API ends in /v1",
            ),
            Self::WrongMethod { allowed } => Answer::invalid(
                405,
                "method_not_allowed",
                format!("this path takes {allowed} requests only"),
            ),
            Self::MediaType => Answer::invalid(
                415,
                "unsupported_media_type",
                "the body must be JSON, with the header content-type: application/json",
            ),
            Self::ContentEncoding => Answer::invalid(
                415,
                "unsupported_content_encoding",
                "the body must not be compressed; send it without content-encoding",
            ),
            Self::Header {
                header,
                values: [one, other],
            } => Answer::invalid(
                400,
                "invalid_header",
                format!("the header {header} takes one of two values: {one} or {other}"),
            ),
            Self::Body(error) => body(*error),
            Self::Request(error) => Answer::invalid(400, "invalid_request", error.to_string())
                .param(error.param.as_deref()),
            Self::Encode(error @ EncodeError::TooLarge { .. }) => {
                Answer::invalid(413, "request_too_large", error.to_string()).param(error.param())
            }
            Self::Encode(error) => {
                Answer::invalid(400, "invalid_request", error.to_string()).param(error.param())
            }
            Self::UnknownModel { model } => unknown_model(model),
            Self::Residency {
                model,
                needs,
                allowed,
            } => Answer::invalid(
                403,
                "model_not_allowed",
                format!(
                    "the model \"{model}\" is served only with the residency \"{needs}\", and \
                     this gateway allows \"{allowed}\"; its operator can change that with the \
                     setting model-residency"
                ),
            )
            .param(Some("model")),
            Self::Denied(Denial::ModelNotAllowed) => unknown_model("that name"),
            Self::Limited(limited) => limited.explained(),
            Self::Denied(_) | Self::Store(StoreError::Unavailable(_)) => Answer::server(
                503,
                "temporarily_unavailable",
                "the gateway's database cannot be reached just now; try again",
            )
            .retry_after(Duration::from_secs(2)),
            Self::Store(_) | Self::Lost => {
                Answer::server(500, "internal_error", "the gateway failed")
            }
            Self::Busy => Answer::server(
                503,
                "overloaded",
                "the gateway has as many requests under way as it takes; try again",
            )
            .retry_after(Duration::from_secs(1)),
            Self::Backend(error) => upstream::explained(error),
            Self::Decode(DecodeError::ModelFault { reason, .. })
            | Self::Stream(StreamError::ModelFault { reason }) => Answer::server(
                502,
                reason,
                "the model's answer is malformed, as the model itself says; ask again or otherwise",
            ),
            Self::Decode(_) | Self::Stream(_) => Answer::server(
                502,
                "upstream_error",
                "the model's answer broke off or could not be understood",
            ),
            Self::Stopped => Answer::server(
                503,
                "stopping",
                "the gateway was stopped before the answer had ended; try again",
            )
            .retry_after(Duration::from_secs(1)),
        }
    }

    /// Logs what an operator should know of; clients' mistakes are not that.
    fn log(&self, status: StatusCode, id: &RequestId) {
        match self {
            Self::Store(cause) => {
                error!(request.id = %id, error = %cause, cause = ?cause, "the store failed");
            }
            Self::Decode(cause @ DecodeError::ModelFault { .. }) => {
                warn!(request.id = %id, error = %cause, "the model's answer is malformed");
            }
            Self::Decode(cause) => {
                error!(request.id = %id, error = %cause, "the model's answer is not one");
            }
            Self::Stream(cause) => {
                warn!(request.id = %id, error = %cause, "the model's stream is not one");
            }
            Self::Backend(cause) => {
                // Bedrock's own words are not logged: they can quote the request.
                warn!(
                    request.id = %id, kind = ?cause.kind, status = status.as_u16(),
                    error = cause.detail, upstream.request_id = cause.upstream_request_id.as_deref(),
                    "Bedrock failed"
                );
            }
            Self::Lost => error!(request.id = %id, "a request's task ended without an answer"),
            Self::Busy => warn!(request.id = %id, "refused: too many requests are under way"),
            Self::Denied(Denial::LedgerFull) => {
                error!(request.id = %id, "refused: no more usage can be kept");
            }
            _ => tracing::debug!(request.id = %id, status = status.as_u16(), "refused"),
        }
    }
}

fn credential(error: CredentialError) -> Answer {
    match error {
        CredentialError::Missing => Answer::invalid(
            401,
            "invalid_api_key",
            "an API key is needed: send the header Authorization: Bearer sk-llm-...",
        ),
        CredentialError::Malformed => Answer::invalid(
            401,
            "invalid_api_key",
            "the API key cannot be read: send the header Authorization: Bearer sk-llm-...",
        ),
        CredentialError::Ambiguous => Answer::invalid(
            400,
            "ambiguous_api_key",
            "the request carries two different API keys; send one",
        ),
    }
}

fn body(error: ReadError) -> Answer {
    match error {
        ReadError::TooLarge { limit } => Answer::invalid(
            413,
            "request_too_large",
            format!("the body is too large: at most {limit} bytes are taken"),
        ),
        ReadError::TooSlow => Answer::invalid(
            408,
            "request_timeout",
            "the body did not arrive in time; try again",
        ),
        ReadError::Broken => Answer::invalid(400, "incomplete_body", "the body broke off"),
    }
}

fn unknown_model(model: &str) -> Answer {
    // The name is the client's own, but a message should not be flooded by it.
    let shown: String = model
        .chars()
        .filter(|c| !c.is_control())
        .take(100)
        .collect();
    Answer::invalid(
        404,
        "model_not_found",
        format!(
            "the model \"{shown}\" does not exist or is not open to this key; GET /v1/models \
             lists those that are"
        ),
    )
    .param(Some("model"))
}

impl From<CredentialError> for Failure {
    fn from(error: CredentialError) -> Self {
        Self::Credential(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        Self::Body(error)
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

impl From<EncodeError> for Failure {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

#[cfg(test)]
mod tests;
