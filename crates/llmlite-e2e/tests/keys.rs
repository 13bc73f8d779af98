//! Who may call, and what.

#![cfg(test)]

use hyper::StatusCode;
use llmlite_e2e::{Answer, MODEL, Stack, eventually};

#[track_caller]
fn refused(answer: &Answer, status: StatusCode, code: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    let error = &answer.json()["error"];
    assert_eq!(error["code"], code, "{answer:?}");
    assert!(
        error["message"].is_string() && error["type"].is_string(),
        "{answer:?}"
    );
    assert!(!answer.header("x-request-id").is_empty());
}

#[tokio::test]
async fn a_revoked_key_is_refused_by_the_next_request() {
    let stack = Stack::start().await;
    let (key, id) = stack.admin.key(&["--name", "leaver"]).await;
    let client = stack.client.with_key(&key);
    assert_eq!(
        client.chat(&Stack::ask("Hello")).await.status,
        StatusCode::OK
    );

    let said = stack.admin.json(&["key", "revoke", &id.to_string()]).await;
    let revoked = tokio::time::Instant::now();
    // "The next request" may overtake the news by a moment, but not by a second.
    let answer = eventually("refused", async || {
        let answer = client.chat(&Stack::ask("Hello")).await;
        (answer.status != StatusCode::OK).then_some(answer)
    })
    .await;
    assert!(
        revoked.elapsed() < std::time::Duration::from_secs(1),
        "{said}"
    );
    refused(&answer, StatusCode::UNAUTHORIZED, "invalid_api_key");
    let other = stack.client.chat(&Stack::ask("Hello")).await;
    assert_eq!(other.status, StatusCode::OK, "other keys still work");
}

#[tokio::test]
async fn answers_under_way_are_cut_when_a_key_is_revoked_at_once_and_not_otherwise() {
    let stack = Stack::start().await;
    for cut in [false, true] {
        let (key, id) = stack.admin.key(&[]).await;
        let client = stack.client.with_key(&key);
        let mut stream = client
            .chat_stream(&Stack::ask_streamed(
                "[[sim:long 40]] [[sim:fault drip 50]]",
            ))
            .await;
        assert_eq!(stream.status, StatusCode::OK);
        stream.next().await.expect("the answer has begun");
        let number = id.to_string();
        let mut command = vec!["key", "revoke", &number];
        command.extend(cut.then_some("--now"));
        stack.admin.json(&command).await;
        let revoked = tokio::time::Instant::now();
        let events = stream.rest().await;
        let last = events.last().expect("it has an end");
        assert_eq!(last == "[DONE]", !cut, "{last}");
        if cut {
            assert!(last.contains("invalid_api_key"), "{last}");
            let took = revoked.elapsed();
            assert!(took < std::time::Duration::from_secs(5), "{took:?}");
        }
        let row = eventually("its row is there", async || {
            let rows = stack.ledger.rows().await;
            rows.into_iter().find(|row| row["key_id"] == id)
        })
        .await;
        assert_eq!(row["estimated"], cut, "{row}");
    }
}

#[tokio::test]
async fn an_expired_key_is_refused() {
    let stack = Stack::start().await;
    let (key, id) = stack.admin.key(&["--expires", "1d"]).await;
    let client = stack.client.with_key(&key);
    assert_eq!(client.get("/v1/models").await.status, StatusCode::OK);
    // Nobody waits a day for a test.
    stack
        .ledger
        .run(&format!(
            "UPDATE virtual_keys SET created_at = now() - interval '2 days', \
             expires_at = now() - interval '1 second' WHERE id = {id}"
        ))
        .await;
    let answer = eventually("refused", async || {
        let answer = client.chat(&Stack::ask("Hello")).await;
        (answer.status != StatusCode::OK).then_some(answer)
    })
    .await;
    refused(&answer, StatusCode::UNAUTHORIZED, "invalid_api_key");
}

