//! The simulator over real HTTP: errors, faults, billing, control.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, as it should"
)]

mod answers;
mod client;

use llmlite_bedrock_sim::{Fault, FaultRule, Script, Sim, frames::FrameError, start};
use serde_json::{Value, json};

use self::client::{Answer, Client, End};

fn body(text: &str) -> Value {
    json!({
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": text}],
    })
}

async fn sim(script: Script) -> (Sim, Client) {
    let sim = start(script).await.unwrap();
    let client = Client::new(&sim.url());
    (sim, client)
}

async fn invoke(client: &Client, text: &str) -> Answer {
    client.call("sim.claude", "invoke", &body(text)).await
}

async fn stream(client: &Client, text: &str) -> Answer {
    client
        .call("sim.claude", "invoke-with-response-stream", &body(text))
        .await
}

#[tokio::test]
async fn requests_are_refused_as_aws_refuses_them() {
    let script = Script {
        region: Some("eu-west-2".to_owned()),
        ..Script::default()
    };
    let (sim, client) = sim(script).await;
    let scope = "AKID/20261123/eu-west-2/bedrock/aws4_request";
    let signed = "host;x-amz-date";
    let auth = |scope: &str, signed: &str| {
        Some(format!(
            "AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={signed}, Signature=00"
        ))
    };
    for (auth, status, kind) in [
        (None, 403, "MissingAuthenticationTokenException"),
        (
            Some("Bearer x".to_owned()),
            403,
            "UnrecognizedClientException",
        ),
        (
            Some("AWS4-HMAC-SHA256 Credential=x".to_owned()),
            403,
            "IncompleteSignatureException",
        ),
        (
            auth(
                "AKID/20261123/eu-west-2/bedrock-runtime/aws4_request",
                signed,
            ),
            403,
            "InvalidSignatureException",
        ),
        (
            auth("AKID/20261123/us-east-1/bedrock/aws4_request", signed),
            403,
            "InvalidSignatureException",
        ),
        (
            auth("AKID/20261122/eu-west-2/bedrock/aws4_request", signed),
            403,
            "InvalidSignatureException",
        ),
        (
            auth("AKID/20261123/eu-west-2/bedrock/aws4", signed),
            403,
            "InvalidSignatureException",
        ),
        (auth(scope, "host"), 403, "InvalidSignatureException"),
        (auth(scope, "x-amz-date"), 403, "InvalidSignatureException"),
        (auth(scope, signed), 200, ""),
    ] {
        let client = client.clone().signed(auth.as_deref());
        let answer = invoke(&client, "hi").await;
        assert_eq!(
            (answer.status, answer.header("x-amzn-errortype")),
            (status, kind),
            "{auth:?}"
        );
        assert!(!answer.header("x-amzn-requestid").is_empty());
        assert_eq!(answer.json().get("message").is_some(), status != 200);
    }
    assert_eq!(sim.bill().len(), 1);
}

#[tokio::test]
async fn only_listed_models_and_known_operations_are_served() {
    let models = vec!["anthropic.*".to_owned()];
    let (sim, client) = sim(Script {
        models,
        ..Script::default()
    })
    .await;
    for (model, operation, status, kind) in [
        ("sim.claude", "invoke", 200, ""),
        (
            "anthropic.claude-3-haiku-20240307-v1%3A0",
            "invoke",
            200,
            "",
        ),
        ("eu.anthropic.claude", "invoke", 400, "ValidationException"),
        ("sim.claude", "describe", 404, "UnknownOperationException"),
    ] {
        let answer = client.call(model, operation, &body("hi")).await;
        assert_eq!(
            (answer.status, answer.header("x-amzn-errortype")),
            (status, kind),
            "{model}"
        );
    }
    let bill = sim.bill();
    assert_eq!(bill[1].model, "anthropic.claude-3-haiku-20240307-v1:0");
}

