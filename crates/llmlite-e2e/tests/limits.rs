//! Limits, as those meet them who are bound by them.

#![cfg(test)]

use hyper::StatusCode;
use llmlite_e2e::{Stack, eventually};
use serde_json::json;

/// Sets a limit of the key, past our own programs.
async fn limit(stack: &Stack, columns: &str, values: &str) {
    let id = stack.key_id;
    let statement = format!(
        "INSERT INTO limits (subject_kind, subject_id, {columns}) VALUES ('key', {id}, {values})"
    );
    stack.ledger.run(&statement).await;
}

/// Waits until the gateway knows a limit of the key.
async fn known(stack: &Stack) {
    eventually("the gateway knows the limit", async || {
        let report = stack.client.get("/v1/usage/me").await.json();
        let limits = report["limits"].as_array()?;
        (!limits.is_empty()).then_some(())
    })
    .await;
}

/// Waits until the gateway has heard of every change so far: what is younger than all of them it
/// has heard of too. Until then it may still forget what a key grants, and ask again.
async fn all_news_heard(stack: &Stack) {
    let (key, id) = stack.admin.key(&[]).await;
    let client = stack.client.with_key(&key);
    assert_eq!(client.get("/v1/models").await.status, StatusCode::OK);
    stack.admin.json(&["key", "revoke", &id.to_string()]).await;
    eventually("the last change is heard", async || {
        let answer = client.get("/v1/models").await;
        (answer.status == StatusCode::UNAUTHORIZED).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_budget_that_is_used_up_refuses_and_bedrock_is_not_asked() {
    let stack = Stack::start().await;
    // A tenth of a dollar, and requests that can cost three cents each.
    limit(
        &stack,
        "measure, period, ceiling",
        "'budget', 'month', 100000000",
    )
    .await;
    known(&stack).await;
    let mut body = Stack::ask("hello");
    body["max_tokens"] = json!(2_000);
    let mut admitted = 0;
    let refused = loop {
        let answer = stack.client.chat(&body).await;
        if answer.status != StatusCode::OK {
            break answer;
        }
        admitted += 1;
        assert!(admitted < 10_000, "the budget never runs out");
    };
    assert_eq!(
        refused.status,
        StatusCode::PAYMENT_REQUIRED,
        "{}",
        refused.json()
    );
    assert_eq!(refused.json()["error"]["code"], "insufficient_quota");
    assert_eq!(stack.sim.requests().len(), admitted);

    let again = stack.client.chat(&body).await;
    assert_eq!(again.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(
        stack.sim.requests().len(),
        admitted,
        "Bedrock was not asked"
    );
    let settled = eventually("everything is settled", async || {
        let accounts = stack.ledger.objects(
            "SELECT json_build_object('settled', settled, 'rows', (SELECT count(*) FROM usage_event), \
             'cost', (SELECT sum(cost_nanodollars) FROM usage_event))::text FROM budget_accounts",
        ).await;
        let account = accounts.first()?.clone();
        (account["rows"] == json!(admitted)).then_some(account)
    })
    .await;
    assert_eq!(settled["settled"], settled["cost"]);
    assert!(settled["settled"].as_i64() <= Some(100_000_000));
}

#[tokio::test]
async fn a_gateway_that_was_killed_in_mid_stream_is_settled_by_the_next_one_on_its_disk() {
    let mut stack = killed_in_mid_stream().await;
    stack.start_again().await;
    let row = eventually("its row is there", async || stack.ledger.rows().await.pop()).await;
    assert_eq!(row["estimated"], true, "{row}");
    assert_eq!(row["output_tokens"], 1_000, "{row}");
    eventually("its life has ended, and holds nothing", async || {
        let left = stack.ledger.objects(
            "SELECT json_build_object('open', (SELECT count(*) FROM gateway_instances WHERE closed_at IS NULL), \
             'leased', (SELECT coalesce(sum(l.held), 0) FROM budget_leases l JOIN gateway_instances i \
              ON i.id = l.instance_id WHERE i.closed_at IS NOT NULL))::text",
        );
        (left.await[0] == json!({"open": 1, "leased": 0})).then_some(())
    })
    .await;
    let account = stack
        .ledger
        .objects("SELECT json_build_object('settled', settled)::text FROM budget_accounts")
        .await;
    assert_eq!(account[0]["settled"], row["cost_nanodollars"]);

    stack.gateway.terminate();
    assert!(stack.gateway.stopped().await.success());
    assert!(lives(&stack).is_empty(), "nothing is left behind");
    let leased = stack.ledger.objects(
        "SELECT json_build_object('open', (SELECT count(*) FROM gateway_instances WHERE closed_at IS NULL), \
         'leased', (SELECT sum(granted) FROM budget_accounts))::text",
    );
    assert_eq!(leased.await[0], json!({"open": 0, "leased": 0}));
}

/// A stack whose gateway was killed in the middle of a stream that a budget pays for.
async fn killed_in_mid_stream() -> Stack {
    let mut stack = Stack::start().await;
    limit(
        &stack,
        "measure, period, ceiling",
        "'budget', 'month', 1000000000",
    )
    .await;
    known(&stack).await;
    let mut body = Stack::ask_streamed("[[sim:long 200]] [[sim:fault drip 200]]");
    body["max_tokens"] = json!(1_000);
    let mut stream = stack.client.chat_stream(&body).await;
    assert_eq!(stream.status, StatusCode::OK);
    stream.next().await.expect("the answer has begun");
    stack.gateway.kill().await;
    assert!(stack.ledger.rows().await.is_empty());
    stack
}

/// The folders of earlier lives, by name.
fn lives(stack: &Stack) -> Vec<std::path::PathBuf> {
    let mut installations = std::fs::read_dir(stack.journal()).expect("it is there");
    let ours = installations.next().expect("one").expect("it is readable");
    let lives = std::fs::read_dir(ours.path()).expect("it is there");
    let mut lives: Vec<_> = lives
        .map(|life| life.expect("it is readable").path())
        .collect();
    lives.sort();
    lives
}

#[tokio::test]
async fn a_life_whose_usage_is_not_all_in_the_ledger_keeps_its_leases() {
    let gap = async |stack: &Stack| {
        let life = lives(stack).remove(0);
        std::fs::write(life.join("gap"), "").expect("there is room");
    };
    let refused = async |stack: &Stack| {
        let refuses = "ALTER TABLE usage_event ADD CHECK (output_tokens <> 1000) NOT VALID";
        stack.ledger.run(refuses).await;
    };
    for with_gap in [true, false] {
        let mut stack = killed_in_mid_stream().await;
        match with_gap {
            true => gap(&stack).await,
            false => refused(&stack).await,
        }
        stack.start_again().await;
        eventually("it is set aside", async || {
            let aside = |life: &std::path::PathBuf| life.extension().is_some_and(|e| e == "aside");
            lives(&stack).iter().any(aside).then_some(())
        })
        .await;
        let rows = stack.ledger.rows().await.len();
        assert_eq!(rows, usize::from(with_gap), "what can be written is");
        let left = stack.ledger.objects(
            "SELECT json_build_object('open', (SELECT count(*) FROM gateway_instances WHERE closed_at IS NULL), \
             'granted', (SELECT sum(granted) > 0 FROM budget_accounts))::text",
        );
        assert_eq!(left.await[0], json!({"open": 2, "granted": true}));
    }
}

#[tokio::test]
async fn what_is_leased_is_served_while_the_database_is_away_and_then_nothing() {
    let stack = Stack::start().await;
    limit(
        &stack,
        "measure, period, ceiling",
        "'budget', 'month', 1000000000",
    )
    .await;
    known(&stack).await;
    let mut body = Stack::ask("hello");
    body["max_tokens"] = json!(500);
    all_news_heard(&stack).await;
    assert_eq!(stack.client.chat(&body).await.status, StatusCode::OK);
    stack.database_wire.cut();
    let mut served = 0;
    let refused = loop {
        let answer = stack.client.chat(&body).await;
        if answer.status != StatusCode::OK {
            break answer;
        }
        served += 1;
        assert!(served < 10_000, "the lease never ends");
    };
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.json()["error"]["code"], "quota_store_unavailable");
    assert_eq!(refused.header("retry-after"), "2");

    stack.database_wire.mend();
    eventually("it serves again", async || {
        let answer = stack.client.chat(&body).await;
        (answer.status == StatusCode::OK).then_some(())
    })
    .await;
}
