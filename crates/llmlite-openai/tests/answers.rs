//! The exact text that clients receive.

use llmlite_openai::chat::chunk::{ChunkChoice, ChunkTag, ChunkUsage, Delta};
use llmlite_openai::chat::response::{
    AssistantMessage, AssistantTag, Choice, CompletionTag, FinishReason, ReasoningDetail,
    ReasoningFormat, ReasoningThought,
};
use llmlite_openai::chat::tool_call::{
    CallTag, Calling, CustomCalled, CustomDelta, FunctionCalled, FunctionDelta, ToolCallDelta,
    ToolCalled,
};
use llmlite_openai::models::{ModelList, ModelObject};
use llmlite_openai::usage::{CompletionTokensDetails, CompletionUsage, PromptTokensDetails};
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
        completion_tokens_details: None,
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

fn function() -> FunctionCalled {
    FunctionCalled {
        name: "f".to_owned(),
        arguments: "{}".to_owned(),
    }
}

fn details() -> Vec<ReasoningDetail> {
    let text = |signature: Option<&str>| ReasoningThought::Text {
        text: "t".to_owned(),
        signature: signature.map(str::to_owned),
    };
    let sealed = ReasoningThought::Encrypted {
        data: "d".to_owned(),
    };
    [text(Some("s")), sealed, text(None)]
        .into_iter()
        .zip(0..)
        .map(|(thought, index)| ReasoningDetail {
            thought,
            format: ReasoningFormat::Claude,
            index,
        })
        .collect()
}

const DETAILS: &str = r#"[{"type":"reasoning.text","text":"t","signature":"s","format":"anthropic-claude-v1","index":0},{"type":"reasoning.encrypted","data":"d","format":"anthropic-claude-v1","index":1},{"type":"reasoning.text","text":"t","format":"anthropic-claude-v1","index":2}]"#;

#[test]
fn a_completion_has_every_field_that_clients_look_for() {
    let completion = ChatCompletion {
        id: "chatcmpl-1".into(),
        object: CompletionTag::ChatCompletion,
        created: 7,
        model: "m".into(),
        choices: vec![Choice {
            index: 0,
            message: AssistantMessage::default(),
            logprobs: (),
            finish_reason: FinishReason::Stop,
        }],
        usage: usage(),
        system_fingerprint: None,
    };
    check(
        &completion,
        concat!(
            r#"{"id":"chatcmpl-1","object":"chat.completion","created":7,"model":"m","choices":[{"index":0,"#,
            r#""message":{"role":"assistant","content":null,"refusal":null},"logprobs":null,"#,
            r#""finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2,"#,
            r#""total_tokens":11,"prompt_tokens_details":{"cached_tokens":4,"cache_write_tokens":3}},"#,
            r#""system_fingerprint":null}"#,
        ),
    );
}

