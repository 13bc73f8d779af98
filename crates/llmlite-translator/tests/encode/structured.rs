//! The form of the answer: Claude's own setting, a tool that stands for it, or words.

use llmlite_translator::{Model, Options};
use serde_json::{Value, json};

use crate::{HI, encoded, encoded_with, models, request, taken};

const CLOSED: &str = r#"{"type":"object","properties":{"a": {"type":"string"}},"required":["a"],"additionalProperties":false}"#;
const OPEN: &str = r#"{"type":"object","additionalProperties":{"type":"string"}}"#;
const TOOL: &str = r#""tools":[{"type":"function","function":{"name":"f"}}]"#;

fn format(schema: &str, strict: bool) -> String {
    format!(
        r#""response_format":{{"type":"json_schema","json_schema":{{"name":"n","description":"A joke.","schema":{schema},"strict":{strict}}}}}"#
    )
}

/// How the form is asked for: `native`, `tool NAME: CHOICE`, or `words`.
fn way(body: &Value) -> String {
    let tools = body["tools"].as_array().map_or(&[][..], Vec::as_slice);
    let tool = tools.iter().find(|tool| {
        let text = tool["description"].as_str().unwrap_or_default();
        text.starts_with("Gives the answer")
    });
    let words = body["system"]
        .to_string()
        .contains("answer with one JSON object");
    let native = body["output_config"]["format"]["type"] == "json_schema";
    match (native, tool, words) {
        (true, None, false) => "native".to_owned(),
        (false, Some(tool), false) => {
            let choice = &body["tool_choice"];
            let [name, mode, called] = [&tool["name"], &choice["type"], &choice["name"]]
                .map(|text| text.as_str().unwrap_or("-"));
            let single = choice["disable_parallel_tool_use"] == true;
            format!(
                "tool {name}: {mode} {called}{}",
                if single { " once" } else { "" }
            )
        }
        (false, None, true) => "words".to_owned(),
        (false, None, false) => "-".to_owned(),
        several => format!("{several:?}"),
    }
}

#[track_caller]
fn check(model: &Model, fields: &str, want: &str, ignored: &[&str], adjusted: &[&str]) {
    let (encoded, body) = taken(model, &request(HI, &format!(",{fields}")));
    assert_eq!(way(&body), want, "{fields}");
    assert_eq!(
        (encoded.ignored, encoded.adjusted),
        (
            ignored.iter().map(|name| (*name).into()).collect(),
            adjusted.to_vec()
        ),
        "{fields}"
    );
}

const F: &[&str] = &["response_format"];
const STRICT: &[&str] = &["response_format.json_schema.strict"];
const SCHEMA: &[&str] = &["response_format.json_schema.schema"];
const ALONE: &str = "tool answer: tool answer once";
const ANY: &str = "tool answer: any -";

