//! What holds whatever comes.

use llmlite_openai::{ChatChunk, ChatRequest};
use llmlite_translator::{Options, Reply, StreamDecoder, decode, encode};
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};
use serde_json::json;

use super::stamp;

#[path = "../support/models.rs"]
mod models;

/// What is remembered of requests whose answers take different forms.
fn reply(form: usize) -> Reply {
    let forms = [
        "",
        r#","stream":true,"stream_options":{"include_usage":true}"#,
        r#","response_format":{"type":"json_object"}"#,
        r#","response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{"type":"object","properties":{}}}}"#,
        r#","functions":[{"name":"answer"}]"#,
        r#","tools":[{"type":"custom","custom":{"name":"f"}}]"#,
    ];
    let fields = forms[form % forms.len()];
    let request =
        format!(r#"{{"model":"m","messages":[{{"role":"user","content":"q"}}]{fields}}}"#);
    let request = ChatRequest::parse(request.as_bytes()).expect("the request can be read");
    let encoded = encode(&request, &models::plain(), Options::default());
    encoded.expect("the request can be translated").reply
}

/// Events that are nearly right, in any order.
fn event() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof!["text|thinking|redacted_thinking|tool_use|hologram"];
    let name = prop_oneof!["f|answer|f\\.x"];
    let text = || {
        prop_oneof![
            "[`{}\"\\\\a-z:\n ]{0,8}",
            "\\PC{0,4}",
            "(\\{\"input\":\")?.{0,4}"
        ]
    };
    let start = (0..3_u32, kind, name, text()).prop_map(|(index, kind, name, text)| {
        let block = json!({"type":kind,"id":text,"name":name,"text":text,"thinking":text,"signature":text,"data":text,"input":{"input":text}});
        json!({"type":"content_block_start","index":index,"content_block":block})
    });
    let kind = prop_oneof!["(text|input_json|thinking|signature|citations|new)_delta"];
    let delta = (0..3_u32, kind, text()).prop_map(|(index, kind, text)| {
        let delta =
            json!({"type":kind,"text":text,"thinking":text,"partial_json":text,"signature":text});
        json!({"type":"content_block_delta","index":index,"delta":delta})
    });
    let stop = (0..3_u32).prop_map(|index| json!({"type":"content_block_stop","index":index}));
    let reason = prop_oneof!["end_turn|tool_use|refusal|max_tokens|malformed_tool_use|new"];
    let reason = reason.prop_map(
        |reason| json!({"type":"message_delta","delta":{"stop_reason":reason},"usage":{"output_tokens":5}}),
    );
    let event = prop_oneof![
        4 => start,
        8 => delta,
        3 => stop,
        1 => reason,
        1 => Just(json!({"type":"message_stop"})),
    ];
    let bytes = event.prop_map(|event| event.to_string().into_bytes());
    prop_oneof![
        30 => bytes,
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ]
}

/// What a client relies on.
fn check(chunks: &[ChatChunk]) {
    let (mut ended, mut calls) = (false, 0);
    for (at, choice) in chunks.iter().flat_map(|chunk| &chunk.choices).enumerate() {
        assert!(!ended, "nothing follows the end");
        assert_eq!(
            choice.delta.role.is_some(),
            at == 0,
            "the role comes first, and once"
        );
        ended = choice.finish_reason.is_some();
        for call in &choice.delta.tool_calls {
            let is_new = call.id.is_some();
            assert!(
                call.index < calls || is_new && call.index == calls,
                "indexes have no gaps"
            );
            calls += u32::from(is_new);
        }
    }
}

proptest! {
    #[test]
    fn a_client_gets_a_stream_of_the_right_form(
        events in prop::collection::vec(event(), 0..30),
        form in any::<usize>(),
    ) {
        let mut decoder = StreamDecoder::new(reply(form), stamp());
        let mut chunks = Vec::new();
        for event in events {
            if decoder.push(&event, &mut chunks).is_err() {
                break;
            }
        }
        check(&chunks);
        let ends = |chunk: &ChatChunk| chunk.choices.iter().any(|choice| choice.finish_reason.is_some());
        assert_eq!(chunks.iter().any(ends), decoder.is_complete());
        assert_eq!(decoder.finish(&mut chunks).is_ok(), decoder.is_complete());
    }

    #[test]
    fn no_bytes_make_a_whole_answer_panic(
        start in "(\\{\"content\":\\[)?",
        bytes in prop::collection::vec(any::<u8>(), 0..40),
        form in any::<usize>(),
    ) {
        let answer = [start.as_bytes(), &bytes].concat();
        assert!(decode(&answer, &reply(form), stamp()).is_err(), "there is no usage in it");
    }
}
