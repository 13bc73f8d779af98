//! Events and blocks that do not have the shape of the known ones.

use llmlite_translator::{Reply, StreamError, decode};
use serde_json::json;

use super::{decoder, fed, news, stamp, words};

#[track_caller]
fn check(event: &[u8], skipped: bool) {
    let shown = String::from_utf8_lossy(event);
    let (mut decoder, mut chunks) = (decoder(), Vec::new());
    let told = decoder.push(event, &mut chunks);
    assert_eq!(news(&chunks), Vec::<serde_json::Value>::new(), "{shown}");
    match told {
        Ok(()) => {
            assert!(skipped && decoder.skipped_events() == 1, "{shown}");
            assert_eq!(
                fed(&mut decoder, &[words(1, "a")]),
                [json!({"content":"a"})]
            );
        }
        Err(error) => assert!(
            !skipped && matches!(error, StreamError::Malformed(_)),
            "{shown}"
        ),
    }
}

#[test]
#[rustfmt::skip]
fn what_is_no_event_breaks_the_stream() {
    check(b"",                                                              false);
    check(b"\xff\xfe",                                                      false);
    check(b"<html>",                                                        false);
    check(b"[]",                                                            false);
    check(b"{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"\xff\"}}", false);
    check(br#"{"type":"content_block_delta","index":-1,"delta":{"type":"text_delta","text":"a"}}"#, false);
    check(br#"{"type":"content_block_delta","index":4294967296,"delta":{"type":"text_delta","text":"a"}}"#, false);
    check(br#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\ud83d"}}"#, false);
    check(br#"{"type":"message_start","message":{"usage":{"input_tokens":-1}}}"#, false);
    check(br#"{"type":"message_delta","usage":{"output_tokens":"5"}}"#,     false);
    check(br#"{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":1.5}}"#, false);
}

#[test]
#[rustfmt::skip]
fn a_thought_that_cannot_be_given_back_is_only_skipped() {
    check(br#"{"type":"content_block_start","index":0,"content_block":{"type":"redacted_thinking","data":7}}"#, true);
    check(br#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":7}}"#, true);
    check(br#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":7}}"#, false);
}

#[test]
#[rustfmt::skip]
fn an_event_with_nothing_in_it_is_skipped() {
    check(br#"{"type":"content_block_start","index":0}"#,                   true);
    check(br#"{"type":"content_block_start","index":0,"content_block":null}"#, true);
    check(br#"{"type":"content_block_delta","index":0}"#,                   true);
    check(br#"{"type":"content_block_delta","index":0,"delta":null}"#,      true);
    check(br#"{"type":"a_new_event","index":"x","delta":[[[]]],"usage":7}"#, true);
}

#[test]
fn a_whole_answer_of_no_shape_is_an_error_and_never_a_panic() {
    for answer in [
        &b"\xff"[..],
        b"{\"content\":[{\"type\":\"text\",\"text\":\"\xff\"}],\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}",
        br#"{"content":[{"type":"text","text":"\ud83d"}],"usage":{"input_tokens":1,"output_tokens":1}}"#,
        br#"{"content":{},"usage":{"input_tokens":1,"output_tokens":1}}"#,
        br#"{"content":[],"usage":{"input_tokens":-1,"output_tokens":1}}"#,
    ] {
        let decoded = decode(answer, &Reply::default(), stamp());
        assert!(decoded.is_err(), "{}", String::from_utf8_lossy(answer));
    }
}

#[test]
fn a_thought_of_a_wrong_shape_costs_a_whole_answer_nothing_else() {
    let answer = br#"{"content":[{"type":"redacted_thinking","data":7},{"type":"text","text":"a"}],"stop_details":7,"usage":{"input_tokens":1,"output_tokens":1}}"#;
    let (completion, _) = decode(answer, &Reply::default(), stamp()).expect("the answer is whole");
    assert_eq!(completion.choices[0].message.content.as_deref(), Some("a"));
}
