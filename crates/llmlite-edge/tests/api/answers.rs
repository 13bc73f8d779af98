//! Who is served, what an answer looks like however it ends, and what it costs.

use std::{sync::Arc, time::Duration};

use llmlite_core::{
    keys::KeyGrant,
    ports::{StoreError, backend::BackendErrorKind as Kind},
    usage::{Ending, UsageRecord},
};
use llmlite_edge::{Config, Ended};
use llmlite_testkit::{Step, Turn, build};
use serde_json::{Value, json};
use tokio::{io::AsyncReadExt, sync::Semaphore};

use crate::gateway::{
    FAR_AWAY, begin, end, hello, message, read_until, say, start, start_with, streamed,
};

#[tokio::test]
async fn a_whole_answer_is_translated_and_billed() {
    let gateway = start([message()]).await;
    let answer = gateway.chat(&hello(false)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(
        answer.head.contains("x-llmlite-residency: in-region"),
        "{}",
        answer.head
    );
    assert!(answer.head.contains("x-llmlite-region: eu-west-2"));
    let body = answer.json();
    assert_eq!(body["choices"][0]["message"]["content"], "hi there");
    assert_eq!(body["usage"]["prompt_tokens"], 10);
    let request_id = answer
        .head
        .lines()
        .find_map(|l| l.strip_prefix("x-request-id: "))
        .unwrap();
    let request_id = request_id.to_owned();
    let (usage, ended) = gateway.finish().await;
    assert_eq!(
        ended,
        Ended {
            cut: 0,
            unwritten: 0,
            returned: true,
            fenced: false,
        }
    );
    assert_eq!(usage.len(), 1);
    assert_eq!(*usage[0].request_id, *request_id);
    assert_eq!((usage[0].tokens.input, usage[0].tokens.output), (10, 3));
    assert_eq!(usage[0].ending, Ending::Complete);
    // 10 tokens at 3.30 and 3 at 16.50 dollars a million.
    assert_eq!(usage[0].cost.0, 10 * 3_300 + 3 * 16_500);
}

#[tokio::test]
async fn a_stream_is_translated_and_billed() {
    let gateway = start([streamed([say("hi "), say("there")])]).await;
    let answer = gateway.chat(&hello(true)).await;
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("content-type: text/event-stream"));
    let lines: Vec<_> = answer
        .body
        .split("\n\n")
        .filter(|l| !l.is_empty())
        .collect();
    assert_eq!(lines.last(), Some(&"data: [DONE]"));
    let chunks: Vec<Value> = lines[..lines.len() - 1]
        .iter()
        .map(|line| serde_json::from_str(line.strip_prefix("data: ").unwrap()).unwrap())
        .collect();
    let text: String = chunks
        .iter()
        .filter_map(|c| c["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(text, "hi there");
    assert_eq!(chunks.last().unwrap()["usage"]["total_tokens"], 13);
    let (usage, _) = gateway.finish().await;
    assert_eq!(
        (usage[0].tokens.output, usage[0].ending),
        (3, Ending::Complete)
    );
    assert!(usage[0].streamed && usage[0].time_to_first_token.is_some());
}

#[tokio::test]
async fn a_client_that_leaves_is_billed_for_the_whole_answer() {
    let gate = Arc::new(Semaphore::new(0));
    let gateway = start([streamed([
        say("hi "),
        Step::Wait(gate.clone()),
        say("there"),
    ])])
    .await;
    let mut socket = gateway.open_chat(&hello(true)).await;
    read_until(&mut socket, "hi ").await;
    drop(socket);
    gateway.stop.gently();
    // With the client its connection goes, and only then does the model go on.
    gate.add_permits(1);
    let (usage, ended) = gateway.finish().await;
    assert_eq!(
        ended,
        Ended {
            cut: 0,
            unwritten: 0,
            returned: true,
            fenced: false,
        }
    );
    assert_eq!(usage.len(), 1);
    assert_eq!((usage[0].tokens.output, usage[0].estimated), (3, false));
}

/// Starts a stream that stops in its middle, and leaves it there.
async fn leave_in_the_middle(config: impl FnOnce(&mut Config)) -> UsageRecord {
    let never = Arc::new(Semaphore::new(0));
    let turn = streamed([say("hi "), Step::Wait(never), say("there")]);
    let gateway = start_with([turn], |_| {}, config).await;
    let mut socket = gateway.open_chat(&hello(true)).await;
    read_until(&mut socket, "hi ").await;
    drop(socket);
    let usage = gateway.first_usage().await;
    gateway.stop.gently();
    usage
}

#[tokio::test]
async fn an_answer_that_is_given_up_is_billed_as_if_it_had_gone_on_to_its_limit() {
    let no_room = |c: &mut Config| c.orphans = 0;
    let no_time = |c: &mut Config| c.orphan_time = Duration::from_millis(50);
    for usage in [
        leave_in_the_middle(no_room).await,
        leave_in_the_middle(no_time).await,
    ] {
        assert_eq!((usage.ending, usage.estimated), (Ending::ClientGone, true));
        // The input was counted; the output is what the request allowed.
        assert_eq!((usage.tokens.input, usage.tokens.output), (10, 8192));
    }
}

#[tokio::test]
async fn no_more_requests_are_taken_than_there_is_room_for() {
    let gate = Arc::new(Semaphore::new(0));
    let turn = streamed([say("hi "), Step::Wait(gate.clone())]);
    let gateway = start_with([turn], |_| {}, |c| c.requests = 1).await;
    let mut socket = gateway.open_chat(&hello(true)).await;
    read_until(&mut socket, "hi ").await;
    let refused = gateway.chat(&hello(true)).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (503, "overloaded")
    );
    gate.add_permits(1);
    read_until(&mut socket, "[DONE]").await;
    assert_eq!(gateway.finish().await.0.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_shows_that_it_is_alive() {
    let gate = Arc::new(Semaphore::new(0));
    let gateway = start([streamed([
        say("hi "),
        Step::Wait(gate.clone()),
        say("there"),
    ])])
    .await;
    let mut socket = gateway.open_chat(&hello(true)).await;
    // Time passes by itself while everybody waits.
    let seen = read_until(&mut socket, ": keep-alive\n\n").await;
    assert!(seen.contains("hi "), "{seen}");
    gate.add_permits(1);
    read_until(&mut socket, "[DONE]").await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_shows_that_it_is_alive_also_when_what_comes_is_nothing_for_the_client() {
    let gate = Arc::new(Semaphore::new(0));
    let ping = || Step::Event(json!({ "type": "ping" }));
    let pings = (0..9).flat_map(|_| [Step::Wait(gate.clone()), ping()]);
    let steps: Vec<_> = std::iter::once(say("hi ")).chain(pings).collect();
    let gateway = start([streamed(steps)]).await;
    let mut socket = gateway.open_chat(&hello(true)).await;
    read_until(&mut socket, "hi ").await;
    // A ping every ten seconds of a clock that goes on whenever everybody waits.
    let ping_on = async {
        for _ in 0..9 {
            tokio::time::sleep(Duration::from_secs(10)).await;
            gate.add_permits(1);
        }
    };
    let (seen, ()) = tokio::join!(read_until(&mut socket, "[DONE]"), ping_on);
    let shown = seen.matches(": keep-alive\n\n").count();
    assert!((5..=6).contains(&shown), "in 90 seconds: {seen}");
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_is_still_sending() {
    let gateway = start([]).await;
    let (unknown, _) = build::a_key();
    let headers = format!("authorization: Bearer {}\r\n", unknown.reveal());
    let body = "x".repeat(8 << 20);
    for (method, path, status) in [
        ("POST", "/v1/chat/completions", 401),
        ("POST", "/v1/nothing", 401),
    ] {
        assert_eq!(
            gateway.send(method, path, &headers, &body).await.status,
            status
        );
    }
    for (path, status) in [("/v1/nothing", 404), ("/v1/models", 405)] {
        assert_eq!(
            gateway
                .send("POST", path, &gateway.bearer(), &body)
                .await
                .status,
            status
        );
    }
}

#[tokio::test]
async fn what_was_changed_in_a_request_is_named() {
    let gateway = start([message()]).await;
    let mut request = hello(false);
    request["temperature"] = json!(1.7);
    request["seed"] = json!(7);
    let answer = gateway.chat(&request).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(
        answer.head.contains("x-llmlite-adjusted: temperature"),
        "{}",
        answer.head
    );
    assert!(
        answer.head.contains("x-llmlite-ignored: seed"),
        "{}",
        answer.head
    );
}

#[tokio::test]
async fn a_stream_that_breaks_off_ends_in_an_error_and_is_estimated() {
    // Of the output, eight bytes were seen, and it is no more where the model says itself that it
    // has stopped. Otherwise it may have gone on, to its limit for all we know.
    let overloaded =
        json!({ "type": "error", "error": { "type": "overloaded_error", "message": "" } });
    let cuts = [
        (Some(Step::Fail(Kind::Internal)), 4),
        (Some(Step::Fail(Kind::Model)), 4),
        (Some(Step::Fail(Kind::Overloaded)), 4),
        (Some(Step::Event(overloaded)), 4),
        (None, 8192),
        (Some(Step::Fail(Kind::BrokenStream)), 8192),
        (Some(Step::Fail(Kind::Unexplained)), 8192),
        (Some(Step::Fail(Kind::Timeout)), 8192),
        (Some(Step::Raw("{".into())), 8192),
    ];
    for (cut, output) in cuts {
        let mut steps = vec![begin(), say("hi there")];
        steps.extend(cut);
        let gateway = start([Turn::Stream(steps)]).await;
        let answer = gateway.chat(&hello(true)).await;
        assert_eq!(answer.status, 200);
        assert!(!answer.body.contains("[DONE]"), "{}", answer.body);
        assert!(!answer.body.contains("\"finish_reason\":\"stop\""));
        let last = answer.body.trim_end().rsplit("\n\n").next().unwrap();
        let error: Value = serde_json::from_str(last.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(error["error"]["type"], "server_error");
        let (usage, _) = gateway.finish().await;
        assert_eq!(
            (usage[0].ending, usage[0].estimated),
            (Ending::UpstreamFailed, true)
        );
        assert_eq!(
            (usage[0].tokens.input, usage[0].tokens.output),
            (10, output)
        );
    }
}

#[tokio::test]
#[rustfmt::skip]
async fn what_may_have_run_without_an_answer_is_charged_to_its_limit_and_what_was_refused_is_not() {
    let check = async |turn: Turn, stream: bool, output: u64, estimated: bool| {
        let gateway = start([turn.clone()]).await;
        let mut request = hello(stream);
        request["max_tokens"] = json!(1_000);
        let answer = gateway.chat(&request).await;
        assert!(answer.status >= 400, "{turn:?}: {}", answer.body);
        let (usage, _) = gateway.finish().await;
        assert_eq!(usage.len(), 1, "{turn:?}");
        let row = &usage[0];
        assert_eq!((row.tokens.output, row.estimated), (output, estimated), "{turn:?} {stream}");
        assert_eq!((row.cost.0 > 0, row.tokens.input > 0), (estimated, estimated), "{turn:?}");
        assert_eq!(row.ending, Ending::UpstreamFailed);
    };
    for stream in [false, true] {
        //                                stream  output estimated
        check(Turn::Fail(Kind::Timeout),      stream, 1_000, true).await;
        check(Turn::Fail(Kind::BrokenStream), stream, 1_000, true).await;
        check(Turn::Fail(Kind::Unexplained),  stream, 1_000, true).await;
        check(Turn::Fail(Kind::Throttled),    stream, 0,     false).await;
        check(Turn::Fail(Kind::Internal),     stream, 0,     false).await;
        check(Turn::Fail(Kind::Invalid),      stream, 0,     false).await;
    }
    // A whole answer that nobody can read may be a part of one.
    check(Turn::Answer(json!({ "type": "message" })), false, 1_000, true).await;
}

/// What the output of a stream is charged at that the model broke off after `steps`.
async fn charged_when_cut(request: &Value, mut steps: Vec<Step>) -> u64 {
    steps.insert(0, begin());
    steps.push(Step::Fail(Kind::Model));
    let gateway = start([Turn::Stream(steps)]).await;
    let answer = gateway.chat(request).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body.contains("\"error\""), "{}", answer.body);
    let (usage, _) = gateway.finish().await;
    assert!(usage[0].estimated);
    usage[0].tokens.output
}

fn block(start: Value) -> Step {
    Step::Event(json!({ "type": "content_block_start", "index": 0, "content_block": start }))
}

#[tokio::test]
async fn a_cut_stream_is_charged_for_what_came_and_not_for_what_was_shown() {
    // Words beside the call that is to be the answer wait until the end, and here for ever.
    let mut request = hello(true);
    request["model"] = json!("claude-3-opus");
    request["response_format"] = json!({ "type": "json_schema", "json_schema": {
        "name": "n", "schema": { "type": "object", "properties": {} } } });
    let words = vec![say("eight by"), say("tes each")];
    assert_eq!(charged_when_cut(&request, words).await, 8);
    let sealed = block(json!({ "type": "redacted_thinking", "data": "eight by" }));
    assert_eq!(charged_when_cut(&hello(true), vec![sealed]).await, 4);
}

#[tokio::test]
async fn a_cut_stream_of_a_model_that_thinks_is_charged_to_its_limit() {
    let check = async |model: &str, effort: Option<&str>, want: u64| {
        let mut request = hello(true);
        request["model"] = json!(model);
        request["max_tokens"] = json!(4_000);
        if let Some(effort) = effort {
            request["reasoning_effort"] = json!(effort);
        }
        let hidden = block(json!({ "type": "thinking", "thinking": "", "signature": "" }));
        let signature = json!({ "type": "content_block_delta", "index": 0,
            "delta": { "type": "signature_delta", "signature": "seal" } });
        let steps = vec![hidden, Step::Event(signature)];
        let charged = charged_when_cut(&request, steps).await;
        assert_eq!(charged, want, "{model} {effort:?}");
    };
    check("claude-opus-5-5", None, 4_000).await;
    check("claude-opus-5-5", Some("none"), 4_000).await;
    check("claude-sonnet-5", None, 4_000).await;
    check("claude-sonnet-5", Some("none"), 2).await;
    check("claude-opus-4-8", None, 2).await;
    check("claude-opus-4-8", Some("low"), 4_000).await;
    check("claude-sonnet-4-5", Some("low"), 4_000).await;
}

#[tokio::test]
async fn an_answer_that_the_model_calls_malformed_is_an_error_and_billed_as_counted() {
    for reason in ["malformed_tool_use", "malformed_model_output"] {
        let Turn::Answer(mut answer) = message() else {
            panic!("it is a whole answer")
        };
        answer["stop_reason"] = json!(reason);
        let [_, stop] = end();
        let delta = json!({ "type": "message_delta", "delta": { "stop_reason": reason },
                            "usage": { "output_tokens": 3 } });
        let stream = vec![begin(), say("hi"), Step::Event(delta), stop];
        for (turn, streamed) in [(Turn::Answer(answer), false), (Turn::Stream(stream), true)] {
            let gateway = start([turn]).await;
            let answer = gateway.chat(&hello(streamed)).await;
            if streamed {
                let last = answer.body.trim_end().rsplit("\n\n").next().unwrap();
                let error: Value =
                    serde_json::from_str(last.strip_prefix("data: ").unwrap()).unwrap();
                assert_eq!(error["error"]["code"], reason);
            } else {
                assert_eq!((answer.status, answer.code().as_str()), (502, reason));
                assert!(answer.head.contains("x-should-retry: false"));
            }
            let (usage, _) = gateway.finish().await;
            assert_eq!(
                (usage[0].ending, usage[0].estimated),
                (Ending::UpstreamFailed, false)
            );
            assert_eq!((usage[0].tokens.input, usage[0].tokens.output), (10, 3));
        }
    }
}

#[tokio::test]
async fn a_refusal_of_the_model_is_an_answer_of_its_own_and_costs_nothing() {
    for stream in [false, true] {
        let gateway = start([Turn::Fail(Kind::Throttled)]).await;
        let answer = gateway.chat(&hello(stream)).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (429, "rate_limit_exceeded")
        );
        assert!(answer.head.contains("retry-after: 1"), "{}", answer.head);
        let (usage, _) = gateway.finish().await;
        assert_eq!(
            (usage[0].cost.0, usage[0].ending),
            (0, Ending::UpstreamFailed)
        );
    }
}

#[tokio::test]
async fn what_never_reached_the_model_is_not_in_the_ledger() {
    let gateway = start([Turn::Fail(Kind::Unreachable)]).await;
    assert_eq!(gateway.chat(&hello(false)).await.status, 502);
    assert_eq!(gateway.finish().await.0, []);
}

#[tokio::test]
#[rustfmt::skip]
async fn nothing_but_health_is_served_without_a_key() {
    let gateway = start([]).await;
    for (method, path) in [("POST", "/v1/chat/completions"), ("GET", "/v1/models"), ("GET", "/v1/models/x"),
                           ("GET", "/"), ("GET", "/v1/nothing"), ("DELETE", "/v1/models"), ("GET", "//health/live"),
                           ("GET", "/health/live/x"), ("POST", "/key/generate")] {
        let answer = gateway.send(method, path, "", "").await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "invalid_api_key"), "{method} {path}");
        assert!(answer.json()["error"]["request_id"].as_str().unwrap().starts_with("req_"));
    }
    assert_eq!(gateway.store.lookups(), 0);
    for path in ["/health/live", "/health/liveliness", "/health/ready", "/health/readiness"] {
        assert_eq!(gateway.send("GET", path, "", "").await.status, 200, "{path}");
    }
    assert_eq!(gateway.backend.calls().len(), 0);
}

#[tokio::test]
#[rustfmt::skip]
async fn bad_requests_are_told_what_is_wrong() {
    let gateway = start_with([], |_| {}, |c| c.body_bytes = 200).await;
    let json = gateway.bearer();
    let bearer = format!("authorization: Bearer {}\r\n", gateway.key);
    let chat = "/v1/chat/completions";
    let check = async |method, path, headers: &str, body: &str, status, code| {
        let answer = gateway.send(method, path, headers, body).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{method} {path} {body}");
        answer
    };
    check("GET",  chat,           &json, "",                         405, "method_not_allowed").await;
    check("POST", "/v1/models",   &json, "",                         405, "method_not_allowed").await;
    check("GET",  "/v1/nothing",  &json, "",                         404, "not_found").await;
    check("POST", chat, &format!("{bearer}content-type: text/plain\r\n"), "{}", 415, "unsupported_media_type").await;
    check("POST", chat, &format!("{json}content-encoding: gzip\r\n"), "{}",     415, "unsupported_content_encoding").await;
    check("POST", chat, &json, &" ".repeat(201),                     413, "request_too_large").await;
    check("POST", chat, &json, "{",                                  400, "invalid_request").await;
    check("POST", chat, &json, r#"{"model":"a","model":"b","messages":[]}"#, 400, "invalid_request").await;
    let hot = check("POST", chat, &json, r#"{"model":"claude-3-opus","messages":[{"role":"user","content":"x"}],"temperature":"hot"}"#, 400, "invalid_request").await;
    assert_eq!(hot.json()["error"]["param"], "temperature");
    let unknown = check("POST", chat, &json, r#"{"model":"gpt-4","messages":[{"role":"user","content":"x"}]}"#, 404, "model_not_found").await;
    assert_eq!(unknown.json()["error"]["param"], "model");
    check("POST", chat, &format!("{json}x-api-key: other\r\n"), "{}", 400, "ambiguous_api_key").await;
    assert_eq!(gateway.finish().await.0, []);
}

#[tokio::test]
async fn a_key_sees_and_calls_only_its_models() {
    let only = |g: &mut KeyGrant| g.models = build::only(&["claude-3-opus"]);
    let gateway = start_with([message()], only, |_| {}).await;
    let list = gateway.get("/v1/models").await.json();
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    assert_eq!(list["data"][0]["id"], "claude-3-opus");
    assert_eq!(gateway.get("/v1/models/claude-3-opus").await.status, 200);
    assert_eq!(
        gateway
            .get("/v1/models/anthropic.claude-3-opus-20240229-v1%3A0")
            .await
            .status,
        200
    );
    assert_eq!(
        gateway.get("/v1/models/claude-sonnet-4-5").await.status,
        404
    );
    let answer = gateway.chat(&hello(false)).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (404, "model_not_found")
    );
    assert_eq!(gateway.backend.calls().len(), 0);
}

#[tokio::test]
async fn a_model_that_is_too_far_away_is_not_listed_and_not_called() {
    let gateway = start([]).await;
    let list = gateway.get("/v1/models").await.body;
    assert!(
        list.contains("claude-opus-4-8") && !list.contains(FAR_AWAY),
        "{list}"
    );
    let mut request = hello(false);
    request["model"] = FAR_AWAY.into();
    let by_path = gateway.get(&format!("/v1/models/{FAR_AWAY}")).await;
    for answer in [gateway.chat(&request).await, by_path] {
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (403, "model_not_allowed")
        );
        let message = answer.json()["error"]["message"].to_string();
        for word in ["eu", "in-region", "operator"] {
            assert!(message.contains(word), "{message}");
        }
    }
    assert_eq!(gateway.backend.calls().len(), 0);
}

#[tokio::test]
async fn a_revoked_key_is_refused_like_an_unknown_one() {
    let revoked = |g: &mut KeyGrant| g.revoked_at = Some(build::at(1));
    let gateway = start_with([], revoked, |_| {}).await;
    let revoked = gateway.chat(&hello(false)).await;
    let (unknown, _) = build::a_key();
    let headers = format!("api-key: {}\r\n", unknown.reveal());
    let unknown = gateway
        .send("POST", "/v1/chat/completions", &headers, "{}")
        .await;
    assert_eq!((revoked.status, unknown.status), (401, 401));
    assert_eq!(
        revoked.json()["error"]["message"],
        unknown.json()["error"]["message"]
    );
}

#[tokio::test]
async fn a_database_that_is_away_is_503_and_readiness_says_so() {
    let gateway = start([]).await;
    gateway
        .store
        .fail_next(StoreError::Unavailable("away".into()));
    let answer = gateway.chat(&hello(false)).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (503, "temporarily_unavailable")
    );
    assert!(answer.head.contains("retry-after: 2"));
    gateway.store.set_down(true);
    let ready = gateway.send("GET", "/health/ready", "", "").await;
    assert_eq!(ready.status, 503, "{}", ready.body);
    assert_eq!(
        gateway.send("GET", "/health/live", "", "").await.status,
        200
    );
}

#[tokio::test]
async fn stopping_gently_lets_a_stream_end_and_stopping_at_once_does_not() {
    let gate = Arc::new(Semaphore::new(0));
    let turn = || streamed([say("hi"), Step::Wait(gate.clone()), say(" there")]);
    for at_once in [false, true] {
        let gateway = start([turn()]).await;
        let mut socket = gateway.open_chat(&hello(true)).await;
        read_until(&mut socket, "hi").await;
        if at_once {
            gateway.stop.at_once();
        } else {
            gateway.stop.gently();
            gate.add_permits(1);
        }
        let read_rest = async {
            let mut rest = Vec::new();
            let read = socket.read_to_end(&mut rest).await;
            (read.is_ok(), String::from_utf8(rest).unwrap())
        };
        let ((_, rest), (usage, ended)) = tokio::join!(read_rest, gateway.finish());
        assert_eq!(usage.len(), 1);
        assert_eq!(rest.contains("[DONE]"), !at_once, "{rest}");
        if at_once {
            assert_eq!(
                (usage[0].ending, usage[0].estimated),
                (Ending::Shutdown, true)
            );
            assert_eq!((usage[0].tokens.input, usage[0].tokens.output), (10, 8192));
            assert!(rest.contains("the gateway was stopped"), "{rest}");
        } else {
            assert_eq!((usage[0].ending, ended.cut), (Ending::Complete, 0));
        }
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_the_model_back_and_then_counts_as_gone() {
    let long = "x".repeat(64 * 1024);
    let steps: Vec<_> = std::iter::repeat_with(|| say(&long)).take(400).collect();
    let stall = |c: &mut Config| c.write_stall = Duration::from_millis(100);
    let gateway = start_with([streamed(steps)], |_| {}, stall).await;
    let socket = gateway.open_chat(&hello(true)).await;
    // Nothing is read; the stream must end all the same, with its exact bill.
    let usage = gateway.first_usage().await;
    assert_eq!((usage.ending, usage.tokens.output), (Ending::ClientGone, 3));
    drop(socket);
}
