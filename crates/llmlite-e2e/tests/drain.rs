//! A stop under load loses nothing.

#![cfg(test)]

use hyper::StatusCode;
use llmlite_e2e::{Stack, Streaming};
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
async fn a_gateway_that_drains_takes_no_new_connection() {
    let stack = Stack::with_args(&["--drain-seconds", "60"]).await;
    let mut streams = opened(&stack).await;
    stack.gateway.terminate();
    let host = stack.gateway.url().trim_start_matches("http://").to_owned();
    llmlite_e2e::eventually("no new connection", async || {
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
