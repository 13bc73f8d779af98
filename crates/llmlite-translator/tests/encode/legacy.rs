//! `functions` and `function_call`, the form that came before tools.

use serde_json::{Value, json};

use crate::{HI, encoded, models, request, taken};

const FUNCTIONS: &str = r#","functions":[{"name":"f","description":"d","parameters":{"type":"object","properties":{}}},{"name":"g.h"}]"#;

#[test]
fn functions_become_tools_of_which_one_may_be_called() {
    let (_, body) = taken(&models::plain(), &request(HI, FUNCTIONS));
    assert_eq!(body["tools"][0]["name"], "f");
    assert_eq!(body["tools"][0]["description"], "d");
    assert_eq!(
        body["tool_choice"],
        json!({ "type": "auto", "disable_parallel_tool_use": true })
    );
}

#[track_caller]
fn check_choice(choice: &str, want: Value) {
    let fields = format!(r#"{FUNCTIONS},"function_call":{choice}"#);
    let (_, body) = taken(&models::plain(), &request(HI, &fields));
    assert_eq!(body.get("tool_choice").cloned().unwrap_or_default(), want);
}

#[test]
#[rustfmt::skip]
fn the_choice_of_function_is_kept() {
    check_choice(r#""auto""#,       json!({"type": "auto", "disable_parallel_tool_use": true}));
    check_choice(r#""none""#,       json!({"type": "none"}));
    check_choice(r#"{"name":"f"}"#, json!({"type": "tool", "name": "f", "disable_parallel_tool_use": true}));
    let thinker = taken(&models::thinker(), &request(HI, &format!(r#"{FUNCTIONS},"function_call":{{"name":"f"}}"#)));
    assert_eq!(thinker.0.adjusted, ["function_call"]);
}

#[track_caller]
fn refuse(fields: &str, param: &str, text: &str) {
    let error = encoded(&models::plain(), &request(HI, fields)).expect_err(fields);
    assert_eq!(error.param(), Some(param), "{error}");
    assert!(error.to_string().contains(text), "{error}");
}

#[test]
#[rustfmt::skip]
fn a_function_that_is_wrong_is_named_by_its_place() {
    refuse(r#","functions":[{"name":""}]"#,                         "functions[0].name", "needs a name");
    refuse(r#","functions":[{"name":"f"},{"name":"f","description":"x"}]"#, "functions[1].name", "given twice");
    refuse(r#","functions":[{"name":"f","parameters":[]}]"#,        "functions[0].parameters", "JSON Schema");
    refuse(&format!(r#"{FUNCTIONS},"function_call":{{"name":"x"}}"#), "function_call", "no tool is named");
}

#[test]
fn tools_win_over_functions_and_that_is_said() {
    let fields = format!(
        r#"{FUNCTIONS},"function_call":"none","tools":[{{"function":{{"name":"t"}}}}],"tool_choice":"auto""#
    );
    let (encoded, body) = taken(&models::plain(), &request(HI, &fields));
    assert_eq!(body["tools"].as_array().map(Vec::len), Some(1));
    assert_eq!(encoded.ignored, ["functions", "function_call"]);
}

#[test]
fn results_answer_the_last_call_of_their_function_that_has_none() {
    let call = |name: &str| {
        format!(
            r#"{{"role":"assistant","content":null,"function_call":{{"name":"{name}","arguments":"{{\"n\":1}}"}}}}"#
        )
    };
    let result = |name: &str, text: &str| {
        format!(r#"{{"role":"function","name":"{name}","content":"{text}"}}"#)
    };
    let messages = format!(
        r#"[{{"role":"user","content":"a"}},{},{},{},{},{},{},{}]"#,
        call("f"),
        result("f", "1"),
        call("f"),
        result("f", "2"),
        call("g"),
        call("f"),
        result("f", "3"),
    );
    let (encoded, body) = taken(&models::plain(), &request(&messages, FUNCTIONS));
    let ids = |turn: usize, field: &str| -> Vec<String> {
        let blocks = body["messages"][turn]["content"]
            .as_array()
            .expect("a turn has blocks");
        let ids = blocks.iter().filter_map(|block| block[field].as_str());
        ids.map(str::to_owned).collect()
    };
    let mut calls = Vec::new();
    for turn in [1, 3, 5] {
        assert_eq!(ids(turn, "id"), ids(turn + 1, "tool_use_id"));
        calls.extend(ids(turn, "id"));
    }
    assert_eq!(
        body["messages"][1]["content"][0]["input"],
        json!({ "n": 1 })
    );
    assert_eq!(
        body["messages"][6]["content"][0]["is_error"], true,
        "g has no result"
    );
    assert_eq!(body["messages"][6]["content"][1]["content"][0]["text"], "3");
    calls.sort();
    calls.dedup();
    assert_eq!(calls.len(), 4, "each call has an id of its own");
    assert_eq!(encoded.adjusted, ["messages[].tool_calls"]);

    let grown = messages.replace(
        "}]",
        r#"},{"role":"assistant","content":"x"},{"role":"user","content":"y"}]"#,
    );
    let (_, later) = taken(&models::plain(), &request(&grown, FUNCTIONS));
    let (turns, later) = (body["messages"].as_array(), later["messages"].as_array());
    let (turns, later) = (turns.expect("turns"), later.expect("turns"));
    assert_eq!(turns.as_slice(), &later[..turns.len()], "ids do not change");
}

#[test]
fn a_history_of_functions_needs_no_functions_now() {
    let messages = r#"[{"role":"user","content":"a"},{"role":"assistant","content":null,"function_call":{"name":"f","arguments":""}},{"role":"function","name":"f","content":""},{"role":"user","content":"b"}]"#;
    let (_, body) = taken(&models::plain(), &request(messages, ""));
    assert_eq!(
        body["tools"],
        json!([{ "name": "f", "input_schema": { "type": "object" } }])
    );
    assert_eq!(body["tool_choice"], json!({ "type": "none" }));
    assert_eq!(
        body["messages"][2]["content"][0]["content"][0]["text"],
        "(no output)"
    );
}
