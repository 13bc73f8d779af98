//! What is refused, adjusted or ignored, and what the client is told.

use llmlite_translator::{EncodeError, Encoded, Model, Sampling};
use serde_json::Value;

use crate::{HI, models, request, taken};

fn model() -> Model {
    Model {
        max_output_tokens: 1000,
        default_max_tokens: 500,
        ..models::plain()
    }
}

/// Checks that `messages` are refused at `param` with words that contain `text`.
#[track_caller]
fn refused_for(model: &Model, messages: &str, fields: &str, param: &str, text: &str) {
    let error: EncodeError = crate::encoded(model, &request(messages, fields)).expect_err(messages);
    assert_eq!(error.param(), Some(param), "{error}");
    let message = error.to_string();
    assert!(
        message.contains(text) && message.starts_with(param),
        "{message}"
    );
}

#[track_caller]
fn refused(messages: &str, param: &str, text: &str) {
    refused_for(&model(), messages, "", param, text);
}

#[track_caller]
fn refused_field(fields: &str, param: &str, text: &str) {
    refused_for(&model(), HI, fields, param, text);
}

#[track_caller]
fn encoded(model: &Model, messages: &str, fields: &str) -> (Value, Encoded) {
    let (encoded, body) = taken(model, &request(messages, fields));
    (body, encoded)
}

