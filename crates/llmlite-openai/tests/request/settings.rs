//! Settings of the answer, as each dialect names them.

use super::*;
use llmlite_openai::chat::cache::{CacheOptions, CacheTtl};

/// Checks the effort and the wish for thinking that `fields` make.
#[track_caller]
fn thinking(fields: &str, effort: Option<&str>, wish: &str) {
    let body = with_field(fields);
    let request = parsed(&body);
    assert_eq!(request.reasoning_effort.as_deref(), effort, "{fields}");
    assert_eq!(format!("{:?}", request.thinking), wish, "{fields}");
}

#[test]
#[rustfmt::skip]
fn a_wish_for_thinking_is_read_in_every_form() {
    thinking(r#""reasoning_effort":"low""#,                         Some("low"), "None");
    thinking(r#""output_config":{"effort":"low"}"#,                 Some("low"), "None");
    thinking(r#""reasoning":{"effort":"low","summary":"auto"}"#,    Some("low"), "None");
    thinking(r#""reasoning":{"effort":"low","enabled":true}"#,      Some("low"), "None");
    thinking(r#""reasoning":{"enabled":true}"#,                     None, "Some(Enabled { budget_tokens: None })");
    thinking(r#""reasoning":{"enabled":false,"effort":"low"}"#,     Some("low"), "Some(Disabled)");
    thinking(r#""reasoning":{"max_tokens":9}"#,                     None, "Some(Enabled { budget_tokens: Some(9) })");
    thinking(r#""reasoning":{}"#,                                   None, "None");
    thinking(r#""thinking":{"type":"enabled","budget_tokens":9}"#,  None, "Some(Enabled { budget_tokens: Some(9) })");
    thinking(r#""thinking":{"type":"enabled"}"#,                    None, "Some(Enabled { budget_tokens: None })");
    thinking(r#""thinking":{"type":"adaptive","display":"omitted"}"#, None, "Some(Adaptive)");
    thinking(r#""thinking":{"type":"disabled"}"#,                   None, "Some(Disabled)");
    thinking(r#""thinking":{"type":"between_tools"}"#,              None, "Some(Disabled)");
    // OpenAI's own name wins over the others, and Anthropic's wish over the other budget.
    thinking(r#""reasoning":{"effort":"c","max_tokens":9},"output_config":{"effort":"b"},"reasoning_effort":"a""#, Some("a"), "Some(Enabled { budget_tokens: Some(9) })");
    thinking(r#""reasoning":{"effort":"c"},"output_config":{"effort":"b"}"#, Some("b"), "None");
    thinking(r#""reasoning":{"max_tokens":9},"thinking":{"type":"adaptive"}"#, None, "Some(Adaptive)");
}

#[track_caller]
fn format(fields: &str, want: &str) {
    let body = with_field(fields);
    assert_eq!(
        format!("{:?}", parsed(&body).response_format.expect(fields)),
        want
    );
}

#[test]
#[rustfmt::skip]
fn the_form_of_the_answer_is_read_in_every_form() {
    let schema = r#"JsonSchema(JsonSchema { name: None, description: None, schema: Some(RawValue({ "a":1})), strict: None })"#;
    let named = r#"JsonSchema(JsonSchema { name: Some("s"), description: Some("d"), schema: Some(RawValue({ "a":1})), strict: Some(true) })"#;
    format(r#""response_format":{"type":"text"}"#,          "Text");
    format(r#""response_format":{"type":"json_object"}"#,   "JsonObject");
    format(r#""response_format":{"type":"json_schema","json_schema":{"name":"s","description":"d","schema":{ "a":1},"strict":true}}"#, named);
    format(r#""text":{"format":{"type":"json_schema","name":"s","description":"d","schema":{ "a":1},"strict":true}}"#, named);
    format(r#""output_config":{"format":{"type":"json_schema","schema":{ "a":1}}}"#, schema);
    format(r#""response_format":{"type":"json_schema","json_schema":{}}"#, "JsonSchema(JsonSchema { name: None, description: None, schema: None, strict: None })");
    // OpenAI's own name wins.
    format(r#""text":{"format":{"type":"json_object"}},"response_format":{"type":"text"}"#, "Text");
}

#[test]
#[rustfmt::skip]
fn instructions_beside_the_conversation_are_read_in_every_form() {
    let check = |field: &str, want: &str| {
        let body = with_field(field);
        assert_eq!(format!("{:?}", parsed(&body).instructions), want);
    };
    check(r#""system":"a""#,                            r#"Some(Text("a"))"#);
    check(r#""system":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]"#,
          r#"Some(Parts([Part { kind: Text("a"), cache_control: Some(CacheControl { ttl: None }), prompt_cache_breakpoint: false, unread: [] }]))"#);
    check(r#""instructions":"a""#,                      r#"Some(Text("a"))"#);
    // Neither can have been meant to win over the other.
    let two = r#"Some(Parts([Part { kind: Text("a"), cache_control: None, prompt_cache_breakpoint: false, unread: [] }, Part { kind: Text("b"), cache_control: None, prompt_cache_breakpoint: false, unread: [] }]))"#;
    check(r#""instructions":"b","system":"a""#,         two);
    check(r#""system":[{"type":"text","text":"a"}],"instructions":"b""#, two);
    check(r#""instructions":null,"system":null"#,       "None");
}

#[test]
#[rustfmt::skip]
fn stop_texts_are_read_in_every_form() {
    let check = |field: &str, want: &[&str]| {
        let body = with_field(field);
        assert_eq!(parsed(&body).stop.expect(field).0, want);
    };
    check(r#""stop":"x""#,                              &["x"]);
    check(r#""stop":["x","\n"]"#,                       &["x", "\n"]);
    check(r#""stop":[]"#,                               &[]);
    check(r#""stop_sequences":["x"]"#,                  &["x"]);
    check(r#""stop_sequences":["y"],"stop":"x""#,       &["x"]);
}

#[test]
fn numbers_are_kept_as_they_are() {
    let body = with_field(
        r#""temperature":0,"top_p":0.0,"top_k":-1,"max_tokens":1,"max_completion_tokens":2,
        "max_output_tokens":3,"n":0,"top_logprobs":5,"frequency_penalty":-2,"presence_penalty":1e-3"#,
    );
    let request = parsed(&body);
    assert_eq!(
        (request.temperature, request.top_p, request.top_k),
        (Some(0.0), Some(0.0), Some(-1))
    );
    assert_eq!(request.max_tokens, Some(1));
    assert_eq!(request.max_completion_tokens, Some(2));
    assert_eq!(request.max_output_tokens, Some(3));
    assert_eq!((request.n, request.top_logprobs), (Some(0), Some(5)));
    assert_eq!(request.frequency_penalty, Some(-2.0));
    assert_eq!(request.presence_penalty, Some(0.001));
}

#[test]
#[rustfmt::skip]
fn a_change_of_likelihoods_is_one_only_if_it_changes_any() {
    let check = |bias: &str, want: bool| {
        let body = with_field(&format!(r#""logit_bias":{bias}"#));
        assert_eq!(parsed(&body).logit_bias, want, "{bias}");
    };
    check("null",       false);
    check("{}",         false);
    check("{ \n}",      false);
    // An empty list is what some languages write for an empty object.
    check("[]",         false);
    check(r#"{"7":1}"#, true);
    check("[7]",        true);
}

#[test]
#[rustfmt::skip]
fn a_stream_and_its_usage_come_only_when_asked_for() {
    let check = |fields: &str, streams: bool, usage: bool| {
        let body = with_field(fields);
        let request = parsed(&body);
        assert_eq!((request.streams(), request.wants_usage()), (streams, usage), "{fields}");
    };
    check(r#""stream":true"#,                                                       true,  false);
    check(r#""stream":false"#,                                                      false, false);
    check(r#""stream":null,"stream_options":null"#,                                 false, false);
    check(r#""stream":true,"stream_options":{"include_usage":true}"#,               true,  true);
    check(r#""stream":true,"stream_options":{"include_usage":null}"#,               true,  false);
    check(r#""stream":true,"stream_options":{"include_obfuscation":false}"#,        true,  false);
}

#[test]
#[rustfmt::skip]
fn settings_of_the_prompt_cache_are_read() {
    let check = |options: &str, explicit: bool, ttl: Option<CacheTtl>| {
        let body = with_field(&format!(r#""prompt_cache_options":{options}"#));
        assert_eq!(parsed(&body).prompt_cache_options, Some(CacheOptions { explicit, ttl }), "{options}");
    };
    check("{}",                                 false, None);
    check(r#"{"mode":"implicit"}"#,             false, None);
    check(r#"{"mode":"explicit"}"#,             true,  None);
    check(r#"{"ttl":"5m"}"#,                    false, Some(CacheTtl::FiveMinutes));
    check(r#"{"ttl":"30m"}"#,                   false, Some(CacheTtl::OneHour));
    check(r#"{"ttl":"24h"}"#,                   false, Some(CacheTtl::OneHour));
    check(r#"{"mode":"explicit","ttl":"1h"}"#,  true,  Some(CacheTtl::OneHour));
    check(r#"{"mode":"explicit","ttl":"1y"}"#,  true,  None);
    check(r#"{"mode":7,"ttl":"1h"}"#,           false, Some(CacheTtl::OneHour));
}

#[test]
fn verbosity_is_noticed_beside_the_answer_and_in_its_settings() {
    for field in [r#""verbosity":"low""#, r#""text":{"verbosity":"low"}"#] {
        assert!(parsed(&with_field(field)).verbosity.is_some(), "{field}");
    }
    assert!(
        parsed(&with_field(r#""text":{"verbosity":null}"#))
            .verbosity
            .is_none()
    );
}

/// Checks which fields of a request with `fields` are told to have no effect.
#[track_caller]
fn without_effect(fields: &str, want: &[&str]) {
    let body = with_field(fields);
    assert_eq!(parsed(&body).unknown, want, "{fields}");
}

#[test]
#[rustfmt::skip]
fn a_form_that_another_wins_over_is_named() {
    let text = r#"{"type":"text"}"#;
    without_effect(r#""input":"a""#,                                                    &["input"]);
    without_effect(r#""instructions":"b","system":"a""#,                                &[]);
    without_effect(r#""stop":"x","stop_sequences":["y"]"#,                              &["stop_sequences"]);
    without_effect(r#""stop":null,"stop_sequences":["y"]"#,                             &[]);
    without_effect(r#""reasoning_effort":"low","reasoning":{"effort":"high"}"#,         &["reasoning.effort"]);
    without_effect(r#""reasoning_effort":"low","output_config":{"effort":"high"}"#,     &["output_config.effort"]);
    without_effect(r#""reasoning":{"effort":"low"},"output_config":{"effort":"high"}"#, &["reasoning.effort"]);
    without_effect(r#""reasoning":{"effort":"low"}"#,                                   &[]);
    without_effect(r#""thinking":{"type":"adaptive"},"reasoning":{"max_tokens":9}"#,    &["reasoning.max_tokens"]);
    without_effect(r#""thinking":{"type":"adaptive"},"reasoning":{"enabled":false}"#,   &["reasoning.enabled"]);
    without_effect(r#""reasoning":{"enabled":false,"max_tokens":9}"#,                   &["reasoning.max_tokens"]);
    without_effect(r#""reasoning":{"effort":"low","exclude":true}"#,                    &["reasoning.exclude"]);
    without_effect(r#""reasoning":{"effort":"low","exclude":false}"#,                   &[]);
    without_effect(&format!(r#""response_format":{text},"text":{{"format":{text}}},"output_config":{{"format":{text}}}"#),
                                                                                        &["text.format", "output_config.format"]);
    without_effect(&format!(r#""text":{{"format":{text}}},"output_config":{{"format":{text}}}"#), &["output_config.format"]);
    without_effect(r#""max_completion_tokens":1,"max_tokens":2,"max_output_tokens":3"#, &["max_tokens", "max_output_tokens"]);
    without_effect(r#""max_tokens":2,"max_completion_tokens":2,"max_output_tokens":2"#, &[]);
    without_effect(r#""parallel_tool_calls":true,"tool_choice":{"type":"auto","disable_parallel_tool_use":true}"#, &["parallel_tool_calls"]);
    without_effect(r#""parallel_tool_calls":false,"tool_choice":{"type":"auto","disable_parallel_tool_use":true}"#, &[]);
}

#[test]
#[rustfmt::skip]
fn an_extension_of_a_strange_shape_has_no_effect_and_is_named() {
    without_effect(r#""thinking":true"#,                                        &["thinking"]);
    without_effect(r#""thinking":{"type":"auto"}"#,                             &["thinking"]);
    without_effect(r#""thinking":{"type":"enabled","budget_tokens":-1}"#,       &["thinking"]);
    without_effect(r#""thinking":{"type":"enabled","budget_tokens":1024.0}"#,   &["thinking"]);
    without_effect(r#""reasoning":true"#,                                       &["reasoning"]);
    without_effect(r#""reasoning":"high""#,                                     &["reasoning"]);
    without_effect(r#""text":"x""#,                                             &["text"]);
    without_effect(r#""instructions":["a"]"#,                                   &["instructions"]);
    without_effect(r#""input":{"a":1}"#,                                        &["input"]);
    without_effect(r#""system":{"a":1}"#,                                       &["system"]);
    without_effect(r#""stop_sequences":7"#,                                     &["stop_sequences"]);
    without_effect(r#""output_config":{"format":"json"}"#,                      &["output_config"]);
    without_effect(r#""max_output_tokens":"9""#,                                &["max_output_tokens"]);
    // What is well formed beside it counts.
    thinking(r#""thinking":true,"reasoning":{"max_tokens":9}"#, None, "Some(Enabled { budget_tokens: Some(9) })");
}
