//! Requests made at random, in all the forms that clients use and mix.

use llmlite_translator::{Model, PromptCache, Sampling};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::models;

/// One of the models, with some abilities taken or given.
pub(crate) fn any_model() -> impl Strategy<Value = Model> {
    let model = proptest::sample::select(models::all().map(|(_, model)| model).to_vec());
    let sampling = proptest::sample::select(vec![Sampling::Both, Sampling::OneOf, Sampling::None]);
    let flags = any::<(bool, bool, bool, bool)>();
    (model, sampling, flags).prop_map(|(model, sampling, flags)| {
        let (prefill, forced_tool, system_turns, keeps_all) = flags;
        // With no least length, automatic points are placed in short conversations too.
        let cache = model.cache.map(|cache| PromptCache {
            min_tokens: if keeps_all { 0 } else { cache.min_tokens },
            ..cache
        });
        Model {
            sampling,
            prefill,
            forced_tool,
            system_turns,
            cache,
            ..model
        }
    })
}

pub(crate) fn request() -> impl Strategy<Value = Value> {
    let end = proptest::option::weighted(0.7, Just(json!({ "role": "user", "content": "go on" })));
    let messages = (proptest::collection::vec(message(), 0..8), end);
    let messages = messages.prop_map(|(messages, end)| -> Value {
        // Most requests end with something to answer; the others are refused, or continued.
        messages.into_iter().chain(end).collect()
    });
    let sampling = (
        proptest::option::of(-1.0..2.0),
        proptest::option::of(-1.0..2.0),
        proptest::option::of(-1_i64..600),
    );
    let calls = (tools(), tool_choice(), any::<Option<bool>>());
    let effort = proptest::sample::select(vec![Value::Null, json!("none"), json!("high")]);
    let system = proptest::option::weighted(0.1, content());
    (messages, sampling, calls, effort, system).prop_map(
        |(messages, (temperature, top_p, top_k), (tools, choice, parallel), effort, system)| {
            json!({
                "model": "m", "messages": messages, "temperature": temperature, "top_p": top_p,
                "top_k": top_k, "tools": tools, "tool_choice": choice,
                "parallel_tool_calls": parallel, "reasoning_effort": effort, "system": system,
            })
        },
    )
}

pub(crate) fn message() -> impl Strategy<Value = Value> {
    let user = proptest::collection::vec(part_of_user(), 0..4).prop_map(Value::from);
    let role = proptest::sample::select(vec!["user", "system", "developer"]);
    let said = (role, content(), point());
    prop_oneof![
        3 => said.prop_map(|(role, content, point)| {
            json!({ "role": role, "content": content, "cache_control": point })
        }),
        1 => user.prop_map(|content| json!({ "role": "user", "content": content })),
        3 => assistant(),
        2 => (name(), content(), point()).prop_map(|(id, content, point)| {
            json!({ "role": "tool", "tool_call_id": id, "content": content, "cache_control": point })
        }),
        1 => (name(), content())
            .prop_map(|(name, content)| json!({ "role": "function", "name": name, "content": content })),
    ]
}

fn assistant() -> impl Strategy<Value = Value> {
    let parts = proptest::collection::vec(part_of_assistant(), 0..4).prop_map(Value::from);
    let calls = proptest::collection::vec(call(), 0..3);
    let thoughts = proptest::collection::vec(thought(), 0..3);
    let legacy = proptest::option::weighted(0.2, (name(), arguments()));
    let content = prop_oneof![3 => content(), 1 => parts];
    (content, calls, thoughts, legacy, point()).prop_map(
        |(content, calls, thoughts, legacy, point)| {
            let legacy =
                legacy.map(|(name, arguments)| json!({ "name": name, "arguments": arguments }));
            json!({
                "role": "assistant", "content": content, "tool_calls": calls,
                "reasoning_details": thoughts, "function_call": legacy, "cache_control": point,
            })
        },
    )
}

fn call() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => (name(), name(), arguments(), point()).prop_map(|(id, name, arguments, point)| {
            json!({
                "id": id, "type": "function", "cache_control": point,
                "function": { "name": name, "arguments": arguments },
            })
        }),
        1 => (name(), name(), text()).prop_map(|(id, name, input)| {
            json!({ "id": id, "type": "custom", "custom": { "name": name, "input": input } })
        }),
    ]
}

fn arguments() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("{}".to_owned()),
        Just("[1]".to_owned()),
        Just("{\"a\": 1.50}".to_owned()),
        text()
    ]
}

fn thought() -> impl Strategy<Value = Value> {
    prop_oneof![
        text().prop_map(
            |text| json!({ "type": "reasoning.text", "text": text, "signature": "c2ln" })
        ),
        text().prop_map(|text| json!({ "type": "reasoning.text", "text": text })),
        Just(json!({ "type": "reasoning.encrypted", "data": "ZGF0YQ==" })),
    ]
}

