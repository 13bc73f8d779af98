//! What is let pass: `null`, unknown fields, and strange values that change nothing.

use super::*;

/// Fields whose value is not looked at here, or passed over when it is strange: whatever it is, a
/// chat with them is read.
pub(crate) const HINTS: &[&str] = &[
    "logit_bias",
    "audio",
    "web_search_options",
    "moderation",
    "service_tier",
    "store",
    "seed",
    "user",
    "safety_identifier",
    "metadata",
    "verbosity",
    "prediction",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
    "previous_response_id",
    "conversation",
    "prompt",
    // Those of other dialects.
    "thinking",
    "system",
    "stop_sequences",
    "output_config",
    "input",
    "instructions",
    "max_output_tokens",
    "reasoning",
    "text",
];

#[track_caller]
fn same(with: &str, without: &str) {
    assert_eq!(
        format!("{:?}", parsed(with)),
        format!("{:?}", parsed(without)),
        "{with}"
    );
}

#[test]
fn null_equals_absent_for_every_optional_field() {
    let nulls: String = ChatRequest::FIELDS
        .iter()
        .filter(|field| !matches!(**field, "model" | "messages"))
        .map(|field| format!(r#","{field}":null"#))
        .collect();
    let body = r#"{"model":"m","messages":[],"nobody_knows_this":null"#;
    same(
        &format!("{body}{nulls}}}"),
        r#"{"model":"m","messages":[]}"#,
    );
}

/// Checks that `object` says the same when each of `fields` is there and `null`.
#[track_caller]
fn may_be_null(messages: impl Fn(&str) -> String, fields: &str) {
    let nulls: String = fields
        .split_whitespace()
        .map(|field| format!(r#","{field}":null"#))
        .collect();
    same(
        &with_messages(&messages(&nulls)),
        &with_messages(&messages("")),
    );
}

#[test]
fn null_equals_absent_in_messages_and_their_parts() {
    let message = "content name refusal tool_calls function_call cache_control thinking_blocks \
        reasoning_details reasoning_content reasoning audio type call_id arguments input output";
    may_be_null(
        |nulls| format!(r#"[{{"role":"assistant","tool_call_id":null{nulls}}}]"#),
        message,
    );
    may_be_null(
        |nulls| format!(r#"[{{"role":"tool","tool_call_id":"a"{nulls}}}]"#),
        message,
    );

    let part = "image_url file content cache_control prompt_cache_breakpoint refusal file_data \
        file_url filename file_id source title id name input tool_use_id is_error thinking \
        signature data";
    may_be_null(
        |nulls| format!(r#"[{{"role":"user","content":[{{"type":"text","text":"a"{nulls}}}]}}]"#),
        part,
    );
    may_be_null(
        |nulls| {
            let block = r#"{"type":"tool_result","tool_use_id":"a""#;
            format!(r#"[{{"role":"user","content":[{block}{nulls}}}]}}]"#)
        },
        "content is_error cache_control text",
    );
    may_be_null(
        |nulls| {
            let call = r#"{"id":"a","function":{"name":"f""#;
            format!(r#"[{{"role":"assistant","tool_calls":[{call}{nulls}}}{nulls}}}]}}]"#)
        },
        "type custom arguments cache_control",
    );
}

#[test]
#[rustfmt::skip]
fn null_equals_absent_in_tools_and_settings() {
    let check = |with: &str, without: &str| same(&with_field(with), &with_field(without));
    check(r#""tools":[{"type":null,"custom":null,"cache_control":null,"name":null,"description":null,"parameters":null,"input_schema":null,"format":null,"strict":null,"function":{"name":"f","description":null,"parameters":null,"strict":null,"cache_control":null}}]"#,
          r#""tools":[{"function":{"name":"f"}}]"#);
    check(r#""tool_choice":{"type":"function","name":null,"custom":null,"allowed_tools":null,"mode":null,"tools":null,"disable_parallel_tool_use":null,"function":{"name":"f"}}"#,
          r#""tool_choice":{"type":"function","function":{"name":"f"}}"#);
    check(r#""response_format":{"type":"json_schema","name":null,"description":null,"schema":null,"strict":null,"json_schema":{"name":null,"description":null,"schema":null,"strict":null}}"#,
          r#""response_format":{"type":"json_schema","json_schema":{}}"#);
    check(r#""stream_options":{"include_usage":null},"output_config":{"effort":null,"format":null},"text":{"format":null,"verbosity":null},"reasoning":{"effort":null,"max_tokens":null,"enabled":null},"prompt_cache_options":{"mode":null,"ttl":null}"#,
          r#""stream_options":{},"output_config":{},"text":{},"reasoning":{},"prompt_cache_options":{}"#);
    check(r#""thinking":{"type":"enabled","budget_tokens":null}"#, r#""thinking":{"type":"enabled"}"#);
}

#[test]
fn unknown_fields_pass_at_every_level() {
    same(
        r#"{"model":"m","stream_options":{"include_usage":true,"x":1},
        "messages":[{"role":"user","x":{},"content":[{"type":"text","text":"hi","x":1},
            {"type":"image_url","image_url":{"url":"u","detail":"low","x":1}},
            {"type":"image","source":{"type":"base64","data":"d","x":1}},
            {"type":"file","file":{"file_data":"d","x":1}}]},
          {"role":"assistant","x":1,"tool_calls":[{"id":"a","x":1,"index":0,"function":{"name":"f","arguments":"{}","x":1}},
            {"id":"b","custom":{"name":"g","x":1}}],"thinking_blocks":[{"type":"thinking","thinking":"t","signature":"s","x":[]}]}],
        "tools":[{"x":1,"function":{"name":"f","x":1}},{"custom":{"name":"g","x":1}}],
        "tool_choice":{"type":"function","x":1,"function":{"name":"f","x":1}},
        "thinking":{"type":"adaptive","x":1},"reasoning":{"x":1},"output_config":{"x":1},"text":{"x":1},
        "response_format":{"type":"json_schema","x":1,"json_schema":{"name":"s","x":1}}}"#,
        r#"{"model":"m","stream_options":{"include_usage":true},
        "messages":[{"role":"user","content":[{"type":"text","text":"hi"},
            {"type":"image_url","image_url":{"url":"u"}},
            {"type":"image","source":{"type":"base64","data":"d"}},
            {"type":"file","file":{"file_data":"d"}}]},
          {"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}},
            {"id":"b","custom":{"name":"g"}}],"thinking_blocks":[{"type":"thinking","thinking":"t","signature":"s"}]}],
        "tools":[{"function":{"name":"f"}},{"custom":{"name":"g"}}],
        "tool_choice":{"type":"function","function":{"name":"f"}},
        "thinking":{"type":"adaptive"},"reasoning":{},"output_config":{},"text":{},
        "response_format":{"type":"json_schema","json_schema":{"name":"s"}}}"#,
    );
}

#[test]
#[rustfmt::skip]
fn unknown_names_are_collected_once_and_in_order() {
    let check = |fields: &str, want: &[&str]| {
        let body = format!(r#"{{{fields},"model":"m","messages":[]}}"#);
        assert_eq!(parsed(&body).unknown, want, "{fields}");
    };
    check(r#""z":1,"a":{"b":2},"z":3,"truncation":"auto""#, &["z", "a", "truncation"]);
    check(r#""z":null,"a":false,"b":"","c":[],"d":{}"#,     &["a", "b", "c", "d"]);
    check(r#""Model":1,"mes\u0073ages2":1,"":1"#,           &["Model", "messages2", ""]);
    check(r#""seed":7,"metadata":{"x":1}"#,                 &[]);
}

#[test]
#[rustfmt::skip]
fn a_strange_hint_is_no_reason_to_refuse() {
    for value in ["true", "7", "\"x\"", "[]", "[{}]", "{}", r#"{"type":7,"ttl":[],"mode":{},"name":null}"#] {
        for hint in HINTS {
            parsed(&format!(r#"{{"model":"m","messages":[],"{hint}":{value}}}"#));
        }
        for hint in ["name", "cache_control", "thinking_blocks", "reasoning_details", "reasoning_content", "reasoning", "audio", "annotations"] {
            parsed(&with_messages(&format!(r#"[{{"role":"assistant","{hint}":{value}}}]"#)));
        }
        for hint in ["cache_control", "prompt_cache_breakpoint", "detail", "citations"] {
            parsed(&with_messages(&format!(r#"[{{"role":"user","content":[{{"type":"text","text":"a","{hint}":{value}}}]}}]"#)));
        }
        parsed(&with_messages(&format!(r#"[{{"role":"user","content":[{{"type":"document","source":{{"type":"text","data":"a"}},"title":{value}}}]}}]"#)));
        parsed(&with_messages(&format!(r#"[{{"role":"assistant","tool_calls":[{{"id":"a","function":{{"name":"f"}},"cache_control":{value}}}]}}]"#)));
        parsed(&with_field(&format!(r#""tools":[{{"function":{{"name":"f","cache_control":{value}}},"cache_control":{value}}}]"#)));
    }
}
