//! What becomes of schemas, byte for byte.

use proptest::prelude::*;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Closed, Open, Room, close, close_described};

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).expect("the test has JSON")
}

#[track_caller]
fn closed(schema: &str, want: &str) -> (usize, usize, bool) {
    let schema = raw(schema);
    let closed = close(&schema).unwrap_or_else(|open| panic!("{schema}: {open}"));
    assert_eq!(closed.schema.get(), want);
    let again = close(&closed.schema).expect("a closed schema can be closed");
    assert_eq!(again.schema.get(), want, "closing twice changes nothing");
    (closed.optional, closed.unions, closed.in_words)
}

/// Checks that the value of a property becomes `want`, and whether a rule became words.
#[track_caller]
fn property(value: &str, want: &str, in_words: bool) {
    let object = |value: &str| {
        format!(
            r#"{{"type":"object","properties":{{"a":{value}}},"required":["a"],"additionalProperties":false}}"#
        )
    };
    let (_, _, got) = closed(&object(value), &object(want));
    assert_eq!(got, in_words, "{value}");
}

#[track_caller]
fn open(schema: &str, want: Open) {
    let schema = raw(schema);
    assert_eq!(
        close(&schema).map(|closed| closed.schema.get().to_owned()),
        Err(want),
        "{schema}"
    );
}

