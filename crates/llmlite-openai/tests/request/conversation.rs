//! Who says what in a conversation, in messages and in items.

use super::*;
use llmlite_openai::chat::message::{Content, Message, Role};

/// A message in one line.
fn shown(message: &Message<'_>) -> String {
    let said = match &message.content {
        None => "nothing".to_owned(),
        Some(Content::Text(text)) => format!("{text:?}"),
        Some(Content::Parts(parts)) => {
            let kinds: Vec<_> = parts.iter().map(|part| &part.kind).collect();
            format!("{kinds:?}")
        }
    };
    match &message.role {
        Role::System => format!("system says {said}"),
        Role::User => format!("user says {said}"),
        Role::Tool { tool_call_id } => format!("tool {tool_call_id} says {said}"),
        Role::Function { name } => format!("function {name} says {said}"),
        Role::Assistant(assistant) => {
            let mut shown = format!("assistant says {said}");
            for call in &assistant.tool_calls {
                shown += &format!(", calls {}: {:?}", call.id, call.call);
            }
            if let Some(call) = &assistant.function_call {
                shown += &format!(", calls {call:?}");
            }
            if let Some(refusal) = &assistant.refusal {
                shown += &format!(", refuses {refusal:?}");
            }
            shown
        }
    }
}

#[track_caller]
fn message(message: &str, want: &str) {
    let body = with_messages(&format!("[{message}]"));
    let request = parsed(&body);
    assert_eq!(shown(&request.messages[0]), want, "{message}");
    assert_eq!(request.messages_field, "messages");
}

