//! How a request is treated, as its headers and its key say; and the older form of asking.

use llmlite_core::{keys::KeyGrant, ports::backend::BackendErrorKind as Kind};
use llmlite_testkit::{Step, Turn};
use serde_json::{Value, json};

use crate::gateway::{Gateway, begin, hello, message, say, start, start_with, streamed};

const CHAT: &str = "/v1/chat/completions";
const TEXT: &str = "/v1/completions";

/// The body that reached the model last.
fn sent(gateway: &Gateway) -> Value {
    let call = gateway.backend.calls().pop().unwrap();
    serde_json::from_slice(&call.body).unwrap()
}

/// A conversation whose instructions are long enough for any model's prompt cache.
fn long_instructions() -> Value {
    let mut request = hello(false);
    let long = "Answer in one short sentence. ".repeat(2_000);
    request["messages"] = json!([
        { "role": "system", "content": long },
        { "role": "user", "content": "hello" },
    ]);
    request
}

#[tokio::test]
async fn what_has_no_effect_is_refused_when_the_request_or_its_key_is_strict() {
    let check = async |key: bool, header: &str, status: u16| {
        let strict = |g: &mut KeyGrant| g.strict = key;
        let gateway = start_with([message()], strict, |_| {}).await;
        let mut request = hello(false);
        request["frequency_penalty"] = json!(0.5);
        let headers = format!("{}{header}", gateway.bearer());
        let answer = gateway
            .send("POST", CHAT, &headers, &request.to_string())
            .await;
        assert_eq!(answer.status, status, "{header:?}: {}", answer.body);
        if status == 400 {
            assert_eq!(answer.json()["error"]["param"], "frequency_penalty");
            assert_eq!(gateway.backend.calls().len(), 0);
        } else {
            assert!(answer.head.contains("x-llmlite-ignored: frequency_penalty"));
        }
    };
    check(false, "", 200).await;
    check(false, "x-llmlite-strict: false\r\n", 200).await;
    check(false, "x-llmlite-strict: true\r\n", 400).await;
    check(true, "", 400).await;
    check(true, "x-llmlite-strict: false\r\n", 400).await;
}

#[tokio::test]
async fn prompts_are_cached_unless_the_operator_or_the_request_says_otherwise() {
    let check = async |setting: bool, header: &str, cached: bool| {
        let gateway = start_with([message()], |_| {}, |c| c.automatic_cache = setting).await;
        let headers = format!("{}{header}", gateway.bearer());
        let request = long_instructions().to_string();
        let answer = gateway.send("POST", CHAT, &headers, &request).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let points = sent(&gateway).to_string().matches("cache_control").count();
        assert_eq!(points > 0, cached, "{setting} {header:?}");
    };
    check(true, "", true).await;
    check(true, "x-llmlite-cache: off\r\n", false).await;
    check(false, "", false).await;
    check(false, "x-llmlite-cache: auto\r\n", true).await;
}

#[tokio::test]
async fn what_may_have_been_written_to_the_cache_is_charged_as_such_when_nobody_counted() {
    let charged = async |cache: &str| {
        let gateway = start([Turn::Fail(Kind::Timeout)]).await;
        let headers = format!("{}x-llmlite-cache: {cache}\r\n", gateway.bearer());
        let request = long_instructions().to_string();
        let answer = gateway.send("POST", CHAT, &headers, &request).await;
        assert_eq!(answer.status, 504, "{}", answer.body);
        gateway.finish().await.0.remove(0)
    };
    let (cached, plain) = (charged("auto").await, charged("off").await);
    assert!(cached.estimated && plain.estimated);
    assert_eq!((cached.tokens.input, plain.tokens.cache_write_5m), (0, 0));
    assert!(cached.tokens.cache_write_5m > 1_000 && plain.tokens.input > 1_000);
    assert!(cached.cost > plain.cost);
}

#[tokio::test]
async fn pictures_and_pages_are_charged_as_such_when_nobody_counted() {
    let charged = async |part: Value| {
        let gateway = start([Turn::Fail(Kind::Timeout)]).await;
        let mut request = hello(false);
        request["messages"] = json!([{ "role": "user", "content": [part] }]);
        let answer = gateway.chat(&request).await;
        assert_eq!(answer.status, 504, "{}", answer.body);
        gateway.finish().await.0.remove(0).tokens.input
    };
    let text = charged(json!({ "type": "text", "text": "hello" })).await;
    assert!(text < 200, "{text}");
    let png = |zeros: usize| format!("data:image/png;base64,iVBORw0KGgoA{}", "A".repeat(zeros));
    for zeros in [0, 400_000] {
        let url = json!({ "url": png(zeros) });
        let picture = charged(json!({ "type": "image_url", "image_url": url })).await;
        assert!((4_784..5_000).contains(&picture), "{zeros}: {picture}");
    }
    let pdf =
        json!({ "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0xLjQK" });
    let whole_context = charged(json!({ "type": "file", "file": pdf })).await;
    assert_eq!(whole_context, 200_000);
}

