//! The forms in which parts, tools and choices of tools come, as other dialects have them too.

use super::*;
use llmlite_openai::chat::message::{Content, Part};
use llmlite_openai::chat::tool::ToolChoice;

/// The part as a user's message has it.
#[track_caller]
fn with_part<R>(part: &str, look: impl FnOnce(&Part<'_>) -> R) -> R {
    let body = with_messages(&format!(r#"[{{"role":"user","content":[{part}]}}]"#));
    match &parsed(&body).messages[0].content {
        Some(Content::Parts(parts)) => look(&parts[0]),
        other => panic!("{part}: {other:?}"),
    }
}

#[track_caller]
fn part(part: &str, want: &str) {
    with_part(part, |part| assert_eq!(format!("{:?}", part.kind), want));
}

#[test]
#[rustfmt::skip]
fn a_part_is_read_in_every_form() {
    part(r#"{"type":"text","text":"a"}"#,                                   r#"Text("a")"#);
    part(r#"{"type":"input_text","text":"a"}"#,                             r#"Text("a")"#);
    part(r#"{"type":"output_text","text":"a","annotations":[],"logprobs":[]}"#, r#"Text("a")"#);
    part(r#"{"type":"refusal","refusal":"no"}"#,                            r#"Refusal("no")"#);
    part(r#"{"type":"image_url","image_url":{"url":"u","detail":"low"}}"#,  r#"Image(Url("u"))"#);
    part(r#"{"type":"image_url","image_url":"u"}"#,                         r#"Image(Url("u"))"#);
    part(r#"{"type":"input_image","image_url":"u","detail":"auto"}"#,       r#"Image(Url("u"))"#);
    part(r#"{"type":"input_image","image_url":null,"file_id":"f"}"#,        r#"File(FilePart { file_data: None, text: None, filename: None, file_id: Some("f") })"#);
    part(r#"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"d"}}"#, r#"Image(Base64("d"))"#);
    part(r#"{"type":"image","source":{"type":"url","url":"u"}}"#,           r#"Image(Url("u"))"#);
    part(r#"{"type":"image","source":{"type":"file","file_id":"f"}}"#,      r#"File(FilePart { file_data: None, text: None, filename: None, file_id: Some("f") })"#);
    part(r#"{"type":"file","file":{"file_data":"d","filename":"n"}}"#,      r#"File(FilePart { file_data: Some("d"), text: None, filename: Some("n"), file_id: None })"#);
    part(r#"{"type":"file","file":{"file_id":"f"}}"#,                       r#"File(FilePart { file_data: None, text: None, filename: None, file_id: Some("f") })"#);
    part(r#"{"type":"input_file","file_data":"d","filename":"n"}"#,         r#"File(FilePart { file_data: Some("d"), text: None, filename: Some("n"), file_id: None })"#);
    part(r#"{"type":"input_file","file_url":"u"}"#,                         r#"File(FilePart { file_data: Some("u"), text: None, filename: None, file_id: None })"#);
    part(r#"{"type":"input_file","file_id":"f"}"#,                          r#"File(FilePart { file_data: None, text: None, filename: None, file_id: Some("f") })"#);
    part(r#"{"type":"document","title":"n","source":{"type":"base64","data":"d"}}"#, r#"File(FilePart { file_data: Some("d"), text: None, filename: Some("n"), file_id: None })"#);
    part(r#"{"type":"document","title":null,"source":{"type":"text","data":"t"}}"#, r#"File(FilePart { file_data: None, text: Some("t"), filename: None, file_id: None })"#);
    part(r#"{"type":"document","source":{"type":"url","url":"u"}}"#,        r#"File(FilePart { file_data: Some("u"), text: None, filename: None, file_id: None })"#);
    part(r#"{"type":"document","source":{"type":"file","file_id":"f"}}"#,   r#"File(FilePart { file_data: None, text: None, filename: None, file_id: Some("f") })"#);
    part(r#"{"type":"tool_use","id":"a","name":"f","input":{"x": 1.0}}"#,   r#"ToolUse(ToolCall { id: "a", call: Function(FunctionCall { name: "f", arguments: "{\"x\": 1.0}" }), cache_control: None })"#);
    part(r#"{"type":"tool_use","id":"a","name":"f"}"#,                      r#"ToolUse(ToolCall { id: "a", call: Function(FunctionCall { name: "f", arguments: "{}" }), cache_control: None })"#);
    part(r#"{"type":"tool_result","tool_use_id":"a"}"#,                     r#"ToolResult(ToolResult { tool_use_id: "a", content: None, is_error: false })"#);
    part(r#"{"type":"tool_result","tool_use_id":"a","is_error":true,"content":"x"}"#, r#"ToolResult(ToolResult { tool_use_id: "a", content: Some(Text("x")), is_error: true })"#);
    part(r#"{"type":"tool_result","tool_use_id":"a","content":[{"type":"text","text":"x"}]}"#, r#"ToolResult(ToolResult { tool_use_id: "a", content: Some(Parts([Part { kind: Text("x"), cache_control: None, prompt_cache_breakpoint: false, unread: [] }])), is_error: false })"#);
    part(r#"{"type":"thinking","thinking":"t","signature":"s"}"#,           r#"Thought(Some(Signed { text: "t", signature: "s" }))"#);
    part(r#"{"type":"redacted_thinking","data":"d"}"#,                      r#"Thought(Some(Redacted { data: "d" }))"#);
    part(r#"{"type":"thinking","thinking":"t"}"#,                           "Thought(None)");
    part(r#"{"type":"thinking","thinking":7,"signature":["s"]}"#,           "Thought(None)");
    part(r#"{"type":"redacted_thinking","data":""}"#,                       "Thought(None)");
    part(r#"{"type":"input_audio","input_audio":{"data":"d"}}"#,            r#"Other { kind: "input_audio" }"#);
    part(r#"{"type":"search_result","source":"u","title":[],"content":[]}"#, r#"Other { kind: "search_result" }"#);
}

#[test]
fn a_part_may_carry_what_only_other_parts_understand() {
    // Nothing of this is text's; none of it has the type that other kinds give it.
    let strange = r#"{"type":"text","text":"a","id":1,"name":[],"title":{},"data":1,"source":"s",
        "input":"i","refusal":0,"filename":1,"file_id":{},"file_data":[],"file_url":1,
        "tool_use_id":1,"is_error":"no","thinking":{},"signature":1,"context":1,"citations":[7],
        "file":"a.rs","content":{"a":1},"image_url":{}}"#;
    part(strange, r#"Text("a")"#);
    for other in ["7", "\"x\"", "[{}]", "{}", r#"{"url":7}"#] {
        let fields =
            format!(r#""file":{other},"content":{other},"image_url":{other},"source":{other}"#);
        part(
            &format!(r#"{{"type":"text","text":"a",{fields}}}"#),
            r#"Text("a")"#,
        );
    }
}

/// Checks the tool, where its fields are, and the name of its schema.
#[track_caller]
fn tool(tool: &str, place: &str, schema_field: &str, want: &str) {
    let body = with_field(&format!(r#""tools":[{tool}]"#));
    let tools = parsed(&body).tools.expect("tools were given");
    assert_eq!(format!("{:?}", tools[0].kind), want);
    assert_eq!(
        (tools[0].place, tools[0].schema_field),
        (place, schema_field)
    );
}

#[test]
#[rustfmt::skip]
fn a_tool_is_read_in_every_form() {
    let f    = r#"Function(Function { name: "f", description: None, parameters: None, strict: None })"#;
    let full = r#"Function(Function { name: "f", description: Some("d"), parameters: Some(RawValue({ "a":1})), strict: Some(true) })"#;
    let bare = r#"Function(Function { name: "f", description: Some("d"), parameters: Some(RawValue({ "a":1})), strict: None })"#;
    let text = r#"Custom(CustomTool { name: "f", description: Some("d"), format: Some(RawValue({"type":"text"})) })"#;
    tool(r#"{"type":"function","function":{"name":"f"}}"#,                              "function", "parameters", f);
    tool(r#"{"function":{"name":"f"}}"#,                                                "function", "parameters", f);
    tool(r#"{"type":"","function":{"name":"f","parameters":null}}"#,                    "function", "parameters", f);
    tool(r#"{"type":"function","function":{"name":"f","description":"d","parameters":{ "a":1},"strict":true}}"#, "function", "parameters", full);
    tool(r#"{"type":"function","name":"f","description":"d","parameters":{ "a":1},"strict":true}"#, "", "parameters", full);
    tool(r#"{"name":"f","description":"d","input_schema":{ "a":1}}"#,                   "", "input_schema", bare);
    tool(r#"{"type":"custom","name":"f","description":"d","input_schema":{ "a":1}}"#,   "", "input_schema", bare);
    tool(r#"{"type":"function","name":"f"}"#,                                           "", "parameters", f);
    tool(r#"{"name":"f"}"#,                                                             "", "parameters", f);
    tool(r#"{"type":"custom","custom":{"name":"f","description":"d","format":{"type":"text"}}}"#, "custom", "parameters", text);
    tool(r#"{"type":"custom","name":"f","description":"d","format":{"type":"text"}}"#,  "", "parameters", text);
    tool(r#"{"type":"web_search"}"#,                                                    "", "parameters", r#"Other { kind: "web_search" }"#);
    tool(r#"{"type":"bash_20250124","name":"bash"}"#,                                   "", "parameters", r#"Other { kind: "bash_20250124" }"#);
    tool(r#"{"type":"namespace","name":"n","tools":[{"type":"function","name":"f"}]}"#, "", "parameters", r#"Other { kind: "namespace" }"#);
}

#[test]
fn a_schema_keeps_its_bytes() {
    let schema = r#"{"z":1.10, "a":{"b":1e400},"type":"object"}"#;
    for tool in [
        r#"{"type":"function","function":{"name":"f","parameters":SCHEMA}}"#,
        r#"{"name":"f","input_schema":SCHEMA}"#,
    ] {
        let body = with_field(&format!(r#""tools":[{}]"#, tool.replace("SCHEMA", schema)));
        let kind = format!(
            "{:?}",
            parsed(&body).tools.expect("tools were given")[0].kind
        );
        assert!(kind.contains(&format!("RawValue({schema})")), "{kind}");
    }
}

/// Checks the choice, and whether it rules out several calls at once.
#[track_caller]
fn choice(choice: &str, want: &str, parallel: Option<bool>) {
    let body = with_field(&format!(r#""tool_choice":{choice}"#));
    let request = parsed(&body);
    assert_eq!(format!("{:?}", request.tool_choice.expect(choice)), want);
    assert_eq!(request.parallel_tool_calls, parallel, "{choice}");
}

#[test]
#[rustfmt::skip]
fn a_choice_of_tools_is_read_in_every_form() {
    let f = r#"Function { name: "f" }"#;
    choice(r#""auto""#,                                                     "Auto", None);
    choice(r#""none""#,                                                     "None", None);
    choice(r#""required""#,                                                 "Required", None);
    choice(r#""any""#,                                                      "Required", None);
    choice(r#"{"type":"auto"}"#,                                            "Auto", None);
    choice(r#"{"type":"none"}"#,                                            "None", None);
    choice(r#"{"type":"any"}"#,                                             "Required", None);
    choice(r#"{"type":"required"}"#,                                        "Required", None);
    choice(r#"{"type":"auto","disable_parallel_tool_use":true}"#,           "Auto", Some(false));
    choice(r#"{"type":"any","disable_parallel_tool_use":false}"#,           "Required", None);
    choice(r#"{"type":"tool","name":"f","disable_parallel_tool_use":true}"#, f, Some(false));
    choice(r#"{"type":"function","function":{"name":"f"}}"#,                f, None);
    choice(r#"{"type":"function","name":"f"}"#,                             f, None);
    choice(r#"{"type":"custom","custom":{"name":"f"}}"#,                    f, None);
    choice(r#"{"type":"custom","name":"f"}"#,                               f, None);
    choice(r#"{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"f"}},{"type":"custom","custom":{"name":"g"}}]}}"#,
                                                                            r#"Allowed { required: true, names: ["f", "g"] }"#, None);
    choice(r#"{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"f"},{"type":"web_search"}]}"#,
                                                                            r#"Allowed { required: false, names: ["f"] }"#, None);
}

#[test]
fn an_own_word_about_parallel_calls_stands_beside_a_choice() {
    let body = with_field(r#""tool_choice":"auto","parallel_tool_calls":false"#);
    assert_eq!(parsed(&body).parallel_tool_calls, Some(false));
}

#[test]
#[rustfmt::skip]
fn functions_in_the_old_form_are_kept_apart() {
    let check = |field: &str, want: &str| {
        let body = with_field(&format!(r#""functions":[{{"name":"f","description":"d"}}],"function_call":{field}"#));
        let request = parsed(&body);
        assert_eq!(request.functions.as_ref().expect("functions were given")[0].name, "f");
        assert!(request.tools.is_none() && request.tool_choice.is_none());
        assert_eq!(format!("{:?}", request.function_call), want);
    };
    check(r#""auto""#,       "Some(Auto)");
    check(r#""none""#,       "Some(None)");
    check(r#"{"name":"f"}"#, r#"Some(Function { name: "f" })"#);
    check("null",            "None");
}

/// One turn of an agent, as clients write it that go by the name of the model.
const AS_ANTHROPIC: &str = r#"{"model":"claude","max_tokens":9,"stream":true,
    "system":[{"type":"text","text":"be brief","cache_control":{"type":"ephemeral"}}],
    "messages":[
      {"role":"user","content":[{"type":"text","text":"add"}]},
      {"role":"assistant","content":[{"type":"text","text":"so"},
        {"type":"tool_use","id":"a","name":"add","input":{"x":1},"cache_control":{"type":"ephemeral"}}]},
      {"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":[{"type":"text","text":"2"}]}]}],
    "tools":[{"name":"add","description":"adds","input_schema":{"type":"object"}}],
    "tool_choice":{"type":"auto"},"thinking":{"type":"adaptive"},"metadata":{"user_id":"u"}}"#;

/// The same as it stands in the newer API.
const AS_RESPONSES: &str = r#"{"model":"gpt-5","max_output_tokens":9,"stream":true,"instructions":"be brief",
    "input":[
      {"role":"user","content":[{"type":"input_text","text":"add"}]},
      {"type":"message","role":"assistant","content":[{"type":"output_text","text":"so","annotations":[]}]},
      {"type":"function_call","id":"fc_1","call_id":"a","name":"add","arguments":"{\"x\":1}"},
      {"type":"function_call_output","call_id":"a","output":"2"}],
    "tools":[{"type":"function","name":"add","description":"adds","parameters":{"type":"object"}}],
    "tool_choice":"auto","store":false,"reasoning":{"effort":"low"},"text":{"verbosity":"low"},
    "include":["reasoning.encrypted_content"],"truncation":"disabled"}"#;

#[test]
fn a_whole_body_of_another_dialect_is_a_request() {
    let check = |body, messages: usize, unknown: &[&str]| {
        let request = parsed(body);
        assert!(request.streams() && request.instructions.is_some());
        assert_eq!(request.messages.len(), messages);
        assert_eq!(request.tools.as_ref().map(Vec::len), Some(1));
        assert_eq!(request.tool_choice, Some(ToolChoice::Auto));
        assert_eq!(request.unknown, unknown);
    };
    check(AS_ANTHROPIC, 3, &[]);
    check(AS_RESPONSES, 4, &["include", "truncation"]);
}
