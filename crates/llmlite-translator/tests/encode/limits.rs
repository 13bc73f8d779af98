//! Requests of a size that no honest client sends: refused, or translated in time that grows with
//! their length alone.

use llmlite_openai::ChatRequest;
use llmlite_translator::{EncodeError, Encoded, Options, encode};
use std::time::{Duration, Instant};

use crate::{models, request};

fn encoded(messages: &str, fields: &str) -> Result<Encoded, EncodeError> {
    crate::encoded(&models::plain(), &request(messages, fields))
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
fn what_is_told_has_an_end_whatever_a_client_invents() {
    let parts = list(100_000, |index| format!(r#"{{"type":"t{index}"}}"#));
    let messages = format!(
        r#"[{{"role":"user","content":"a"}},{{"role":"assistant","content":{parts}}},{{"role":"user","content":"b"}}]"#
    );
    let encoded = encoded(&messages, "").unwrap_or_else(|error| panic!("{error}"));
    assert!(
        (100..1000).contains(&encoded.ignored.len()),
        "{}",
        encoded.ignored.len()
    );
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

/// The shorter of two times that a request takes whose turn has 40,000 calls, and so many results
/// of the last of them, as blocks of one message.
fn time_to_match(results: usize) -> Duration {
    let calls = 40_000;
    let made = list(calls, |index| {
        format!(r#"{{"id":"c{index:06}","function":{{"name":"f"}}}}"#)
    });
    let results = list(results, |index| {
        let id = calls - 1 - index;
        format!(r#"{{"type":"tool_result","tool_use_id":"c{id:06}"}}"#)
    });
    let messages = format!(
        r#"[{{"role":"user","content":"a"}},{{"role":"assistant","tool_calls":{made}}},{{"role":"user","content":{results}}}]"#
    );
    let body = request(&messages, "");
    let request = ChatRequest::parse(body.as_bytes()).expect("the request can be read");
    let times = (0..2).map(|_| {
        #[expect(
            clippy::disallowed_methods,
            reason = "the time it takes is what is tested"
        )]
        let start = Instant::now();
        let encoded = encode(&request, &models::plain(), Options::default());
        let time = start.elapsed();
        assert!(encoded.is_ok());
        time
    });
    times.min().expect("there are two")
}

#[test]
fn results_are_matched_with_calls_in_time_that_grows_with_their_sum() {
    let (few, many) = (time_to_match(1), time_to_match(40_000));
    // It is little more than the same. A scan of the calls for each result makes it 28 times as
    // much, which was tried; both are measured here, so the machine's speed does not count.
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
