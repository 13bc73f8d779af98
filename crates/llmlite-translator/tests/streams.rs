//! Streams that do not end well, and what is known of them.
#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failing helper fails its test"
)]

#[path = "support/models.rs"]
mod models;

use llmlite_openai::chat::response::FinishReason;
use llmlite_openai::{ChatChunk, ChatRequest};
use llmlite_translator::{
    DecodeError, Options, Reply, Stamp, StreamDecoder, StreamError, Usage, decode, encode,
};

const START: &str =
    r#"{"type":"message_start","message":{"usage":{"input_tokens":9,"output_tokens":1}}}"#;
const TEXT: &str =
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}"#;
const CALL: &str = r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"f","input":{}}}"#;
const STOP: &str = r#"{"type":"message_stop"}"#;

fn decoder() -> StreamDecoder {
    StreamDecoder::new(Reply::default(), stamp())
}

fn stamp() -> Stamp {
    Stamp {
        id: "chatcmpl-1".into(),
        created: 7,
        model: "m".into(),
    }
}

fn reason(stop_reason: &str) -> String {
    format!(
        r#"{{"type":"message_delta","delta":{{"stop_reason":"{stop_reason}"}},"usage":{{"output_tokens":5}}}}"#
    )
}

/// Feeds events that are all well.
#[track_caller]
fn fed(decoder: &mut StreamDecoder, events: &[&str]) -> Vec<ChatChunk> {
    let mut chunks = Vec::new();
    for event in events {
        decoder
            .push(event.as_bytes(), &mut chunks)
            .unwrap_or_else(|error| panic!("{event}: {error}"));
    }
    chunks
}