#[test]
#[rustfmt::skip]
fn a_conversation_without_anything_to_answer_is_refused() {
    refused("[]",                                                                   "messages", "at least one user message");
    refused(r#"[{"role":"system","content":"x"}]"#,                                 "messages", "at least one user message");
    refused(r#"[{"role":"assistant","content":"x"}]"#,                              "messages", "at least one user message");
    refused(r#"[{"role":"user","content":"\n\t "}]"#,                               "messages[0].content", "is empty");
    refused(r#"[{"role":"user","content":" "},{"role":"system","content":"x"}]"#,   "messages[0].content", "is empty");
    refused(r#"[{"role":"user","content":" "},{"role":"assistant","content":"b"}]"#, "messages[0].content", "is empty");
    let with = |end: &str| format!(r#"[{{"role":"user","content":"a"}},{{"role":"assistant","content":"b"}},{end}]"#);
    refused(&with(r#"{"role":"user","content":[]}"#),                               "messages[2].content", "is empty");
    refused(&with(r#"{"role":"user"},{"role":"assistant","content":" "}"#),         "messages[2].content", "is empty");
    refused(&with(r#"{"role":"user"},{"role":"assistant","content":"c"}"#),         "messages[2].content", "is empty");
    refused(&with(r#"{"role":"user"},{"role":"user"},{"role":"assistant"}"#),       "messages[3].content", "is empty");
}

#[test]
#[rustfmt::skip]
fn a_blank_message_among_others_of_the_user_does_no_harm() {
    let says = |messages: &str| {
        let (body, _) = encoded(&model(), messages, "");
        body.pointer("/messages/0/content/0/text").and_then(Value::as_str).map(str::to_owned)
    };
    assert_eq!(says(r#"[{"role":"user","content":"a"},{"role":"user","content":" "}]"#).as_deref(), Some("a"));
    assert_eq!(says(r#"[{"role":"user","content":" "},{"role":"user","content":"a"}]"#).as_deref(), Some("a"));
    assert_eq!(says(r#"[{"role":"user"},{"role":"assistant","content":"b"},{"role":"user","content":"a"}]"#).as_deref(), Some("."));
}

#[test]
#[rustfmt::skip]
fn a_part_that_cannot_be_sent_is_refused() {
    let part = |part: &str| format!(r#"[{{"role":"user","content":[{{"type":"text","text":"a"}},{part}]}}]"#);
    refused(&part(r#"{"type":"image_url","image_url":{"url":"https://e.com/a.png"}}"#),   "messages[0].content[1].image_url.url", "data URL");
    refused(&part(r#"{"type":"image_url","image_url":{"url":"a.png"}}"#),                 "messages[0].content[1].image_url.url", "base64");
    refused(&part(r#"{"type":"image_url","image_url":{"url":"data:image/bmp;base64,Qk0="}}"#), "messages[0].content[1].image_url.url", "PNG, JPEG");
    refused(&part(r#"{"type":"file","file":{"file_id":"file-1"}}"#),                      "messages[0].content[1].file.file_id", "file_data");
    refused(&part(r#"{"type":"file","file":{"file_data":"UEsDBBQAAAA="}}"#),              "messages[0].content[1].file.file_data", "neither PDF nor text");
    refused(&part(r#"{"type":"file","file":{"file_data":"!"}}"#),                         "messages[0].content[1].file.file_data", "base64");
    refused(&part(r#"{"type":"input_audio","input_audio":{}}"#),                          "messages[0].content[1]", "input_audio");
    refused(&part(r#"{"type":"refusal","refusal":"no"}"#),                                "messages[0].content[1]", "refusal");
    let foreign = |role: &str| format!(r#"[{{"role":"user","content":"a"}},{{"role":"{role}","content":[{{"type":"image_url","image_url":{{"url":"data:"}}}}]}}]"#);
    assert_eq!(encoded(&model(), &foreign("assistant"), "").1.ignored, ["messages[].content[] of the assistant"]);
    refused(&foreign("system"),                                                           "messages[1].content[0]", "image_url");
}

#[test]
#[rustfmt::skip]
fn what_a_model_cannot_do_is_refused() {
    let blind = Model { vision: false, ..model() };
    let image = r#"[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0K"}}]}]"#;
    let pdf = r#"[{"role":"user","content":[{"type":"file","file":{"file_data":"JVBERi0xLjQK"}}]}]"#;
    refused_for(&blind, image, "", "messages[0].content[0]", "reads only text");
    encoded(&blind, pdf, "");
    let no_pdf = Model { pdf: false, ..model() };
    refused_for(&no_pdf, pdf,  "", "messages[0].content[0]", "does not read PDF");
    encoded(&no_pdf, image, "");
}

#[test]
#[rustfmt::skip]
fn a_model_that_continues_no_answer_is_asked_for_it_in_words() {
    let unable = Model { prefill: false, ..model() };
    let last = |messages: &str| {
        let (body, told) = encoded(&unable, messages, "");
        let turn = body["messages"].as_array().and_then(|turns| turns.last()).expect("a turn");
        assert_eq!(turn["role"], "user", "{body}");
        (turn["content"][0]["text"].as_str().unwrap_or_default().to_owned(), told.adjusted)
    };
    let begun = r#"[{"role":"user","content":"a"},{"role":"assistant","content":"b "}]"#;
    let (text, adjusted) = last(begun);
    assert!(text.starts_with("Continue your last message"), "{text}");
    assert_eq!(adjusted, ["messages"]);
    let blank = r#"[{"role":"user","content":"a"},{"role":"assistant","content":" "}]"#;
    assert_eq!(last(blank), ("a".to_owned(), vec![]));
    let (body, _) = encoded(&model(), begun, "");
    assert_eq!(body["messages"][1]["content"][0]["text"], "b");
}

#[test]
#[rustfmt::skip]
fn tools_that_claude_cannot_have_are_refused() {
    let one = r#""tools":[{"type":"function","function":{"name":"f"}}]"#;
    refused_field(r#","tools":[{"function":{"name":""}}]"#,                                               "tools[0].function.name", "needs a name");
    refused_field(r#","tools":[{"function":{"name":"f"}},{"function":{"name":"f","description":"g"}}]"#,  "tools[1].function.name", "given twice");
    refused_field(r#","tools":[{"function":{"name":"f","parameters":[]}}]"#,                              "tools[0].function.parameters", "object");
    refused_field(r#","tools":[{"function":{"name":"f","parameters":{"type":"string"}}}]"#,               "tools[0].function.parameters", "object");
    refused_field(&format!(r#",{one},"tool_choice":{{"type":"function","function":{{"name":"g"}}}}"#),    "tool_choice", "\"g\"");
    refused_field(&format!(r#",{one},"tool_choice":{{"type":"allowed_tools","allowed_tools":{{"tools":[{{"function":{{"name":"g"}}}}]}}}}"#), "tool_choice", "\"g\"");
    refused_field(r#","tool_choice":"required""#,                                                         "tool_choice", "add tools");
    refused_field(r#","tools":[],"tool_choice":{"type":"function","function":{"name":"f"}}"#,             "tool_choice", "add tools");
}

#[test]
#[rustfmt::skip]
fn a_field_that_would_change_the_answer_is_refused() {
    refused_field(r#","n":2"#,                              "n", "one request for each");
    refused_field(r#","n":0"#,                              "n", "at least 1");
    refused_field(r#","logprobs":true"#,                    "logprobs", "leave it out");
    refused_field(r#","top_logprobs":2"#,                   "top_logprobs", "leave it out");
    refused_field(r#","modalities":["text","audio"]"#,      "modalities", "text only");
    refused_field(r#","audio":{"voice":"x"}"#,              "audio", "text only");
    refused_field(r#","web_search_options":{}"#,            "web_search_options", "search function");
    refused_field(r#","max_tokens":0"#,                     "max_tokens", "at least 1");
    refused_field(r#","max_completion_tokens":0"#,          "max_completion_tokens", "at least 1");
    refused_field(r#","max_output_tokens":0"#,              "max_output_tokens", "at least 1");
}

#[test]
#[rustfmt::skip]
fn a_field_that_changes_nothing_is_accepted_silently() {
    for fields in [
        r#","n":1"#, r#","logprobs":false,"top_logprobs":0"#, r#","modalities":["text"]"#, r#","functions":[]"#,
        r#","logit_bias":{}"#, r#","frequency_penalty":0,"presence_penalty":0.0"#, r#","store":false"#,
        r#","service_tier":"auto""#, r#","reasoning_effort":"none""#, r#","tool_choice":"auto""#,
        r#","tool_choice":"none""#, r#","parallel_tool_calls":false"#, r#","response_format":{"type":"text"}"#,
    ] {
        let (body, encoded) = encoded(&model(), HI, fields);
        assert_eq!((encoded.ignored, encoded.adjusted), (vec![], vec![]), "{fields}");
        assert_eq!(body.as_object().expect("the body is an object").len(), 3, "{fields}: {body}");
    }
}

#[test]
#[rustfmt::skip]
fn a_field_without_effect_is_named() {
    for field in [
        "seed", "user", "safety_identifier", "metadata", "verbosity", "prediction", "moderation", "prompt_cache_key",
        "prompt_cache_retention", "unheard_of",
    ] {
        let (_, encoded) = encoded(&model(), HI, &format!(r#","{field}":{{"a":1}}"#));
        assert_eq!(encoded.ignored, [field]);
    }
    let check = |fields: &str, field: &str| {
        let (_, encoded) = encoded(&model(), HI, fields);
        assert_eq!(encoded.ignored, [field], "{fields}");
    };
    check(r#","store":true"#,                "store");
    check(r#","frequency_penalty":0.5"#,     "frequency_penalty");
    check(r#","presence_penalty":-1"#,       "presence_penalty");
    check(r#","logit_bias":{"50256":-100}"#, "logit_bias");
    check(r#","service_tier":"flex""#,       "service_tier");
    check(r#","reasoning_effort":"high""#,   "reasoning_effort");
    check(r#","stop":["\n"]"#,               "stop");
    check(r#","tools":[{"function":{"name":"f"},"cache_control":{"type":"ephemeral"}}]"#, "cache_control");
}

#[test]
#[rustfmt::skip]
fn a_field_of_a_message_without_effect_is_named() {
    let check = |message: &str, field: &str| {
        let messages = format!(r#"[{{"role":"user","content":"a"}},{message},{{"role":"user","content":"b"}}]"#);
        assert_eq!(encoded(&model(), &messages, "").1.ignored, [field], "{message}");
    };
    check(r#"{"role":"user","content":"x","name":"n"}"#,                              "messages[].name");
    check(r#"{"role":"user","content":"x","cache_control":{}}"#,                      "cache_control");
    check(r#"{"role":"user","content":[{"type":"text","text":"x","cache_control":{}}]}"#, "cache_control");
    check(r#"{"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f"},"cache_control":{}}]}"#, "cache_control");
    check(r#"{"role":"user","content":[{"type":"text","text":"x","prompt_cache_breakpoint":{"mode":"explicit"}}]}"#, "cache_control");
    check(r#"{"role":"assistant","content":"x","reasoning_content":"because"}"#,      "messages[].reasoning_content");
    check(r#"{"role":"assistant","content":"x","thinking_blocks":[{"type":"thinking","thinking":"t","signature":"s"}]}"#, "messages[].reasoning_details");
}

#[test]
fn a_message_repeats_little_of_the_client() {
    let long = "é".repeat(50);
    let excerpt = format!("\"{}\"…", "é".repeat(40));
    let tools = |tool: &str| format!(r#","tools":[{tool}]"#);
    let function = format!(r#"{{"function":{{"name":"{long}"}}}}"#);
    let other = format!(
        r#"{},"description":"d"}}}}"#,
        function.trim_end_matches('}')
    );
    refused_field(
        &tools(&format!("{function},{other}")),
        "tools[1].function.name",
        &excerpt,
    );
    let choice = format!(r#","tool_choice":{{"type":"function",{}"#, &function[1..]);
    let one = tools(r#"{"function":{"name":"f"}}"#);
    refused_field(&format!("{one}{choice}"), "tool_choice", &excerpt);
    let effort = format!(r#","reasoning_effort":"{long}""#);
    refused_field(&effort, "reasoning_effort", &excerpt);
    let part = format!(r#"[{{"role":"user","content":[{{"type":"{long}"}}]}}]"#);
    refused(&part, "messages[0].content[0]", &excerpt);
}

#[track_caller]
fn check_sampling(
    sampling: Sampling,
    fields: &str,
    want: [Option<f64>; 3],
    ignored: &[&str],
    adjusted: &[&str],
) {
    let model = Model {
        sampling,
        ..model()
    };
    let (body, encoded) = encoded(&model, HI, fields);
    let got =
        ["temperature", "top_p", "top_k"].map(|field| body.get(field).and_then(Value::as_f64));
    assert_eq!(got, want, "{fields}");
    assert_eq!(encoded.ignored, ignored, "{fields}");
    assert_eq!(encoded.adjusted, adjusted, "{fields}");
}

#[test]
#[rustfmt::skip]
fn sampling_follows_what_the_model_takes() {
    use Sampling::{Both, None as Neither, OneOf};
    let all = r#","temperature":0.5,"top_p":0.25,"top_k":3"#;
    check_sampling(Both,    all,                     [Some(0.5), Some(0.25), Some(3.0)], &[], &[]);
    check_sampling(OneOf,   all,                     [Some(0.5), None, Some(3.0)],       &["top_p"], &[]);
    check_sampling(Neither, all,                     [None, None, None],                 &["temperature", "top_k", "top_p"], &[]);
    check_sampling(OneOf,   r#","top_p":0.25"#,      [None, Some(0.25), None],           &[], &[]);
    check_sampling(Both,    r#","temperature":0"#,   [Some(0.0), None, None],            &[], &[]);
    check_sampling(Both,    r#","temperature":1"#,   [Some(1.0), None, None],            &[], &[]);
    check_sampling(Both,    r#","temperature":1.5"#, [Some(1.0), None, None],            &[], &["temperature"]);
    check_sampling(Both,    r#","temperature":-1"#,  [Some(0.0), None, None],            &[], &["temperature"]);
    check_sampling(Both,    r#","top_p":7"#,         [None, Some(1.0), None],            &[], &["top_p"]);
    check_sampling(Both,    r#","top_k":0"#,         [None, None, None],                 &[], &[]);
    check_sampling(Neither, r#","top_k":-1"#,        [None, None, None],                 &[], &[]);
    check_sampling(Both,    r#","top_k":500"#,       [None, None, Some(500.0)],          &[], &[]);
    check_sampling(Both,    r#","top_k":501"#,       [None, None, Some(500.0)],          &[], &["top_k"]);
}

#[track_caller]
fn check_length(model: &Model, fields: &str, want: u32, adjusted: &[&str]) {
    let (body, encoded) = encoded(model, HI, fields);
    assert_eq!(
        body.get("max_tokens").and_then(Value::as_u64),
        Some(u64::from(want)),
        "{fields}"
    );
    assert_eq!(
        (encoded.facts.max_tokens, encoded.adjusted.as_slice()),
        (want, adjusted),
        "{fields}"
    );
}

#[test]
#[rustfmt::skip]
fn the_length_is_always_sent_and_never_over_the_limit() {
    let model = model();
    check_length(&model, "",                                                    500,  &[]);
    check_length(&model, r#","max_tokens":7"#,                                  7,    &[]);
    check_length(&model, r#","max_tokens":7,"max_completion_tokens":9"#,        9,    &[]);
    check_length(&model, r#","max_tokens":1000"#,                               1000, &[]);
    check_length(&model, r#","max_tokens":1001"#,                               1000, &["max_tokens"]);
    check_length(&model, r#","max_completion_tokens":18446744073709551615"#,    1000, &["max_completion_tokens"]);
    check_length(&Model { default_max_tokens: 2000, ..model }, "",              1000, &[]);
}

#[test]
fn the_bytes_of_schemas_and_arguments_pass_unchanged() {
    let schema = r#"{"type":"object", "properties":{"z":{"minimum":1.10},"a":{}}}"#;
    let arguments = r#"{\"z\": 1.10, \"big\":12345678901234567890123}"#;
    let messages = format!(
        r#"[{{"role":"user","content":"a"}},{{"role":"assistant","tool_calls":[{{"id":"c","function":{{"name":"f","arguments":"{arguments}"}}}}]}}]"#
    );
    let fields = format!(r#","tools":[{{"function":{{"name":"f","parameters":{schema}}}}}]"#);
    let (_, encoded) = encoded(&model(), &messages, &fields);
    let body = String::from_utf8(encoded.body).expect("the body is text");
    assert!(
        body.contains(&format!(r#""input_schema":{schema}"#)),
        "{body}"
    );
    assert!(
        body.contains(&format!(r#""input":{}"#, arguments.replace('\\', ""))),
        "{body}"
    );
}
