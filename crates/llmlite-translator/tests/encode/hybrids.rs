//! Requests that mix this API with Anthropic's or with OpenAI's newer one, as editors send them.

use llmlite_translator::Options;
use serde_json::{Value, json};

use crate::{encoded, encoded_with, models, request, taken};

const BLOCKS: &str = r#"[
    {"role":"user","content":[{"type":"text","text":"look","cache_control":{"type":"ephemeral"}}]},
    {"role":"assistant","content":[
        {"type":"thinking","thinking":"hm","signature":"s"},
        {"type":"text","text":"I look"},
        {"type":"tool_use","id":"toolu_1","name":"read","input":{"path": "a", "n": 1.0}},
        {"type":"tool_use","id":"toolu_2","name":"read","input":{}}]},
    {"role":"user","content":[
        {"type":"tool_result","tool_use_id":"toolu_2","content":"gone","is_error":true},
        {"type":"tool_result","tool_use_id":"toolu_1","content":[{"type":"text","text":"here"}]},
        {"type":"text","text":"go on"}]}
]"#;

#[test]
fn anthropics_blocks_stay_what_they_are() {
    let fields = r#","system":[{"type":"text","text":"be brief","cache_control":{"type":"ephemeral","ttl":"1h"}}],
        "tools":[{"name":"read","description":"reads","input_schema":{"type":"object","properties":{"path":{"type":"string"}}}}],
        "tool_choice":{"type":"auto","disable_parallel_tool_use":true}"#;
    let (encoded, body) = taken(&models::schemas(), &request(BLOCKS, fields));
    assert_eq!(
        body["system"],
        json!([{ "type": "text", "text": "be brief", "cache_control": { "type": "ephemeral", "ttl": "1h" } }])
    );
    assert_eq!(
        body["messages"][0]["content"][0]["cache_control"],
        json!({ "type": "ephemeral" })
    );
    assert_eq!(
        body["messages"][1]["content"],
        json!([
            { "type": "thinking", "thinking": "hm", "signature": "s" },
            { "type": "text", "text": "I look" },
            { "type": "tool_use", "id": "toolu_1", "name": "read", "input": { "path": "a", "n": 1.0 } },
            { "type": "tool_use", "id": "toolu_2", "name": "read", "input": {} },
        ])
    );
    assert_eq!(
        body["messages"][2]["content"],
        json!([
            { "type": "tool_result", "tool_use_id": "toolu_1", "content": [{ "type": "text", "text": "here" }] },
            { "type": "tool_result", "tool_use_id": "toolu_2", "content": [{ "type": "text", "text": "gone" }], "is_error": true },
            { "type": "text", "text": "go on" },
        ])
    );
    assert_eq!(body["tools"][0]["description"], "reads");
    assert_eq!(body["tool_choice"]["disable_parallel_tool_use"], true);
    assert_eq!((encoded.ignored.len(), encoded.adjusted.len()), (0, 0));
    assert!(
        String::from_utf8_lossy(&encoded.body).contains(r#""input":{"path": "a", "n": 1.0}"#),
        "the client's own bytes"
    );
}

#[test]
fn a_call_that_comes_in_both_forms_is_made_once() {
    let messages = r#"[{"role":"user","content":"a"},
        {"role":"assistant","content":[{"type":"tool_use","id":"c","name":"f","input":{}}],"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}]},
        {"role":"tool","tool_call_id":"c","content":[{"type":"tool_result","tool_use_id":"c","content":"r"}]}]"#;
    let (encoded, body) = taken(&models::plain(), &request(messages, ""));
    let turns = &body["messages"];
    assert_eq!(turns[1]["content"].as_array().map(Vec::len), Some(1));
    assert_eq!(turns[2]["content"][0]["content"][0]["text"], "r");
    assert!(encoded.adjusted.is_empty(), "{:?}", encoded.adjusted);
}

#[test]
fn a_history_in_blocks_needs_no_tools_now() {
    let (_, body) = taken(&models::plain(), &request(BLOCKS, ""));
    assert_eq!(body["tools"][0]["name"], "read");
    assert_eq!(body["tool_choice"], json!({ "type": "none" }));
}

#[test]
fn a_body_of_openais_newer_api_is_understood() {
    let body = r#"{"model":"m","instructions":"be brief","max_output_tokens":50,"reasoning":{"effort":"none"},
        "input":[
            {"role":"user","content":[{"type":"input_text","text":"look"}]},
            {"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"x"},
            {"type":"function_call","call_id":"c","name":"read","arguments":"{\"n\":1}"},
            {"type":"custom_tool_call","call_id":"d","name":"patch","input":"text"},
            {"type":"function_call_output","call_id":"c","output":"here"},
            {"type":"custom_tool_call_output","call_id":"d","output":"done"}],
        "tools":[
            {"type":"function","name":"read","parameters":{"type":"object","properties":{}},"strict":false},
            {"type":"custom","name":"patch","format":{"type":"grammar","syntax":"lark","definition":"start: /x/"}},
            {"type":"function","function":{"name":"nested"}},
            {"type":"web_search"}]}"#;
    let (encoded, value) = taken(&models::plain(), body);
    assert_eq!(value["system"][0]["text"], "be brief");
    assert_eq!(
        value["messages"][1]["content"],
        json!([
            { "type": "tool_use", "id": "c", "name": "read", "input": { "n": 1 } },
            { "type": "tool_use", "id": "d", "name": "patch", "input": { "input": "text" } },
        ])
    );
    assert_eq!(
        value["messages"][2]["content"][1]["content"][0]["text"],
        "done"
    );
    let tools = value["tools"].as_array().expect("there are tools").iter();
    let names: Vec<&Value> = tools.map(|tool| &tool["name"]).collect();
    assert_eq!(names, ["read", "patch", "nested"]);
    assert_eq!(
        encoded.ignored,
        ["messages[].reasoning_content", "tools[].web_search"]
    );
    assert_eq!(encoded.adjusted, ["tools[].custom.format"]);
}

#[track_caller]
fn refuse(body: &str, param: &str) {
    let error = encoded(&models::plain(), body).expect_err(body);
    assert_eq!(error.param(), Some(param), "{error}");
}

#[test]
#[rustfmt::skip]
fn what_is_wrong_is_named_in_the_clients_own_form() {
    let input = |item: &str| format!(r#"{{"model":"m","input":[{{"role":"user","content":"a"}},{item}]}}"#);
    let tools = |tool: &str| request(r#"[{"role":"user","content":"a"}]"#, &format!(r#","tools":[{tool}]"#));
    refuse(&input(r#"{"role":"user","content":[{"type":"input_audio"}]}"#),             "input[1].content[0]");
    refuse(&input(r#"{"type":"function_call_output","call_id":"c","output":[{"type":"input_image","image_url":"http://a"}]}"#), "input[1].output[0].image_url.url");
    refuse(&request(r#"[{"role":"user","content":[{"type":"tool_use","id":"c","name":"f"}]}]"#, ""), "messages[0].content[0]");
    refuse(&request(r#"[{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":[{"type":"audio"}]}]}]"#, ""), "messages[0].content[0].content[0]");
    refuse(&request(r#"[{"role":"user","content":"a"}]"#, r#","system":[{"type":"image_url","image_url":"data:,"}]"#), "system[0]");
    refuse(&tools(r#"{"type":"function","name":""}"#),                                  "tools[0].name");
    refuse(&tools(r#"{"type":"custom","custom":{"name":""}}"#),                         "tools[0].custom.name");
    refuse(&tools(r#"{"name":"f"},{"name":"f","description":"x"}"#),                     "tools[1].name");
}

#[test]
fn a_result_that_answers_nothing_becomes_words_of_the_user() {
    let messages = r#"[{"role":"tool","tool_call_id":"lost\"1","content":"r"},{"role":"user","content":"a"},
        {"role":"assistant","content":"b"},{"role":"function","name":"f","content":"s"}]"#;
    let (encoded, body) = taken(&models::plain(), &request(messages, ""));
    let texts = |turn: usize| -> Vec<&str> {
        let blocks = body["messages"][turn]["content"]
            .as_array()
            .expect("a turn has blocks");
        blocks
            .iter()
            .filter_map(|block| block["text"].as_str())
            .collect()
    };
    let [open, "r", "</tool_result>", "a"] = texts(0)[..] else {
        panic!("{body}");
    };
    let id = open
        .strip_prefix("<tool_result id=\"")
        .and_then(|rest| rest.strip_suffix("\">"));
    let plain = |char: char| char.is_ascii_alphanumeric() || char == '_';
    assert!(id.is_some_and(|id| id.chars().all(plain)), "{open}");
    assert_eq!(
        texts(2),
        ["<tool_result name=\"f\">", "s", "</tool_result>"]
    );
    assert_eq!(encoded.adjusted, ["messages[].tool_call_id"]);

    let strict = Options {
        strict: true,
        ..Options::default()
    };
    let error = encoded_with(&models::plain(), &request(messages, ""), strict);
    let error = error.expect_err("strict mode does not change histories");
    assert_eq!(error.param(), Some("messages[].tool_call_id"));
}

#[test]
fn what_the_model_said_in_unknown_forms_is_left_out_and_named() {
    let messages = r#"[{"role":"user","content":"a"},
        {"role":"assistant","name":"x","content":[{"type":"server_tool_use","id":"s"},{"type":"text","text":"b"}]},
        {"role":"user","content":"c"}]"#;
    let (encoded, body) = taken(&models::plain(), &request(messages, ""));
    assert_eq!(
        body["messages"][1]["content"],
        json!([{ "type": "text", "text": "b" }])
    );
    assert_eq!(
        encoded.ignored,
        ["messages[].name", "messages[].content[].server_tool_use"]
    );
}