#[tokio::test]
#[rustfmt::skip]
async fn a_model_is_asked_to_think_in_the_way_that_its_entry_says() {
    let check = async |model: &str, effort: &str, thinking: Value, level: Value| {
        let gateway = start([message()]).await;
        let mut request = hello(false);
        request["model"] = model.into();
        request["max_tokens"] = json!(4_000);
        request["reasoning_effort"] = effort.into();
        let answer = gateway.chat(&request).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let body = sent(&gateway);
        assert_eq!(body["thinking"]["type"], thinking, "{model} {effort}: {body}");
        assert_eq!(body["output_config"]["effort"], level, "{model} {effort}: {body}");
    };
    let none = || Value::Null;
    check("claude-3-opus",     "high",  none(),                 none()).await;
    check("claude-sonnet-4-5", "high",  json!("enabled"),       none()).await;
    check("claude-sonnet-4-5", "none",  none(),                 none()).await;
    check("claude-opus-4-8",   "xhigh", json!("adaptive"),      json!("xhigh")).await;
    check("claude-opus-4-8",   "none",  none(),                 none()).await;
    check("claude-sonnet-5",   "none",  json!("disabled"),      none()).await;
    check("claude-sonnet-5-5", "none",  json!("between_tools"), none()).await;
    check("claude-opus-5-5",   "none",  none(),                 json!("low")).await;
}

#[tokio::test]
async fn a_header_of_ours_with_another_value_is_refused_before_the_body_is_read() {
    let gateway = start([]).await;
    for (header, values) in [
        ("x-llmlite-strict: maybe", ["true", "false"]),
        ("x-llmlite-cache: 5m", ["auto", "off"]),
    ] {
        let headers = format!("{}{header}\r\n", gateway.bearer());
        let answer = gateway.send("POST", CHAT, &headers, "{").await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "invalid_header")
        );
        let message = answer.json()["error"]["message"].to_string();
        let name = header.split(':').next().unwrap();
        for word in [name, values[0], values[1]] {
            assert!(message.contains(word), "{message}");
        }
    }
}

#[tokio::test]
async fn a_field_with_any_name_is_named_in_a_header_that_it_cannot_break() {
    let gateway = start([message()]).await;
    let mut request = hello(false);
    request["x\r\nset-cookie: a"] = json!(1);
    request["wizardry"] = json!(1);
    for i in 0..60 {
        request[format!("flood{i}{}", "x".repeat(100))] = json!(i);
    }
    let answer = gateway.chat(&request).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(!answer.head.contains("set-cookie:"), "{}", answer.head);
    let mut lines = answer.head.lines();
    let ignored = lines
        .find_map(|line| line.strip_prefix("x-llmlite-ignored: "))
        .unwrap();
    let names: Vec<_> = ignored.split(',').collect();
    assert!(names.contains(&"xset-cookiea") && names.contains(&"wizardry"));
    assert!(names.iter().any(|name| name.starts_with("flood0xx")));
    assert!(names.len() <= 51, "{ignored}");
    assert!(names.iter().all(|name| name.len() <= 64), "{ignored}");
}

fn once_upon(more: &Value) -> String {
    let mut request = json!({ "model": "claude-sonnet-4-5", "prompt": "Once upon" });
    for (field, value) in more.as_object().unwrap() {
        request[field] = value.clone();
    }
    request.to_string()
}