#[test]
#[rustfmt::skip]
fn a_schema_takes_the_best_way_that_the_model_has() {
    check(&models::schemas(),  &format(CLOSED, true),   "native", &[], &[]);
    check(&models::schemas(),  &format(CLOSED, false),  "native", &[], &[]);
    check(&models::both(),     &format(CLOSED, true),   "native", &[], &[]);
    check(&models::schemas(),  &format(OPEN, false),    ALONE,    &[], &[]);
    check(&models::schemas(),  &format(OPEN, true),     ALONE,    STRICT, &[]);
    check(&models::plain(),    &format(CLOSED, false),  ALONE,    &[], &[]);
    check(&models::plain(),    &format(CLOSED, true),   ALONE,    STRICT, &[]);
    check(&models::thinker(),  &format(CLOSED, false),  "words",  &[], F);
    check(&models::thinker(),  &format(CLOSED, true),   "words",  STRICT, F);
    // A rule that only words can say.
    let long = r#"{"type":"object","properties":{"a":{"type":"string","minLength":3}},"additionalProperties":false}"#;
    check(&models::schemas(),  &format(long, true),     "native", &[], SCHEMA);
    check(&models::schemas(),  &format(long, false),    "native", &[], SCHEMA);
    // What no tool can take as its arguments.
    check(&models::plain(),    &format(r#"{"type":"array","items":{}}"#, false),    "words", &[], F);
    check(&models::plain(),    &format(r#"{"anyOf":[{"required":["a"]}]}"#, false), "words", &[], F);
    // No schema, and no format.
    check(&models::schemas(),  r#""response_format":{"type":"json_schema","json_schema":{"name":"n"}}"#, "words", &[], F);
    for (_, model) in models::all() {
        check(&model,          r#""response_format":{"type":"json_object"}"#,       "words", &[], F);
        check(&model,          r#""response_format":{"type":"text"}"#,              "-",     &[], &[]);
    }
    // The same in other APIs' words.
    check(&models::schemas(),  &format!(r#""text":{{"format":{{"type":"json_schema","name":"n","schema":{CLOSED}}}}}"#), "native", &[], &[]);
    check(&models::schemas(),  &format!(r#""output_config":{{"format":{{"type":"json_schema","schema":{CLOSED}}}}}"#),   "native", &[], &[]);
}

#[test]
#[rustfmt::skip]
fn a_tool_for_the_answer_leaves_the_clients_tools_their_place() {
    let plain = models::plain();
    let with = |choice: &str| format!(r#"{},{TOOL}{choice}"#, format(CLOSED, false));
    check(&plain, &with(""),                                                        ANY,     &[], &[]);
    check(&plain, &with(r#","tool_choice":"auto""#),                                ANY,     &[], &[]);
    check(&plain, &with(r#","parallel_tool_calls":false"#),  "tool answer: any - once", &[], &[]);
    // A call is demanded, or forbidden.
    check(&plain, &with(r#","tool_choice":"required""#),                            "words", &[], F);
    check(&plain, &with(r#","tool_choice":{"type":"function","function":{"name":"f"}}"#), "words", &[], F);
    check(&plain, &with(r#","tool_choice":"none""#),                                ALONE,   &[], &[]);
    check(&models::schemas(), &with(""),                                            "native", &[], &[]);
    // Its name is free.
    let taken = r#""tools":[{"function":{"name":"answer"}},{"function":{"name":"answer_2"}}]"#;
    check(&plain, &format!("{},{taken}", format(CLOSED, false)),  "tool answer_3: any -", &[], &[]);
}

#[test]
fn a_tool_of_the_history_that_is_not_offered_is_not_called() {
    let talk = r#"[{"role":"user","content":"a"},{"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f"}}]},{"role":"tool","tool_call_id":"c","content":"x"}]"#;
    let (_, body) = taken(
        &models::plain(),
        &request(talk, &format!(",{}", format(CLOSED, false))),
    );
    assert_eq!(way(&body), ALONE);
    assert_eq!(body["tools"][0]["name"], "f");
}

#[test]
#[rustfmt::skip]
fn a_model_that_thinks_within_a_budget_or_goes_on_with_an_answer_is_asked_in_words() {
    let thinking = format!(r#"{},"reasoning_effort":"high""#, format(CLOSED, false));
    check(&models::budget(),  &thinking,    "words",  &[], F);
    check(&models::schemas(), &thinking,    "native", &[], &[]);
    let begun = r#"[{"role":"user","content":"a"},{"role":"assistant","content":"{"}]"#;
    for model in [models::plain(), models::schemas()] {
        let (_, body) = taken(&model, &request(begun, &format!(",{}", format(CLOSED, false))));
        assert_eq!(way(&body), "words");
    }
}

#[test]
fn what_the_answer_is_for_reaches_the_model_every_way() {
    for (model, place) in [
        (
            models::schemas(),
            "/output_config/format/schema/description",
        ),
        (models::plain(), "/tools/0/description"),
        (models::thinker(), "/system/0/text"),
    ] {
        let (_, body) = taken(&model, &request(HI, &format!(",{}", format(CLOSED, false))));
        let text = body.pointer(place).and_then(Value::as_str);
        assert!(text.is_some_and(|text| text.contains("A joke.")), "{body}");
    }
}

#[test]
fn the_schema_goes_out_as_it_came() {
    let schema = r#"{"type":"object", "properties":{"z":{"type":"number","default":1.10},"a":{"type":"null"}},"additionalProperties":false}"#;
    let plain = format!(
        r#","response_format":{{"type":"json_schema","json_schema":{{"schema":{schema}}}}}"#
    );
    for model in [models::schemas(), models::plain()] {
        let encoded = encoded(&model, &request(HI, &plain)).expect("it can be translated");
        let body = String::from_utf8(encoded.body).expect("the body is text");
        assert!(body.contains(schema), "{body}");
    }
}

#[test]
fn the_schema_of_the_answer_comes_before_strict_tools_when_there_is_not_room_for_both() {
    let object = |fields: usize| {
        let fields: Vec<String> = (0..fields)
            .map(|n| format!(r#""f{n}":{{"type":"null"}}"#))
            .collect();
        format!(
            r#"{{"type":"object","properties":{{{}}},"additionalProperties":false}}"#,
            fields.join(",")
        )
    };
    let strict = format!(
        r#""tools":[{{"type":"function","function":{{"name":"f","strict":true,"parameters":{}}}}}]"#,
        object(20)
    );
    let both = format!(",{},{strict}", format(&object(20), true));
    let (_, with) = taken(&models::schemas(), &request(HI, &both));
    assert_eq!(
        (way(&with).as_str(), &with["tools"][0]["strict"]),
        ("native", &Value::Null)
    );
    let (_, without) = taken(&models::schemas(), &request(HI, &format!(",{strict}")));
    assert_eq!(without["tools"][0]["strict"], json!(true));
}

#[test]
fn strict_mode_refuses_a_form_that_is_only_likely() {
    let strict = Options {
        strict: true,
        ..Options::default()
    };
    let check = |model: &Model, fields: &str, want: Option<&str>| {
        let refused = encoded_with(model, &request(HI, &format!(",{fields}")), strict).err();
        assert_eq!(
            refused.as_ref().and_then(|error| error.param()),
            want,
            "{fields}"
        );
    };
    check(&models::schemas(), &format(CLOSED, true), None);
    check(&models::plain(), &format(CLOSED, false), None);
    check(&models::plain(), &format(CLOSED, true), Some(STRICT[0]));
    check(&models::thinker(), &format(CLOSED, false), Some(F[0]));
    check(
        &models::schemas(),
        r#""response_format":{"type":"json_object"}"#,
        Some(F[0]),
    );
    let long = r#"{"type":"object","properties":{"a":{"type":"string","minLength":3}}}"#;
    check(&models::schemas(), &format(long, true), Some(SCHEMA[0]));
    check(&models::schemas(), &format(long, false), None);
}
