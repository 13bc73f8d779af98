//! The exporter's way to the collector: the HTTP and TLS that everything else here uses.

use std::{
    error::Error,
    io, iter,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{client::legacy, rt::TokioExecutor};
use llmlite_http::client::{Connector, connector};
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use tokio::{runtime::Handle, time::timeout};
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

/// How long one export may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of an answer that are read: it says little.
const ANSWER: usize = 64 << 10;

type Inner = legacy::Client<Connector, Full<Bytes>>;

/// Runs requests on the runtime in which it was made, for an exporter whose thread has none.
#[derive(Debug, Clone)]
pub(super) struct Client {
    inner: Inner,
    runtime: Handle,
    requests: TaskTracker,
    /// Whether the last export failed: it is logged when that changes.
    failing: Arc<AtomicBool>,
}

impl Client {
    /// `tls` says whether the collector is to prove who it is, against the system's authorities.
    pub(super) fn new(tls: bool) -> io::Result<Self> {
        Ok(Self {
            inner: legacy::Client::builder(TokioExecutor::new()).build(connector(tls)?),
            runtime: Handle::try_current().map_err(io::Error::other)?,
            requests: TaskTracker::new(),
            failing: Arc::default(),
        })
    }

    fn tell(&self, outcome: &Result<Response<Bytes>, HttpError>) {
        let problem = match outcome {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answered {}", answer.status().as_u16())),
            Err(error) => Some(in_full(&**error)),
        };
        let failed_before = self.failing.swap(problem.is_some(), Ordering::Relaxed);
        match problem {
            Some(problem) if !failed_before => {
                warn!(error = problem, "metrics do not reach the collector");
            }
            None if failed_before => info!("metrics reach the collector again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let exchange = exchange(self.inner.clone(), request.map(Full::new));
        let bounded = async { timeout(TIMEOUT, exchange).await? };
        let outcome = self.requests.spawn_on(bounded, &self.runtime).await?;
        self.tell(&outcome);
        outcome
    }
}

async fn exchange(
    client: Inner,
    request: Request<Full<Bytes>>,
) -> Result<Response<Bytes>, HttpError> {
    let (head, body) = client.request(request).await?.into_parts();
    let body = Limited::new(body, ANSWER).collect().await?.to_bytes();
    Ok(Response::from_parts(head, body))
}

/// The error and its causes, in one line.
fn in_full(error: &dyn Error) -> String {
    let causes = iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
