//! The calls.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_sdk_bedrockruntime::{Client, operation::RequestId};
use aws_smithy_types::Blob;
use llmlite_core::ports::backend::{
    BackendError, BackendErrorKind as Kind, ModelAnswer, ModelBackend, ModelCall, ModelStream,
};
use tokio::time::{sleep, timeout};
use tracing::info;

use crate::{config::Config, credentials::Credentials, error, events::Events};

const JSON: &str = "application/json";
/// The first pause between two attempts; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause that a client is kept waiting for.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Bedrock Runtime in one region.
#[derive(Clone)]
pub struct Bedrock {
    whole: Client,
    streamed: Client,
    credentials: Credentials,
    whole_timeout: Duration,
    first_event_timeout: Duration,
    idle_timeout: Duration,
    attempts: u32,
}

impl Bedrock {
    pub(crate) fn new(
        whole: Client,
        streamed: Client,
        credentials: Credentials,
        config: &Config,
    ) -> Self {
        Self {
            whole,
            streamed,
            credentials,
            whole_timeout: config.whole_timeout,
            first_event_timeout: config.first_event_timeout,
            idle_timeout: config.idle_timeout,
            attempts: config.attempts.max(1),
        }
    }

    /// The credentials that calls are signed with, for the readiness check.
    pub fn credentials(&self) -> Credentials {
        self.credentials.clone()
    }

    async fn invoke_once(&self, call: &ModelCall) -> Result<ModelAnswer, BackendError> {
        let sent = self
            .whole
            .invoke_model()
            .model_id(&*call.bedrock_model_id)
            .content_type(JSON)
            .accept(JSON)
            .request_metadata(metadata(call))
            .body(Blob::new(call.body.clone()))
            .send();
        // The SDK's read time-out ends with the answer's head; this one also bounds its body.
        let output = timeout(self.whole_timeout, sent)
            .await
            .map_err(|_| too_late("no answer in time"))?
            .map_err(|e| error::of_call(&e))?;
        let upstream_request_id = output.request_id().map(Arc::from);
        Ok(ModelAnswer {
            body: output.body.into_inner(),
            upstream_request_id,
        })
    }

    async fn stream_once(&self, call: &ModelCall) -> Result<ModelStream, BackendError> {
        let sent = self
            .streamed
            .invoke_model_with_response_stream()
            .model_id(&*call.bedrock_model_id)
            .content_type(JSON)
            .request_metadata(metadata(call))
            .body(Blob::new(call.body.clone()))
            .send();
        let begun = async {
            let output = sent.await.map_err(|e| error::of_call(&e))?;
            let upstream_request_id: Option<Arc<str>> = output.request_id().map(Arc::from);
            let events = Events::begin(output.body, self.idle_timeout)
                .await
                .map_err(|mut error| {
                    error.upstream_request_id.clone_from(&upstream_request_id);
                    error
                })?;
            Ok(ModelStream {
                events: Box::new(events),
                upstream_request_id,
            })
        };
        timeout(self.first_event_timeout, begun)
            .await
            .map_err(|_| too_late("no first event in time"))?
    }

    /// Tries again while Bedrock refuses in a way that costs nothing and may pass.
    async fn with_retries<T, F>(
        &self,
        call: &ModelCall,
        attempt: impl Fn() -> F,
    ) -> Result<T, BackendError>
    where
        F: Future<Output = Result<T, BackendError>>,
    {
        let mut pause = FIRST_PAUSE;
        let mut reached = false;
        let mut failed = 0;
        loop {
            let mut error = match attempt().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            failed += 1;
            reached |= error.reached;
            let wait = error.retry_after.unwrap_or_default().max(jittered(pause));
            if failed >= self.attempts_for(error.kind) || wait > LONGEST_PAUSE {
                error.reached = reached;
                return Err(error);
            }
            info!(event.id = %call.event_id, kind = ?error.kind, "Bedrock refused, trying again");
            sleep(wait).await;
            pause *= 2;
        }
    }

    /// How often a call may fail in that way: only failures that may pass, and are not billed.
    fn attempts_for(&self, kind: Kind) -> u32 {
        match kind {
            Kind::Throttled
            | Kind::NotReady
            | Kind::Overloaded
            | Kind::Internal
            | Kind::Unreachable => self.attempts,
            // A model that failed twice on a request will fail again.
            Kind::Model => self.attempts.min(2),
            _ => 1,
        }
    }
}

#[async_trait]
impl ModelBackend for Bedrock {
    async fn invoke(&self, call: ModelCall) -> Result<ModelAnswer, BackendError> {
        self.with_retries(&call, || self.invoke_once(&call)).await
    }

    async fn invoke_stream(&self, call: ModelCall) -> Result<ModelStream, BackendError> {
        self.with_retries(&call, || self.stream_once(&call)).await
    }
}

impl fmt::Debug for Bedrock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bedrock").finish_non_exhaustive()
    }
}

/// Joins Bedrock's invocation log with our ledger.
fn metadata(call: &ModelCall) -> String {
    format!(r#"{{"event_id":"{}"}}"#, call.event_id)
}

/// Between half of `pause` and all of it, so that tasks do not come back in step.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.5..=1.0))
}

fn too_late(detail: &str) -> BackendError {
    BackendError::new(Kind::Timeout, detail)
}