#[test]
#[rustfmt::skip]
fn a_message_is_read_in_every_form() {
    message(r#"{"role":"system","content":"a"}"#,                       r#"system says "a""#);
    message(r#"{"role":"developer","content":"a"}"#,                    r#"system says "a""#);
    message(r#"{"role":"user","content":"a \"b\" \u00e9"}"#,            r#"user says "a \"b\" é""#);
    message(r#"{"role":"user"}"#,                                       "user says nothing");
    message(r#"{"role":"user","content":null}"#,                        "user says nothing");
    message(r#"{"role":"user","content":""}"#,                          r#"user says """#);
    message(r#"{"role":"user","content":[]}"#,                          "user says []");
    message(r#"{"role":"user","type":"message","content":"a"}"#,        r#"user says "a""#);
    message(r#"{"role":"assistant","content":"a","tool_calls":[]}"#,    r#"assistant says "a""#);
    message(r#"{"role":"assistant","refusal":"no"}"#,                   r#"assistant says nothing, refuses "no""#);
    message(r#"{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]}"#,
            r#"assistant says nothing, calls a: Function(FunctionCall { name: "f", arguments: "{}" })"#);
    message(r#"{"role":"assistant","tool_calls":[{"id":"a","type":"functionfunction","function":{"name":"f"}}]}"#,
            r#"assistant says nothing, calls a: Function(FunctionCall { name: "f", arguments: "" })"#);
    message(r#"{"role":"assistant","tool_calls":[{"id":"a","type":"custom","custom":{"name":"f","input":"x"}}]}"#,
            r#"assistant says nothing, calls a: Custom { name: "f", input: "x" }"#);
    message(r#"{"role":"assistant","tool_calls":[{"id":"a","custom":{"name":"f"}}]}"#,
            r#"assistant says nothing, calls a: Custom { name: "f", input: "" }"#);
    message(r#"{"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}}"#,
            r#"assistant says nothing, calls FunctionCall { name: "f", arguments: "{}" }"#);
    message(r#"{"role":"tool","tool_call_id":"a","content":[{"type":"text","text":"x"}]}"#,
            r#"tool a says [Text("x")]"#);
    message(r#"{"role":"function","name":"f","content":"x"}"#,          r#"function f says "x""#);
    // Only the assistant can call and refuse; elsewhere these are unknown fields.
    message(r#"{"role":"user","function_call":7,"refusal":{},"content":"a"}"#, r#"user says "a""#);
}

#[test]
fn each_item_becomes_one_message() {
    let body = r#"{"model":"m","input":[
        {"role":"developer","content":"a"},
        {"type":"message","role":"user","content":[{"type":"input_text","text":"b"}]},
        {"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"x"},
        {"type":"message","role":"assistant","status":"completed",
         "content":[{"type":"output_text","text":"c","annotations":[]}]},
        {"type":"function_call","call_id":"d","name":"f","arguments":"{\"e\":1}"},
        {"type":"custom_tool_call","call_id":"e","name":"g","input":"*** Begin"},
        {"type":"function_call_output","call_id":"d","output":"x"},
        {"type":"custom_tool_call_output","call_id":"e","output":[{"type":"input_text","text":"y"}]},
        {"type":"function_call","call_id":"h","name":"f","arguments":null},
        {"role":"tool","tool_call_id":"h","content":"z"}]}"#;
    let request = parsed(body);
    assert_eq!(request.messages_field, "input");
    let shown: Vec<_> = request.messages.iter().map(shown).collect();
    assert_eq!(
        shown,
        [
            r#"system says "a""#,
            r#"user says [Text("b")]"#,
            "assistant says nothing",
            r#"assistant says [Text("c")]"#,
            r#"assistant says nothing, calls d: Function(FunctionCall { name: "f", arguments: "{\"e\":1}" })"#,
            r#"assistant says nothing, calls e: Custom { name: "g", input: "*** Begin" }"#,
            r#"tool d says "x""#,
            r#"tool e says [Text("y")]"#,
            r#"assistant says nothing, calls h: Function(FunctionCall { name: "f", arguments: "" })"#,
            r#"tool h says "z""#,
        ]
    );
    let Role::Assistant(thought) = &request.messages[2].role else {
        panic!("the reasoning is the assistant's")
    };
    assert!(thought.unsigned_reasoning);
}

#[test]
fn an_input_may_be_one_text() {
    let request = parsed(r#"{"model":"m","instructions":"be brief","input":"a\tb"}"#);
    assert_eq!(shown(&request.messages[0]), r#"user says "a\tb""#);
    assert!(matches!(&request.instructions, Some(Content::Text(text)) if text == "be brief"));
}

#[test]
fn messages_win_over_an_input() {
    let body = with_field(r#""input":"not this""#);
    let request = parsed(&body);
    assert_eq!(shown(&request.messages[0]), r#"user says "hi""#);
    assert_eq!(request.messages_field, "messages");
}

#[test]
#[rustfmt::skip]
fn what_says_nothing_is_no_call_and_no_refusal() {
    for nothing in ["null", "false", "{}", "{ }", "[]", "\"\""] {
        for field in ["refusal", "function_call", "tool_calls"] {
            message(&format!(r#"{{"role":"assistant","content":"a","{field}":{nothing}}}"#), r#"assistant says "a""#);
        }
    }
    message(r#"{"role":"assistant","content":"a","function_call":"none"}"#, r#"assistant says "a""#);
    message(r#"{"role":"assistant","content":"a","refusal":"none"}"#,       r#"assistant says "a", refuses "none""#);
}

/// Checks which fields within `messages` are told to have no effect.
#[track_caller]
fn unread(messages: &str, want: &[&str]) {
    let body = with_messages(messages);
    assert_eq!(parsed(&body).unknown, want, "{messages}");
}

#[test]
#[rustfmt::skip]
fn calls_of_someone_who_cannot_call_are_passed_over_and_named() {
    for calls in ["[{}]", "\"x\"", "7", r#"[{"id":"a","function":{"name":"f"}}]"#] {
        unread(&format!(r#"[{{"role":"user","content":"a","tool_calls":{calls}}}]"#), &["messages[].tool_calls"]);
    }
    unread(r#"[{"role":"tool","tool_call_id":"a","function_call":{"name":"f"}}]"#, &["messages[].function_call"]);
    unread(r#"[{"role":"user","tool_calls":[],"function_call":"none"},{"role":"system","tool_calls":{},"function_call":null}]"#, &[]);
    unread(r#"[{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f"}}]}]"#, &[]);
    let body = r#"{"model":"m","input":[{"role":"user","content":"a","tool_calls":[{}]}]}"#;
    assert_eq!(parsed(body).unknown, ["input[].tool_calls"]);
}

#[test]
#[rustfmt::skip]
fn settings_of_a_document_that_are_not_read_are_named() {
    let document = |fields: &str| format!(r#"{{"type":"document","source":{{"type":"text","data":"a"}},{fields}}}"#);
    let said = |fields: &str| format!(r#"[{{"role":"user","content":[{}]}}]"#, document(fields));
    unread(&said(r#""citations":{"enabled":true}"#),                    &["messages[].content[].citations"]);
    unread(&said(r#""context":"from 2019""#),                           &["messages[].content[].context"]);
    unread(&said(r#""context":"","citations":{"enabled":false}"#),      &[]);
    unread(&said(r#""context":null,"citations":null,"title":"a""#),     &[]);
    unread(&said(r#""citations":true"#),                                &[]);
    let both = document(r#""context":"x","citations":{"enabled":true}"#);
    unread(&format!(r#"[{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"a","content":[{both}]}}]}}]"#),
           &["messages[].content[].context", "messages[].content[].citations"]);
    // Text that was cited has them too, and nothing is lost by passing them over.
    unread(r#"[{"role":"assistant","content":[{"type":"text","text":"a","citations":{"enabled":true}}]}]"#, &[]);
    assert_eq!(parsed(&with_field(&format!(r#""system":[{both}]"#))).unknown, ["system[].context", "system[].citations"]);
}

/// Checks the thoughts of an assistant's message, and whether it has others without a signature.
#[track_caller]
fn thoughts(fields: &str, want: &str, unsigned: bool) {
    let body = with_messages(&format!(r#"[{{"role":"assistant",{fields}}}]"#));
    match &parsed(&body).messages[0].role {
        Role::Assistant(assistant) => {
            assert_eq!(format!("{:?}", assistant.thoughts), want, "{fields}");
            assert_eq!(assistant.unsigned_reasoning, unsigned, "{fields}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
#[rustfmt::skip]
fn thoughts_come_back_signed_or_not_at_all() {
    let signed = r#"[Signed { text: "t", signature: "s" }]"#;
    let details = r#""reasoning_details":[{"type":"reasoning.text","text":"t","signature":"s","format":"anthropic-claude-v1","index":0,"id":null}]"#;
    let blocks = r#""thinking_blocks":[{"type":"thinking","thinking":"u","signature":"s"}]"#;
    thoughts(details,                                                           signed, false);
    thoughts(r#""reasoning_content":"t""#,                                      "[]", true);
    thoughts(r#""reasoning":"t""#,                                              "[]", true);
    thoughts(r#""reasoning_content":"""#,                                       "[]", false);
    thoughts(r#""reasoning_content":null,"reasoning_details":[]"#,              "[]", false);
    thoughts(&format!(r#""reasoning_content":"t",{details}"#),                  signed, false);
    thoughts(blocks,                                                            r#"[Signed { text: "u", signature: "s" }]"#, false);
    thoughts(&format!("{blocks},{details}"),                                    signed, false);
    thoughts(&format!(r#"{blocks},"reasoning_details":[{{"type":"reasoning.text","text":"t"}}]"#), r#"[Signed { text: "u", signature: "s" }]"#, false);
    thoughts(r#""reasoning_details":[{"type":"reasoning.encrypted","data":"d"}]"#, r#"[Redacted { data: "d" }]"#, false);
    thoughts(r#""thinking_blocks":[{"type":"redacted_thinking","data":"d"},{"type":"thinking","thinking":"","signature":"s"}]"#,
             r#"[Redacted { data: "d" }, Signed { text: "", signature: "s" }]"#, false);
    // What is no thought of Claude's is passed over, whatever its type.
    thoughts(r#""reasoning_details":[7,{},{"type":"reasoning.summary","summary":"x"},{"type":"reasoning.text","text":7,"signature":"s"},{"type":"reasoning.text","text":"t","signature":"s"}]"#, signed, false);
    thoughts(r#""reasoning_details":"t""#,                                      "[]", true);
    thoughts(r#""thinking_blocks":{"type":"thinking"}"#,                        "[]", true);
    thoughts(r#""thinking_blocks":[{"type":"thinking","thinking":"t","signature":""}]"#, "[]", true);
}

#[test]
#[rustfmt::skip]
fn a_wish_for_the_cache_is_read_wherever_it_stands() {
    let check = |wish: &str, want: &str| {
        let wish = format!(r#""cache_control":{wish}"#);
        let body = format!(
            r#"{{"model":"m","messages":[
              {{"role":"user","content":[{{"type":"text","text":"a",{wish}}}],{wish}}},
              {{"role":"assistant","tool_calls":[{{"id":"a","function":{{"name":"f"}},{wish}}}],
                "content":[{{"type":"tool_use","id":"b","name":"f",{wish}}}]}}],
              "tools":[{{"function":{{"name":"f"}},{wish}}},{{"function":{{"name":"g",{wish}}}}},{{"name":"h",{wish}}}]}}"#
        );
        let request = parsed(&body);
        let Some(Content::Parts(parts)) = &request.messages[0].content else { panic!("parts expected") };
        let Some(Content::Parts(blocks)) = &request.messages[1].content else { panic!("blocks expected") };
        let Role::Assistant(assistant) = &request.messages[1].role else { panic!("assistant expected") };
        let mut wishes = vec![
            parts[0].cache_control,
            request.messages[0].cache_control,
            assistant.tool_calls[0].cache_control,
            blocks[0].cache_control,
        ];
        wishes.extend(request.tools.iter().flatten().map(|tool| tool.cache_control));
        assert_eq!(wishes.len(), 7);
        for found in wishes {
            assert_eq!(format!("{found:?}"), want, "{wish}");
        }
    };
    let some = "Some(CacheControl { ttl: None })";
    check(r#"{"type":"ephemeral"}"#,                    some);
    check(r#"{"type":"ephemeral","ttl":"5m"}"#,         "Some(CacheControl { ttl: Some(FiveMinutes) })");
    check(r#"{"type":"ephemeral","ttl":"1h"}"#,         "Some(CacheControl { ttl: Some(OneHour) })");
    check(r#"{"type":"ephemeral","ttl":"9y"}"#,         some);
    check(r#"{"type":"ephemeral","ttl":300}"#,          some);
    check(r#"{"type":"ephemeral","scope":"global"}"#,   some);
    check("{}",                                         some);
    check("null",                                       "None");
    check("true",                                       "None");
    check(r#""ephemeral""#,                             "None");
    check(r#"["ephemeral"]"#,                           "None");
}

#[test]
#[rustfmt::skip]
fn a_breakpoint_in_the_newer_form_is_an_object() {
    let check = |wish: &str, want: bool| {
        let body = with_messages(&format!(
            r#"[{{"role":"user","content":[{{"type":"text","text":"a","prompt_cache_breakpoint":{wish}}}]}}]"#
        ));
        match &parsed(&body).messages[0].content {
            Some(Content::Parts(parts)) => assert_eq!(parts[0].prompt_cache_breakpoint, want, "{wish}"),
            other => panic!("{other:?}"),
        }
    };
    check(r#"{"mode":"explicit"}"#, true);
    check("{}",                     true);
    check("null",                   false);
    check("false",                  false);
    check(r#""explicit""#,          false);
}
