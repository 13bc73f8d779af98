//! A gateway over real sockets, with a scripted model and a ledger in memory.

use std::sync::Arc;

use llmlite_core::{
    catalogue::{Catalogue, Residency, ResidencyPolicy, ServedCatalogue},
    changes::ChangeListener,
    keys::KeyGrant,
    ports::clock::SystemClock,
    usage::UsageRecord,
};
use llmlite_edge::{Api, Config, Ended, Ports, ServedModels};
use llmlite_http::Stop;
use llmlite_testkit::{
    MemoryAlerts, MemoryJournal, MemoryQuota, MemoryStore, ScriptedBackend, Step, Turn, build,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_util::task::TaskTracker;

/// A model that can be called here only with a wider residency than is allowed.
pub(crate) const FAR_AWAY: &str = "claude-haiku-5-5";

pub(crate) struct Gateway {
    pub(crate) address: std::net::SocketAddr,
    pub(crate) key: String,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) quota: Arc<MemoryQuota>,
    pub(crate) journal: Arc<MemoryJournal>,
    pub(crate) models: ServedModels,
    pub(crate) backend: Arc<ScriptedBackend>,
    pub(crate) changes: Arc<dyn ChangeListener>,
    pub(crate) stop: Stop,
    pub(crate) task: JoinHandle<Ended>,
}

pub(crate) async fn start(turns: impl IntoIterator<Item = Turn>) -> Gateway {
    start_with(turns, |_| {}, |_| {}).await
}

pub(crate) async fn start_with(
    turns: impl IntoIterator<Item = Turn>,
    grant: impl FnOnce(&mut KeyGrant),
    config: impl FnOnce(&mut Config),
) -> Gateway {
    let clock = Arc::new(SystemClock);
    let store = Arc::new(MemoryStore::new(clock.clone()));
    let (key, hash) = build::a_key();
    let mut granted = build::a_grant();
    grant(&mut granted);
    store.grant(hash, granted);
    let backend = Arc::new(ScriptedBackend::new(turns));
    let mut catalogue = Catalogue::embedded();
    for model in catalogue.models.iter_mut().filter(|m| m.name == FAR_AWAY) {
        model.routes.remove(&Residency::InRegion);
    }
    let catalogue = ServedCatalogue::new(&catalogue, &ResidencyPolicy::default(), "eu-west-2");
    let quota = Arc::new(MemoryQuota::new(clock.clone(), store.clone()));
    let journal = Arc::new(MemoryJournal::default());
    let models = ServedModels::new(catalogue.unwrap());
    let ports = Ports {
        keys: store.clone(),
        pepper: build::pepper(),
        catalogue: models.clone(),
        backend: backend.clone(),
        quota: quota.clone(),
        instance: quota.instance(),
        alerts: Arc::new(MemoryAlerts::default()),
        ledger: quota.clone(),
        intents: quota.clone(),
        journal: Some(journal.clone()),
        dependencies: vec![store.clone()],
        clock,
    };
    let mut settings = Config::new("eu-west-2");
    config(&mut settings);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = Stop::new();
    let api = Api::new(settings, ports, stop.clone());
    let changes = api.changes();
    let task = TaskTracker::new().spawn(api.serve(listener));
    Gateway {
        address,
        key: key.reveal().to_owned(),
        store,
        quota,
        journal,
        models,
        backend,
        changes,
        stop,
        task,
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"]
            .as_str()
            .unwrap_or("none")
            .to_owned()
    }
}

impl Gateway {
    pub(crate) async fn open(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> TcpStream {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
            body.len()
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        socket
    }

    pub(crate) async fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let mut socket = self.open(method, path, headers, body).await;
        let mut bytes = Vec::new();
        socket.read_to_end(&mut bytes).await.unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let body = if head.contains("transfer-encoding: chunked") {
            unchunk(body)
        } else {
            body.to_owned()
        };
        Answer {
            status,
            head: head.to_owned(),
            body,
        }
    }

    pub(crate) fn bearer(&self) -> String {
        format!(
            "authorization: Bearer {}\r\ncontent-type: application/json\r\n",
            self.key
        )
    }

    pub(crate) async fn open_chat(&self, request: &Value) -> TcpStream {
        self.open(
            "POST",
            "/v1/chat/completions",
            &self.bearer(),
            &request.to_string(),
        )
        .await
    }

    pub(crate) async fn first_usage(&self) -> UsageRecord {
        loop {
            match self.store.usage().pop() {
                Some(usage) => return usage,
                None => tokio::task::yield_now().await,
            }
        }
    }

    pub(crate) async fn chat(&self, request: &Value) -> Answer {
        self.send(
            "POST",
            "/v1/chat/completions",
            &self.bearer(),
            &request.to_string(),
        )
        .await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &self.bearer(), "").await
    }

    /// Stops gently, and returns what the ledger has then.
    pub(crate) async fn finish(self) -> (Vec<UsageRecord>, Ended) {
        self.stop.gently();
        let ended = self.task.await.unwrap();
        (self.store.usage(), ended)
    }
}

pub(crate) async fn read_until(socket: &mut TcpStream, text: &str) -> String {
    let mut seen = Vec::new();
    let mut some = [0; 4096];
    while !String::from_utf8_lossy(&seen).contains(text) {
        let read = socket.read(&mut some).await.unwrap();
        assert!(
            read > 0,
            "ended before {text:?}: {}",
            String::from_utf8_lossy(&seen)
        );
        seen.extend_from_slice(&some[..read]);
    }
    String::from_utf8(seen).unwrap()
}

fn unchunk(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        whole.push_str(&rest[..size]);
        body = &rest[size + 2..];
    }
    whole
}

pub(crate) fn hello(stream: bool) -> Value {
    json!({
        "model": "claude-sonnet-4-5",
        "stream": stream,
        "stream_options": { "include_usage": true },
        "messages": [{ "role": "user", "content": "hello" }],
    })
}

pub(crate) fn message() -> Turn {
    Turn::Answer(json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude",
        "content": [{ "type": "text", "text": "hi there" }],
        "stop_reason": "end_turn", "stop_sequence": null,
        "usage": { "input_tokens": 10, "output_tokens": 3 },
    }))
}

pub(crate) fn begin() -> Step {
    Step::Event(
        json!({ "type": "message_start", "message": { "id": "msg_1", "type": "message",
        "role": "assistant", "model": "claude", "content": [], "stop_reason": null,
        "usage": { "input_tokens": 10, "output_tokens": 1 } } }),
    )
}

pub(crate) fn say(text: &str) -> Step {
    Step::Event(json!({ "type": "content_block_delta", "index": 0,
        "delta": { "type": "text_delta", "text": text } }))
}

pub(crate) fn end() -> [Step; 2] {
    [
        Step::Event(
            json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" },
            "usage": { "output_tokens": 3 } }),
        ),
        Step::Event(json!({ "type": "message_stop" })),
    ]
}

pub(crate) fn streamed(middle: impl IntoIterator<Item = Step>) -> Turn {
    let mut steps = vec![begin()];
    steps.extend(middle);
    steps.extend(end());
    Turn::Stream(steps)
}
