//! Text completions: what is read, what it becomes, and how the answer looks.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that fails says where"
)]

use llmlite_openai::{
    ChatChunk, ChatCompletion, ChatRequest,
    chat::{
        chunk::{ChunkChoice, ChunkTag, ChunkUsage, Delta},
        reasoning::ThinkingWish,
        response::{AssistantMessage, AssistantTag, Choice, CompletionTag, FinishReason},
    },
    completions::{CompletionRequest, TextChunk, TextCompletion},
    usage::CompletionUsage,
};
use serde_json::{Value, json};

#[track_caller]
fn becomes(request: &Value, want: &Value) {
    let body = request.to_string();
    let request = CompletionRequest::parse(body.as_bytes()).unwrap();
    let chat = request.chat_body();
    let chat_value: Value = serde_json::from_slice(&chat).unwrap();
    assert_eq!(chat_value, *want);
    ChatRequest::parse(&chat).expect("it is a chat request");
}

fn says(text: &str) -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": text}]})
}

#[test]
fn a_prompt_becomes_what_the_user_says() {
    for prompt in [
        json!("Once \u{1f600}\n\"upon\""),
        json!(["Once \u{1f600}\n\"upon\""]),
    ] {
        becomes(
            &json!({"model": "m", "prompt": prompt, "suffix": null, "echo": false, "best_of": 1,
                    "logprobs": null}),
            &says("Once \u{1f600}\n\"upon\""),
        );
    }
    becomes(
        &json!({"model": "m", "prompt": "a", "suffix": ""}),
        &says("a"),
    );
}

