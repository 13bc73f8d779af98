//! Calling a model.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use crate::ids::EventId;

/// One call of a model: where to, with what, and whose bill it is.
#[derive(Debug, Clone)]
pub struct ModelCall {
    /// The id that the catalogue names for the model.
    pub bedrock_model_id: Arc<str>,
    /// The Anthropic Messages body.
    pub body: Vec<u8>,
    /// Travels with the call, so that Bedrock's own log can be matched with our ledger.
    pub event_id: EventId,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct ModelAnswer {
    /// The Anthropic message, as JSON.
    pub body: Vec<u8>,
    /// Bedrock's request id.
    pub upstream_request_id: Option<Arc<str>>,
}

/// An answer that has begun to arrive.
pub struct ModelStream {
    /// Where the events come from. The first one has arrived already.
    pub events: Box<dyn EventSource>,
    /// Bedrock's request id.
    pub upstream_request_id: Option<Arc<str>>,
}

impl fmt::Debug for ModelStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelStream")
            .field("upstream_request_id", &self.upstream_request_id)
            .finish_non_exhaustive()
    }
}

/// Sends a body to a model and hands back what it says.
#[async_trait]
pub trait ModelBackend: Send + Sync {
    /// Waits for the whole answer.
    async fn invoke(&self, call: ModelCall) -> Result<ModelAnswer, BackendError>;

    /// Waits for the first event of the answer, so that an error before it is still an error of
    /// the call and not of a stream that the client already sees.
    async fn invoke_stream(&self, call: ModelCall) -> Result<ModelStream, BackendError>;
}

/// The events of one answer, in order.
#[async_trait]
pub trait EventSource: Send {
    /// The next Anthropic event as JSON, or `None` when the connection has ended.
    ///
    /// An end is not a success: only the event `message_stop` is. Cancel-safe: a dropped call
    /// loses nothing.
    async fn next(&mut self) -> Result<Option<Bytes>, BackendError>;
}

/// Why the model did not answer.
#[derive(Debug)]
pub struct BackendError {
    /// What kind of failure it is.
    pub kind: BackendErrorKind,
    /// Bedrock's own words. A client may see them, scrubbed, where the kind says that they are
    /// about its request.
    pub said: Option<String>,
    /// What happened, for the log: it holds nothing of a request or an answer.
    pub detail: String,
    /// Whether Bedrock saw the call, in this attempt or an earlier one.
    pub reached: bool,
    /// Bedrock's request id, if it got so far.
    pub upstream_request_id: Option<Arc<str>>,
    /// How long Bedrock asks to wait.
    pub retry_after: Option<Duration>,
}

impl BackendError {
    /// A failure of `kind` without words of Bedrock's.
    pub fn new(kind: BackendErrorKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            said: None,
            detail: detail.into(),
            reached: !matches!(
                kind,
                BackendErrorKind::Unreachable | BackendErrorKind::NoCredentials
            ),
            upstream_request_id: None,
            retry_after: None,
        }
    }
}

/// The kinds of failure that are answered differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BackendErrorKind {
    /// Bedrock limits how much we may call (429).
    Throttled,
    /// A quota of the account is used up.
    QuotaExceeded,
    /// The model is being made ready.
    NotReady,
    /// Bedrock has no capacity now.
    Overloaded,
    /// Bedrock failed inside.
    Internal,
    /// The model failed.
    Model,
    /// The answer took longer than Bedrock or we allow.
    Timeout,
    /// Bedrock finds the body invalid; the message is about the client's request.
    Invalid,
    /// The conversation does not fit into the model's context.
    ContextOverflow,
    /// The model id is unknown, or not callable that way: a mistake in our catalogue.
    Misconfigured,
    /// Our credentials were refused: a mistake in our deployment.
    AccessDenied,
    /// There were no credentials to sign with.
    NoCredentials,
    /// Bedrock could not be reached.
    Unreachable,
    /// An answer that Bedrock does not give: from something on the way, perhaps after the model
    /// has run.
    Unexplained,
    /// The stream broke off, or held something that is no event.
    BrokenStream,
}

impl BackendErrorKind {
    /// Whether Bedrock may bill the attempt all the same, because the request was sent and no
    /// refusal of Bedrock's came back.
    pub fn may_have_run(self) -> bool {
        matches!(self, Self::Timeout | Self::BrokenStream | Self::Unexplained)
    }
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the model did not answer ({:?}): {}",
            self.kind, self.detail
        )
    }
}

impl Error for BackendError {}
