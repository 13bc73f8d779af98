//! A plain HTTP client that shows everything: status, headers, bytes, and each event of a stream.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response, StatusCode, body::Incoming, client::conn::http1, header::HeaderMap,
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpStream, task::JoinSet};

/// Speaks to one gateway with one key. Every request has a connection of its own.
#[derive(Debug, Clone)]
pub struct Client {
    host: String,
    key: String,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// An answer that is being read event by event. Dropping it hangs up.
#[derive(Debug)]
pub struct Streaming {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    body: Incoming,
    buffer: Vec<u8>,
    _connection: JoinSet<()>,
}

impl Client {
    /// For the gateway at `http://host:port`.
    pub fn new(url: &str, key: &str) -> Self {
        let host = url.trim_start_matches("http://").to_owned();
        Self {
            host,
            key: key.to_owned(),
        }
    }

    /// The same gateway with another key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self {
            host: self.host.clone(),
            key: key.to_owned(),
        }
    }

    /// Gets a path with the key.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(
            self.request(Method::GET, path)
                .body(Full::default())
                .expect(BUILT),
        )
        .await
    }

    /// Asks for a chat completion and reads all of the answer.
    pub async fn chat(&self, body: &Value) -> Answer {
        self.send(self.chat_request(body)).await
    }

    /// Asks for a chat completion and reads as it goes.
    pub async fn chat_stream(&self, body: &Value) -> Streaming {
        let (answer, connection) = self.begin(self.chat_request(body)).await;
        let (head, body) = answer.into_parts();
        Streaming {
            status: head.status,
            headers: head.headers,
            body,
            buffer: Vec::new(),
            _connection: connection,
        }
    }

    /// Begins a request with the key in the usual header.
    pub fn request(&self, method: Method, path: &str) -> hyper::http::request::Builder {
        Request::builder()
            .method(method)
            .uri(path)
            .header("host", &self.host)
            .header("authorization", format!("Bearer {}", self.key))
    }

    /// Begins a request without any key.
    pub fn bare_request(&self, method: Method, path: &str) -> hyper::http::request::Builder {
        Request::builder()
            .method(method)
            .uri(path)
            .header("host", &self.host)
    }

    /// Sends any request and reads all of the answer.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        let (answer, _connection) = self.begin(request).await;
        let (head, body) = answer.into_parts();
        let body = body
            .collect()
            .await
            .expect("the answer has an end")
            .to_bytes();
        Answer {
            status: head.status,
            headers: head.headers,
            body,
        }
    }

    fn chat_request(&self, body: &Value) -> Request<Full<Bytes>> {
        self.request(Method::POST, "/v1/chat/completions")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.to_string())))
            .expect(BUILT)
    }

    async fn begin(&self, request: Request<Full<Bytes>>) -> (Response<Incoming>, JoinSet<()>) {
        let stream = TcpStream::connect(&self.host)
            .await
            .expect("the gateway listens");
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .expect("a fresh connection is usable");
        let mut driver = JoinSet::new();
        driver.spawn(async {
            // What went wrong shows in the answer, or in its absence.
            drop(connection.await);
        });
        let answer = sender
            .send_request(request)
            .await
            .expect("the gateway answers");
        (answer, driver)
    }
}

const BUILT: &str = "the parts of a request in a test are well formed";

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic_with(&format!("{error}: {self:?}")))
    }

    /// A header's text, empty when it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

impl Streaming {
    /// The data of the next event, or `None` at the end of the answer.
    pub async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(event) = self.take_event() {
                return Some(event);
            }
            let frame = self.body.frame().await?.ok()?;
            if let Ok(data) = frame.into_data() {
                self.buffer.extend_from_slice(&data);
            }
        }
    }

    /// All events that are left.
    pub async fn rest(&mut self) -> Vec<String> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }

    fn take_event(&mut self) -> Option<String> {
        let end = self.buffer.windows(2).position(|two| two == b"\n\n")?;
        let event: Vec<u8> = self.buffer.drain(..end + 2).collect();
        let event = String::from_utf8(event).expect("events are text");
        let data = event
            .trim_end()
            .strip_prefix("data: ")
            .map(ToOwned::to_owned);
        // Comments keep a connection alive and are no events.
        data.or_else(|| self.take_event())
    }
}

#[expect(clippy::panic, reason = "ends the test that it serves")]
fn panic_with(message: &str) -> ! {
    panic!("{message}")
}