/// Checks why a schema with this as a property cannot be closed.
#[track_caller]
fn open_property(value: &str, want: Open) {
    open(
        &format!(r#"{{"type":"object","properties":{{"a":{value}}}}}"#),
        want,
    );
}

#[test]
fn a_schema_within_the_rules_is_not_touched() {
    let boxed = raw(r##"{ "type": "object",
           "properties": { "b\u0041": {"type":"number","default": 1.10e2, "enum":[ 1.0,2 ]}, "a": {"$ref":"#/$defs/T"},
                           "c":{"anyOf":[{"type":"null"}, {"type":"string","format":"date","pattern":"^a(?:b)+\\.$"}]} },
           "$defs": { "T": {"type":"array", "items": {"type":["string", "null"]}, "minItems":1} },
           "required": ["a", "bA"], "additionalProperties" : false }"##);
    let closed = close(&boxed).expect("it is closed");
    assert!(matches!(closed.schema, std::borrow::Cow::Borrowed(_)));
    assert_eq!(
        (closed.optional, closed.unions, closed.in_words),
        (1, 2, false)
    );
}

#[test]
#[rustfmt::skip]
fn an_object_has_only_the_fields_that_it_names() {
    closed(r#"{"type":"object","properties":{"a": {"type": "string"}}}"#,
           r#"{"type":"object","properties":{"a": {"type": "string"}},"additionalProperties":false}"#);
    closed(r#"{"properties":{}}"#, r#"{"properties":{},"type":"object","additionalProperties":false}"#);
    property(r#"{"type":"object","properties":{"b":{"type":"null"}}}"#,
             r#"{"type":"object","properties":{"b":{"type":"null"}},"additionalProperties":false}"#, false);
    property(r#"{"type":["object","null"],"properties":{"b": {"properties":{ }}}}"#,
             r#"{"type":["object","null"],"properties":{"b":{"properties":{ },"type":"object","additionalProperties":false}},"additionalProperties":false}"#, false);
    property(r#"{"type":"object","additionalProperties":false}"#, r#"{"type":"object","additionalProperties":false}"#, false);
    property(r#"{"type":"array","items":{"properties":{}}}"#,
             r#"{"type":"array","items":{"properties":{},"type":"object","additionalProperties":false}}"#, false);
}

#[test]
#[rustfmt::skip]
fn a_rule_that_no_grammar_can_follow_becomes_words() {
    let said = |rule: &str, words: &str| {
        property(&format!(r#"{{"type":"string",{rule}}}"#),
                 &format!(r#"{{"type":"string","description":"({words})"}}"#), true);
    };
    said(r#""minimum": -1.50"#,         "must be at least -1.50");
    said(r#""maximum":1e400"#,          "must be at most 1e400");
    said(r#""exclusiveMinimum":0"#,     "must be more than 0");
    said(r#""exclusiveMaximum":9"#,     "must be less than 9");
    said(r#""multipleOf":5"#,           "must be a multiple of 5");
    said(r#""minLength":1"#,            "must have at least 1 characters");
    said(r#""maxLength":3"#,            "must have at most 3 characters");
    said(r#""minItems":2"#,             "must have at least 2 items");
    said(r#""maxItems":2"#,             "must have at most 2 items");
    said(r#""uniqueItems":true"#,       "must not have the same item twice");
    said(r#""minProperties":2"#,        "must have at least 2 fields");
    said(r#""maxProperties":2"#,        "must have at most 2 fields");
    said(r#""pattern":"(?=a)""#,        r#"must match the regular expression \"(?=a)\""#);
    said(r#""pattern":"(a)\\1""#,       r#"must match the regular expression \"(a)\\\\1\""#);
    said(r#""pattern":"\\bx""#,         r#"must match the regular expression \"\\\\bx\""#);
    said(r#""format":"color""#,         r#"must have the format \"color\""#);
    said(r#""not":{"const":"x"}"#,      r#"not: {\"const\":\"x\"}"#);
    said(r#""minimum":1,"maximum":2"#,  "must be at least 1; must be at most 2");
    property(r#"{"description":"An age.","minimum":0,"type":"integer"}"#,
             r#"{"description":"An age.\n(must be at least 0)","type":"integer"}"#, true);
    property(r#"{"oneOf":[{"type":"null"},{"type":"string"}]}"#,
             r#"{"anyOf":[{"type":"null"},{"type":"string"}],"description":"(must fit exactly one of the alternatives)"}"#, true);
}

#[test]
#[rustfmt::skip]
fn a_remark_binds_nothing() {
    property(r#"{"type":"string","$comment":"c","deprecated":true,"readOnly":true}"#, r#"{"type":"string"}"#, false);
    property(r#"{"type":"string","examples":["a"]}"#, r#"{"type":"string","description":"(for example [\"a\"])"}"#, false);
    property(r#"{"type":"string","x-unit":"m"}"#,     r#"{"type":"string","description":"(x-unit: \"m\")"}"#, false);
    property(r#"{"type":"string","nullable":false}"#, r#"{"type":"string"}"#, false);
    property(r#"{"type":"array","uniqueItems":false}"#, r#"{"type":"array"}"#, false);
    closed(r#"{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{},"additionalProperties":false}"#,
           r#"{"type":"object","properties":{},"additionalProperties":false}"#);
}

#[test]
#[rustfmt::skip]
fn a_lone_schema_under_all_of_takes_its_place() {
    property(r##"{"type":"string","allOf":[{"description":"d"}]}"##, r##"{"type":"string","description":"d"}"##, false);
    closed(r##"{"type":"object","properties":{"a":{"allOf":[{"$ref":"#/$defs/T"}],"title":"t"}},"$defs":{"T":{"type":"null"}},"additionalProperties":false}"##,
           r##"{"type":"object","properties":{"a":{"$ref":"#/$defs/T","title":"t"}},"$defs":{"T":{"type":"null"}},"additionalProperties":false}"##);
    property(r#"{"title":"t","allOf":[{"type":"null","title":"u"}]}"#, r#"{"title":"t","type":"null"}"#, false);
    open_property(r#"{"allOf":[{"type":"string"},{"minLength":1}]}"#,         Open::Word("allOf"));
    open_property(r#"{"type":"string","allOf":[{"type":"string"}]}"#,         Open::Word("allOf"));
    open_property(r#"{"type":"string","allOf":[{"allOf":[{"title":"t"}]}]}"#, Open::Word("allOf"));
    open_property(r#"{"type":"string","allOf":[]}"#,                          Open::Word("allOf"));
    open_property(r#"{"type":"string","allOf":{}}"#,                          Open::Malformed);
}

#[test]
#[rustfmt::skip]
fn a_schema_that_would_mean_something_else_stays_open() {
    for root in [r#"{"type":"object"}"#, r#"{"type":"array","items":{}}"#, r#"{"type":["object"],"properties":{}}"#, "{}", "true", "[]", "7",
                 r#"{"type":"object","properties":{},"anyOf":[{"type":"object"}]}"#, r##"{"$ref":"#/$defs/T","$defs":{"T":{"type":"object"}}}"##] {
        open(root, Open::Root);
    }
    open_property("true",                                                   Open::AnyValue);
    open_property("{}",                                                     Open::AnyValue);
    open_property(r#"{"description":"anything"}"#,                          Open::AnyValue);
    open_property(r#"{"type":"array","items":{}}"#,                         Open::AnyValue);
    open_property(r#"{"type":"object"}"#,                                   Open::AnyFields);
    open_property(r#"{"type":["object","null"]}"#,                          Open::AnyFields);
    open_property(r#"{"type":"object","additionalProperties":true}"#,       Open::AnyFields);
    open_property(r#"{"properties":{},"additionalProperties":{"type":"string"}}"#, Open::AnyFields);
    open_property(r#"{"properties":{"b":{"type":"null"}},"required":["c"]}"#, Open::Required);
    open_property(r#"{"type":"array","items":[{"type":"null"}]}"#,          Open::Word("a list in items"));
    open_property(r#"{"type":"array","prefixItems":[{"type":"null"}]}"#,    Open::Word("prefixItems"));
    open_property(r#"{"type":"string","nullable":true}"#,                   Open::Word("nullable"));
    open_property(r#"{"properties":{},"patternProperties":{"^a":{"type":"null"}}}"#, Open::Word("patternProperties"));
    open_property(r#"{"enum":[{"a":1}]}"#,                                  Open::Word("a list or an object in enum"));
    open_property(r#"{"enum":"a"}"#,                                        Open::Word("a list or an object in enum"));
    open_property(r#"{"const":[1]}"#,                                       Open::Word("a list or an object in const"));
    open_property(r#"{"anyOf":[{"type":"null"}],"oneOf":[{"type":"null"}]}"#, Open::Word("oneOf beside anyOf"));
}

#[test]
#[rustfmt::skip]
fn what_is_no_schema_stays_open() {
    open_property(r#"{"type":"text"}"#,                     Open::Malformed);
    open_property(r#"{"type":[]}"#,                         Open::Malformed);
    open_property(r#"{"type":7}"#,                          Open::Malformed);
    open_property(r#"{"type":"string","type":"null"}"#,     Open::Malformed);
    open_property(r#"{"properties":[]}"#,                   Open::Malformed);
    open_property(r#"{"properties":{"b":{"type":"null"},"\u0062":{"type":"null"}}}"#, Open::Malformed);
    open_property(r#"{"properties":{},"required":true}"#,   Open::Malformed);
    open_property(r#"{"anyOf":[]}"#,                        Open::Malformed);
    open_property(r#"{"$ref":7}"#,                          Open::Malformed);
    open_property(r#"{"type":"string","description":7,"minLength":1}"#, Open::Malformed);
    open_property("null",                                   Open::Malformed);
    open_property(r#""string""#,                            Open::Malformed);
}

#[test]
#[rustfmt::skip]
fn references_lead_to_definitions_that_end() {
    let with = |property: &str, definitions: &str| {
        format!(r#"{{"type":"object","properties":{{"a":{property}}},"additionalProperties":false,{definitions}}}"#)
    };
    let fine = |property: &str, definitions: &str| {
        let schema = with(property, definitions);
        closed(&schema, &schema);
    };
    let to = |target: &str| format!(r##"{{"$ref":"#/{target}"}}"##);
    fine(&to("$defs/T"),          r#""$defs":{"T":{"type":"null"}}"#);
    fine(&to("definitions/T"),    r#""definitions":{"T":{"type":"null"}},"$defs":{}"#);
    fine(&to("$defs/a~1b~0c"),    r#""$defs":{"a/b~c":{"type":"null"}}"#);
    fine(&to("$defs/T"),          r##""$defs":{"T":{"anyOf":[{"$ref":"#/$defs/U"},{"$ref":"#/$defs/U"}]},"U":{"type":"null"}}"##);
    for (target, definitions) in [
        ("$defs/U",      r#""$defs":{"T":{"type":"null"}}"#),
        ("definitions/T", r#""$defs":{"T":{"type":"null"}}"#),
        ("properties/a", r#""$defs":{}"#),
        ("",             r#""$defs":{}"#),
    ] {
        open(&with(&to(target), definitions), Open::Reference);
    }
    open(&with(r##"{"$ref":"#"}"##, r#""$defs":{}"#),                   Open::Reference);
    open(&with(r#"{"$ref":"https://e.com/s.json"}"#, r#""$defs":{}"#),  Open::Reference);
    open(&with(&to("$defs/T"), r##""$defs":{"T":{"type":"array","items":{"$ref":"#/$defs/T"}}}"##), Open::Recursion);
    open(&with(&to("$defs/T"), r##""$defs":{"T":{"$ref":"#/$defs/U"},"U":{"anyOf":[{"type":"null"},{"$ref":"#/$defs/T"}]}}"##), Open::Recursion);
    open(&with(&to("$defs/T"), r##""$defs":{"T":{"type":"null"},"T":{"$ref":"#/$defs/T"}}"##), Open::Malformed);
}

#[test]
fn limits_are_reached_and_not_passed() {
    let object = |fields: usize, value: &str| {
        let fields: Vec<String> = (0..fields).map(|n| format!(r#""f{n}":{value}"#)).collect();
        format!(
            r#"{{"type":"object","properties":{{{}}},"additionalProperties":false}}"#,
            fields.join(",")
        )
    };
    assert_eq!(
        closed(
            &object(24, r#"{"type":"null"}"#),
            &object(24, r#"{"type":"null"}"#)
        )
        .0,
        24
    );
    open(&object(25, r#"{"type":"null"}"#), Open::Optional);
    let union = r#"{"type":["null","string"]}"#;
    assert_eq!(closed(&object(16, union), &object(16, union)).1, 16);
    open(&object(17, union), Open::Unions);
    open(&object(17, r#"{"oneOf":[{"type":"null"}]}"#), Open::Unions);

    let nested = |levels: usize| {
        let list = r#"{"type":"array","items":"#;
        format!(
            "{}{{\"type\":\"null\"}}{}",
            list.repeat(levels),
            "}".repeat(levels)
        )
    };
    closed(&object(1, &nested(60)), &object(1, &nested(60)));
    open(&object(1, &nested(70)), Open::TooLarge);
    open(
        &object(1, &format!(r#"{{"const":"{}"}}"#, "x".repeat(262_144))),
        Open::TooLarge,
    );
}

#[test]
fn the_room_is_that_of_all_schemas_together() {
    let schema = |fields: usize, union: &str| {
        let fields: Vec<String> = (0..fields)
            .map(|n| format!(r#""f{n}":{{"type":{union}}}"#))
            .collect();
        raw(&format!(
            r#"{{"type":"object","properties":{{{}}}}}"#,
            fields.join(",")
        ))
    };
    let (many, few) = (schema(13, r#""null""#), schema(11, r#""null""#));
    let [many, few]: [Closed<'_>; 2] = [&many, &few].map(|schema| close(schema).expect("it can"));
    let mut room = Room::default();
    assert!(room.take(&many));
    assert!(!room.take_tool(&many), "26 fields are too many");
    assert!(room.take_tool(&few), "what was refused took nothing");
    let none = schema(0, "");
    let none = close(&none).expect("it can");
    assert!((1..20).all(|_| room.take_tool(&none)));
    assert!(!room.take_tool(&none), "the twenty-first tool");
    assert!(room.take(&none), "the answer is not a tool");
}

#[test]
fn a_sentence_more_goes_into_the_description_of_the_root() {
    let schema = raw(r#"{"type":"object","properties":{},"additionalProperties":false}"#);
    let closed = close_described(&schema, Some("A \"joke\".")).expect("it can");
    assert_eq!(
        closed.schema.get(),
        r#"{"type":"object","properties":{},"additionalProperties":false,"description":"A \"joke\"."}"#
    );
}

#[test]
fn every_reason_is_one_that_a_client_can_act_on() {
    for open in [
        Open::TooLarge,
        Open::Malformed,
        Open::Root,
        Open::AnyFields,
        Open::AnyValue,
        Open::Required,
        Open::Word("not"),
        Open::Reference,
        Open::Recursion,
        Open::Optional,
        Open::Unions,
    ] {
        assert!(open.to_string().len() > 10, "{open:?}");
    }
}

/// Schemas of all kinds, right and wrong, as JSON.
fn schemas() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        r#"{"type":"string","minLength":1}"#,
        r#"{"type":["integer","null"],"maximum":1.50}"#,
        r#"{"enum":["a",1]}"#,
        r##"{"$ref":"#/$defs/T"}"##,
        r#"{ "const" : null, "title":"x" }"#,
        r#"{"type":"boolean","x-y":[{"z":"}"}]}"#,
        r#"{"type":"object"}"#,
        "{}",
        "7",
    ]);
    let leaf = leaf.prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 4, |inner| {
        let list = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            (inner.clone(), 0..5_u8).prop_map(|(item, least)| format!(
                r#"{{"type":"array","items":{item},"minItems":{least}}}"#
            )),
            (
                list.clone(),
                prop::sample::select(vec!["anyOf", "oneOf", "allOf"])
            )
                .prop_map(|(list, word)| format!(r#"{{"{word}": [{}]}}"#, list.join(" , "))),
            (list, any::<bool>()).prop_map(|(list, required)| {
                let fields = list
                    .iter()
                    .enumerate()
                    .map(|(at, schema)| format!(r#""f{at}":{schema}"#));
                let required = if required {
                    r#","required":["f0"]"#
                } else {
                    ""
                };
                format!(
                    r#"{{"type":"object","properties":{{{}}}{required}}}"#,
                    fields.collect::<Vec<_>>().join(",")
                )
            }),
        ]
    })
}

/// Checks Claude's rules, written down without the walk's help.
fn keeps_the_rules(schema: &Value) {
    match schema {
        Value::Array(items) => items.iter().for_each(keeps_the_rules),
        Value::Object(fields) => {
            let types = fields
                .get("type")
                .map(ToString::to_string)
                .unwrap_or_default();
            if types.contains("object") || fields.get("properties").is_some_and(Value::is_object) {
                assert_eq!(
                    fields.get("additionalProperties"),
                    Some(&Value::Bool(false)),
                    "{schema}"
                );
            }
            for word in ["minLength", "maximum", "oneOf", "allOf", "$schema", "x-y"] {
                assert!(!fields.contains_key(word), "{word}: {schema}");
            }
            let least = fields.get("minItems").and_then(Value::as_u64);
            assert!(least.is_none_or(|least| least <= 1), "{schema}");
            fields.values().for_each(keeps_the_rules);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

proptest! {
    #[test]
    fn whatever_is_closed_keeps_the_rules_and_stays_the_same(
        property in schemas(),
        definition in schemas(),
    ) {
        let schema = raw(&format!(
            r#"{{"type":"object","properties":{{"a":{property}}},"$defs":{{"T":{definition}}}}}"#
        ));
        if let Ok(closed) = close(&schema) {
            let value: Value = serde_json::from_str(closed.schema.get()).expect("it is JSON");
            keeps_the_rules(&value);
            let again = close(&closed.schema).expect("a closed schema can be closed");
            prop_assert_eq!(again.schema.get(), closed.schema.get());
            prop_assert!(again.optional <= super::MOST_OPTIONAL && again.unions <= super::MOST_UNIONS);
        }
    }
}
