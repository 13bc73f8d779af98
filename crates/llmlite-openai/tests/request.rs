//! What is read from a request, and what a client is told when it cannot be read.
#![expect(clippy::panic, reason = "a failing helper fails its test")]

use llmlite_openai::RequestErrorKind::{self, Invalid, NotJson};
use llmlite_openai::chat::message::{Content, PartKind, Role};
use llmlite_openai::chat::tool::{ToolChoice, ToolKind};
use llmlite_openai::{ChatRequest, RequestError};
use proptest::prelude::*;

/// Checks that `body` is refused at `param` with words that contain `message`.
#[track_caller]
fn refused(body: &str, kind: RequestErrorKind, param: Option<&str>, message: &str) {
    let error = ChatRequest::parse(body.as_bytes()).expect_err(body);
    assert_eq!(
        (error.kind, error.param.as_deref()),
        (kind, param),
        "{body}: {error}"
    );
    assert!(error.message.contains(message), "{body}: {error}");
}

/// Checks that `field` in a request is refused at `param`.
#[track_caller]
fn refused_field(field: &str, param: &str, message: &str) {
    let body = format!(
        r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}],{field},"user":"u"}}"#
    );
    refused(&body, Invalid, Some(param), message);
}

/// Checks that `messages` are refused at `param`.
#[track_caller]
fn refused_messages(messages: &str, param: &str, message: &str) {
    refused(
        &format!(r#"{{"model":"m","messages":{messages}}}"#),
        Invalid,
        Some(param),
        message,
    );
}

#[track_caller]
fn parsed(body: &str) -> ChatRequest {
    ChatRequest::parse(body.as_bytes()).unwrap_or_else(|error| panic!("{body}: {error}"))
}

#[test]
#[rustfmt::skip]
fn a_body_that_is_no_json_object_is_refused() {
    refused("",                                     NotJson, None, "EOF");
    refused("{\"model\":\"m\",",                    NotJson, None, "line 1");
    refused("<html>",                               NotJson, None, "not valid JSON");
    refused(r#"{"model":"\ud800","messages":[]}"#,  NotJson, None, "not valid JSON");
    refused("{} {}",                                Invalid, Some("model"), "missing");
    refused("[]",                                   Invalid, None, "expected an object");
    refused("\"secret\"",                           Invalid, None, "expected an object, got a string");
    refused("null",                                 Invalid, None, "expected an object, got null");
}

#[test]
#[rustfmt::skip]
fn a_body_nested_too_deeply_is_refused_without_a_crash() {
    let deep = 200_000;
    let hi = r#""messages":[{"role":"user","content":"hi"}]"#;
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let bomb = format!("{}1{}", open.repeat(deep), close.repeat(deep));
        let body = |field: &str| format!(r#"{{"model":"m",{hi},{field}}}"#);
        refused(&body(&format!(r#""logit_bias":{{"a":{bomb}}}"#)), NotJson, None, "recursion limit exceeded");
        refused(&body(&format!(r#""x":{}"#, open.repeat(deep))),   NotJson, None, "not valid JSON");
        for field in ["response_format", "tool_choice", "stop"] {
            let error = ChatRequest::parse(body(&format!(r#""{field}":{bomb}"#)).as_bytes()).expect_err(field);
            assert_eq!(error.kind, Invalid, "{error}");
            assert!(error.param.is_some_and(|param| param.starts_with(field)));
        }
        refused_messages(&format!(r#"[{{"role":"user","content":{bomb}}}]"#), if open == "[" { "messages[0].content[0]" } else { "messages[0].content" }, "expected");
        // What is only passed over may be as deep as it likes.
        parsed(&body(&format!(r#""metadata":{bomb},"x":{bomb}"#)));
    }
}

#[test]
#[rustfmt::skip]
fn a_wrong_value_is_named_by_its_path() {
    refused_field(r#""temperature":"hot""#,                     "temperature", "expected a number, got a string");
    refused_field(r#""max_tokens":-1"#,                         "max_tokens", "expected a whole number");
    refused_field(r#""max_tokens":1.5"#,                        "max_tokens", "expected a whole number");
    refused_field(r#""top_k":"all""#,                           "top_k", "expected a whole number, got a string");
    refused_field(r#""stream":"yes""#,                          "stream", "expected true or false");
    refused_field(r#""stream_options":true"#,                   "stream_options", "expected an object");
    refused_field(r#""stream_options":{"include_usage":1}"#,    "stream_options.include_usage", "expected true or false");
    refused_field(r#""stop":[1]"#,                              "stop[0]", "expected a string");
    refused_field(r#""stop":{}"#,                               "stop", "a string or a list of strings");
    refused_field(r#""tools":{}"#,                              "tools", "expected a list, got an object");
    refused_field(r#""tools":[{"type":"function"}]"#,           "tools[0].function", "missing");
    refused_field(r#""tools":[{"function":{"name":1}}]"#,       "tools[0].function.name", "expected a string");
    refused_field(r#""tools":[{"function":{}}]"#,               "tools[0].function.name", "missing");
    refused_field(r#""tool_choice":"maybe""#,                   "tool_choice", "auto, none, required");
    refused_field(r#""tool_choice":{"type":"x"}"#,              "tool_choice.type", "unknown value \"x\"");
    refused_field(r#""tool_choice":{"type":"function"}"#,       "tool_choice.function", "missing");
    refused_field(r#""response_format":{"type":"xml"}"#,        "response_format.type", "unknown value \"xml\"");
    refused_field(r#""response_format":{"type":"json_schema"}"#, "response_format.json_schema", "missing");
    refused_field(r#""model":"n""#,                             "model", "given twice");
    refused_field(r#""user":"v""#,                              "user", "given twice");
}

#[test]
#[rustfmt::skip]
fn a_wrong_message_is_named_by_its_path() {
    refused_messages("null",                                                "messages", "expected a list, got null");
    refused_messages("\"hi\"",                                              "messages", "expected a list, got a string");
    refused_messages("[7]",                                                 "messages[0]", "expected an object");
    refused_messages("[{}]",                                                "messages[0].role", "missing");
    refused_messages(r#"[{"role":"user"},{"role":"wizard"}]"#,              "messages[1].role", "unknown value \"wizard\"");
    refused_messages(r#"[{"role":"wizard"},{"role":"user"}]"#,              "messages[0].role", "unknown value \"wizard\"");
    refused_messages(r#"[{"role":"function"}]"#,                            "messages[0].role", "use `tool`");
    refused_messages(r#"[{"role":"user","content":7}]"#,                    "messages[0].content", "a string or a list of parts");
    refused_messages("[\n {\"role\":\"user\"},\n {\"role\":\"user\",\n  \"content\": {}}\n]", "messages[1].content", "got an object");
    refused_messages(r#"[{"role":"user","content":[{"type":"text"}]}]"#,    "messages[0].content[0].text", "missing");
    refused_messages(r#"[{"role":"user","content":[{"text":"a"}]}]"#,       "messages[0].content[0].type", "missing");
    refused_messages(r#"[{"role":"user","content":["a"]}]"#,                "messages[0].content[0]", "expected an object");
    refused_messages(r#"[{"role":"user","content":[{"type":"image_url","image_url":{}}]}]"#, "messages[0].content[0].image_url.url", "missing");
    refused_messages(r#"[{"role":"tool","content":"x"}]"#,                  "messages[0].tool_call_id", "missing");
    refused_messages(r#"[{"role":"assistant","tool_calls":[{"id":"a","function":{}}]}]"#, "messages[0].tool_calls[0].function.name", "missing");
    refused_messages(r#"[{"role":"assistant","tool_calls":[{"type":"function","function":{"name":"f"}}]}]"#, "messages[0].tool_calls[0].id", "missing");
    refused_messages(r#"[{"role":"assistant","tool_calls":[{"id":"a","type":"custom"}]}]"#, "messages[0].tool_calls[0].type", "unknown value");
    refused_messages(r#"[{"role":"assistant","function_call":{"name":"f"}}]"#, "messages[0].function_call", "use `tool_calls`");
}

#[test]
fn a_message_for_people_does_not_repeat_the_prompt() {
    let body = r#"{"model":"m","messages":"my secret, expected plan"}"#;
    let error = ChatRequest::parse(body.as_bytes()).expect_err(body);
    assert_eq!(error.to_string(), "messages: expected a list, got a string");

    let body = format!(
        r#"{{"model":"m","messages":[{{"role":"{}"}}]}}"#,
        "é".repeat(50)
    );
    let error = ChatRequest::parse(body.as_bytes()).expect_err("no such role");
    let start = format!("unknown value \"{}\"…, expected", "é".repeat(40));
    assert!(error.message.starts_with(&start), "{error}");
}

#[test]
fn null_equals_absent_for_every_optional_field() {
    let fields = "stream stream_options max_completion_tokens max_tokens temperature top_p top_k stop \
        tools tool_choice parallel_tool_calls response_format n logprobs top_logprobs logit_bias \
        frequency_penalty presence_penalty modalities audio web_search_options functions \
        function_call reasoning_effort service_tier store seed user safety_identifier metadata \
        verbosity prediction thinking prompt_cache_key prompt_cache_retention prompt_cache_options";
    let nulls: String = fields
        .split_whitespace()
        .map(|field| format!(r#","{field}":null"#))
        .collect();
    let with = parsed(&format!(r#"{{"model":"m","messages":[]{nulls}}}"#));
    let without = parsed(r#"{"model":"m","messages":[]}"#);
    assert_eq!(format!("{with:?}"), format!("{without:?}"));

    let message = r#"{"role":"assistant","content":null,"name":null,"refusal":null,"tool_calls":null,
        "tool_call_id":null,"function_call":null,"cache_control":null,"thinking_blocks":null,
        "reasoning_details":null,"audio":null}"#;
    let with = parsed(&format!(r#"{{"model":"m","messages":[{message}]}}"#));
    let without = parsed(r#"{"model":"m","messages":[{"role":"assistant"}]}"#);
    assert_eq!(format!("{with:?}"), format!("{without:?}"));
}

#[test]
fn unknown_fields_pass_at_every_level() {
    let request = parsed(
        r#"{"model":"m","x":1,"stream":true,"stream_options":{"include_usage":true,"x":1},
        "messages":[{"role":"user","x":{},"content":[{"type":"text","text":"hi","x":1},
            {"type":"image_url","image_url":{"url":"u","detail":"low","x":1}},
            {"type":"file","file":{"file_data":"d","x":1}}]},
          {"role":"assistant","x":1,"tool_calls":[{"id":"a","x":1,"function":{"name":"f","arguments":"{}","x":1}}]}],
        "tools":[{"x":1,"function":{"name":"f","x":1}}],
        "tool_choice":{"type":"function","x":1,"function":{"name":"f","x":1}},
        "response_format":{"type":"json_schema","x":1,"json_schema":{"name":"s","x":1}}}"#,
    );
    assert!(request.streams() && request.wants_usage());
    assert_eq!(
        request.tool_choice,
        Some(ToolChoice::Function {
            name: "f".to_owned()
        })
    );
    let Some(Content::Parts(parts)) = &request.messages[0].content else {
        panic!("parts expected")
    };
    assert!(matches!(&parts[1].kind, PartKind::Image { url } if url == "u"));
    let Role::Assistant { tool_calls, .. } = &request.messages[1].role else {
        panic!("assistant expected")
    };
    assert_eq!(tool_calls[0].function.arguments, "{}");
}

#[test]
fn a_schema_keeps_its_bytes() {
    let schema = r#"{"z":1.10, "a":{"b":1e400},"type":"object"}"#;
    let body = format!(
        r#"{{"model":"m","messages":[],"tools":[{{"type":"function","function":{{"name":"f","parameters":{schema}}}}}]}}"#
    );
    let tools = parsed(&body).tools.expect("tools were given");
    let ToolKind::Function(function) = &tools[0].kind else {
        panic!("function expected")
    };
    assert_eq!(
        function.parameters.as_ref().map(|raw| raw.get()),
        Some(schema)
    );
}

#[test]
fn content_stop_and_image_come_in_several_shapes() {
    let request = parsed(
        r#"{"model":"m","stop":"x","messages":[{"role":"developer","content":"a \"quoted\" word"},
        {"role":"user","content":[{"type":"image_url","image_url":"data:,"},{"type":"input_audio"}]}]}"#,
    );
    assert_eq!(request.stop.expect("stop was given").0, ["x"]);
    assert!(matches!(request.messages[0].role, Role::System));
    let Some(Content::Text(text)) = &request.messages[0].content else {
        panic!("text expected")
    };
    assert_eq!(text, "a \"quoted\" word");
    let Some(Content::Parts(parts)) = &request.messages[1].content else {
        panic!("parts expected")
    };
    assert!(matches!(&parts[0].kind, PartKind::Image { url } if url == "data:,"));
    assert!(matches!(&parts[1].kind, PartKind::Other { kind } if kind == "input_audio"));
}

/// JSON-like bytes, more telling than noise.
fn scraps() -> impl Strategy<Value = Vec<u8>> {
    let tokens = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\n",
        "null",
        "true",
        "-1",
        "1e999",
        "\"model\"",
        "\"messages\"",
        "\"role\"",
        "\"user\"",
        "\"content\"",
        "\"tools\"",
        "\"type\"",
        "\"text\"",
        "\"stop\"",
        "\"tool_choice\"",
        "\u{e9}",
    ];
    let token = proptest::sample::select(tokens.to_vec());
    proptest::collection::vec(token, 0..60).prop_map(|tokens| tokens.concat().into_bytes())
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(
        body in prop_oneof![scraps(), proptest::collection::vec(any::<u8>(), 0..200)],
    ) {
        let outcome: Result<ChatRequest, RequestError> = ChatRequest::parse(&body);
        if let Err(error) = outcome {
            prop_assert!(!error.message.is_empty());
        }
    }

    #[test]
    fn a_cut_body_is_refused(at in 0_usize..95) {
        let body = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"h\u00e9"}]}],"n":1}  "#;
        prop_assert!(at >= body.trim_end().len() || ChatRequest::parse(&body.as_bytes()[..at]).is_err());
    }
}
