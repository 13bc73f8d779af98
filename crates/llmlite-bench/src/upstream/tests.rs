use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
};

use aws_smithy_eventstream::frame::read_message_from;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::*;

fn upstream() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || serve(&listener));
    address
}

fn ask(address: SocketAddr, path: &str) -> String {
    let mut socket = TcpStream::connect(address).unwrap();
    let body = vec![b'x'; 40_000];
    socket
        .write_all(&http::request("POST", path, "upstream", &[], &body))
        .unwrap();
    socket.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// The Anthropic events in the frames of a streamed answer.
fn events(answer: &StreamAnswer) -> Vec<Value> {
    let mut http = answer.opening.clone();
    for index in 0..answer.pace.deltas {
        http.extend(answer.delta(index));
    }
    http.extend(&answer.closing);
    let head = http::response_head(&http).unwrap().unwrap();
    assert_eq!(head.framing, http::Framing::Chunked);
    let mut rest = http.split_off(head.length);
    let mut events = Vec::new();
    while let Ok(httparse::Status::Complete((line, size))) = httparse::parse_chunk_size(&rest) {
        let end = line + usize::try_from(size).unwrap();
        if size > 0 {
            let frame = read_message_from(&rest[line..end]).unwrap();
            let payload: Value = serde_json::from_slice(frame.payload()).unwrap();
            let event = STANDARD.decode(payload["bytes"].as_str().unwrap()).unwrap();
            events.push(serde_json::from_slice(&event).unwrap());
        }
        rest.drain(..end + 2);
    }
    assert!(rest.is_empty(), "bytes behind the last chunk");
    events
}

#[test]
fn a_stream_is_a_whole_conversation_of_real_frames() {
    let answer = StreamAnswer::new(Pace {
        deltas: 3,
        gap: Duration::ZERO,
    });
    let events = events(&answer);
    let kinds: Vec<_> = events.iter().map(|e| e["type"].as_str().unwrap()).collect();
    let wanted = [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(kinds, wanted);
    assert_eq!(events[2]["delta"]["text"], answers::FIRST);
    assert_eq!(events[6]["usage"]["output_tokens"], 3);
}

#[test]
fn the_marks_of_a_direct_client_are_in_the_frames_that_they_stand_for() {
    let answer = StreamAnswer::new(Pace::default());
    let holds = |bytes: &[u8], text: &str| memchr::memmem::find(bytes, text.as_bytes()).is_some();
    assert!(holds(answer.delta(0), &answers::first_on_the_wire()));
    assert!(!holds(answer.delta(1), &answers::first_on_the_wire()));
    assert!(!holds(&answer.opening, &answers::first_on_the_wire()));
    assert!(holds(&answer.closing, &answers::last_on_the_wire()));
}

#[test]
fn each_path_has_its_answer() {
    let address = upstream();
    let whole = ask(address, "/model/m/invoke");
    assert!(whole.starts_with("HTTP/1.1 200 ") && whole.contains(answers::LAST));
    let stream = ask(address, "/model/m/invoke-with-response-stream");
    assert!(stream.contains("application/vnd.amazon.eventstream"));
    assert!(ask(address, "/elsewhere").starts_with("HTTP/1.1 404 "));
    assert!(ask(address, "/pace/many/0").starts_with("HTTP/1.1 404 "));
}

#[test]
fn a_new_pace_holds_for_the_next_stream() {
    let address = upstream();
    let other = STANDARD.encode(
        serde_json::json!({
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": " more"},
        })
        .to_string(),
    );
    for deltas in [1, 5] {
        let gap = Duration::from_micros(1);
        set_pace(address, Pace { deltas, gap }).unwrap();
        let stream = ask(address, "/model/m/invoke-with-response-stream");
        assert_eq!(stream.matches(&other).count(), deltas - 1);
    }
}