#[tokio::test]
async fn what_is_not_a_key_of_ours_is_refused() {
    let stack = Stack::start().await;
    let last = if stack.key.ends_with('a') { "b" } else { "a" };
    let almost = format!("{}{last}", &stack.key[..stack.key.len() - 1]);
    for wrong in ["", "sk-wrong", "sk-proj-1234567890", &almost] {
        let answer = stack
            .client
            .with_key(wrong)
            .chat(&Stack::ask("Hello"))
            .await;
        refused(&answer, StatusCode::UNAUTHORIZED, "invalid_api_key");
        if !wrong.is_empty() {
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            assert!(!body.contains(wrong), "the answer repeats the key: {body}");
        }
    }
    assert!(stack.sim.bill().is_empty(), "Bedrock was never called");
}

#[tokio::test]
async fn a_key_calls_and_sees_only_its_own_models() {
    let stack = Stack::start().await;
    let (key, _) = stack
        .admin
        .key(&["--models", "claude-3-opus,claude-haiku-4-5"])
        .await;
    let client = stack.client.with_key(&key);

    let refusal = client.chat(&Stack::ask("Hello")).await;
    refused(&refusal, StatusCode::NOT_FOUND, "model_not_found");
    assert!(stack.sim.bill().is_empty(), "Bedrock was never called");
    let mut body = Stack::ask("Hello");
    body["model"] = "claude-3-opus".into();
    assert_eq!(client.chat(&body).await.status, StatusCode::OK);

    let list = client.get("/v1/models").await.json();
    let mut names: Vec<_> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["id"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["claude-3-opus", "claude-haiku-4-5"]);
    let hidden = client.get(&format!("/v1/models/{MODEL}")).await;
    refused(&hidden, StatusCode::NOT_FOUND, "model_not_found");
}

#[tokio::test]
async fn a_key_is_shown_once_and_is_nowhere_else() {
    let stack = Stack::start().await;
    let (key, id) = stack.admin.key(&["--name", "secret"]).await;
    assert!(
        key.starts_with("sk-llm-") && key.len() == 53,
        "{} characters",
        key.len()
    );
    let client = stack.client.with_key(&key);
    assert_eq!(
        client.chat(&Stack::ask("Hello")).await.status,
        StatusCode::OK
    );
    eventually("a row", async || stack.ledger.rows().await.pop()).await;

    let middle = &key[7..40];
    let id = id.to_string();
    for args in [
        &["key", "list"][..],
        &["key", "show", &id],
        &["key", "revoke", &id],
    ] {
        for format in [&["--json"][..], &[]] {
            let output = stack.admin.output(&[args, format].concat()).await;
            let said = format!("{output:?}");
            assert!(output.status.success(), "{said}");
            assert!(!said.contains(middle), "{args:?}");
        }
    }
    let tables = stack
        .ledger
        .objects(
            "SELECT json_build_object('name', table_name)::text FROM information_schema.tables \
             WHERE table_schema = 'public' AND table_type = 'BASE TABLE'",
        )
        .await;
    assert!(tables.len() > 4, "{tables:?}");
    for table in tables {
        let name = table["name"].as_str().unwrap();
        let rows = stack
            .ledger
            .objects(&format!("SELECT row_to_json(t)::text FROM \"{name}\" t"))
            .await;
        assert!(
            !serde_json::to_string(&rows).unwrap().contains(middle),
            "table {name}"
        );
    }
    assert!(
        !stack.gateway.printed().contains(middle),
        "the gateway's log"
    );
}

#[tokio::test]
async fn prompts_and_answers_are_in_no_log_and_no_table() {
    let stack = Stack::start().await;
    for body in [
        Stack::ask("canary-4711 [[sim:say canary-4712]]"),
        Stack::ask_streamed("canary-4711 [[sim:say canary-4712]]"),
        Stack::ask("canary-4711 [[sim:fault error500]]"),
        Stack::ask_streamed("canary-4711 [[sim:long 90]] [[sim:fault cut]]"),
    ] {
        stack.client.chat(&body).await;
    }
    let rows = eventually("the rows", async || {
        let rows = stack.ledger.rows().await;
        (rows.len() >= 3).then_some(rows)
    })
    .await;
    assert!(!serde_json::to_string(&rows).unwrap().contains("canary-47"));
    let printed = stack.gateway.printed();
    assert!(
        !printed.is_empty() && !printed.contains("canary-47"),
        "{printed}"
    );
}