#[tokio::test]
async fn a_text_completion_is_answered_as_one_and_billed() {
    let gateway = start([message()]).await;
    let body = once_upon(&json!({ "max_tokens": 7, "seed": 1, "tools": [] }));
    let answer = gateway.send("POST", TEXT, &gateway.bearer(), &body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let said = answer.json();
    assert_eq!(said["object"], "text_completion");
    assert!(said["id"].as_str().unwrap().starts_with("cmpl-"), "{said}");
    assert_eq!(said["choices"][0]["text"], "hi there");
    assert_eq!(said["choices"][0]["finish_reason"], "stop");
    assert_eq!(said["usage"]["prompt_tokens"], 10);
    for name in ["seed", "tools"] {
        let ignored = answer
            .head
            .lines()
            .find(|l| l.starts_with("x-llmlite-ignored"));
        assert!(ignored.unwrap().contains(name), "{}", answer.head);
    }
    let body = sent(&gateway);
    assert_eq!(body["max_tokens"], 7);
    assert_eq!(body["messages"][0]["content"][0]["text"], "Once upon");
    let (usage, _) = gateway.finish().await;
    assert_eq!((usage[0].tokens.input, usage[0].streamed), (10, false));
}

/// The chunks of a stream that ended well.
fn chunks(body: &str) -> Vec<Value> {
    let lines: Vec<_> = body.split("\n\n").filter(|l| !l.is_empty()).collect();
    assert_eq!(lines.last(), Some(&"data: [DONE]"), "{body}");
    lines[..lines.len() - 1]
        .iter()
        .map(|line| serde_json::from_str(line.strip_prefix("data: ").unwrap()).unwrap())
        .collect()
}

#[tokio::test]
async fn a_streamed_text_completion_has_text_an_end_and_the_usage() {
    let gateway = start([streamed([say("hi "), say("there")])]).await;
    let wish = json!({ "stream": true, "stream_options": { "include_usage": true } });
    let answer = gateway
        .send("POST", TEXT, &gateway.bearer(), &once_upon(&wish))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let chunks = chunks(&answer.body);
    let text: Vec<_> = chunks.iter().map(|c| &c["choices"][0]["text"]).collect();
    assert_eq!(
        text,
        [&json!("hi "), &json!("there"), &json!(""), &Value::Null]
    );
    assert!(chunks.iter().all(|c| c["object"] == "text_completion"));
    assert_eq!(chunks[2]["choices"][0]["finish_reason"], "stop");
    assert_eq!(chunks[3]["usage"]["total_tokens"], 13);
    let (usage, _) = gateway.finish().await;
    assert_eq!((usage[0].tokens.output, usage[0].streamed), (3, true));
}

#[tokio::test]
async fn a_prompt_that_is_too_long_is_named_as_the_client_does() {
    for (path, request, field) in [
        (TEXT, once_upon(&json!({})), "prompt"),
        (CHAT, hello(false).to_string(), "messages"),
    ] {
        let gateway = start([Turn::Fail(Kind::ContextOverflow)]).await;
        let answer = gateway
            .send("POST", path, &gateway.bearer(), &request)
            .await;
        assert_eq!(answer.code(), "context_length_exceeded");
        assert_eq!(answer.json()["error"]["param"], field);
    }
}

#[tokio::test]
async fn a_broken_stream_of_text_ends_in_an_error_as_any_other() {
    let steps = vec![begin(), say("hi"), Step::Fail(Kind::BrokenStream)];
    let gateway = start([Turn::Stream(steps)]).await;
    let wish = json!({ "stream": true });
    let answer = gateway
        .send("POST", TEXT, &gateway.bearer(), &once_upon(&wish))
        .await;
    assert!(answer.body.contains("\"error\"") && !answer.body.contains("[DONE]"));
}

#[tokio::test]
#[rustfmt::skip]
async fn a_text_completion_that_cannot_be_had_is_refused_with_the_fields_name() {
    let gateway = start([]).await;
    let check = async |more: Value, status: u16, param: &str| {
        let answer = gateway.send("POST", TEXT, &gateway.bearer(), &once_upon(&more)).await;
        assert_eq!(answer.status, status, "{more}: {}", answer.body);
        assert_eq!(answer.json()["error"]["param"], param, "{more}");
    };
    check(json!({ "prompt": [1, 2] }),        400, "prompt").await;
    check(json!({ "prompt": ["a", "b"] }),    400, "prompt").await;
    check(json!({ "prompt": " " }),           400, "prompt").await;
    check(json!({ "echo": true }),            400, "echo").await;
    check(json!({ "best_of": 2 }),            400, "best_of").await;
    check(json!({ "logprobs": 1 }),           400, "logprobs").await;
    check(json!({ "n": 2 }),                  400, "n").await;
    check(json!({ "temperature": "hot" }),    400, "temperature").await;
    check(json!({ "model": "gpt-3.5-turbo" }), 404, "model").await;
    assert_eq!(gateway.send("GET", TEXT, &gateway.bearer(), "").await.status, 405);
    assert_eq!(gateway.send("POST", TEXT, "", "{}").await.status, 401);
    assert_eq!(gateway.backend.calls().len(), 0);
}
