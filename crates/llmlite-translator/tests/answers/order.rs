//! Events in an order that Claude does not promise.

use llmlite_translator::StreamError;
use serde_json::{Value, json};

use super::{
    START, STOP, arguments, begin, begin_call, decoder, end, fed, piece, push, reason, words,
};

#[track_caller]
fn check(events: &[String], want: &Value, skipped: u64) {
    let mut decoder = decoder();
    assert_eq!(&json!(fed(&mut decoder, events)), want);
    assert_eq!(decoder.skipped_events(), skipped, "skipped");
}

/// The first piece of a call of `f`.
fn called(index: u32, id: &str) -> Value {
    let function = json!({"name":"f","arguments":""});
    json!({"tool_calls":[{"index":index,"id":id,"type":"function","function":function}]})
}

/// A later piece of a call.
fn filled(index: u32, arguments: &str) -> Value {
    json!({"tool_calls":[{"index":index,"function":{"arguments":arguments}}]})
}

#[test]
fn words_and_thoughts_of_a_block_that_never_began_are_told() {
    check(&[words(3, "hi")], &json!([{"content":"hi"}]), 0);
    let events = [
        piece(2, "thinking_delta", "thinking", "hm"),
        piece(2, "signature_delta", "signature", "a"),
        piece(2, "signature_delta", "signature", "b"),
        end(2),
    ];
    let detail = json!({"type":"reasoning.text","text":"hm","signature":"ab","format":"anthropic-claude-v1","index":0});
    let want = json!([{"reasoning_content":"hm"},{"reasoning_details":[detail]}]);
    check(&events, &want, 0);
}

#[test]
fn the_end_of_a_block_that_never_began_says_nothing() {
    check(&[end(0)], &json!([]), 1);
    check(&[begin_call(0, "a"), end(1)], &json!([called(0, "a")]), 1);
}

#[test]
fn a_call_that_began_twice_is_one_call() {
    let events = [
        begin_call(0, "a"),
        begin_call(0, "a"),
        arguments(0, "{}"),
        end(0),
    ];
    check(&events, &json!([called(0, "a"), filled(0, "{}")]), 1);
}

#[test]
fn a_block_ends_when_another_of_its_number_begins() {
    let events = [
        begin_call(0, "a"),
        begin_call(0, "b"),
        arguments(0, "[1]"),
        end(0),
    ];
    let want = json!([
        called(0, "a"),
        filled(0, "{}"),
        called(1, "b"),
        filled(1, "[1]")
    ]);
    check(&events, &want, 0);
}

#[test]
fn a_block_ends_when_an_unknown_one_of_its_number_begins() {
    for block in [r#""type":"hologram""#, r#""type":"hologram","text":7"#] {
        let events = [
            begin_call(0, "a"),
            begin(0, block),
            arguments(0, "[1]"),
            end(0),
        ];
        check(&events, &json!([called(0, "a"), filled(0, "{}")]), 2);
    }
}

#[test]
fn pieces_find_their_call_whatever_stands_between_them() {
    let events = [
        begin_call(7, "a"),
        begin_call(3, "b"),
        arguments(3, "{\"x\""),
        arguments(7, "{}"),
        words(1, "hi"),
        arguments(3, ":1}"),
        end(7),
        end(3),
    ];
    let want = json!([
        called(0, "a"),
        called(1, "b"),
        filled(1, "{\"x\""),
        filled(0, "{}"),
        {"content":"hi"},
        filled(1, ":1}"),
    ]);
    check(&events, &want, 0);
}

#[test]
fn a_block_without_a_number_is_a_block() {
    let without = |event: String| event.replace(r#""index":0,"#, "");
    let events = [
        without(begin_call(0, "a")),
        json!({"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":"[]"}}).to_string(),
        r#"{"type":"content_block_stop"}"#.to_owned(),
    ];
    check(&events, &json!([called(0, "a"), filled(0, "[]")]), 0);
}

#[test]
fn what_was_begun_ends_with_the_answer() {
    let events = [
        begin(0, r#""type":"thinking","thinking":"a","signature":"s""#),
        begin_call(1, "b"),
        reason("tool_use"),
        STOP.to_owned(),
    ];
    let detail = json!({"type":"reasoning.text","text":"a","signature":"s","format":"anthropic-claude-v1","index":0});
    let want = json!([
        {"reasoning_content":"a"},
        called(0, "b"),
        {"reasoning_details":[detail]},
        filled(0, "{}"),
        {},
    ]);
    check(&events, &want, 0);
}

#[test]
fn nothing_is_told_of_an_unknown_kind_of_block() {
    let unknown = r#""type":"server_tool_use","id":"a","name":"f","input":{}"#;
    let unreadable = r#""type":"server_tool_use","id":7,"name":[]"#;
    for block in [unknown, unreadable] {
        let events = [
            begin(0, block),
            arguments(0, "{}"),
            words(0, "a"),
            end(0),
            words(1, "b"),
        ];
        check(&events, &json!([{"content":"b"}]), 3);
    }
}

#[test]
fn a_second_first_event_counts_nothing() {
    let mut decoder = decoder();
    let again =
        r#"{"type":"message_start","message":{"usage":{"input_tokens":900,"output_tokens":1}}}"#;
    fed(&mut decoder, &[START, &reason("end_turn"), again, STOP]);
    let usage = decoder
        .final_usage()
        .map(|usage| (usage.input_tokens, usage.output_tokens));
    assert_eq!(usage, Some((9, 5)));
    assert_eq!(decoder.skipped_events(), 1);
}

#[test]
fn what_comes_after_the_end_is_skipped() {
    let mut decoder = decoder();
    fed(
        &mut decoder,
        &[START, &words(0, "a"), &reason("end_turn"), STOP],
    );
    let late = fed(
        &mut decoder,
        &[&words(0, "b"), &begin_call(1, "c"), "no JSON", STOP],
    );
    assert_eq!(late, Vec::<Value>::new());
    assert_eq!(decoder.skipped_events(), 4);
}

#[track_caller]
fn check_lost(before: &[String], event: &str) {
    let mut decoder = decoder();
    fed(&mut decoder, before);
    let told = push(&mut decoder, event);
    assert!(matches!(told, Err(StreamError::Malformed(_))), "{event}");
    let after = fed(&mut decoder, &[words(0, "more"), STOP.to_owned()]);
    assert_eq!(after, Vec::<Value>::new(), "a broken stream says no more");
    assert!(!decoder.is_complete());
    let finished = decoder.finish(&mut Vec::new());
    assert!(matches!(finished, Err(StreamError::Truncated)));
}

#[test]
fn arguments_without_a_call_break_the_stream() {
    check_lost(&[], &arguments(0, "{}"));
    check_lost(&[begin_call(0, "a")], &arguments(1, "{}"));
    check_lost(&[begin_call(0, "a"), end(0)], &arguments(0, "{}"));
    check_lost(
        &[begin(0, r#""type":"text","text":"""#)],
        &arguments(0, "{}"),
    );
    check(&[arguments(0, "")], &json!([]), 0);
}
