//! The exact text that clients receive.

use llmlite_openai::chat::chunk::{
    ChunkChoice, ChunkTag, ChunkUsage, Delta, FunctionDelta, ToolCallDelta,
};
use llmlite_openai::chat::response::{
    AssistantMessage, AssistantTag, Choice, CompletionTag, FinishReason,
};
use llmlite_openai::chat::tool::{FunctionCall, FunctionTag, ToolCall};
use llmlite_openai::models::{ModelList, ModelObject};
use llmlite_openai::usage::{CompletionUsage, PromptTokensDetails};
use llmlite_openai::{ChatChunk, ChatCompletion, ErrorBody, sse};
use serde::Serialize;

#[track_caller]
fn check(value: &impl Serialize, want: &str) {
    assert_eq!(
        serde_json::to_string(value).expect("the value is plain data"),
        want
    );
}

fn usage() -> CompletionUsage {
    CompletionUsage {
        prompt_tokens: 9,
        completion_tokens: 2,
        total_tokens: 11,
        prompt_tokens_details: PromptTokensDetails {
            cached_tokens: 4,
            cache_write_tokens: 3,
        },
    }
}

fn chunk(choices: Vec<ChunkChoice>, usage: ChunkUsage) -> ChatChunk {
    ChatChunk {
        id: "chatcmpl-1".into(),
        object: ChunkTag::ChatCompletionChunk,
        created: 7,
        model: "m".into(),
        system_fingerprint: None,
        choices,
        usage,
    }
}

fn choice(delta: Delta, finish_reason: Option<FinishReason>) -> Vec<ChunkChoice> {
    vec![ChunkChoice {
        index: 0,
        delta,
        logprobs: (),
        finish_reason,
    }]
}

const HEAD: &str = r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":7,"model":"m","system_fingerprint":null,"#;

#[test]
fn a_completion_has_every_field_that_clients_look_for() {
    let completion = ChatCompletion {
        id: "chatcmpl-1".into(),
        object: CompletionTag::ChatCompletion,
        created: 7,
        model: "m".into(),
        choices: vec![Choice {
            index: 0,
            message: AssistantMessage {
                tool_calls: vec![ToolCall {
                    cache_control: None,
                    id: "a".to_owned(),
                    r#type: FunctionTag::Function,
                    function: FunctionCall {
                        name: "f".to_owned(),
                        arguments: "{}".to_owned(),
                    },
                }],
                ..AssistantMessage::default()
            },
            logprobs: (),
            finish_reason: FinishReason::ToolCalls,
        }],
        usage: usage(),
        system_fingerprint: None,
    };
    check(
        &completion,
        concat!(
            r#"{"id":"chatcmpl-1","object":"chat.completion","created":7,"model":"m","choices":[{"index":0,"#,
            r#""message":{"role":"assistant","content":null,"refusal":null,"tool_calls":[{"id":"a","#,
            r#""type":"function","function":{"name":"f","arguments":"{}"}}]},"logprobs":null,"#,
            r#""finish_reason":"tool_calls"}],"usage":{"prompt_tokens":9,"completion_tokens":2,"#,
            r#""total_tokens":11,"prompt_tokens_details":{"cached_tokens":4,"cache_write_tokens":3}},"#,
            r#""system_fingerprint":null}"#,
        ),
    );
}

#[test]
fn a_chunk_says_null_until_the_answer_has_ended() {
    let role = Delta {
        role: Some(AssistantTag::Assistant),
        content: Some(String::new()),
        ..Delta::default()
    };
    check(
        &chunk(choice(role, None), ChunkUsage::LeftOut),
        &format!(
            r#"{HEAD}"choices":[{{"index":0,"delta":{{"role":"assistant","content":""}},"logprobs":null,"finish_reason":null}}]}}"#
        ),
    );
    check(
        &chunk(
            choice(Delta::default(), Some(FinishReason::Length)),
            ChunkUsage::Null,
        ),
        &format!(
            r#"{HEAD}"choices":[{{"index":0,"delta":{{}},"logprobs":null,"finish_reason":"length"}}],"usage":null}}"#
        ),
    );
    check(
        &chunk(Vec::new(), ChunkUsage::Known(usage())),
        &format!(
            r#"{HEAD}"choices":[],"usage":{{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11,"prompt_tokens_details":{{"cached_tokens":4,"cache_write_tokens":3}}}}}}"#
        ),
    );
}

#[test]
fn the_pieces_of_a_call_name_it_once() {
    let piece = |id: Option<&str>, name: Option<&str>, arguments: &str| ToolCallDelta {
        index: 1,
        id: id.map(str::to_owned),
        r#type: id.map(|_| FunctionTag::Function),
        function: FunctionDelta {
            name: name.map(str::to_owned),
            arguments: arguments.to_owned(),
        },
    };
    check(
        &piece(Some("a"), Some("f"), ""),
        r#"{"index":1,"id":"a","type":"function","function":{"name":"f","arguments":""}}"#,
    );
    check(
        &piece(None, None, "{\"x\""),
        r#"{"index":1,"function":{"arguments":"{\"x\""}}"#,
    );
}

#[test]
fn an_error_always_has_its_four_fields() {
    check(
        &ErrorBody::new("server_error", "no"),
        r#"{"error":{"message":"no","type":"server_error","param":null,"code":null}}"#,
    );
    check(
        &ErrorBody::new("invalid_request_error", "no")
            .with_param(Some("model".to_owned()))
            .with_code("model_not_found")
            .with_request_id("req_1"),
        r#"{"error":{"message":"no","type":"invalid_request_error","param":"model","code":"model_not_found","request_id":"req_1"}}"#,
    );
}

#[test]
fn models_are_listed_in_the_order_given() {
    check(
        &ModelList::new(vec![
            ModelObject::new("b", 2, "anthropic"),
            ModelObject::new("a", 1, "anthropic"),
        ]),
        concat!(
            r#"{"object":"list","data":[{"id":"b","object":"model","created":2,"owned_by":"anthropic"},"#,
            r#"{"id":"a","object":"model","created":1,"owned_by":"anthropic"}]}"#,
        ),
    );
}

#[test]
fn an_event_is_one_line_whatever_the_text() {
    let mut out = b"before".to_vec();
    sse::data(&mut out, &"a\r\nb\u{2028}").expect("text is JSON");
    sse::comment(&mut out, "c\nd");
    assert_eq!(
        out,
        "beforedata: \"a\\r\\nb\u{2028}\"\n\n: c d\n\n".as_bytes()
    );
}

#[test]
fn a_value_that_is_not_json_leaves_nothing_behind() {
    let mut out = b"before".to_vec();
    let map = std::collections::HashMap::from([((1, 2), 3)]);
    sse::data(&mut out, &map).expect_err("a pair cannot be a key");
    assert_eq!(out, b"before");
}