#[tokio::test]
async fn answers_and_headers_and_bill_state_the_same_counts() {
    let (sim, client) = sim(Script::default()).await;
    let client = client.with("x-amzn-bedrock-request-metadata", r#"{"team":"blue"}"#);
    let whole = invoke(&client, "[[sim:long 40]]").await;
    let streamed = stream(&client, "[[sim:long 40]]").await;
    let bill = sim.bill();
    let (of_whole, of_stream) = (&bill[0], &bill[1]);

    let usage = &whole.json()["usage"];
    assert_eq!(usage["input_tokens"], of_whole.input_tokens);
    assert_eq!(usage["output_tokens"], of_whole.output_tokens);
    assert_eq!(
        whole.header("x-amzn-bedrock-input-token-count"),
        of_whole.input_tokens.to_string()
    );
    assert_eq!(
        whole.header("x-amzn-bedrock-output-token-count"),
        of_whole.output_tokens.to_string()
    );
    assert_eq!(whole.header("x-amzn-requestid"), of_whole.request_id);

    let events = streamed.events();
    let metrics = &events.last().unwrap()["amazon-bedrock-invocationMetrics"];
    assert_eq!(metrics["inputTokenCount"], of_stream.input_tokens);
    assert_eq!(metrics["outputTokenCount"], of_stream.output_tokens);
    assert_eq!(streamed.header("x-amzn-requestid"), of_stream.request_id);

    assert_eq!((of_whole.streamed, of_stream.streamed), (false, true));
    assert_eq!(of_whole.output_tokens, of_stream.output_tokens);
    assert_eq!(of_stream.metadata, Some(json!({"team": "blue"})));
    assert!(of_whole.complete && of_stream.complete);
}

#[tokio::test]
async fn a_stream_says_what_the_whole_answer_says() {
    let (_sim, client) = sim(Script::default()).await;
    let whole = invoke(&client, "[[sim:long 200]]").await.json();
    let streamed = stream(&client, "[[sim:long 200]]").await;
    assert_eq!(streamed.end, End::Proper);
    let texts = streamed.events();
    let text: String = texts
        .iter()
        .filter_map(|event| event["delta"]["text"].as_str())
        .collect();
    assert_eq!(whole["content"][0]["text"], text);
    let padded = streamed.frames().unwrap().iter().any(|frame| {
        let payload: Value = serde_json::from_slice(&frame.payload).unwrap();
        payload["p"]
            .as_str()
            .is_some_and(|padding| !padding.is_empty())
    });
    assert!(padded);
}

#[tokio::test]
async fn a_line_says_whose_request_it_was_and_when_it_began() {
    let (sim, client) = sim(Script::default()).await;
    let id = "0190f5a0-0000-7000-8000-000000000001";
    let labelled = client.clone().with(
        "x-amzn-bedrock-request-metadata",
        r#"{"event_id":"0190f5a0-0000-7000-8000-000000000001"}"#,
    );
    stream(&labelled, "[bill:team-07/key-123] [[sim:long 20]]").await;
    invoke(&labelled, "[bill:refused] [[sim:fault throttle]]").await;
    invoke(&client, "hello").await;
    let shown = client.control("GET", "bill", "").await.json();
    let bill = sim.bill();
    let facts: Vec<_> = bill
        .iter()
        .map(|l| (l.tag.as_deref(), l.event_id()))
        .collect();
    assert_eq!(facts, [(Some("team-07/key-123"), Some(id)), (None, None)]);
    assert_eq!(shown[0]["tag"], "team-07/key-123");
    assert_eq!(shown[0]["begun_at_ms"], bill[0].begun_at_ms);
    let minted = |line: &llmlite_bedrock_sim::BillLine| {
        u64::from_str_radix(&line.request_id.replace('-', "")[..12], 16).unwrap()
    };
    for line in &bill {
        let after = line.begun_at_ms.checked_sub(minted(line));
        assert!(after.is_some_and(|ms| ms < 60_000), "{line:?}");
    }
}

#[tokio::test]
async fn whoever_hangs_up_pays_for_the_whole_answer() {
    let (sim, client) = sim(Script::default()).await;
    let text = "[[sim:long 100]]";
    let whole = stream(&client, text).await;
    assert_eq!(whole.end, End::Proper);
    client
        .leave_after_headers("sim.claude", &body(&format!("{text} [[sim:fault stall]]")))
        .await;
    client
        .leave_after_headers(
            "sim.claude",
            &body(&format!("{text} [[sim:fault drip 60000]]")),
        )
        .await;
    let bill = sim.bill();
    let (full, stalled, left) = (&bill[0], &bill[1], &bill[2]);
    assert_eq!(left.output_tokens, full.output_tokens);
    assert!(left.complete);
    assert!(stalled.output_tokens < full.output_tokens && !stalled.complete);
}

#[tokio::test]
async fn streams_break_in_their_middle_and_are_billed_up_to_there() {
    let (sim, client) = sim(Script::default()).await;
    let full = stream(&client, "[[sim:long 100]]").await.events().len();
    for (fault, end, frame_error) in [
        ("cut", End::Broken, None),
        ("truncate", End::Proper, None),
        ("exception modelStreamErrorException", End::Proper, None),
        ("error-frame", End::Proper, None),
        ("malformed", End::Proper, Some(FrameError::MessageChecksum)),
    ] {
        let answer = stream(&client, &format!("[[sim:long 100]] [[sim:fault {fault}]]")).await;
        assert_eq!((answer.status, answer.end), (200, end), "{fault}");
        assert_eq!(answer.frames().err(), frame_error, "{fault}");
        let events = answer.events();
        assert!(
            events.len() > 3 && events.len() < full,
            "{fault}: {} of {full}",
            events.len()
        );
        assert!(
            events.iter().all(|event| event["type"] != "message_stop"),
            "{fault}"
        );
        let line = sim.bill().pop().unwrap();
        let text: String = events
            .iter()
            .filter_map(|event| event["delta"]["text"].as_str())
            .collect();
        assert!(
            line.output_tokens >= text.split_whitespace().count() as u64,
            "{fault}"
        );
        assert!(!line.complete, "{fault}");
        assert!(line.output_tokens < sim.bill()[0].output_tokens, "{fault}");
    }
}

#[tokio::test]
async fn failing_frames_name_their_failure() {
    let (_sim, client) = sim(Script::default()).await;
    for (fault, frames, header, value) in [
        (
            "exception-first ThrottlingException",
            1,
            ":exception-type",
            "throttlingException",
        ),
        (
            "exception oddException",
            0,
            ":exception-type",
            "oddException",
        ),
        ("error-frame", 0, ":error-code", "InternalError"),
    ] {
        let answer = stream(&client, &format!("[[sim:long 50]] [[sim:fault {fault}]]")).await;
        let got = answer.frames().unwrap();
        assert_eq!(got.last().unwrap().header(header), value, "{fault}");
        assert!(frames == 0 || got.len() == frames, "{fault}");
    }
}

#[tokio::test]
async fn whole_answers_fail_at_once_or_break_in_their_middle() {
    let (sim, client) = sim(Script::default()).await;
    for (fault, status, end, is_json, billed) in [
        ("throttle", 429, End::Proper, true, 0),
        ("error500", 500, End::Proper, true, 0),
        ("503", 503, End::Proper, true, 0),
        ("error accessDeniedException", 403, End::Proper, true, 0),
        (
            "error ValidationException prompt is too long",
            400,
            End::Proper,
            true,
            0,
        ),
        (
            "exception modelStreamErrorException",
            424,
            End::Proper,
            true,
            0,
        ),
        (
            "exception-first modelTimeoutException",
            408,
            End::Proper,
            true,
            0,
        ),
        ("error-frame", 500, End::Proper, true, 0),
        ("melt", 400, End::Proper, true, 0),
        ("cut", 200, End::Broken, false, 1),
        ("truncate", 200, End::Proper, false, 1),
        ("malformed", 200, End::Proper, false, 1),
        ("bad-utf8", 200, End::Proper, false, 1),
        ("bad-json", 200, End::Proper, false, 1),
        ("odd", 200, End::Proper, true, 1),
        ("drip 1", 200, End::Proper, true, 1),
    ] {
        sim.clear_bill();
        let answer = invoke(&client, &format!("[[sim:fault {fault}]]")).await;
        assert_eq!((answer.status, answer.end), (status, end), "{fault}");
        assert_eq!(!answer.json().is_null(), is_json, "{fault}");
        assert_eq!(sim.bill().len(), billed, "{fault}");
    }
}

#[tokio::test]
async fn pauses_last_as_long_as_they_are_asked_to() {
    let (_sim, client) = sim(Script::default()).await;
    for (fault, least) in [("slow-first-token 60", 60), ("drip 15", 60)] {
        let started = tokio::time::Instant::now();
        let answer = stream(
            &client,
            &format!("[[sim:say one two]] [[sim:fault {fault}]]"),
        )
        .await;
        assert!(started.elapsed().as_millis() >= least, "{fault}");
        assert_eq!(answer.events().last().unwrap()["type"], "message_stop");
    }
}

#[tokio::test]
async fn a_silent_simulator_has_taken_the_request() {
    let rule = FaultRule::next(1, Fault::Hang);
    let (sim, client) = sim(Script {
        faults: vec![rule],
        ..Script::default()
    })
    .await;
    let hi = body("hi");
    let hanging = client.call("sim.claude", "invoke", &hi);
    let seen = async {
        while sim.requests().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        answer = hanging => panic!("answered with {}", answer.status),
        () = seen => {}
    }
    assert_eq!(sim.requests()[0].status, None);
    assert!(sim.bill().is_empty());
    assert_eq!(invoke(&client, "hi").await.status, 200);
}

#[tokio::test]
async fn a_script_has_faults_and_answers_for_the_next_requests() {
    let (sim, client) = sim(Script::default()).await;
    sim.set_script(Script {
        faults: vec![FaultRule::next(2, Fault::throttle())],
        answers: vec![
            "[[sim:say first]]".to_owned(),
            "[[sim:say second]]".to_owned(),
        ],
        ..Script::default()
    });
    let mut got = Vec::new();
    for _ in 0..5 {
        let answer = invoke(&client, "[[sim:say own]]").await;
        let text = answer.json()["content"][0]["text"]
            .as_str()
            .map(str::to_owned);
        got.push((answer.status, text.unwrap_or_default()));
    }
    let want = [
        (429, ""),
        (429, ""),
        (200, "first"),
        (200, "second"),
        (200, "own"),
    ];
    assert_eq!(got, want.map(|(status, text)| (status, text.to_owned())));
    let statuses: Vec<_> = sim
        .requests()
        .iter()
        .filter_map(|request| request.status)
        .collect();
    assert_eq!(statuses, [429, 429, 200, 200, 200]);
}

#[tokio::test]
async fn requests_are_recorded_byte_for_byte_and_without_credentials() {
    let (sim, client) = sim(Script {
        keep_requests: 2,
        ..Script::default()
    })
    .await;
    for text in ["one", "two", "three"] {
        invoke(&client, text).await;
    }
    let kept = sim.requests();
    assert_eq!(kept.len(), 2);
    assert_eq!(kept[1].body, body("three").to_string());
    assert_eq!(kept[1].json(), body("three"));
    assert_eq!(
        (kept[1].operation.as_str(), kept[1].model.as_str()),
        ("invoke", "sim.claude")
    );
    assert!(kept[1].headers.iter().any(|(name, _)| name == "x-amz-date"));
    assert!(
        kept[1]
            .headers
            .iter()
            .all(|(name, _)| name != "authorization")
    );
}

#[tokio::test]
async fn the_control_endpoint_does_what_the_library_does() {
    let (sim, client) = sim(Script {
        secret: None,
        ..Script::default()
    })
    .await;
    invoke(&client, "hi").await;
    let bill = client.control("GET", "bill", "").await;
    assert_eq!(bill.json()[0]["request_id"], sim.bill()[0].request_id);
    assert_eq!(
        client.control("GET", "requests", "").await.json()[0]["body"],
        body("hi")
    );

    let change = r#"{"faults":[{"fault":"throttle","percent":50}],"models":["x.*"]}"#;
    let script = client.control("POST", "script", change).await;
    assert_eq!(script.json()["models"], json!(["x.*"]));
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(client.call("x.y", "invoke", &body("hi")).await.status);
    }
    assert_eq!(statuses, [200, 429, 200, 429]);

    client.control("DELETE", "bill", "").await;
    assert!(sim.bill().is_empty());
    for (method, path, body, status) in [
        ("POST", "script", r#"{"faults":[{"fault":"melt"}]}"#, 400),
        ("POST", "script", r#"{"colour":"red"}"#, 400),
        ("GET", "weather", "", 404),
    ] {
        assert_eq!(
            client.control(method, path, body).await.status,
            status,
            "{body}"
        );
    }
}

#[tokio::test]
async fn counting_tokens_is_free_and_equals_the_bill() {
    let models = vec!["eu.anthropic.*".to_owned()];
    let (sim, client) = sim(Script {
        models,
        ..Script::default()
    })
    .await;
    let messages = json!([{"role": "user", "content": [{"text": "how long is this"}]}]);
    let counted = client
        .call(
            "sim.claude",
            "count-tokens",
            &json!({"input": {"converse": {"messages": messages}}}),
        )
        .await;
    assert!(sim.bill().is_empty());
    let answer = client
        .call("sim.claude", "converse", &json!({"messages": messages}))
        .await;
    assert_eq!(
        counted.json()["inputTokens"],
        answer.json()["usage"]["inputTokens"]
    );

    let profile = client
        .call("eu.anthropic.claude", "count-tokens", &json!({"input": {}}))
        .await;
    assert_eq!(
        profile.json()["message"],
        "The provided model doesn't support counting tokens."
    );
}

#[tokio::test]
async fn a_dropped_simulator_gives_its_port_back() {
    let (sim, client) = sim(Script::default()).await;
    assert_eq!(invoke(&client, "hi").await.status, 200);
    let port = sim.url().rsplit(':').next().unwrap().parse().unwrap();
    drop(sim);
    let again = llmlite_bedrock_sim::start_on(port, Script::default())
        .await
        .unwrap();
    assert_eq!(invoke(&client, "hi").await.status, 200);
    assert_eq!(again.bill().len(), 1);
}
