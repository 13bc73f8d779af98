//! A client that sees more than an SDK lets through: frames, and how a body ends.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Request, Response, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use llmlite_bedrock_sim::frames::{self, Frame, FrameError};
use serde_json::Value;
use tokio::net::TcpStream;

const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=AKID/20261123/eu-west-2/bedrock/aws4_request, \
                      SignedHeaders=host;x-amz-date, Signature=00";

#[derive(Debug, Clone)]
pub(crate) struct Client {
    address: String,
    auth: Option<String>,
    more: Vec<(&'static str, &'static str)>,
}

/// How a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Proper,
    Broken,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
    pub(crate) end: End,
}

impl Client {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            address: url.trim_start_matches("http://").to_owned(),
            auth: Some(SIGNED.to_owned()),
            more: Vec::new(),
        }
    }

    /// The same client with one more header.
    pub(crate) fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.more.push((name, value));
        self
    }

    /// The same client with another `Authorization` header, or without one.
    pub(crate) fn signed(mut self, auth: Option<&str>) -> Self {
        self.auth = auth.map(str::to_owned);
        self
    }

    pub(crate) async fn call(&self, model: &str, operation: &str, body: &Value) -> Answer {
        let path = format!("/model/{model}/{operation}");
        self.exchange("POST", &path, body.to_string()).await
    }

    pub(crate) async fn control(&self, method: &str, path: &str, body: &str) -> Answer {
        self.exchange(method, &format!("/_sim/{path}"), body.to_owned())
            .await
    }

    /// Begins a stream and hangs up as soon as its headers are there.
    pub(crate) async fn leave_after_headers(&self, model: &str, body: &Value) {
        let path = format!("/model/{model}/invoke-with-response-stream");
        let (response, connection) = self.send("POST", &path, body.to_string()).await;
        assert_eq!(response.status(), 200);
        connection.abort();
    }

    async fn exchange(&self, method: &str, path: &str, body: String) -> Answer {
        let (response, _connection) = self.send(method, path, body).await;
        let (head, mut incoming) = response.into_parts();
        let (mut body, mut end) = (Vec::new(), End::Proper);
        while let Some(frame) = incoming.frame().await {
            match frame {
                Ok(frame) => body.extend(frame.into_data().unwrap_or_default()),
                Err(_) => {
                    end = End::Broken;
                    break;
                }
            }
        }
        Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
            end,
        }
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        body: String,
    ) -> (Response<Incoming>, Connection) {
        let stream = TcpStream::connect(&self.address).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        let connection = Connection(tokio::task::JoinSet::from_iter([async {
            drop(connection.await)
        }]));
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", &self.address)
            .header("x-amz-date", "20261123T120000Z");
        for (name, value) in self.more.iter().copied() {
            request = request.header(name, value);
        }
        if let Some(auth) = &self.auth {
            request = request.header("authorization", auth);
        }
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        (sender.send_request(request).await.unwrap(), connection)
    }
}

/// A connection that lives as long as this value.
struct Connection(tokio::task::JoinSet<()>);

impl Connection {
    fn abort(mut self) {
        self.0.abort_all();
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The body as JSON, or null when it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The frames of a stream, if all of them are right.
    pub(crate) fn frames(&self) -> Result<Vec<Frame>, FrameError> {
        let mut rest = self.body.as_slice();
        std::iter::from_fn(|| frames::decode(&mut rest).transpose()).collect()
    }

    /// Claude's events, as far as the frames are right.
    pub(crate) fn events(&self) -> Vec<Value> {
        let event = |text: Vec<u8>| serde_json::from_slice(&text).unwrap();
        self.event_texts().into_iter().map(event).collect()
    }

    /// The bytes of Claude's events, which may be no JSON.
    pub(crate) fn event_texts(&self) -> Vec<Vec<u8>> {
        let mut rest = self.body.as_slice();
        let frames = std::iter::from_fn(|| frames::decode(&mut rest).ok().flatten());
        let chunks = frames.filter(|frame| frame.header(":event-type") == "chunk");
        let text = |frame: Frame| {
            let payload: Value = serde_json::from_slice(&frame.payload).unwrap();
            let coded = payload["bytes"].as_str().unwrap();
            BASE64_STANDARD.decode(coded).unwrap()
        };
        chunks.map(text).collect()
    }
}