#[test]
fn settings_keep_their_names_and_the_text_of_their_numbers() {
    let settings = r#""max_completion_tokens":7,"max_tokens":7,"temperature":0.10,"top_p":1.0,"top_k":-1,"stop":["\n","x"],"stream":true,"stream_options":{"include_usage":true},"n":1,"frequency_penalty":0,"presence_penalty":0.0,"logit_bias":{"50256":-100},"reasoning_effort":"low","seed":3,"user":"u","metadata":{"a":"b"}"#;
    let body = format!(r#"{{"prompt":"a",{settings},"model":"m"}}"#);
    let request = CompletionRequest::parse(body.as_bytes()).unwrap();
    let chat = String::from_utf8(request.chat_body()).unwrap();
    let messages = r#"{"model":"m","messages":[{"role":"user","content":"a"}]"#;
    assert_eq!(chat, format!("{messages},{settings}}}"));
    let chat = ChatRequest::parse(chat.as_bytes()).unwrap();
    assert!(chat.streams() && chat.wants_usage());
    assert_eq!((chat.max_tokens, chat.temperature), (Some(7), Some(0.1)));
    assert!(chat.unknown.is_empty());
}

#[test]
fn a_suffix_makes_a_gap_to_be_filled() {
    let body = r#"{"model":"m","prompt":"fn add(","suffix":") {}\n"}"#;
    let request = CompletionRequest::parse(body.as_bytes()).unwrap();
    let chat: Value = serde_json::from_slice(&request.chat_body()).unwrap();
    let text = chat["messages"][0]["content"].as_str().unwrap();
    assert!(
        text.starts_with("Write the text that belongs in the gap"),
        "{text}"
    );
    assert!(
        text.ends_with("<before>fn add(</before>\n<after>) {}\n</after>"),
        "{text}"
    );
}

#[test]
fn fields_that_nobody_knows_are_named_and_go_no_further() {
    let body = r#"{"model":"m","prompt":"a","tools":[],"messages":[],"tools":1,"étoile":2}"#;
    let request = CompletionRequest::parse(body.as_bytes()).unwrap();
    assert_eq!(request.unknown, ["tools", "messages", "étoile"]);
    let chat: Value = serde_json::from_slice(&request.chat_body()).unwrap();
    assert_eq!(chat, says("a"));
}

#[test]
fn a_gap_may_be_at_the_beginning() {
    for prompt in ["\"\"", "\" \\n\"", "[\"\"]"] {
        let body = format!(r#"{{"model":"m","prompt":{prompt},"suffix":"fn main() {{}}"}}"#);
        let request = CompletionRequest::parse(body.as_bytes()).expect(&body);
        let chat: Value = serde_json::from_slice(&request.chat_body()).unwrap();
        let text = chat["messages"][0]["content"].as_str().unwrap();
        assert!(text.ends_with("<after>fn main() {}</after>"), "{text}");
    }
}

#[test]
fn what_the_client_says_about_thinking_is_kept() {
    let check = |field: &str, effort: Option<&str>, thinking: Option<ThinkingWish>| {
        let body = format!(r#"{{"model":"m","prompt":"a"{field}}}"#);
        let chat = CompletionRequest::parse(body.as_bytes())
            .expect(field)
            .chat_body();
        let chat = ChatRequest::parse(&chat).expect(field);
        assert_eq!(chat.reasoning_effort.as_deref(), effort, "{field}");
        assert_eq!(chat.thinking, thinking, "{field}");
    };
    check("", None, None);
    check(r#","reasoning_effort":null,"thinking":null"#, None, None);
    check(r#","reasoning_effort":"high""#, Some("high"), None);
    check(
        r#","thinking":{"type":"adaptive"}"#,
        None,
        Some(ThinkingWish::Adaptive),
    );
}

#[track_caller]
fn refused(body: &str, param: Option<&str>, words: &str) {
    let error = CompletionRequest::parse(body.as_bytes()).unwrap_err();
    assert_eq!(error.param.as_deref(), param, "{body}: {error}");
    assert!(error.message.contains(words), "{body}: {error}");
}

#[test]
#[rustfmt::skip]
fn what_no_chat_request_can_ask_for_is_refused_with_the_fields_name() {
    refused(r#"{"prompt":"a"}"#,                                Some("model"),     "missing");
    refused(r#"{"model":"m"}"#,                                 Some("prompt"),    "missing");
    refused(r#"{"model":"m","prompt":null}"#,                   Some("prompt"),    "missing");
    refused(r#"{"model":"m","prompt":" \n"}"#,                  Some("prompt"),    "no text");
    refused(r#"{"model":"m","prompt":[""]}"#,                   Some("prompt"),    "no text");
    refused(r#"{"model":"m","prompt":"","suffix":" \n"}"#,      Some("prompt"),    "no text");
    refused(r#"{"model":"m","suffix":"a"}"#,                    Some("prompt"),    "missing");
    refused(r#"{"model":"m","prompt":7}"#,                      Some("prompt"),    "expected a text");
    refused(r#"{"model":"m","prompt":[]}"#,                     Some("prompt"),    "empty");
    refused(r#"{"model":"m","prompt":["a","b"]}"#,              Some("prompt"),    "several prompts");
    refused(r#"{"model":"m","prompt":[1,2]}"#,                  Some("prompt"),    "tokens");
    refused(r#"{"model":"m","prompt":[[1,2]]}"#,                Some("prompt"),    "tokens");
    refused(r#"{"model":"m","prompt":"a","echo":true}"#,        Some("echo"),      "not repeated");
    refused(r#"{"model":"m","prompt":"a","best_of":2}"#,        Some("best_of"),   "one answer");
    refused(r#"{"model":"m","prompt":"a","logprobs":0}"#,       Some("logprobs"),  "no log probabilities");
    refused(r#"{"model":"m","prompt":"a","suffix":1}"#,         Some("suffix"),    "string");
    refused(r#"{"model":"m","prompt":"a","prompt":"b"}"#,       Some("prompt"),    "twice");
    refused(r#"{"model":"m","prompt":"a""#,                     None,              "not valid JSON");
    refused(r#"[]"#,                                            None,              "an object");
}

fn usage() -> CompletionUsage {
    CompletionUsage {
        prompt_tokens: 3,
        completion_tokens: 2,
        total_tokens: 5,
        ..CompletionUsage::default()
    }
}

fn whole(content: Option<&str>, finish_reason: FinishReason) -> Value {
    serde_json::to_value(TextCompletion::from(ChatCompletion {
        id: "cmpl-1".into(),
        object: CompletionTag::ChatCompletion,
        created: 7,
        model: "m".into(),
        choices: vec![Choice {
            index: 0,
            message: AssistantMessage {
                content: content.map(str::to_owned),
                ..AssistantMessage::default()
            },
            logprobs: (),
            finish_reason,
        }],
        usage: usage(),
        system_fingerprint: None,
    }))
    .unwrap()
}

#[test]
fn an_answer_is_a_text_and_why_it_ended() {
    assert_eq!(
        whole(Some("upon a time"), FinishReason::Length),
        json!({
            "id": "cmpl-1", "object": "text_completion", "created": 7, "model": "m",
            "choices": [{"text": "upon a time", "index": 0, "logprobs": null,
                         "finish_reason": "length"}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5,
                      "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0}},
            "system_fingerprint": null,
        })
    );
    let refused = whole(None, FinishReason::ContentFilter);
    assert_eq!(refused["choices"][0]["text"], "");
    assert_eq!(refused["choices"][0]["finish_reason"], "content_filter");
    let called = whole(None, FinishReason::ToolCalls);
    assert_eq!(called["choices"][0]["finish_reason"], "stop");
}

fn chunk(delta: Delta, finish_reason: Option<FinishReason>, usage: ChunkUsage) -> Option<Value> {
    let chunk = TextChunk::of(ChatChunk {
        id: "cmpl-1".into(),
        object: ChunkTag::ChatCompletionChunk,
        created: 7,
        model: "m".into(),
        system_fingerprint: None,
        choices: vec![ChunkChoice {
            index: 0,
            delta,
            logprobs: (),
            finish_reason,
        }],
        usage,
    });
    chunk.map(|chunk| serde_json::to_value(chunk).unwrap())
}

#[test]
fn a_chunk_carries_text_an_end_or_the_usage_and_is_left_out_otherwise() {
    let text = |text: &str| Delta {
        content: Some(text.to_owned()),
        ..Delta::default()
    };
    let want = json!({
        "id": "cmpl-1", "object": "text_completion", "created": 7, "model": "m",
        "system_fingerprint": null,
        "choices": [{"text": "upon", "index": 0, "logprobs": null, "finish_reason": null}],
    });
    assert_eq!(chunk(text("upon"), None, ChunkUsage::LeftOut), Some(want));
    let end = chunk(Delta::default(), Some(FinishReason::Stop), ChunkUsage::Null).unwrap();
    assert_eq!(end["choices"][0]["finish_reason"], "stop");
    assert_eq!(end["choices"][0]["text"], "");
    assert_eq!(end.get("usage"), Some(&Value::Null));
    let last = chunk(Delta::default(), None, ChunkUsage::Known(usage())).unwrap();
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["total_tokens"], 5);

    let role = Delta {
        role: Some(AssistantTag::Assistant),
        content: Some(String::new()),
        ..Delta::default()
    };
    let thought = Delta {
        reasoning_content: Some("hm".to_owned()),
        ..Delta::default()
    };
    for nothing in [role, thought, Delta::default()] {
        assert_eq!(chunk(nothing, None, ChunkUsage::Null), None);
    }
}
