//! What a client is told, and about which field.

use super::*;
use llmlite_openai::RequestErrorKind::NotJson;

#[test]
#[rustfmt::skip]
fn a_body_that_is_no_json_object_is_refused() {
    refused("",                                     NotJson, None, "EOF");
    refused("{\"model\":\"m\",",                    NotJson, None, "line 1");
    refused("<html>",                               NotJson, None, "not valid JSON");
    refused(r#"{"model":"\ud800","messages":[]}"#,  NotJson, None, "not valid JSON");
    refused(r#"{"model":"m","messages":[],"temperature":1e999}"#, NotJson, None, "number out of range");
    refused("{}",                                   Invalid, Some("model"), "missing");
    refused(r#"{"model":"m"}"#,                     Invalid, Some("messages"), "missing");
    refused(r#"{"messages":[]}"#,                   Invalid, Some("model"), "missing");
    refused(r#"{"model":null,"messages":[]}"#,      Invalid, Some("model"), "missing");
    refused(r#"{"model":"m","messages":[]} {}"#,    NotJson, None, "trailing characters");
    refused("[]",                                   Invalid, None, "expected an object");
    refused("[\"m\",[]]",                           Invalid, None, "expected an object, got a list");
    refused("\"secret\"",                           Invalid, None, "expected an object, got a string");
    refused("null",                                 Invalid, None, "expected an object, got null");
}

#[test]
#[rustfmt::skip]
fn a_wrong_setting_is_named_by_its_path() {
    refused_field(r#""temperature":"hot""#,                     "temperature", "expected a number, got a string");
    refused_field(r#""max_tokens":-1"#,                         "max_tokens", "expected a whole number");
    refused_field(r#""max_completion_tokens":1.5"#,             "max_completion_tokens", "expected a whole number");
    refused_field(r#""top_k":"all""#,                           "top_k", "expected a whole number, got a string");
    refused_field(r#""n":[]"#,                                  "n", "expected a whole number that is not negative, got a list");
    refused_field(r#""stream":"yes""#,                          "stream", "expected true or false");
    refused_field(r#""stream_options":true"#,                   "stream_options", "expected an object");
    refused_field(r#""stream_options":[true]"#,                 "stream_options", "expected an object, got a list");
    refused_field(r#""stream_options":{"include_usage":1}"#,    "stream_options.include_usage", "expected true or false");
    refused_field(r#""stop":[[1]]"#,                            "stop[0]", "expected a string, got a list");
    refused_field(r#""stop":[1]"#,                              "stop[0]", "expected a string");
    refused_field(r#""stop":{}"#,                               "stop", "a string or a list of strings");
    refused_field(r#""modalities":"audio""#,                    "modalities", "expected a list");
    refused_field(r#""parallel_tool_calls":0"#,                 "parallel_tool_calls", "expected true or false");
    refused_field(r#""reasoning_effort":3"#,                    "reasoning_effort", "expected a string");
    refused_field(r#""response_format":{"type":"xml"}"#,        "response_format.type", "unknown value \"xml\"");
    refused_field(r#""response_format":{"type":"json_schema"}"#, "response_format.json_schema", "missing");
    refused_field(r#""response_format":{"type":"json_schema","json_schema":["s"]}"#, "response_format.json_schema", "expected an object, got a list");
    refused_field(r#""response_format":{"type":"json_schema","json_schema":{"strict":"no"}}"#, "response_format.json_schema.strict", "expected true or false");
    refused_field(r#""function_call":"f""#,                     "function_call", "expected auto, none or an object");
    refused_field(r#""function_call":[{}]"#,                    "function_call", "or an object with `name`, got a list");
    refused_field(r#""function_call":{}"#,                      "function_call.name", "missing");
    refused_field(r#""functions":[{"name":"f"},{}]"#,           "functions[1].name", "missing");
    refused_field(r#""functions":[["f"]]"#,                     "functions[0]", "expected an object, got a list");
    refused_field(r#""model":"n""#,                             "model", "given twice");
    refused_field(r#""user":"v""#,                              "user", "given twice");
}

#[test]
#[rustfmt::skip]
fn a_wrong_setting_of_another_dialect_is_named_by_its_path_in_that_dialect() {
    let check = |field: &str, param: &str, message: &str| {
        refused(&format!(r#"{{"model":"m","input":"hi",{field}}}"#), Invalid, Some(param), message);
    };
    check(r#""max_output_tokens":"9""#,                         "max_output_tokens", "expected a whole number");
    check(r#""stop_sequences":["a",null]"#,                     "stop_sequences[1]", "expected a string, got null");
    check(r#""reasoning":{"effort":3}"#,                        "reasoning.effort", "expected a string");
    check(r#""reasoning":["low"]"#,                             "reasoning", "expected an object, got a list");
    check(r#""output_config":{"effort":{}}"#,                   "output_config.effort", "expected a string, got an object");
    check(r#""output_config":["low"]"#,                         "output_config", "expected an object, got a list");
    check(r#""output_config":{"format":{"type":"yaml"}}"#,      "output_config.format.type", "unknown value \"yaml\"");
    check(r#""thinking":{"budget_tokens":9}"#,                  "thinking.type", "missing");
    check(r#""thinking":{"type":"much"}"#,                      "thinking.type", "unknown value \"much\"");
    check(r#""thinking":{"type":"enabled","budget_tokens":-9}"#, "thinking.budget_tokens", "expected a whole number");
    check(r#""system":7"#,                                      "system", "a string or a list of parts");
    check(r#""system":[{"type":"text","text":7}]"#,             "system[0].text", "expected a string");
    check(r#""instructions":[]"#,                               "instructions", "expected a string, got a list");
    check(r#""text":{"format":{"type":"json_schema","name":"s"}}"#, "text.format.schema", "missing");
}

#[test]
#[rustfmt::skip]
fn a_wrong_tool_is_named_by_its_path() {
    refused_field(r#""tools":{}"#,                              "tools", "expected a list, got an object");
    refused_field(r#""tools":[7]"#,                             "tools[0]", "expected an object");
    refused_field(r#""tools":[{"type":"function"}]"#,           "tools[0].function", "missing");
    refused_field(r#""tools":[{"type":"function","function":["f"]}]"#, "tools[0].function", "expected an object, got a list");
    refused_field(r#""tools":[{"function":{"name":1}}]"#,       "tools[0].function.name", "expected a string");
    refused_field(r#""tools":[{"function":{}}]"#,               "tools[0].function.name", "missing");
    refused_field(r#""tools":[{"function":{"name":"f","strict":"x"}}]"#, "tools[0].function.strict", "expected true or false");
    refused_field(r#""tools":[{"type":"function","parameters":{}}]"#, "tools[0].name", "missing");
    refused_field(r#""tools":[{"name":"f"},{"input_schema":{}}]"#, "tools[1].name", "missing");
    refused_field(r#""tools":[{"name":"f","description":7}]"#,  "tools[0].description", "expected a string");
    refused_field(r#""tools":[{"type":"custom"}]"#,             "tools[0].custom", "missing");
    refused_field(r#""tools":[{"type":"custom","format":{}}]"#, "tools[0].name", "missing");
    refused_field(r#""tools":[{"type":"custom","custom":{}}]"#, "tools[0].custom.name", "missing");
    refused_field(r#""tool_choice":"maybe""#,                   "tool_choice", "auto, none, required");
    refused_field(r#""tool_choice":7"#,                         "tool_choice", "`auto`, `none`, `required` or an object");
    refused_field(r#""tool_choice":["auto"]"#,                  "tool_choice", "or an object, got a list");
    refused_field(r#""tool_choice":{"type":"x"}"#,              "tool_choice.type", "unknown value \"x\"");
    refused_field(r#""tool_choice":{"type":"function"}"#,       "tool_choice.function", "missing");
    refused_field(r#""tool_choice":{"type":"custom"}"#,         "tool_choice.custom", "missing");
    refused_field(r#""tool_choice":{"type":"tool"}"#,           "tool_choice.name", "missing");
    refused_field(r#""tool_choice":{"type":"function","function":{}}"#, "tool_choice.function.name", "missing");
    refused_field(r#""tool_choice":{"type":"allowed_tools"}"#,  "tool_choice.allowed_tools", "missing");
    refused_field(r#""tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto"}}"#, "tool_choice.allowed_tools.tools", "missing");
    refused_field(r#""tool_choice":{"type":"allowed_tools","tools":[["f"]]}"#, "tool_choice.tools[0]", "expected an object, got a list");
}

#[test]
#[rustfmt::skip]
fn a_wrong_message_is_named_by_its_path() {
    refused_messages("\"hi\"",                                              "messages", "expected a list, got a string");
    refused_messages("[7]",                                                 "messages[0]", "expected an object");
    refused_messages("[[\"user\",\"hi\"]]",                                 "messages[0]", "expected an object, got a list");
    refused_messages("[{}]",                                                "messages[0].role", "missing");
    refused_messages(r#"[{"role":7}]"#,                                     "messages[0].role", "expected a string");
    refused_messages(r#"[{"role":"user"},{"role":"wizard"}]"#,              "messages[1].role", "unknown value \"wizard\"");
    refused_messages(r#"[{"role":"wizard"},{"role":"user"}]"#,              "messages[0].role", "unknown value \"wizard\"");
    refused_messages(r#"[{"role":"function","content":"x"}]"#,              "messages[0].name", "missing");
    refused_messages(r#"[{"role":"function","name":7}]"#,                   "messages[0].name", "expected a string");
    refused_messages(r#"[{"role":"user","content":7}]"#,                    "messages[0].content", "a string or a list of parts");
    refused_messages("[\n {\"role\":\"user\"},\n {\"role\":\"user\",\n  \"content\": {}}\n]", "messages[1].content", "got an object");
    refused_messages(r#"[{"role":"tool","content":"x"}]"#,                  "messages[0].tool_call_id", "missing");
    refused_messages(r#"[{"role":"tool","tool_call_id":7}]"#,               "messages[0].tool_call_id", "expected a string");
    refused_messages(r#"[{"role":"tool","tool_call_id":"\ud800"}]"#,        "messages[0].tool_call_id", "the value is not valid JSON");
    refused_messages(r#"[{"role":"user","content":"","role":"user"}]"#,     "messages[0].role", "given twice");
    refused_messages(r#"[{"role":"assistant","refusal":7}]"#,               "messages[0].refusal", "expected a string");
    refused_messages(r#"[{"role":"assistant","function_call":{"a":1}}]"#,   "messages[0].function_call.name", "missing");
    refused_messages(r#"[{"role":"assistant","function_call":"f"}]"#,       "messages[0].function_call", "expected an object, got a string");
    refused_messages(r#"[{"role":"assistant","tool_calls":{"a":1}}]"#,      "messages[0].tool_calls", "expected a list");
    refused_messages(r#"[{"role":"assistant","tool_calls":[{"id":"a"}]}]"#, "messages[0].tool_calls[0].function", "missing");
    refused_messages(r#"[{"role":"assistant","tool_calls":[{"id":"a","type":"custom"}]}]"#, "messages[0].tool_calls[0].custom", "missing");
    refused_messages(r#"[{"role":"assistant","tool_calls":[{"id":"a","type":"x"}]}]"#, "messages[0].tool_calls[0].type", "unknown value \"x\"");
    refused_messages(r#"[{"role":"assistant","tool_calls":[{"id":"a","function":{}}]}]"#, "messages[0].tool_calls[0].function.name", "missing");
    refused_messages(r#"[{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":{}}}]}]"#, "messages[0].tool_calls[0].function.arguments", "expected a string, got an object");
    refused_messages(r#"[{"role":"assistant","tool_calls":[{"id":"a","custom":{"name":"f","input":1}}]}]"#, "messages[0].tool_calls[0].custom.input", "expected a string");
    refused_messages(r#"[{"role":"assistant","tool_calls":[{"type":"function","function":{"name":"f"}}]}]"#, "messages[0].tool_calls[0].id", "missing");
}

/// Checks that a part of a user's message is refused at `param` below the part.
#[track_caller]
fn refused_part(part: &str, param: &str, message: &str) {
    let messages = format!(r#"[{{"role":"user","content":[{{"type":"text","text":""}},{part}]}}]"#);
    refused_messages(
        &messages,
        &format!("messages[0].content[1]{param}"),
        message,
    );
}

#[test]
#[rustfmt::skip]
fn a_wrong_part_is_named_by_its_path() {
    refused_part(r#""a""#,                                              "", "expected an object, got a string");
    refused_part("[]",                                                  "", "expected an object, got a list");
    refused_part(r#"{"text":"a"}"#,                                     ".type", "missing");
    refused_part(r#"{"type":"text"}"#,                                  ".text", "missing");
    refused_part(r#"{"type":"input_text","text":{}}"#,                  ".text", "expected a string, got an object");
    refused_part(r#"{"type":"refusal","refusal":1}"#,                   ".refusal", "expected a string");
    refused_part(r#"{"type":"image_url"}"#,                             ".image_url", "missing");
    refused_part(r#"{"type":"image_url","image_url":{}}"#,              ".image_url.url", "missing");
    refused_part(r#"{"type":"image_url","image_url":7}"#,               ".image_url", "an object with `url`");
    refused_part(r#"{"type":"image_url","image_url":[ "u"]}"#,          ".image_url", "an object with `url`, got a list");
    refused_part(r#"{"type":"input_image","file_id":7}"#,               ".file_id", "expected a string");
    refused_part(r#"{"type":"file"}"#,                                  ".file", "missing");
    refused_part(r#"{"type":"file","file":["d"]}"#,                     ".file", "expected an object, got a list");
    refused_part(r#"{"type":"file","file":{"file_data":7}}"#,           ".file.file_data", "expected a string");
    refused_part(r#"{"type":"input_file","file_data":7}"#,              ".file_data", "expected a string");
    refused_part(r#"{"type":"input_file","file_url":7}"#,               ".file_url", "expected a string");
    refused_part(r#"{"type":"image"}"#,                                 ".source", "missing");
    refused_part(r#"{"type":"image","source":"x"}"#,                    ".source", "expected an object, got a string");
    refused_part(r#"{"type":"image","source":["x"]}"#,                  ".source", "expected an object, got a list");
    refused_part(r#"{"type":"image","source":{}}"#,                     ".source.type", "missing");
    refused_part(r#"{"type":"image","source":{"type":"text"}}"#,        ".source.type", "unknown value \"text\", expected base64 or url");
    refused_part(r#"{"type":"image","source":{"type":"base64"}}"#,      ".source.data", "missing");
    refused_part(r#"{"type":"image","source":{"type":"base64","data":7}}"#, ".source.data", "expected a string");
    refused_part(r#"{"type":"image","source":{"type":"url"}}"#,         ".source.url", "missing");
    refused_part(r#"{"type":"document","source":{"type":"file"}}"#,     ".source.file_id", "missing");
    refused_part(r#"{"type":"document","source":{"type":"disk"}}"#,     ".source.type", "expected base64, text or url");
    refused_part(r#"{"type":"tool_use","name":"f"}"#,                   ".id", "missing");
    refused_part(r#"{"type":"tool_use","id":"a","name":{}}"#,           ".name", "expected a string, got an object");
    refused_part(r#"{"type":"tool_result"}"#,                           ".tool_use_id", "missing");
    refused_part(r#"{"type":"tool_result","tool_use_id":"a","is_error":1}"#, ".is_error", "expected true or false");
    refused_part(r#"{"type":"tool_result","tool_use_id":"a","content":[{"type":"text"}]}"#, ".content[0].text", "missing");
}

/// Checks that an item of `input` is refused at `param` below the item.
#[track_caller]
fn refused_item(item: &str, param: &str, message: &str) {
    let body = format!(
        r#"{{"model":"m","input":[{{"role":"user","content":"a"}},{{"role":"user"}},{item}]}}"#
    );
    refused(&body, Invalid, Some(&format!("input[2]{param}")), message);
}

#[test]
#[rustfmt::skip]
fn a_wrong_item_is_named_by_its_path() {
    refused(r#"{"model":"m","input":7}"#, Invalid, Some("input"), "a string or a list of items");
    refused_item("7",                                                   "", "expected an object");
    refused_item("{}",                                                  ".role", "missing");
    refused_item(r#"{"type":"message"}"#,                               ".role", "missing");
    refused_item(r#"{"type":7}"#,                                       ".type", "expected a string");
    refused_item(r#"{"type":"item_reference","id":"a"}"#,               ".type", "unknown value \"item_reference\"");
    refused_item(r#"{"type":"message","role":"user","content":[{"type":"input_text"}]}"#, ".content[0].text", "missing");
    refused_item(r#"{"type":"function_call","name":"f"}"#,              ".call_id", "missing");
    refused_item(r#"{"type":"function_call","call_id":"a"}"#,           ".name", "missing");
    refused_item(r#"{"type":"function_call","call_id":7,"name":"f"}"#,  ".call_id", "expected a string");
    refused_item(r#"{"type":"function_call","call_id":"a","name":"f","arguments":{}}"#, ".arguments", "expected a string, got an object");
    refused_item(r#"{"type":"custom_tool_call","call_id":"a","name":"f","input":[]}"#, ".input", "expected a string, got a list");
    refused_item(r#"{"type":"function_call_output","output":"x"}"#,     ".call_id", "missing");
    refused_item(r#"{"type":"function_call_output","call_id":"a","output":7}"#, ".output", "a string or a list of parts");
    refused_item(r#"{"type":"custom_tool_call_output","call_id":"a","output":[{"type":"input_text","text":"x"},{"type":"input_text","text":7}]}"#, ".output[1].text", "expected a string");
}

#[test]
#[rustfmt::skip]
fn a_conversation_that_is_kept_elsewhere_is_refused() {
    for field in ["previous_response_id", "conversation", "prompt"] {
        let body = format!(r#"{{"model":"m","{field}":"resp_1","input":"and then?"}}"#);
        refused(&body, Invalid, Some(field), "send the whole conversation");
        parsed(&body.replace("\"resp_1\"", "null"));
        // Here the whole conversation is there.
        let body = with_field(&format!(r#""{field}":"resp_1""#));
        assert_eq!(parsed(&body).unknown, [field]);
    }
}

#[test]
#[rustfmt::skip]
fn the_position_of_an_error_is_right_however_the_body_is_written() {
    // Unknown fields before it, line breaks, quotes and brackets in text, two bytes a letter.
    refused("{\"model\":\"m\",\n\n\"x\":{\"y\":[1,\n2]},\"messages\":\n[\n]\n,\n\"top_p\"\n:\n\"é\"}", Invalid, Some("top_p"), "a string");
    refused(r#"{"x":"]}\"[{,","é":"é","model":"m","messages":[{"role":"user","content":"],\\"},{"role":1}]}"#, Invalid, Some("messages[1].role"), "a string");
    refused(r#"{"messages":[{"role":"user","y":[{},{"a":[]}],"content":[{"type":"text","z":{"type":1},"text":[]}]}],"model":"m"}"#, Invalid, Some("messages[0].content[0].text"), "a string");
    refused("{\r\n\t\"messages\" : [ ] ,\r\n\t\"model\" : false\r\n}", Invalid, Some("model"), "a string");
}

#[test]
fn a_message_for_people_does_not_repeat_the_prompt() {
    let body = r#"{"model":"m","messages":"my secret, expected plan"}"#;
    assert_eq!(
        error(body).to_string(),
        "messages: expected a list, got a string"
    );

    let body = with_messages(&format!(r#"[{{"role":"{}"}}]"#, "é".repeat(50)));
    let message = error(&body).to_string();
    assert!(message.contains(&"é".repeat(40)), "{message}");
    assert!(!message.contains(&"é".repeat(41)), "{message}");

    let body = with_messages(r#"[{"type":"function_call","name":"f","call_id":["secret"]}]"#);
    assert!(!error(&body).to_string().contains("secret"));
}
