//! Tools: their schemas, the choice among them, and which result belongs to which call.

use llmlite_translator::{EncodeError, Encoded, Model};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::HashSet;

use crate::{HI, models, request, taken};

fn model() -> Model {
    models::plain()
}

fn encoded(model: &Model, messages: &str, fields: &str) -> Result<Encoded, EncodeError> {
    crate::encoded(model, &request(messages, fields))
}

fn with_schema(schema: &str) -> Result<Encoded, EncodeError> {
    let fields = format!(
        r#","tools":[{{"function":{{"name":"e"}}}},{{"function":{{"name":"f","parameters":{schema}}}}}]"#
    );
    encoded(&model(), HI, &fields)
}

/// Checks that `schema` goes out as `want`, byte for byte.
#[track_caller]
fn check_schema(schema: &str, want: &str, adjusted: &[&str]) {
    let encoded = with_schema(schema).unwrap_or_else(|error| panic!("{schema}: {error}"));
    let body = String::from_utf8(encoded.body).expect("the body is text");
    let want = format!(r#"{{"name":"f","input_schema":{want}}}]"#);
    assert!(body.contains(&want), "{body}\n lacks {want}");
    assert_eq!(encoded.adjusted, adjusted, "{schema}");
}

#[track_caller]
fn refuse_schema(schema: &str, text: &str) {
    let error = with_schema(schema).expect_err(schema);
    assert_eq!(error.param(), Some("tools[1].function.parameters"));
    assert!(error.to_string().contains(text), "{error}");
}

#[test]
#[rustfmt::skip]
fn a_schema_passes_and_says_that_it_is_an_object() {
    const EMPTY: &str = r#"{"type":"object","properties":{}}"#;
    check_schema("null",                                  EMPTY, &[]);
    check_schema("{ }",                                   EMPTY, &[]);
    check_schema(r#"{"type":null}"#,                      EMPTY, &[]);
    check_schema(r#"{"type": "object" }"#,                r#"{"type": "object" }"#, &[]);
    check_schema(r#"{"ty\u0070e":"obj\u0065ct"}"#,        r#"{"ty\u0070e":"obj\u0065ct"}"#, &[]);
    check_schema(r#"{"properties":{"b": 1.0,"a":2}}"#,    r#"{"type":"object","properties":{"b": 1.0,"a":2}}"#, &[]);
    check_schema(r#"{"title":"x","type":null,"z":1}"#,    r#"{"type":"object","title":"x","z":1}"#, &[]);
    check_schema(r#"{"type":"object","a\"b":1,"anyOf":null}"#, r#"{"type":"object","a\"b":1}"#, &[]);
    refuse_schema("[]",                                   "type \"object\"");
    refuse_schema(r#"{"type":"string"}"#,                 "type \"object\"");
    check_schema(r#"{"type":["object"]}"#,                EMPTY, &[]);
    check_schema(r#"{"type":["object","null"],"properties":{"a":{}}}"#, r#"{"type":"object","properties":{"a":{}}}"#, &[]);
    refuse_schema(r#"{"type":["string"]}"#,               "type \"object\"");
    refuse_schema(r#"{"type":"object","type":"object"}"#, "type \"object\"");
}

#[test]
#[rustfmt::skip]
fn alternatives_at_the_root_go_only_when_they_carry_no_fields() {
    let named = &["tools[].function.parameters"];
    check_schema(
        r#"{"type":"object","properties":{"a":{"anyOf":[{}]}},"anyOf":[{"required":["a"]},{"required":["b"]}],"z":1}"#,
        r#"{"type":"object","properties":{"a":{"anyOf":[{}]}},"z":1}"#, named);
    check_schema(r#"{"oneOf":[{"required":["a"]}],"allOf":[]}"#, r#"{"type":"object","properties":{}}"#, named);
    check_schema(r#"{"type":"object","allOf":[{}]}"#,            r#"{"type":"object"}"#, named);
    refuse_schema(r#"{"type":"object","anyOf":[{"required":["a"]},{"properties":{}}]}"#, "anyOf is not supported at the root of a schema, put it below a property");
    refuse_schema(r#"{"oneOf":[{"$ref":"a"}]}"#,                 "oneOf is not supported at the root");
    refuse_schema(r#"{"allOf":[[]]}"#,                           "allOf is not supported at the root");
    refuse_schema(r#"{"anyOf":{"required":["a"]}}"#,             "anyOf is not supported at the root");
}

#[test]
#[rustfmt::skip]
fn a_schema_that_bedrock_could_not_read_is_refused() {
    let nested = |levels: usize| format!("{}{{}}{}", r#"{"type":"object","a":"#.repeat(levels - 1), "}".repeat(levels - 1));
    check_schema(&nested(64), &nested(64), &[]);
    refuse_schema(&nested(65),                            "deeper than 64 levels");
    refuse_schema(&nested(200_000),                       "deeper than 64 levels");
    refuse_schema(r#"{"type":"object","title":"\ud83d"}"#, "half a character");
    check_schema(r#"{"type":"object","title":"\ud83d\ude00"}"#, r#"{"type":"object","title":"\ud83d\ude00"}"#, &[]);

    for (schema, text) in [(nested(65), "deeper than 64"), (r#"{"title":"\udc00"}"#.to_owned(), "half a character")] {
        let format = format!(r#","response_format":{{"type":"json_schema","json_schema":{{"schema":{schema}}}}}"#);
        let error = encoded(&model(), HI, &format).expect_err("the schema cannot be sent");
        assert_eq!(error.param(), Some("response_format.json_schema.schema"));
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[test]
fn a_refused_tool_is_named_by_its_place_in_the_clients_list() {
    let tools = r#","tools":[{"function":{"name":"a"}},{"function":{"name":"b"}},{"function":{"name":"c","parameters":7}}]"#;
    let only = |name: &str| {
        format!(
            r#"{tools},"tool_choice":{{"type":"allowed_tools","allowed_tools":{{"tools":[{{"function":{{"name":"{name}"}}}}]}}}}"#
        )
    };
    let error = encoded(&model(), HI, &only("c")).expect_err("7 is no schema");
    assert_eq!(error.param(), Some("tools[2].function.parameters"));
    assert!(encoded(&model(), HI, &only("b")).is_ok());
}

#[track_caller]
fn check_choice(forced_tool: bool, fields: &str, want: Value, adjusted: &[&str]) {
    let model = Model {
        forced_tool,
        ..model()
    };
    let fields = format!(r#","tools":[{{"function":{{"name":"f"}}}}]{fields}"#);
    let encoded = encoded(&model, HI, &fields).unwrap_or_else(|error| panic!("{error}"));
    let body: Value = serde_json::from_slice(&encoded.body).expect("the body is JSON");
    let got = body.get("tool_choice").cloned().unwrap_or_default();
    assert_eq!((got, encoded.adjusted.as_slice()), (want, adjusted));
}

#[test]
#[rustfmt::skip]
fn a_model_that_cannot_be_made_to_call_is_left_free_to() {
    let one = r#","tool_choice":{"type":"function","function":{"name":"f"}}"#;
    let allowed = r#","tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"function":{"name":"f"}}]}}"#;
    let single = r#","tool_choice":"required","parallel_tool_calls":false"#;
    check_choice(true,  one,    json!({"type": "tool", "name": "f"}), &[]);
    check_choice(true,  single, json!({"type": "any", "disable_parallel_tool_use": true}), &[]);
    check_choice(false, one,     json!({"type": "auto"}), &["tool_choice"]);
    check_choice(false, allowed, json!({"type": "auto"}), &["tool_choice"]);
    check_choice(false, single,  json!({"type": "auto", "disable_parallel_tool_use": true}), &["tool_choice"]);
    check_choice(false, "",      Value::Null, &[]);
    check_choice(false, r#","tool_choice":"auto""#, Value::Null, &[]);
    check_choice(false, r#","parallel_tool_calls":false"#, json!({"type": "auto", "disable_parallel_tool_use": true}), &[]);
}

#[test]
#[rustfmt::skip]
fn a_custom_tool_becomes_a_tool_with_one_string() {
    let tool = |format: &str| format!(r#","tools":[{{"type":"custom","custom":{{"name":"run.it","description":"d"{format}}}}}],"tool_choice":{{"type":"custom","custom":{{"name":"run.it"}}}}"#);
    let (encoded, body) = taken(&model(), &request(HI, &tool("")));
    let schema = &body["tools"][0]["input_schema"];
    assert_eq!(schema["required"], json!(["input"]));
    assert_eq!(schema["properties"]["input"], json!({"type": "string", "description": "The whole input of the tool, as plain text."}));
    assert_eq!(body["tool_choice"]["name"], body["tools"][0]["name"]);
    assert!(encoded.adjusted.is_empty());

    let grammar = r#","format":{"type":"grammar","grammar":{"syntax":"lark","definition":"start: \"x\"\n"}}"#;
    let (encoded, body) = taken(&model(), &request(HI, &tool(grammar)));
    let description = body["tools"][0]["input_schema"]["properties"]["input"]["description"].as_str();
    assert_eq!(description, Some("The whole input of the tool, as plain text. It must match this grammar (lark):\nstart: \"x\"\n"));
    assert_eq!(encoded.adjusted, ["tools[].custom.format"]);
    let (encoded, _) = taken(&model(), &request(HI, &tool(r#","format":{"type":"text"}"#)));
    assert!(encoded.adjusted.is_empty());
}

#[track_caller]
fn check_hosted(fields: &str, names: &[&str], ignored: &[&str]) {
    let (encoded, body) = taken(&model(), &request(HI, fields));
    let tools = body["tools"]
        .as_array()
        .map_or(&[][..], Vec::as_slice)
        .iter();
    let got: Vec<&str> = tools.filter_map(|tool| tool["name"].as_str()).collect();
    assert_eq!(
        (got.as_slice(), encoded.ignored.as_slice()),
        (
            names,
            &ignored
                .iter()
                .map(|name| (*name).into())
                .collect::<Vec<_>>()[..]
        )
    );
}

#[test]
#[rustfmt::skip]
fn tools_that_only_their_maker_runs_are_left_out_and_named_unless_one_is_demanded() {
    let f = r#"{"function":{"name":"f"}}"#;
    let search = r#"{"type":"web_search"}"#;
    check_hosted(&format!(r#","tools":[{search},{f},{search},{{"type":"bash_20250124","name":"bash"}}]"#), &["f"], &["tools[].web_search", "tools[].bash_20250124"]);
    check_hosted(&format!(r#","tools":[{search},{f}],"tool_choice":"required""#), &["f"], &["tools[].web_search"]);
    check_hosted(&format!(r#","tools":[{search}]"#),                              &[],    &["tools[].web_search"]);
    check_hosted(r#","tools":[{"type":"a b\r\nx: y"}]"#,                          &[],    &["tools[].abxy"]);
    for choice in [r#""required""#, r#"{"type":"function","function":{"name":"web_search"}}"#] {
        let fields = format!(r#","tools":[{search}],"tool_choice":{choice}"#);
        let error = encoded(&model(), HI, &fields).expect_err("nobody searches");
        assert_eq!(error.param(), Some("tools[0].type"));
        assert!(error.to_string().contains("web_search"), "{error}");
    }
}

#[test]
#[rustfmt::skip]
fn a_tool_that_is_offered_twice_in_the_same_words_is_offered_once() {
    let tools = |second: &str| format!(r#","tools":[{{"function":{{"name":"f","description":"d","parameters":{{"a":1}}}}}},{second}]"#);
    let same = r#"{"type":"function","name":"f","description":"d","parameters":{"a":1}}"#;
    let (told, body) = taken(&model(), &request(HI, &tools(same)));
    assert_eq!((body["tools"].as_array().map(Vec::len), told.adjusted), (Some(1), vec!["tools"]));
    for other in [
        r#"{"name":"f","description":"e","parameters":{"a":1}}"#,
        r#"{"name":"f","description":"d","parameters":{"a":2}}"#,
        r#"{"name":"f","description":"d","parameters":{"a":1},"strict":true}"#,
        r#"{"type":"custom","name":"f","description":"d"}"#,
    ] {
        let error = encoded(&model(), HI, &tools(other)).expect_err("which of the two?");
        assert_eq!(error.param(), Some("tools[1].name"));
    }
}

#[track_caller]
fn check_strict(model: &Model, schema: &str, is_strict: bool) {
    let fields =
        format!(r#","tools":[{{"function":{{"name":"f","strict":true,"parameters":{schema}}}}}]"#);
    let (told, body) = taken(model, &request(HI, &fields));
    assert_eq!(
        body["tools"][0].get("strict").is_some(),
        is_strict,
        "{schema}"
    );
    let named: &[&str] = if is_strict {
        &[]
    } else {
        &["tools[].function.strict"]
    };
    assert_eq!(told.ignored, named, "{schema}");
}

#[test]
#[rustfmt::skip]
fn strict_is_kept_where_the_model_and_the_schema_allow_it() {
    let closed = r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}"#;
    let open = r#"{"type":"object","additionalProperties":{"type":"string"}}"#;
    check_strict(&models::schemas(), closed, true);
    check_strict(&models::schemas(), open,   false);
    check_strict(&models::plain(),   closed, false);
    let tools: Vec<String> = (0..25).map(|index| format!(r#"{{"name":"f{index}","strict":true,"input_schema":{closed}}}"#)).collect();
    let (told, body) = taken(&models::schemas(), &request(HI, &format!(r#","tools":[{}]"#, tools.join(","))));
    let strict = body["tools"].as_array().expect("there are tools").iter().filter(|tool| tool["strict"] == true);
    assert_eq!((strict.count(), told.ignored.len()), (20, 1), "Claude takes no more");
}

/// A turn of calls and results: `"ab:1=a 2=b"` calls a and b, and gets 1 for a and 2 for b.
fn turn(written: &str) -> String {
    let (calls, results) = written.split_once(':').expect("a turn has two halves");
    let call = |id: char| format!(r#"{{"id":"{id}","function":{{"name":"f"}}}}"#);
    let calls: Vec<String> = calls.chars().map(call).collect();
    let result = |result: &str| {
        let (text, id) = result.split_once('=').expect("a result has a call");
        format!(r#",{{"role":"tool","tool_call_id":"{id}","content":"{text}"}}"#)
    };
    let results: String = results.split_whitespace().map(result).collect();
    format!(
        r#",{{"role":"assistant","tool_calls":[{}]}}{results}"#,
        calls.join(",")
    )
}

/// The ids of all calls and the texts of their results in order.
fn sent(turns: &[&str]) -> (Vec<String>, Vec<String>) {
    let turns: String = turns.iter().map(|written| turn(written)).collect();
    let messages = format!(r#"[{{"role":"user","content":"hi"}}{turns}]"#);
    let encoded = encoded(&model(), &messages, "").unwrap_or_else(|error| panic!("{error}"));
    let body: Value = serde_json::from_slice(&encoded.body).expect("the body is JSON");
    let text = |block: &Value, path: &str| {
        let text = block.pointer(path).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let (mut calls, mut answered, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    let turns = body.get("messages").and_then(Value::as_array);
    let blocks = turns.into_iter().flatten().map(|turn| turn.get("content"));
    for block in blocks.filter_map(|blocks| blocks?.as_array()).flatten() {
        match text(block, "/type").as_str() {
            "tool_use" => calls.push(text(block, "/id")),
            "tool_result" => {
                answered.push(text(block, "/tool_use_id"));
                texts.push(text(block, "/content/0/text"));
            }
            _ => {}
        }
    }
    assert_eq!(calls, answered, "each call has its result");
    (calls, texts)
}

#[track_caller]
fn check_results(turns: &[&str], want: &str) {
    let texts = sent(turns).1.join(" ");
    assert_eq!(
        texts.replace("Tool call was not completed.", "-"),
        want,
        "{turns:?}"
    );
}

#[test]
#[rustfmt::skip]
fn results_go_to_the_calls_they_answer() {
    check_results(&["ab:1=b 2=a"],                  "2 1");
    check_results(&["a:1=a 2=a"],                   "2");
    check_results(&["aa:1=a 2=a"],                  "1 2");
    check_results(&["aba:1=a 2=b 3=a"],             "1 2 3");
    check_results(&["aa:1=a"],                      "1 -");
    check_results(&["aa:1=a 2=a 3=a 4=a"],          "1 4");
    check_results(&["a:1=a", "a:2=a"],              "1 2");
    check_results(&["ab:1=a", "ba:2=a 3=b"],        "1 - 3 2");
}

proptest! {
    /// Each result says which call of which turn it answers; they come in another order.
    #[test]
    fn every_call_has_an_id_of_its_own_and_its_own_result(
        turns in proptest::collection::vec(("[a-c]{1,5}", any::<bool>()), 1..6),
    ) {
        let (mut written, mut wanted) = (Vec::new(), Vec::new());
        for (turn, (calls, backwards)) in turns.iter().enumerate() {
            let label = |(at, id): (usize, char)| {
                let before = calls.chars().take(at).filter(|earlier| *earlier == id).count();
                (id, format!("{turn}{id}{before}"))
            };
            let labels: Vec<(char, String)> = calls.chars().enumerate().map(label).collect();
            wanted.extend(labels.iter().map(|(_, text)| text.clone()));
            let mut results = labels;
            // A stable sort keeps the order among the results of one id.
            results.sort_by(|(one, _), (other, _)| if *backwards { other.cmp(one) } else { one.cmp(other) });
            let results: Vec<String> = results.iter().map(|(id, text)| format!("{text}={id}")).collect();
            written.push(format!("{calls}:{}", results.join(" ")));
        }
        let turns: Vec<&str> = written.iter().map(String::as_str).collect();
        let (ids, texts) = sent(&turns);
        prop_assert_eq!(texts, wanted);
        prop_assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
    }
}

#[test]
fn a_repeated_id_is_made_unique_and_stays_the_same_as_the_conversation_grows() {
    let (short, _) = sent(&["ab:1=a 2=b", "a:3=a"]);
    let (long, _) = sent(&["ab:1=a 2=b", "a:3=a", "aac:4=a 5=a 6=c"]);
    assert_eq!(long.get(..3), Some(short.as_slice()));
    assert_eq!(
        short.get(..2),
        Some(["a".to_owned(), "b".to_owned()].as_slice())
    );
    assert_eq!(long.last().map(String::as_str), Some("c"));
    let mut unique = long.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), long.len(), "{long:?}");
}

#[test]
fn an_id_that_looks_like_a_replacement_is_replaced_too() {
    let (calls, _) = sent(&["a:1=a", "a:2=a"]);
    let replaced = calls.last().expect("there are two calls").clone();
    let call = |id: &str| {
        format!(
            r#",{{"role":"assistant","tool_calls":[{{"id":"{id}","function":{{"name":"f"}}}}]}},{{"role":"tool","tool_call_id":"{id}","content":"x"}}"#
        )
    };
    let messages = format!(
        r#"[{{"role":"user","content":"hi"}}{}{}{}{}]"#,
        call(&replaced),
        call("a"),
        call("a"),
        call(&replaced)
    );
    let encoded = encoded(&model(), &messages, "").unwrap_or_else(|error| panic!("{error}"));
    let body = String::from_utf8(encoded.body).expect("the body is text");
    let mut ids: Vec<&str> = body.split(r#""id":""#).skip(1).collect();
    assert_eq!(ids.len(), 4);
    ids.iter_mut()
        .for_each(|id| *id = id.split('"').next().unwrap_or_default());
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 4, "{body}");
}

#[test]
#[rustfmt::skip]
fn arguments_that_are_no_plain_object_are_wrapped() {
    let input = |arguments: &str| {
        let arguments = Value::from(arguments);
        let messages = format!(
            r#"[{{"role":"user","content":"a"}},{{"role":"assistant","tool_calls":[{{"id":"c","function":{{"name":"f","arguments":{arguments}}}}}]}}]"#
        );
        let encoded = encoded(&model(), &messages, "").unwrap_or_else(|error| panic!("{error}"));
        let body: Value = serde_json::from_slice(&encoded.body).expect("the body can be read");
        body.pointer("/messages/1/content/0/input").cloned().expect("there is a call")
    };
    let nested = |levels: usize| format!("{}{{}}{}", r#"{"a":"#.repeat(levels - 1), "}".repeat(levels - 1));
    assert_eq!(input(""),                       json!({}));
    assert_eq!(input("[1]"),                    json!({"value": [1]}));
    assert_eq!(input(r#"{"a":"#),               json!({"_raw": r#"{"a":"#}));
    assert_eq!(input(&nested(64)).to_string(),  nested(64));
    assert_eq!(input(&nested(65)),              json!({"_raw": nested(65)}));
    assert_eq!(input(&nested(200_000)),         json!({"_raw": nested(200_000)}));
    assert_eq!(input(r#"{"a":"\ud800"}"#),      json!({"_raw": r#"{"a":"\ud800"}"#}));
    assert_eq!(input(r#""\udc00""#),            json!({"_raw": r#""\udc00""#}));
}
