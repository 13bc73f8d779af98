//! A stop under load loses nothing.

#![cfg(test)]

use hyper::StatusCode;
use llmlite_e2e::{Stack, Streaming, eventually};
use tokio::task::JoinSet;

const STREAMS: usize = 40;

async fn opened(stack: &Stack) -> Vec<Streaming> {
    let mut opening = JoinSet::new();
    for _ in 0..STREAMS {
        let client = stack.client.clone();
        opening.spawn(async move {
            let body = Stack::ask_streamed("[[sim:long 60]] [[sim:fault drip 100]]");
            let mut stream = client.chat_stream(&body).await;
            assert_eq!(stream.status, StatusCode::OK);
            stream.next().await.expect("the answer has begun");
            stream
        });
    }
    opening.join_all().await
}

#[tokio::test]
async fn sigterm_lets_every_stream_end_writes_every_row_and_exits_cleanly() {
    let mut stack = Stack::with_args(&["--drain-seconds", "60"]).await;
    let streams = opened(&stack).await;
    stack.gateway.terminate();

    let mut reading = JoinSet::new();
    for mut stream in streams {
        reading.spawn(async move { stream.rest().await });
    }
    for events in reading.join_all().await {
        assert_eq!(
            events.last().map(String::as_str),
            Some("[DONE]"),
            "a stream was cut"
        );
    }
    let status = stack.gateway.stopped().await;
    assert!(status.success(), "{status}");

    let rows = stack.ledger.rows().await;
    assert_eq!(
        rows.len(),
        STREAMS,
        "each stream has its row when the program is gone"
    );
    for row in rows {
        assert_eq!(row["ending"], "complete");
    }
}

#[tokio::test]
async fn answers_of_every_kind_are_finished_and_billed_also_for_clients_that_left() {
    const WHOLE: usize = 20;
    let mut stack = Stack::with_args(&["--drain-seconds", "60"]).await;
    let streams = opened(&stack).await;
    let mut waiting = JoinSet::new();
    for _ in 0..WHOLE {
        let client = stack.client.clone();
        let body = Stack::ask("[[sim:long 20]] [[sim:fault slow-first-token 1500]]");
        waiting.spawn(async move { client.chat(&body).await.status });
    }
    eventually("all of them with the model", async || {
        (stack.sim.requests().len() == STREAMS + WHOLE).then_some(())
    })
    .await;
    // Every third client leaves in the middle of its stream.
    let mut reading = JoinSet::new();
    for (number, mut stream) in streams.into_iter().enumerate() {
        if number % 3 > 0 {
            reading.spawn(async move { stream.rest().await });
        }
    }
    stack.gateway.terminate();

    for status in waiting.join_all().await {
        assert_eq!(status, StatusCode::OK);
    }
    for events in reading.join_all().await {
        assert_eq!(events.last().map(String::as_str), Some("[DONE]"));
    }
    assert!(stack.gateway.stopped().await.success());
    let (bill, rows) = (stack.sim.bill(), stack.ledger.rows().await);
    assert_eq!((bill.len(), rows.len()), (STREAMS + WHOLE, STREAMS + WHOLE));
    let billed: u64 = bill.iter().map(|line| line.output_tokens).sum();
    let booked: u64 = rows
        .iter()
        .map(|row| row["output_tokens"].as_u64().unwrap())
        .sum();
    assert_eq!(booked, billed);
    let gone = rows.iter().filter(|row| row["ending"] == "client_gone");
    assert_eq!(gone.count(), STREAMS.div_ceil(3));
}

#[tokio::test]
async fn usage_that_cannot_be_written_any_more_is_in_the_log_and_the_exit_status_says_so() {
    let mut stack = Stack::with_args(&["--drain-seconds", "60"]).await;
    let streams = opened(&stack).await;
    stack.database_wire.cut();
    stack.gateway.terminate();
    for mut stream in streams {
        let events = stream.rest().await;
        assert_eq!(events.last().map(String::as_str), Some("[DONE]"));
    }
    assert!(!stack.gateway.stopped().await.success());
    assert_eq!(stack.ledger.rows().await.len(), 0);
    let printed = stack.gateway.printed();
    let unwritten = printed.matches("a usage record could not be written");
    assert_eq!(unwritten.count(), STREAMS);
}

#[tokio::test]
async fn a_log_that_nobody_takes_holds_up_neither_an_answer_nor_a_row_nor_the_stop() {
    let mut stack = Stack::start().await;
    stack.gateway.stop_listening().await;
    // A failure is logged, or would be.
    let failed = stack
        .client
        .chat(&Stack::ask("[[sim:fault error500]]"))
        .await;
    assert_eq!(failed.status, StatusCode::BAD_GATEWAY);
    let answer = stack.client.chat(&Stack::ask("hello")).await;
    assert_eq!(answer.status, StatusCode::OK);
    stack.gateway.terminate();
    let status = stack.gateway.stopped().await;
    assert!(status.success(), "{status}");
    assert_eq!(stack.ledger.rows().await.len(), 2);
}

#[tokio::test]
async fn a_gateway_that_drains_takes_no_new_connection() {
    let stack = Stack::with_args(&["--drain-seconds", "60"]).await;
    let mut streams = opened(&stack).await;
    stack.gateway.terminate();
    let host = stack.gateway.url().trim_start_matches("http://").to_owned();
    eventually("no new connection", async || {
        tokio::net::TcpStream::connect(&host)
            .await
            .is_err()
            .then_some(())
    })
    .await;
    for stream in &mut streams {
        assert_eq!(
            stream.rest().await.last().map(String::as_str),
            Some("[DONE]")
        );
    }
}

#[tokio::test]
async fn the_drain_limit_ends_what_would_not_end_and_still_writes_its_row() {
    let mut stack = Stack::with_args(&["--drain-seconds", "1"]).await;
    let body = Stack::ask_streamed("[[sim:long 200]] [[sim:fault drip 2000]]");
    let mut stream = stack.client.chat_stream(&body).await;
    stream.next().await.expect("the answer has begun");
    stack.gateway.terminate();
    let status = stack.gateway.stopped().await;
    assert!(status.success(), "{status}");
    let rows = stack.ledger.rows().await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["ending"], "shutdown");
    assert_eq!(rows[0]["estimated"], true);
}