/// Checks the fields of a message after `role`.
#[track_caller]
fn message(message: AssistantMessage, want: &str) {
    check(&message, &format!(r#"{{"role":"assistant",{want}}}"#));
}

#[test]
#[rustfmt::skip]
fn a_message_has_what_there_is_to_say_and_nothing_else() {
    let none = AssistantMessage::default;
    message(none(), r#""content":null,"refusal":null"#);
    message(AssistantMessage { content: Some("a\u{2028}\"".to_owned()), ..none() },
            "\"content\":\"a\u{2028}\\\"\",\"refusal\":null");
    message(AssistantMessage { content: Some(String::new()), ..none() },
            r#""content":"","refusal":null"#);
    message(AssistantMessage { refusal: Some("no".to_owned()), ..none() },
            r#""content":null,"refusal":"no""#);
    message(AssistantMessage { reasoning_content: Some("t".to_owned()), reasoning_details: details(), ..none() },
            &format!(r#""content":null,"refusal":null,"reasoning_content":"t","reasoning_details":{DETAILS}"#));
    message(AssistantMessage { function_call: Some(function()), ..none() },
            r#""content":null,"refusal":null,"function_call":{"name":"f","arguments":"{}"}"#);
    let custom = CustomCalled { name: "g".to_owned(), input: "x".to_owned() };
    let calls = vec![
        ToolCalled { id: "a".to_owned(), call: Calling::Function { function: function() } },
        ToolCalled { id: "b".to_owned(), call: Calling::Custom { custom } },
    ];
    message(AssistantMessage { tool_calls: calls, ..none() },
            r#""content":null,"refusal":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"b","type":"custom","custom":{"name":"g","input":"x"}}]"#);
}

#[test]
#[rustfmt::skip]
fn an_answer_ends_for_a_reason_of_openai_s_list() {
    check(&FinishReason::Stop,          r#""stop""#);
    check(&FinishReason::Length,        r#""length""#);
    check(&FinishReason::ToolCalls,     r#""tool_calls""#);
    check(&FinishReason::FunctionCall,  r#""function_call""#);
    check(&FinishReason::ContentFilter, r#""content_filter""#);
}

#[test]
fn thinking_is_counted_only_where_it_is_known() {
    let mut usage = usage();
    let known = r#"{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11,"prompt_tokens_details":{"cached_tokens":4,"cache_write_tokens":3}"#;
    check(&usage, &format!("{known}}}"));
    usage.completion_tokens_details = Some(CompletionTokensDetails {
        reasoning_tokens: 1,
    });
    check(
        &usage,
        &format!(r#"{known},"completion_tokens_details":{{"reasoning_tokens":1}}}}"#),
    );
}

const HEAD: &str = r#"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":7,"model":"m","system_fingerprint":null,"#;

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
#[rustfmt::skip]
fn a_delta_has_what_is_new_and_nothing_else() {
    let none = Delta::default;
    check(&none(),                                                              "{}");
    check(&Delta { role: Some(AssistantTag::Assistant), ..none() },             r#"{"role":"assistant"}"#);
    check(&Delta { content: Some("a".to_owned()), ..none() },                   r#"{"content":"a"}"#);
    check(&Delta { refusal: Some("no".to_owned()), ..none() },                  r#"{"refusal":"no"}"#);
    check(&Delta { reasoning_content: Some("t".to_owned()), ..none() },         r#"{"reasoning_content":"t"}"#);
    check(&Delta { reasoning_details: details(), ..none() },                    &format!(r#"{{"reasoning_details":{DETAILS}}}"#));
    let first = FunctionDelta { name: Some("f".to_owned()), arguments: String::new() };
    check(&Delta { function_call: Some(first), ..none() },                      r#"{"function_call":{"name":"f","arguments":""}}"#);
    let next = FunctionDelta { name: None, arguments: "{".to_owned() };
    check(&Delta { function_call: Some(next), ..none() },                       r#"{"function_call":{"arguments":"{"}}"#);
    let call = ToolCallDelta { index: 1, ..ToolCallDelta::default() };
    check(&Delta { tool_calls: vec![call], ..none() },                          r#"{"tool_calls":[{"index":1}]}"#);
}

#[test]
fn the_pieces_of_a_call_name_it_once() {
    let function = |id: Option<&str>, name: Option<&str>, arguments: &str| ToolCallDelta {
        index: 1,
        id: id.map(str::to_owned),
        r#type: id.map(|_| CallTag::Function),
        function: Some(FunctionDelta {
            name: name.map(str::to_owned),
            arguments: arguments.to_owned(),
        }),
        custom: None,
    };
    check(
        &function(Some("a"), Some("f"), ""),
        r#"{"index":1,"id":"a","type":"function","function":{"name":"f","arguments":""}}"#,
    );
    check(
        &function(None, None, "{\"x\""),
        r#"{"index":1,"function":{"arguments":"{\"x\""}}"#,
    );
    let custom = |id: Option<&str>, name: Option<&str>, input: &str| ToolCallDelta {
        index: 0,
        id: id.map(str::to_owned),
        r#type: id.map(|_| CallTag::Custom),
        function: None,
        custom: Some(CustomDelta {
            name: name.map(str::to_owned),
            input: input.to_owned(),
        }),
    };
    check(
        &custom(Some("b"), Some("g"), ""),
        r#"{"index":0,"id":"b","type":"custom","custom":{"name":"g","input":""}}"#,
    );
    check(
        &custom(None, None, "x"),
        r#"{"index":0,"custom":{"input":"x"}}"#,
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
