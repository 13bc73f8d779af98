//! Runs the examples as programs, against a Bedrock on loopback.
#![expect(clippy::unwrap_used, reason = "a failing helper fails its test")]

use std::{
    env,
    io::Write,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use llmlite_bedrock_sim::{Fault, FaultRule, Script, Sim, start};
use serde_json::{Value, json};

const MODEL: &str = "anthropic.claude-sonnet-4-5-20250929-v1:0";

#[tokio::test]
async fn a_whole_answer_arrives_as_a_completion() {
    let sim = sim(Vec::new()).await;
    let request = json!({
        "model": "sonnet", "seed": 7,
        "messages": [{ "role": "user", "content": "[[sim:say good morning]]" }],
    });
    let ran = run("one_shot", &sim, &request);

    let completion: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(completion["object"], "chat.completion");
    assert_eq!(completion["model"], "sonnet");
    let [choice] = completion["choices"].as_array().unwrap().as_slice() else {
        panic!("one answer, not {completion}");
    };
    assert_eq!(choice["message"]["content"], "good morning");
    assert_eq!(choice["finish_reason"], "stop");

    let told = text(&ran.stderr);
    assert!(told.contains("without effect: [\"seed\"]"), "{told}");
    let [line] = sim.bill().try_into().unwrap();
    let billed = format!("output_tokens: {}", line.output_tokens);
    assert!(told.contains(&billed), "{told} instead of {line:?}");
}

#[tokio::test]
async fn a_streamed_answer_arrives_in_pieces_and_says_that_it_is_whole() {
    let sim = sim(Vec::new()).await;
    let request = json!({
        "model": "sonnet", "stream": true, "stream_options": { "include_usage": true },
        "messages": [{ "role": "user", "content": "[[sim:say a few words in a stream]]" }],
    });
    let ran = run("stream", &sim, &request);

    assert!(ran.status.success(), "{}", text(&ran.stderr));
    let (chunks, done) = received(&ran);
    assert!(done, "the stream says that it is over");
    let said = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str());
    let said: Vec<&str> = said.filter(|piece| !piece.is_empty()).collect();
    assert_eq!(said.concat(), "a few words in a stream");
    assert!(said.len() > 1, "it came in pieces, not as {said:?}");
    assert!(
        chunks
            .iter()
            .any(|chunk| chunk["choices"][0]["finish_reason"] == "stop")
    );
    assert!(chunks.last().unwrap()["usage"]["completion_tokens"].is_u64());
}

#[tokio::test]
async fn a_cut_answer_does_not_look_whole() {
    let sim = sim(vec![FaultRule::always(Fault::Cut)]).await;
    let request = json!({
        "model": "sonnet", "stream": true,
        "messages": [{ "role": "user", "content": "[[sim:long 50]]" }],
    });
    let ran = run("stream", &sim, &request);

    assert!(!ran.status.success());
    let (chunks, done) = received(&ran);
    assert!(!chunks.is_empty(), "what came before the cut was passed on");
    assert!(
        !done
            && chunks
                .iter()
                .all(|chunk| chunk["choices"][0]["finish_reason"].is_null())
    );
}

#[tokio::test]
async fn a_request_that_cannot_be_had_is_refused_before_it_is_sent() {
    let sim = sim(Vec::new()).await;
    let request = json!({
        "model": "sonnet", "n": 2, "messages": [{ "role": "user", "content": "hi" }],
    });
    let ran = run("one_shot", &sim, &request);

    assert!(!ran.status.success());
    let told = text(&ran.stderr);
    assert!(told.contains("param: \"n\""), "{told}");
    assert!(sim.requests().is_empty(), "nothing was sent");
}

async fn sim(faults: Vec<FaultRule>) -> Sim {
    let script = Script {
        models: vec![MODEL.to_owned()],
        region: Some("eu-west-1".to_owned()),
        faults,
        ..Script::default()
    };
    start(script).await.unwrap()
}

/// Runs an example to its end, knowing nothing of this machine's AWS settings.
fn run(example: &str, sim: &Sim, request: &Value) -> Output {
    let mut child = Command::new(program(example))
        .arg(MODEL)
        .env_clear()
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ENDPOINT_URL", sim.url())
        .env("AWS_ACCESS_KEY_ID", "example")
        .env("AWS_SECRET_ACCESS_KEY", "example")
        .env("AWS_MAX_ATTEMPTS", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(request.to_string().as_bytes()).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}

/// Cargo builds examples together with tests, into a folder beside theirs.
fn program(example: &str) -> PathBuf {
    let test = env::current_exe().unwrap();
    let built = test.parent().and_then(|deps| deps.parent()).unwrap();
    let program = built.join("examples").join(example);
    assert!(
        program.exists(),
        "first: cargo build -p llmlite-embedding --examples"
    );
    program
}

/// The chunks of a stream, and whether its last frame says that it is over.
fn received(ran: &Output) -> (Vec<Value>, bool) {
    let stdout = text(&ran.stdout);
    let frames = stdout
        .split_terminator("\n\n")
        .map(|frame| frame.strip_prefix("data: ").unwrap());
    let mut frames: Vec<&str> = frames.collect();
    let done = frames.last() == Some(&"[DONE]");
    if done {
        frames.pop();
    }
    let chunks = frames
        .iter()
        .map(|frame| serde_json::from_str(frame).unwrap());
    (chunks.collect(), done)
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}
