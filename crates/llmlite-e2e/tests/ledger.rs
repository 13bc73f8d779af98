//! Our books against Bedrock's bill.

#![cfg(test)]

use std::collections::BTreeMap;

use hyper::StatusCode;
use llmlite_e2e::{Client, MODEL, Stack, eventually};
use serde_json::Value;
use tokio::task::JoinSet;

const REQUESTS: usize = 200;
const MODELS: [&str; 3] = [MODEL, "claude-3-opus", "claude-haiku-4-5"];
const TOKENS: [&str; 5] = [
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
];

/// One client of the crowd: every second one streams, every third one hangs up half way.
async fn visit(client: Client, number: usize) {
    let streams = number.is_multiple_of(2);
    let leaves = number.is_multiple_of(3);
    let text = format!(
        "visitor {number} [[sim:long {}]] [[sim:fault drip 5]]",
        20 + number % 40
    );
    let mut body = if streams {
        Stack::ask_streamed(&text)
    } else {
        Stack::ask(&text)
    };
    body["model"] = MODELS[number % MODELS.len()].into();
    match (streams, leaves) {
        (true, true) => {
            let mut stream = client.chat_stream(&body).await;
            for _ in 0..4 {
                stream.next().await.expect("the answer has begun");
            }
        }
        (true, false) => {
            let events = client.chat_stream(&body).await.rest().await;
            assert_eq!(events.last().map(String::as_str), Some("[DONE]"));
        }
        (false, true) => {
            // Leaves before the answer is there; Bedrock is busy with it by then, or nearly.
            let patience = std::time::Duration::from_millis(60);
            drop(tokio::time::timeout(patience, client.chat(&body)).await);
        }
        (false, false) => assert_eq!(client.chat(&body).await.status, StatusCode::OK),
    }
}

/// What each price of the catalogue is, in picodollars, as the admin program lists it.
async fn prices(stack: &Stack) -> BTreeMap<String, Value> {
    let list = stack.admin.json(&["model", "list"]).await;
    let models = list["models"].as_array().unwrap().clone();
    models
        .into_iter()
        .map(|model| {
            let route = &model["routes"]["in-region"];
            (
                route["id"].as_str().unwrap().to_owned(),
                route["prices"].clone(),
            )
        })
        .collect()
}

fn number(value: &Value) -> i128 {
    value
        .as_i64()
        .unwrap_or_else(|| panic!("{value} is a whole number"))
        .into()
}

/// The cost of one row in nanodollars, rounded up once, by the catalogue's prices.
fn cost(row: &Value, prices: &Value) -> i128 {
    let kinds = [
        "input",
        "output",
        "cache_read",
        "cache_write_5m",
        "cache_write_1h",
    ];
    let picodollars: i128 = TOKENS
        .iter()
        .zip(kinds)
        .map(|(t, p)| number(&row[t]) * number(&prices[p]))
        .sum();
    picodollars.div_euclid(1000) + i128::from(picodollars.rem_euclid(1000) != 0)
}

#[tokio::test]
async fn two_hundred_at_once_a_third_of_them_hanging_up_are_billed_exactly() {
    let stack = Stack::start().await;
    let mut crowd = JoinSet::new();
    for number in 0..REQUESTS {
        crowd.spawn(visit(stack.client.clone(), number));
    }
    crowd.join_all().await;

    let (bill, rows) = eventually("a row for each line of the bill", async || {
        let bill = stack.sim.bill();
        let rows = stack.ledger.rows().await;
        (rows.len() >= bill.len()).then_some((bill, rows))
    })
    .await;
    // A client that leaves before its request was read never reached Bedrock.
    assert!(
        bill.len() > REQUESTS * 2 / 3,
        "{} requests reached Bedrock",
        bill.len()
    );

    let mut by_request = BTreeMap::new();
    for row in &rows {
        let id = row["upstream_request_id"]
            .as_str()
            .expect("Bedrock named the request");
        assert!(by_request.insert(id, row).is_none(), "two rows for {id}");
    }
    let prices = prices(&stack).await;
    let mut total = 0;
    for line in &bill {
        let row = by_request.remove(line.request_id.as_str());
        let row = row.unwrap_or_else(|| panic!("no row for {line:?}"));
        assert_eq!(row["bedrock_model_id"], line.model.as_str());
        assert_eq!(row["streamed"], line.streamed);
        assert_eq!(row["estimated"], false);
        let billed = [
            line.input_tokens,
            line.output_tokens,
            line.cache_read_tokens,
            line.cache_write_tokens - line.cache_write_1h_tokens,
            line.cache_write_1h_tokens,
        ];
        for (name, billed) in TOKENS.iter().zip(billed) {
            assert_eq!(row[name], billed, "{name} of {line:?}");
        }
        let cost = cost(row, &prices[&line.model]);
        assert_eq!(number(&row["cost_nanodollars"]), cost, "{row}");
        total += cost;
    }
    assert!(
        by_request.is_empty(),
        "rows that Bedrock never billed: {by_request:?}"
    );
    assert!(rows.iter().any(|row| row["ending"] == "client_gone"));
    assert!(rows.iter().all(|row| row["key_id"] == stack.key_id));

    let report = stack.ledger.objects(ROLLUPS).await;
    assert_eq!(number(&report[0]["requests"]), bill.len() as i128);
    assert_eq!(number(&report[0]["cost"]), total);
}

const ROLLUPS: &str = "SELECT json_build_object('requests', sum(requests)::bigint, \
     'cost', sum(cost_nanodollars)::bigint)::text FROM usage_rollup_day";

#[tokio::test]
async fn the_report_names_the_people_and_adds_up_what_they_used() {
    let stack = Stack::start().await;
    stack.admin.json(&["team", "create", "research"]).await;
    stack
        .admin
        .json(&["user", "create", "ada@example.com", "--team", "research"])
        .await;
    let (key, _) = stack
        .admin
        .key(&["--name", "ada-laptop", "--user", "ada@example.com"])
        .await;
    let client = stack.client.with_key(&key);
    for _ in 0..3 {
        assert_eq!(
            client.chat(&Stack::ask("Hello")).await.status,
            StatusCode::OK
        );
    }
    for (by, name) in [
        ("model", MODEL),
        ("key", "ada-laptop"),
        ("user", "ada@example.com"),
        ("team", "research"),
    ] {
        let report = eventually("three requests", async || {
            let report = stack.admin.json(&["usage", "report", "--by", by]).await;
            report
                .to_string()
                .contains("\"requests\":3")
                .then_some(report)
        })
        .await;
        assert!(report.to_string().contains(name), "{by}: {report}");
    }
}
