//! As much of a client as the rig needs: one connection, one request at a time, and what came of it.

use std::{fmt, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request, Response,
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpStream, task::JoinSet, time::timeout};

/// Longer than any answer of an experiment.
const PATIENCE: Duration = Duration::from_secs(60);
/// Enough for any refusal, and for the end of a stream.
const KEPT: usize = 4 * 1024;

/// A connection to one gateway, made when it is first needed.
#[derive(Debug, Default)]
pub(crate) struct Client {
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    to: SocketAddr,
    sender: SendRequest<Full<Bytes>>,
    _driver: JoinSet<()>,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A whole answer.
    Answered,
    /// A refusal, with its status and the `code` of its body.
    Refused(u16, String),
    /// The answer broke off: its end never came.
    Broken,
    /// Nobody answered at all.
    Unreachable,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered => f.write_str("answered"),
            Self::Refused(status, code) => write!(f, "{status} {code}"),
            Self::Broken => f.write_str("broken"),
            Self::Unreachable => f.write_str("unreachable"),
        }
    }
}

impl Client {
    /// Asks for a chat completion and reads all of the answer.
    pub(crate) async fn chat(&mut self, to: SocketAddr, key: &str, body: Bytes) -> Outcome {
        if self.open.as_ref().is_none_or(|open| open.to != to) {
            self.open = Open::to(to).await;
        }
        let Some(open) = &mut self.open else {
            return Outcome::Unreachable;
        };
        let outcome = timeout(PATIENCE, open.chat(key, body)).await;
        let outcome = outcome.unwrap_or(Outcome::Broken);
        if matches!(outcome, Outcome::Broken | Outcome::Unreachable) {
            self.open = None;
        }
        outcome
    }
}

impl Open {
    async fn to(to: SocketAddr) -> Option<Self> {
        let stream = TcpStream::connect(to).await.ok()?;
        stream.set_nodelay(true).ok()?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        let mut driver = JoinSet::new();
        driver.spawn(async {
            // What went wrong shows in the answer, or in its absence.
            drop(connection.await);
        });
        Some(Self {
            to,
            sender,
            _driver: driver,
        })
    }

    async fn chat(&mut self, key: &str, body: Bytes) -> Outcome {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/v1/chat/completions")
            .header("host", self.to.to_string())
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/json")
            .body(Full::new(body));
        let Ok(request) = request else {
            return Outcome::Unreachable;
        };
        if self.sender.ready().await.is_err() {
            return Outcome::Unreachable;
        }
        match self.sender.send_request(request).await {
            Ok(response) => read(response).await,
            Err(_) => Outcome::Broken,
        }
    }
}

async fn read(response: Response<Incoming>) -> Outcome {
    let status = response.status().as_u16();
    let streamed = response
        .headers()
        .get("content-type")
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    let mut body = response.into_body();
    let mut kept: Vec<u8> = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Outcome::Broken;
        };
        kept.extend_from_slice(&frame.into_data().unwrap_or_default());
        let beyond = kept.len().saturating_sub(KEPT);
        kept.drain(..beyond);
    }
    match status {
        200 if streamed && !kept.ends_with(b"data: [DONE]\n\n") => Outcome::Broken,
        200 => Outcome::Answered,
        _ => Outcome::Refused(status, code_in(&kept)),
    }
}

/// The `code` of an error's body, or its `type` where it has none.
fn code_in(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let member = |name| body.pointer(name).and_then(Value::as_str);
    let code = member("/error/code").or_else(|| member("/error/type"));
    code.unwrap_or_default().to_owned()
}

/// Whether the gateway there takes requests.
pub(crate) async fn is_ready(to: SocketAddr) -> bool {
    let Some(mut open) = Open::to(to).await else {
        return false;
    };
    let request = Request::builder()
        .uri("/health/ready")
        .header("host", to.to_string())
        .body(Full::default());
    let Ok(request) = request else {
        return false;
    };
    let answer = timeout(PATIENCE, open.sender.send_request(request)).await;
    matches!(answer, Ok(Ok(response)) if response.status() == 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_by_its_code() {
        for (body, want) in [
            (
                r#"{"error":{"code":"insufficient_quota","type":"x"}}"#,
                "insufficient_quota",
            ),
            (
                r#"{"error":{"code":null,"type":"invalid_request_error"}}"#,
                "invalid_request_error",
            ),
            ("{}", ""),
            ("<html>", ""),
        ] {
            assert_eq!(code_in(body.as_bytes()), want, "{body}");
        }
    }
}