fn part_of_assistant() -> impl Strategy<Value = Value> {
    prop_oneof![
        (text(), point())
            .prop_map(|(text, point)| json!({ "type": "text", "text": text, "cache_control": point })),
        (name(), name(), point()).prop_map(|(id, name, point)| {
            json!({ "type": "tool_use", "id": id, "name": name, "input": { "a": 1 }, "cache_control": point })
        }),
        (text(), point()).prop_map(|(text, point)| {
            json!({ "type": "thinking", "thinking": text, "signature": "c2ln", "cache_control": point })
        }),
        Just(json!({ "type": "redacted_thinking", "data": "ZGF0YQ==" })),
        Just(json!({ "type": "server_tool_use", "id": "s" })),
    ]
}

fn part_of_user() -> impl Strategy<Value = Value> {
    let results = (name(), content(), any::<bool>(), point());
    prop_oneof![
        2 => (text(), point())
            .prop_map(|(text, point)| json!({ "type": "text", "text": text, "cache_control": point })),
        2 => results.prop_map(|(id, content, failed, point)| {
            json!({
                "type": "tool_result", "tool_use_id": id, "content": content, "is_error": failed,
                "cache_control": point,
            })
        }),
        1 => file(),
        1 => Just(json!({ "type": "image_url", "image_url": { "url": PICTURE } })),
        1 => text().prop_map(|text| {
            json!({ "type": "text", "text": text, "prompt_cache_breakpoint": { "mode": "explicit" } })
        }),
    ]
}

const PICTURE: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg==";

fn file() -> impl Strategy<Value = Value> {
    let data = proptest::sample::select(vec![
        "data:application/pdf;base64,JVBERi0xLjQK",
        "data:text/csv;base64,YSxiCjEsMgo=",
        "",
        PICTURE,
    ]);
    let filename = proptest::sample::select(vec![
        Value::Null,
        json!("a.pdf"),
        json!("a 2"),
        json!("/\u{7}?.x"),
    ]);
    (data, filename).prop_map(|(data, filename)| {
        json!({ "type": "file", "file": { "file_data": data, "filename": filename } })
    })
}

/// A cache point; mostly none.
fn point() -> impl Strategy<Value = Value> {
    prop_oneof![
        12 => Just(Value::Null),
        1 => Just(json!({ "type": "ephemeral" })),
        1 => Just(json!({ "type": "ephemeral", "ttl": "1h" })),
    ]
}

pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just(" \n".to_owned()),
        "[a-zé\"\\\\ \u{2028}]{0,12}"
    ]
}

pub(crate) fn content() -> impl Strategy<Value = Value> {
    let part = text().prop_map(|text| json!({ "type": "text", "text": text, "x": 1 }));
    prop_oneof![
        Just(Value::Null),
        text().prop_map(Value::from),
        proptest::collection::vec(part, 0..3).prop_map(Value::from),
    ]
}

/// Tool names and call ids, some outside Claude's alphabet.
fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]", "[a-b]/[. é]{1,3}", "x{70}"]
}

/// Schemas, of which Claude refuses some.
fn schema() -> impl Strategy<Value = Value> {
    let branch = prop_oneof![
        Just(json!({ "required": ["a"] })),
        Just(json!({ "properties": {} }))
    ];
    let branches = proptest::collection::vec(branch, 0..3);
    let word = proptest::sample::select(vec!["anyOf", "oneOf", "allOf", "title"]);
    let kind = proptest::sample::select(vec![
        json!("object"),
        json!("object"),
        Value::Null,
        json!("string"),
    ]);
    prop_oneof![
        Just(Value::Null),
        Just(json!({})),
        Just(json!({ "type": "object", "properties": { "a": { "type": "string" } } })),
        (kind, word, branches)
            .prop_map(|(kind, word, branches)| json!({ "type": kind, word: branches })),
    ]
}

fn tools() -> impl Strategy<Value = Value> {
    let tool = (schema(), 0..6, any::<Option<bool>>(), point());
    proptest::collection::btree_map(name(), tool, 0..3).prop_map(|tools| {
        let tools = tools
            .into_iter()
            .flat_map(|(name, (schema, form, strict, point))| {
                let function = json!({ "name": name, "parameters": schema, "strict": strict });
                let nested = json!({ "function": function, "cache_control": point });
                match form {
                    0 => vec![json!({ "type": "custom", "custom": { "name": name } })],
                    1 => vec![
                        json!({ "name": name, "input_schema": schema, "cache_control": point }),
                    ],
                    2 => vec![nested.clone(), nested],
                    3 => vec![json!({ "type": "web_search" }), nested],
                    _ => vec![nested],
                }
            });
        tools.collect()
    })
}

fn tool_choice() -> impl Strategy<Value = Value> {
    let named = |name: String| json!({ "type": "function", "function": { "name": name } });
    let allowed = |(names, mode): (Vec<String>, &str)| {
        let tools: Vec<Value> = names
            .into_iter()
            .map(|name| json!({ "function": { "name": name } }))
            .collect();
        json!({ "type": "allowed_tools", "allowed_tools": { "mode": mode, "tools": tools } })
    };
    let mode = proptest::sample::select(vec!["auto", "required"]);
    let word = proptest::sample::select(vec![
        Value::Null,
        json!("auto"),
        json!("none"),
        json!("required"),
    ]);
    prop_oneof![
        8 => Just(Value::Null),
        4 => word,
        1 => name().prop_map(named),
        1 => (proptest::collection::vec(name(), 0..2), mode).prop_map(allowed),
    ]
}
