//! Requests of a size that no honest client sends: refused, or translated in time that grows with
//! their length alone.
#![expect(clippy::panic, reason = "a failing helper fails its test")]

use llmlite_openai::ChatRequest;
use llmlite_translator::{EncodeError, Encoded, Model, Sampling, encode};
use std::time::{Duration, Instant};

fn model() -> Model {
    Model {
        max_output_tokens: 1000,
        default_max_tokens: 500,
        sampling: Sampling::Both,
        prefill: true,
        vision: true,
        pdf: true,
        forced_tool: true,
    }
}

fn request(messages: &str, fields: &str) -> ChatRequest {
    let body = format!(r#"{{"model":"m","messages":{messages}{fields}}}"#);
    ChatRequest::parse(body.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

fn encoded(messages: &str, fields: &str) -> Result<Encoded, EncodeError> {
    encode(&request(messages, fields), &model())
}

fn list(count: usize, item: impl Fn(usize) -> String) -> String {
    let items: Vec<String> = (0..count).map(item).collect();
    format!("[{}]", items.join(","))
}

#[test]
fn a_list_is_full_at_the_limit_and_not_before() {
    let messages = |count| list(count, |_| r#"{"role":"user","content":"a"}"#.to_owned());
    let tools = |count| {
        let tools = list(count, |index| {
            format!(r#"{{"function":{{"name":"f{index}"}}}}"#)
        });
        format!(r#","tools":{tools}"#)
    };
    assert!(encoded(&messages(10_000), &tools(512)).is_ok());
    for (refused, param, text) in [
        (encoded(&messages(10_001), ""), "messages", "at most 10000"),
        (encoded(&messages(1), &tools(513)), "tools", "at most 512"),
    ] {
        let error = refused.expect_err(param);
        assert_eq!(error.param(), Some(param));
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[test]
fn a_body_is_refused_above_what_bedrock_takes_and_not_before() {
    let text = |length: usize| format!(r#"[{{"role":"user","content":"{}"}}]"#, "a".repeat(length));
    let around = encoded(&text(1), "").map(|encoded| encoded.body.len() - 1);
    let most = 25_000_000 - around.unwrap_or_else(|error| panic!("{error}"));
    let full = encoded(&text(most), "").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(full.body.len(), 25_000_000);
    let error = encoded(&text(most + 1), "").expect_err("one byte too many");
    assert_eq!(
        (error.param(), &error),
        (
            None,
            &EncodeError::TooLarge {
                bytes: 25_000_001,
                most: 25_000_000
            }
        )
    );
    assert!(error.to_string().contains("at most 25000000"), "{error}");
}

/// The shortest of three times that a request takes to be refused, whose turn has 30,000 calls,
/// so many results and one more result that answers no call.
fn time_to_refuse(results: usize) -> Duration {
    let calls = 30_000;
    let made = list(calls, |index| {
        format!(r#"{{"id":"c{index:06}","function":{{"name":"f"}}}}"#)
    });
    let results = (1..=results).map(|index| {
        let id = calls - index;
        format!(r#",{{"role":"tool","tool_call_id":"c{id:06}"}}"#)
    });
    let messages = format!(
        r#"[{{"role":"user","content":"a"}},{{"role":"assistant","tool_calls":{made}}}{},{{"role":"tool","tool_call_id":"d000000"}}]"#,
        results.collect::<String>()
    );
    let request = request(&messages, "");
    let times = (0..3).map(|_| {
        #[expect(
            clippy::disallowed_methods,
            reason = "the time it takes is what is tested"
        )]
        let start = Instant::now();
        let error = encode(&request, &model()).expect_err("the last result answers no call");
        let time = start.elapsed();
        assert!(matches!(error, EncodeError::OrphanToolResult { .. }));
        time
    });
    times.min().expect("there are three")
}

#[test]
fn results_are_matched_with_calls_in_time_that_grows_with_their_sum() {
    let (few, many) = (time_to_refuse(1), time_to_refuse(9_990));
    // It is little more than once. A scan of the calls for each result makes it more than twenty
    // times, which was tried; both are measured here, so the machine's speed does not count.
    assert!(many < 5 * few, "{few:?} became {many:?}");
}

#[test]
fn many_results_reach_their_calls() {
    let made = list(20_000, |index| {
        format!(
            r#"{{"id":"c{}","function":{{"name":"f"}}}}"#,
            index % 10_000
        )
    });
    let results = (0..9_990)
        .map(|index| format!(r#",{{"role":"tool","tool_call_id":"c{index}","content":"x"}}"#));
    let messages = format!(
        r#"[{{"role":"user","content":"a"}},{{"role":"assistant","tool_calls":{made}}}{}]"#,
        results.collect::<String>()
    );
    let encoded = encoded(&messages, "").unwrap_or_else(|error| panic!("{error}"));
    let body = String::from_utf8(encoded.body).expect("the body is text");
    assert_eq!(body.matches(r#""type":"tool_result""#).count(), 20_000);
    assert_eq!(body.matches(r#""text":"x""#).count(), 9_990);
}
