//! Whether the process is alive, and whether it can serve.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use hyper::{Response, StatusCode};
use llmlite_core::ports::readiness::Dependency;
use llmlite_http::{Body, Stop, reply};
use serde::Serialize;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};
use tracing::warn;

/// How long an answer is repeated: anybody may ask, and each answer costs a query.
const REPEATED: Duration = Duration::from_millis(500);
/// How long a dependency may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) struct Health {
    dependencies: Vec<Arc<dyn Dependency>>,
    stop: Stop,
    last: Mutex<Option<(Instant, StatusCode, Bytes)>>,
}

#[derive(Serialize)]
struct Report {
    status: &'static str,
    checks: Vec<Check>,
}

#[derive(Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
}

impl Health {
    pub(crate) fn new(dependencies: Vec<Arc<dyn Dependency>>, stop: Stop) -> Self {
        Self {
            dependencies,
            stop,
            last: Mutex::new(None),
        }
    }

    /// 200 when everything that a request needs can be used, else 503 and what cannot.
    pub(crate) async fn ready(&self) -> Response<Body> {
        if self.stop.is_stopping() {
            return reply::json(StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"stopping"}"#);
        }
        let mut last = self.last.lock().await;
        if let Some((at, status, body)) = &*last
            && at.elapsed() < REPEATED
        {
            return reply::json(*status, body.clone());
        }
        let (status, body) = self.ask().await;
        *last = Some((Instant::now(), status, body.clone()));
        reply::json(status, body)
    }

    async fn ask(&self) -> (StatusCode, Bytes) {
        let mut checks = Vec::with_capacity(self.dependencies.len());
        for dependency in &self.dependencies {
            let problem = match timeout(PATIENCE, dependency.check()).await {
                Ok(Ok(())) => None,
                Ok(Err(problem)) => Some(problem),
                Err(_) => Some("no answer in time".to_owned()),
            };
            if let Some(problem) = &problem {
                // Anybody may ask, so only the log says what it is.
                warn!(dependency = dependency.name(), problem, "not ready");
            }
            checks.push(Check {
                name: dependency.name(),
                ok: problem.is_none(),
            });
        }
        let ready = checks.iter().all(|check| check.ok);
        let (status, word) = if ready {
            (StatusCode::OK, "ready")
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "not ready")
        };
        let report = Report {
            status: word,
            checks,
        };
        let body = serde_json::to_vec(&report).unwrap_or_default();
        (status, body.into())
    }
}
