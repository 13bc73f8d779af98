//! What holds for any body.

use super::hints::HINTS;
use super::*;
use llmlite_openai::chat::message::{Content, Message, PartKind, Role};
use llmlite_openai::chat::tool::Called;
use proptest::prelude::*;
use serde_json::{Value, json};

/// JSON-like bytes, more telling than noise.
fn scraps() -> impl Strategy<Value = Vec<u8>> {
    let tokens = "{ } [ ] , : \" \\ \n null true -1 1e999 \"model\" \"messages\" \"input\" \"role\" \
        \"user\" \"content\" \"tools\" \"type\" \"text\" \"stop\" \"tool_choice\" \u{e9}";
    let tokens: Vec<_> = tokens.split(' ').collect();
    proptest::collection::vec(proptest::sample::select(tokens), 0..60)
        .prop_map(|tokens| tokens.concat().into_bytes())
}

/// Any JSON value, whose keys and words are often ones that mean something here.
fn any_json() -> impl Strategy<Value = Value> {
    let words = "type text image_url url file file_data source data base64 tool_use tool_result \
        tool_use_id id name input content thinking signature function custom parameters \
        input_schema cache_control ttl 1h ephemeral role user assistant tool tool_calls call_id \
        function_call function_call_output output arguments reasoning effort format json_schema \
        schema mode allowed_tools tools auto none any enabled budget_tokens";
    let words: Vec<_> = words.split_whitespace().map(str::to_owned).collect();
    let word = prop_oneof![3 => proptest::sample::select(words), 1 => any::<String>()];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((word.clone(), inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// What a turn of a conversation says, without the text around it.
#[derive(Debug, Clone, PartialEq)]
enum Turn {
    System(String),
    User(Vec<String>),
    Calls(String, Vec<(String, String, String)>),
    Result(String, String),
}

fn turn() -> impl Strategy<Value = Turn> {
    let call = (any::<String>(), any::<String>(), any::<String>());
    prop_oneof![
        any::<String>().prop_map(Turn::System),
        proptest::collection::vec(any::<String>(), 0..4).prop_map(Turn::User),
        (any::<String>(), proptest::collection::vec(call, 0..3))
            .prop_map(|(text, calls)| Turn::Calls(text, calls)),
        (any::<String>(), any::<String>()).prop_map(|(id, text)| Turn::Result(id, text)),
    ]
}

fn written(turn: &Turn) -> Value {
    match turn {
        Turn::System(text) => json!({"role": "system", "content": text}),
        Turn::User(texts) => {
            let parts: Vec<_> = texts
                .iter()
                .map(|text| json!({"type": "text", "text": text}))
                .collect();
            json!({"role": "user", "content": parts})
        }
        Turn::Calls(text, calls) => {
            let calls: Vec<_> = calls
                .iter()
                .map(|(id, name, arguments)| json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}))
                .collect();
            json!({"role": "assistant", "content": text, "tool_calls": calls})
        }
        Turn::Result(id, text) => json!({"role": "tool", "tool_call_id": id, "content": text}),
    }
}

fn read(message: &Message<'_>) -> Turn {
    let text = || match &message.content {
        Some(Content::Text(text)) => text.to_string(),
        other => panic!("{other:?}"),
    };
    match &message.role {
        Role::System => Turn::System(text()),
        Role::User => match &message.content {
            Some(Content::Parts(parts)) => Turn::User(
                parts
                    .iter()
                    .map(|part| match &part.kind {
                        PartKind::Text(text) => text.to_string(),
                        other => panic!("{other:?}"),
                    })
                    .collect(),
            ),
            other => panic!("{other:?}"),
        },
        Role::Assistant(assistant) => Turn::Calls(
            text(),
            assistant
                .tool_calls
                .iter()
                .map(|call| match &call.call {
                    Called::Function(function) => (
                        call.id.to_string(),
                        function.name.to_string(),
                        function.arguments.to_string(),
                    ),
                    other @ Called::Custom { .. } => panic!("{other:?}"),
                })
                .collect(),
        ),
        Role::Tool { tool_call_id } => Turn::Result(tool_call_id.to_string(), text()),
        other @ Role::Function { .. } => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(
        body in prop_oneof![scraps(), proptest::collection::vec(any::<u8>(), 0..200)],
    ) {
        if let Err(error) = ChatRequest::parse(&body) {
            prop_assert!(!error.message.is_empty());
        }
    }

    #[test]
    fn any_value_of_a_field_is_read_or_refused_by_the_name_of_the_field(
        field in proptest::sample::select(ChatRequest::FIELDS),
        value in any_json(),
        pretty in any::<bool>(),
    ) {
        let mut body = json!({"x": [1], "model": "m", "messages": [{"role": "user", "content": "hi"}]});
        body[field] = value;
        let body = match pretty {
            true => serde_json::to_string_pretty(&body).expect("a value is JSON"),
            false => body.to_string(),
        };
        match ChatRequest::parse(body.as_bytes()) {
            Ok(_) => {}
            Err(error) => {
                prop_assert!(!HINTS.contains(&field), "{body}: {error}");
                let param = error.param.clone().unwrap_or_default();
                prop_assert!(param.starts_with(field), "{body}: {error}");
                prop_assert_eq!(error.kind, Invalid);
            }
        }
    }

    #[test]
    fn any_part_and_any_item_is_read_or_refused_by_its_place(
        part in any_json(),
        item in any_json(),
    ) {
        let body = json!({"model": "m", "messages": [{"role": "user", "content": [part]}]}).to_string();
        if let Err(error) = ChatRequest::parse(body.as_bytes()) {
            let param = error.param.clone().unwrap_or_default();
            prop_assert!(param.starts_with("messages[0].content[0]"), "{body}: {error}");
        }
        let body = json!({"model": "m", "input": [{"role": "user"}, item]}).to_string();
        if let Err(error) = ChatRequest::parse(body.as_bytes()) {
            let param = error.param.clone().unwrap_or_default();
            prop_assert!(param.starts_with("input[1]"), "{body}: {error}");
        }
    }

    #[test]
    fn what_was_written_is_read(
        model in any::<String>(),
        turns in proptest::collection::vec(turn(), 0..6),
        hundredths in proptest::option::of(-200..200_i32),
        max_tokens in any::<Option<u64>>(),
        stop in proptest::collection::vec(any::<String>(), 0..3),
        pretty in any::<bool>(),
    ) {
        let temperature = hundredths.map(|n| f64::from(n) / 100.0);
        let messages: Vec<_> = turns.iter().map(written).collect();
        let body = json!({
            "messages": messages, "max_tokens": max_tokens, "stop": stop,
            "temperature": temperature, "model": model,
        });
        let body = match pretty {
            true => serde_json::to_string_pretty(&body).expect("a value is JSON"),
            false => body.to_string(),
        };
        let request = parsed(&body);
        prop_assert_eq!(request.messages.iter().map(read).collect::<Vec<_>>(), turns);
        prop_assert_eq!(request.model.as_ref(), model);
        prop_assert_eq!(request.temperature, temperature);
        prop_assert_eq!(request.max_tokens, max_tokens);
        prop_assert_eq!(request.stop.expect("stop was given").0, stop);
    }

    #[test]
    fn a_cut_body_is_refused(at in 0_usize..95) {
        let body = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"h\u00e9"}]}],"n":1}  "#;
        prop_assert!(at >= body.trim_end().len() || ChatRequest::parse(&body.as_bytes()[..at]).is_err());
    }
}