#[test]
fn nothing_is_said_before_the_first_content() {
    let mut decoder = decoder();
    assert!(fed(&mut decoder, &[START, r#"{"type":"ping"}"#]).is_empty());
    assert_eq!(fed(&mut decoder, &[TEXT]).len(), 2);
    assert_eq!(fed(&mut decoder, &[TEXT]).len(), 1);
}

#[test]
fn a_stream_without_its_last_event_is_cut_wherever_it_ends() {
    let reason = reason("end_turn");
    let events = [START, TEXT, &reason];
    for end in 0..=events.len() {
        let mut decoder = decoder();
        let chunks = fed(&mut decoder, &events[..end]);
        let mut last = Vec::new();
        assert!(matches!(
            decoder.finish(&mut last),
            Err(StreamError::Truncated)
        ));
        assert!(!decoder.is_complete() && last.is_empty());
        let reasons = chunks
            .iter()
            .flat_map(|chunk| &chunk.choices)
            .map(|choice| choice.finish_reason);
        assert!(
            reasons.into_iter().all(|reason| reason.is_none()),
            "a cut answer must not look whole"
        );
    }
}

#[test]
fn usage_is_known_from_the_first_event_on() {
    let mut decoder = decoder();
    assert_eq!(decoder.usage(), None);
    fed(&mut decoder, &[START]);
    assert_eq!(
        decoder.usage(),
        Some(Usage {
            input_tokens: 9,
            output_tokens: 1,
            ..Usage::default()
        })
    );
    fed(&mut decoder, &[TEXT, &reason("end_turn")]);
    assert_eq!(decoder.usage().map(|usage| usage.output_tokens), Some(5));
    let bill = r#"{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":8,"outputTokenCount":6,"cacheReadInputTokenCount":1,"cacheWriteInputTokenCount":2}}"#;
    fed(&mut decoder, &[bill]);
    let billed = Usage {
        input_tokens: 8,
        output_tokens: 6,
        cache_read_tokens: 1,
        cache_write_5m_tokens: 2,
        cache_write_1h_tokens: 0,
        thinking_tokens: None,
    };
    assert_eq!(decoder.usage(), Some(billed));
}

#[track_caller]
fn check_final(events: &[&str], want: Option<(u64, u64)>) {
    let mut decoder = decoder();
    fed(&mut decoder, events);
    let counts = |usage: Usage| (usage.input_tokens, usage.output_tokens);
    assert_eq!(decoder.final_usage().map(counts), want, "{events:?}");
}

#[test]
#[rustfmt::skip]
fn usage_is_final_when_the_output_was_counted_at_the_end() {
    let counted = reason("end_turn");
    let uncounted = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":null}}"#;
    let bill = r#"{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":8,"outputTokenCount":6}}"#;
    let half = r#"{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":8}}"#;
    check_final(&[],                           None);
    check_final(&[START],                      None);
    check_final(&[START, TEXT],                None);
    check_final(&[START, TEXT, uncounted],     None);
    check_final(&[START, TEXT, STOP],          None);
    check_final(&[START, TEXT, half],          None);
    check_final(&[TEXT, &counted, STOP],       None);
    check_final(&[START, TEXT, &counted],      Some((9, 5)));
    check_final(&[START, uncounted, bill],     Some((8, 6)));
    check_final(&[TEXT, bill],                 Some((8, 6)));
    check_final(&[START, &counted, bill],      Some((8, 6)));
}

#[track_caller]
fn check_seen(events: &[&str], want: usize) {
    let mut decoder = decoder();
    fed(&mut decoder, events);
    assert_eq!(decoder.seen_bytes(), want, "{events:?}");
}

#[test]
#[rustfmt::skip]
fn all_output_is_seen_also_what_no_client_is_told() {
    let signature = r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"abc="}}"#;
    let thought   = r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm\n"}}"#;
    let json      = r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a\""}}"#;
    let sealed    = r#"{"type":"content_block_start","index":0,"content_block":{"type":"redacted_thinking","data":"xyz"}}"#;
    let hidden    = r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#;
    let new       = r#"{"type":"content_block_delta","index":0,"delta":{"type":"hologram_delta","hologram":"abc"}}"#;
    let odd       = r#"{"type":"content_block_start","index":0,"content_block":{"type":"hologram","text":["abc"]}}"#;
    check_seen(&[START, r#"{"type":"ping"}"#, STOP], 0);
    check_seen(&[START, TEXT, TEXT],                 4);
    check_seen(&[hidden, signature],                 4);
    check_seen(&[hidden, thought, thought],          6);
    check_seen(&[sealed, TEXT],                      5);
    check_seen(&[CALL, json],                        1 + 2 + 4);
    check_seen(&[new],                               new.len());
    check_seen(&[odd],                               odd.len());
}

#[test]
fn finishing_twice_gives_the_usage_once() {
    let request = br#"{"model":"m","messages":[{"role":"user","content":"a"}],"stream":true,"stream_options":{"include_usage":true}}"#;
    let request = ChatRequest::parse(request).expect("the request can be read");
    let reply = encode(&request, &models::plain(), Options::default())
        .expect("the request can be translated")
        .reply;
    let mut decoder = StreamDecoder::new(reply, stamp());
    fed(&mut decoder, &[START, TEXT, STOP]);
    let mut chunks = Vec::new();
    decoder.finish(&mut chunks).expect("the stream is complete");
    decoder.finish(&mut chunks).expect("the stream is complete");
    assert_eq!(chunks.len(), 1);
    assert!(chunks[0].choices.is_empty());
}

#[track_caller]
fn check_reason(calls: bool, stop_reason: &str, want: FinishReason) {
    let reason = reason(stop_reason);
    let content = if calls { CALL } else { TEXT };
    let chunks = fed(&mut decoder(), &[START, content, &reason, STOP]);
    let last = chunks.last().expect("a whole stream has chunks");
    assert_eq!(last.choices[0].finish_reason, Some(want), "{stop_reason}");

    let block = if calls {
        r#"{"type":"tool_use","id":"a","name":"f","input":{}}"#
    } else {
        r#"{"type":"text","text":"hi"}"#
    };
    let answer = format!(
        r#"{{"content":[{block}],"stop_reason":"{stop_reason}","usage":{{"input_tokens":1,"output_tokens":1}}}}"#
    );
    let (completion, _) =
        decode(answer.as_bytes(), &Reply::default(), stamp()).expect("the answer is whole");
    assert_eq!(completion.choices[0].finish_reason, want, "{stop_reason}");
}

#[test]
#[rustfmt::skip]
fn every_reason_has_a_word_that_clients_know() {
    check_reason(false, "end_turn",                      FinishReason::Stop);
    check_reason(false, "stop_sequence",                 FinishReason::Stop);
    check_reason(false, "max_tokens",                    FinishReason::Length);
    check_reason(false, "model_context_window_exceeded", FinishReason::Length);
    check_reason(false, "refusal",                       FinishReason::ContentFilter);
    check_reason(false, "guardrail_intervened",          FinishReason::ContentFilter);
    check_reason(false, "something_new",                 FinishReason::Stop);
    check_reason(true,  "tool_use",                      FinishReason::ToolCalls);
    check_reason(true,  "end_turn",                      FinishReason::ToolCalls);
    check_reason(true,  "something_new",                 FinishReason::ToolCalls);
    check_reason(true,  "max_tokens",                    FinishReason::Length);
}

#[test]
fn an_error_of_the_model_ends_the_stream() {
    let mut decoder = decoder();
    fed(&mut decoder, &[START, TEXT]);
    let event =
        br#"{"type":"error","error":{"type":"overloaded_error","message":"account 123456789012"}}"#;
    let error = decoder
        .push(event, &mut Vec::new())
        .expect_err("an error is no content");
    assert!(matches!(&error, StreamError::Upstream { kind, .. } if kind == "overloaded_error"));
    assert_eq!(error.to_string(), "the model stopped with overloaded_error");
}

#[track_caller]
fn check_event(event: &str, skipped: bool) {
    let mut decoder = decoder();
    let outcome = decoder.push(event.as_bytes(), &mut Vec::new());
    match skipped {
        true => assert!(outcome.is_ok() && decoder.skipped_events() == 1, "{event}"),
        false => assert!(outcome.is_err() && decoder.skipped_events() == 0, "{event}"),
    }
}

#[test]
#[rustfmt::skip]
fn what_is_new_is_skipped_and_what_is_broken_is_not() {
    check_event(r#"{"type":"weather","delta":7}"#,                                       true);
    check_event(r#"{"type":"content_block_delta","index":0,"delta":{"type":"new"}}"#,    true);
    check_event(r#"{"type":"content_block_delta","index":0,"delta":{}}"#,                true);
    check_event(r#"{"type":"content_block_start","index":0,"content_block":{"type":"new"}}"#, true);
    check_event(r#"{"type":"content_block_delta","index":0,"delta":{"type":"new","text":{"a":1}}}"#, true);
    check_event(r#"{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","text":[]}}"#, true);
    check_event(r#"{"type":"content_block_start","index":0,"content_block":{"type":"new","text":7,"id":[]}}"#, true);
    check_event(r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":7}}"#, false);
    check_event(r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":{"a":1}}}"#, false);
    check_event(r#"{"type":"content_block_delta","index":0,"delta":{"type":7}}"#,        false);
    check_event(r#"{"type":"content_block_stop","index":"0"}"#,                          false);
    check_event(r#"{"type":"message_delta","delta":{"type":"new","stop_reason":7}}"#,    false);
    check_event(r#"{"type":"content_block_delta","index":0,"delta":7}"#,                 false);
    check_event(r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use"}}"#, false);
    check_event(r#"{"index":0}"#,                                                        false);
    check_event("",                                                                      false);
    check_event("{\"type\":\"message_stop\"",                                            false);
}

#[track_caller]
fn check_answer(answer: &str) -> DecodeError {
    decode(answer.as_bytes(), &Reply::default(), stamp()).expect_err(answer)
}

#[test]
fn an_answer_that_is_no_message_is_an_error() {
    for answer in [
        "",
        "<html>",
        "{}",
        r#"{"message":"x"}"#,
        r#"{"content":[],"stop_reason":"end_turn"}"#,
    ] {
        assert!(
            matches!(check_answer(answer), DecodeError::NotAMessage(_)),
            "{answer}"
        );
    }
    let nameless = r#"{"content":[{"type":"tool_use","id":"a"}],"usage":{"input_tokens":1,"output_tokens":1}}"#;
    assert!(matches!(check_answer(nameless), DecodeError::NamelessCall));
    for usage in [
        "{}",
        r#"{"input_tokens":1}"#,
        r#"{"output_tokens":1}"#,
        r#"{"input_tokens":1,"output_tokens":null}"#,
    ] {
        let unbilled = format!(r#"{{"content":[],"stop_reason":"end_turn","usage":{usage}}}"#);
        assert!(
            matches!(check_answer(&unbilled), DecodeError::NoUsage),
            "{usage}"
        );
    }
}

#[test]
#[rustfmt::skip]
fn a_block_of_a_new_kind_may_have_any_shape_and_a_known_one_may_not() {
    let answer = |block: &str| format!(
        r#"{{"content":[{{"type":"text","text":"a"}},{block},{{"type":"text","text":"b"}}],"usage":{{"input_tokens":1,"output_tokens":1}}}}"#
    );
    for new in [
        r#"{"type":"hologram","text":{"a":1},"id":7,"name":[]}"#,
        r#"{"type":"redacted_thinking","thinking":{}}"#,
    ] {
        let (completion, _) = decode(answer(new).as_bytes(), &Reply::default(), stamp()).expect(new);
        assert_eq!(completion.choices[0].message.content.as_deref(), Some("ab"));
    }
    for broken in [r#"{"type":"text","text":{}}"#, r#"{"type":"tool_use","id":7}"#, r#"{"text":{}}"#, r#"{"type":1}"#, "7"] {
        assert!(matches!(check_answer(&answer(broken)), DecodeError::NotAMessage(_)), "{broken}");
    }
}

#[test]
fn calls_that_were_never_closed_still_end_as_json() {
    let chunks = fed(&mut decoder(), &[START, CALL, STOP]);
    let calls = chunks
        .iter()
        .flat_map(|chunk| &chunk.choices)
        .flat_map(|choice| &choice.delta.tool_calls);
    let arguments: String = calls
        .filter_map(|call| call.function.as_ref())
        .map(|function| function.arguments.as_str())
        .collect();
    assert_eq!(arguments, "{}");
}
