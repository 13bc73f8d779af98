use serde_json::{Value, json};

use super::*;

fn request() -> Vec<u8> {
    json!({
        "model": "anthropic.claude-3-5-sonnet-20241022-v2:0",
        "messages": [
            {"role": "developer", "content": "Be \"brief\"."},
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Hi\n"},
            {"role": "user", "content": "Again"},
        ],
        "temperature": 0.7,
        "stream": true,
        "stream_options": {"include_usage": true},
    })
    .to_string()
    .into_bytes()
}

#[test]
fn a_conversation_becomes_claudes() {
    let body = request();
    let request = read_request(&body).unwrap();
    assert!(request.stream && request.wants_usage());
    let claude: Value = serde_json::from_slice(&claude_body(&request).unwrap()).unwrap();
    let text = |text: &str| json!([{"type": "text", "text": text}]);
    let want = json!({
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 4096,
        "temperature": 0.7,
        "system": text("Be \"brief\"."),
        "messages": [
            {"role": "user", "content": text("Hello")},
            {"role": "assistant", "content": text("Hi\n")},
            {"role": "user", "content": text("Again")},
        ],
    });
    assert_eq!(claude, want);
}

#[test]
fn a_whole_answer_becomes_a_completion() {
    let answer = json!({
        "id": "msg_1",
        "content": [{"type": "text", "text": "a\n"}, {"type": "text", "text": "b"}],
        "stop_reason": "max_tokens",
        "usage": {"input_tokens": 3, "output_tokens": 4},
    });
    let body = reshape(answer.to_string().as_bytes(), "m", 7).unwrap();
    let completion: Value = serde_json::from_slice(&body).unwrap();
    let want = json!({
        "id": "msg_1",
        "object": "chat.completion",
        "created": 7,
        "model": "m",
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": "a\nb"},
            "finish_reason": "length",
        }],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
    });
    assert_eq!(completion, want);
}

#[test]
fn events_become_chunks() {
    let events = [
        json!({"type": "message_start", "message": {"id": "msg_1", "usage": {"input_tokens": 3}}}),
        json!({"type": "content_block_start", "content_block": {"type": "text", "text": ""}}),
        json!({"type": "ping"}),
        json!({"type": "content_block_delta", "delta": {"type": "text_delta", "text": "a\"b"}}),
        json!({"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "x"}}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"},
            "usage": {"output_tokens": 4}}),
        json!({"type": "message_stop"}),
    ];
    let mut reshaper = Reshaper::new("m", 7, true);
    let mut out = Vec::new();
    for event in events {
        reshaper
            .push(event.to_string().as_bytes(), &mut out)
            .unwrap();
    }
    let head =
        r#"{"id":"msg_1","object":"chat.completion.chunk","created":7,"model":"m","choices":"#;
    let choice = |delta: &str, reason: &str| {
        format!("data: {head}[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{reason}}}]}}\n\n")
    };
    let usage = r#"{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}"#;
    let want = [
        choice(r#"{"role":"assistant","content":""}"#, "null"),
        choice(r#"{"content":"a\"b"}"#, "null"),
        choice("{}", "\"stop\""),
        format!("data: {head}[],\"usage\":{usage}}}\n\n"),
        "data: [DONE]\n\n".to_owned(),
    ];
    assert_eq!(String::from_utf8(out).unwrap(), want.concat());
}
