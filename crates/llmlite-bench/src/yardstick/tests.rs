use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use super::{hyper_proxy::HyperProxy, sdk_proxy::SdkProxy, server::Carrier};
use crate::{
    load::http,
    upstream::{
        self,
        answers::{self, Pace},
    },
};

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// An upstream that streams three deltas, and what `proxy` makes in front of it.
fn serve<C: Carrier>(proxy: fn(SocketAddr) -> C) -> SocketAddr {
    let (upstream, behind) = listener();
    thread::spawn(move || upstream::serve(&upstream));
    let pace = Pace {
        deltas: 3,
        gap: Duration::ZERO,
    };
    upstream::set_pace(behind, pace).unwrap();
    let (front, address) = listener();
    thread::spawn(move || super::server::run(front, || proxy(behind)));
    address
}

fn both() -> [SocketAddr; 2] {
    [serve(HyperProxy::new), serve(SdkProxy::new)]
}

/// The status and the body of the answer to `body`.
fn ask(address: SocketAddr, path: &str, body: &str) -> (String, String) {
    let close = [("connection", "close")];
    let mut socket = TcpStream::connect(address).unwrap();
    let request = http::request("POST", path, "bench", &close, body.as_bytes());
    socket.write_all(&request).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].to_owned(), body.to_owned())
}

fn chat(stream: bool) -> String {
    json!({
        "model": "anthropic.claude-3-5-sonnet-20241022-v2:0",
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": stream,
        "stream_options": stream.then(|| json!({"include_usage": true})),
    })
    .to_string()
}

#[test]
fn both_carry_a_whole_answer() {
    for address in both() {
        let (status, body) = ask(address, "/v1/chat/completions", &chat(false));
        assert_eq!(status, "200");
        let answer: Value = serde_json::from_str(&body).unwrap();
        let content = answer["choices"][0]["message"]["content"].as_str().unwrap();
        assert!(content.starts_with(answers::FIRST) && content.ends_with(answers::LAST));
        assert_eq!(answer["usage"]["total_tokens"], 314);
    }
}

#[test]
fn both_carry_a_stream_to_its_end() {
    for address in both() {
        let (status, body) = ask(address, "/v1/chat/completions", &chat(true));
        assert_eq!(status, "200");
        let data = body.lines().filter_map(|line| line.strip_prefix("data: "));
        let (chunks, end): (Vec<_>, Vec<_>) = data.partition(|data| *data != "[DONE]");
        assert_eq!(end.len(), 1);
        let chunks: Vec<Value> = chunks
            .iter()
            .map(|chunk| serde_json::from_str(chunk).unwrap())
            .collect();
        let text: String = chunks
            .iter()
            .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
            .collect();
        assert_eq!(text, "Once more more");
        assert_eq!(chunks.last().unwrap()["usage"]["completion_tokens"], 3);
    }
}

#[test]
fn both_refuse_what_is_no_conversation() {
    for address in both() {
        assert_eq!(ask(address, "/v1/chat/completions", "{}").0, "400");
        assert_eq!(ask(address, "/elsewhere", "{}").0, "404");
    }
}
