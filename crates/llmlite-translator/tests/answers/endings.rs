//! Why answers end, and what they used.

use llmlite_translator::{DecodeError, Reply, StreamError, Usage, decode};
use serde_json::{Value, json};

use super::{START, STOP, decoder, fed, push, reason, stamp, words};

fn whole(stop_reason: &str, usage: &str) -> String {
    format!(
        r#"{{"content":[{{"type":"text","text":"hi"}}],"stop_reason":{stop_reason},"usage":{usage}}}"#
    )
}

#[test]
fn what_the_model_calls_malformed_is_no_answer() {
    for fault in ["malformed_tool_use", "malformed_model_output"] {
        let answer = whole(
            &json!(fault).to_string(),
            r#"{"input_tokens":9,"output_tokens":5}"#,
        );
        let error = decode(answer.as_bytes(), &Reply::default(), stamp()).expect_err(fault);
        assert_eq!(error.to_string(), format!("the model stopped with {fault}"));
        let DecodeError::ModelFault { reason, usage } = error else {
            panic!("{error}");
        };
        assert_eq!(
            (reason, usage.input_tokens, usage.output_tokens),
            (fault, 9, 5)
        );
    }
}

#[test]
fn a_stream_that_the_model_calls_malformed_has_no_end_but_a_bill() {
    for fault in ["malformed_tool_use", "malformed_model_output"] {
        let mut decoder = decoder();
        fed(&mut decoder, &[START, &words(0, "a"), &reason(fault)]);
        let bill = r#"{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":8,"outputTokenCount":6}}"#;
        let error = push(&mut decoder, bill).expect_err(fault);
        assert!(matches!(error, StreamError::ModelFault { reason } if reason == fault));
        assert_eq!(error.to_string(), format!("the model stopped with {fault}"));
        let counts = |usage: Usage| (usage.input_tokens, usage.output_tokens);
        assert_eq!(decoder.final_usage().map(counts), Some((8, 6)));
        assert!(!decoder.is_complete());
    }
}

#[test]
fn a_refusal_without_a_word_before_it_has_no_content() {
    let answer =
        r#"{"content":[],"stop_reason":"refusal","usage":{"input_tokens":9,"output_tokens":0}}"#;
    let (completion, _) =
        decode(answer.as_bytes(), &Reply::default(), stamp()).expect("the answer is whole");
    let message = json!(completion.choices[0].message);
    assert_eq!(message["content"], Value::Null);
    assert_eq!(
        message["refusal"],
        "The model declined to answer this request."
    );
}

#[test]
fn a_reason_that_nobody_knows_is_counted() {
    let mut decoder = decoder();
    let told = fed(
        &mut decoder,
        &[START, &words(0, "a"), &reason("solar_flare"), STOP],
    );
    assert_eq!(told, [json!({"content":"a"}), json!({})]);
    assert_eq!(decoder.skipped_events(), 1);
}

#[test]
fn the_last_reason_counts() {
    let mut decoder = decoder();
    let none = r#"{"type":"message_delta","delta":{"stop_reason":null},"usage":{}}"#;
    let told = fed(
        &mut decoder,
        &[START, &reason("end_turn"), &reason("refusal"), none, STOP],
    );
    assert_eq!(
        told,
        [
            json!({"refusal":"The model declined to answer this request."}),
            json!({})
        ]
    );
    let mut decoder = super::decoder();
    let told = fed(
        &mut decoder,
        &[START, &reason("refusal"), &reason("end_turn"), STOP],
    );
    assert_eq!(told, [json!({})]);
}

#[track_caller]
fn check_thinking(usage: &str, want: Option<u64>) {
    let answer = whole("null", usage);
    let (completion, used) =
        decode(answer.as_bytes(), &Reply::default(), stamp()).expect("the answer is whole");
    assert_eq!(used.thinking_tokens, want, "{usage}");
    let details = json!(completion.usage)["completion_tokens_details"].clone();
    let told = want.map_or(Value::Null, |tokens| json!({"reasoning_tokens":tokens}));
    assert_eq!(details, told, "{usage}");

    let mut decoder = decoder();
    let event = format!(r#"{{"type":"message_delta","delta":{{}},"usage":{usage}}}"#);
    fed(
        &mut decoder,
        &[
            START,
            &event,
            r#"{"type":"message_delta","usage":{"output_tokens":6}}"#,
        ],
    );
    let used = decoder.usage().expect("there is usage");
    assert_eq!(used.thinking_tokens, want, "{usage}");
    assert_eq!(used.output_tokens, 6, "thinking is part of the output");
}

#[test]
#[rustfmt::skip]
fn thinking_is_counted_when_the_model_counts_it() {
    let usage = |details: &str| format!(r#"{{"input_tokens":1,"output_tokens":5{details}}}"#);
    check_thinking(&usage(""),                                                None);
    check_thinking(&usage(r#","output_tokens_details":null"#),                None);
    check_thinking(&usage(r#","output_tokens_details":{}"#),                  None);
    check_thinking(&usage(r#","output_tokens_details":{"thinking_tokens":0}"#), Some(0));
    check_thinking(&usage(r#","output_tokens_details":{"thinking_tokens":4}"#), Some(4));
    check_thinking(&usage(r#","output_tokens_details":{"thinking_tokens":"4"}"#), None);
    check_thinking(&usage(r#","output_tokens_details":7"#),                   None);
}
