//! What a receiver on loopback gets, over failures and deaths.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails says where"
)]

use std::{sync::Arc, time::Duration};

use llmlite_alerts::{Alerts, Deliveries, PAUSES, Webhook, WebhookUrl};
use llmlite_core::ports::{
    alerts::{AlertOutbox, AlertSink},
    clock::Clock,
};
use tokio_util::sync::CancellationToken;

use crate::{
    outbox::{ManualClock, MemoryOutbox, an_announcement},
    receiver::{Receiver, Reply, SECRET},
};

mod outbox;
mod receiver;

/// An instance of the gateway, as far as alerts are concerned.
fn instance(receiver: &Receiver, outbox: &MemoryOutbox) -> (Alerts, Deliveries) {
    let meter = opentelemetry::global::meter("test");
    let alerts = Alerts::new(&meter);
    let url = WebhookUrl::parse(&receiver.url, true).unwrap();
    let webhook = Webhook::new(url, SECRET.parse().unwrap()).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(outbox.clock.clone());
    let deliveries = Deliveries::new(Arc::new(outbox.clone()), webhook, clock, &alerts);
    (alerts, deliveries)
}

async fn tried(deliveries: &Deliveries) -> usize {
    deliveries.round(&CancellationToken::new()).await.unwrap()
}

#[tokio::test]
async fn a_receiver_that_fails_twice_gets_one_event_under_one_name_after_growing_pauses() {
    let clock = ManualClock::default();
    let outbox = MemoryOutbox::new(clock.clone());
    let receiver =
        Receiver::start([Reply::Status(500), Reply::Status(302), Reply::Status(204)]).await;
    let (_, deliveries) = instance(&receiver, &outbox);
    let id = outbox.file();

    assert_eq!(tried(&deliveries).await, 1);
    assert_eq!(tried(&deliveries).await, 0, "the pause is honoured");
    clock.advance(PAUSES[0]);
    assert_eq!(tried(&deliveries).await, 1);
    clock.advance(PAUSES[0]);
    assert_eq!(tried(&deliveries).await, 0, "the second pause is longer");
    clock.advance(PAUSES[1] - PAUSES[0]);
    assert_eq!(tried(&deliveries).await, 1);
    clock.advance(Duration::from_secs(24 * 3_600));
    assert_eq!(
        tried(&deliveries).await,
        0,
        "nothing is sent after it was accepted"
    );

    let got = receiver.got();
    assert_eq!(got.len(), 3, "a redirect was not followed");
    for request in &got {
        assert_eq!(request.id, id.to_string());
        assert!(request.is_signed, "every attempt is signed anew");
        assert_eq!(request.body, got[0].body);
    }
    let times: Vec<u64> = got.iter().map(|request| request.timestamp).collect();
    let began = times[0];
    assert_eq!(times, [began, began + 5, began + 5 + 30]);
    let body: serde_json::Value = serde_json::from_slice(&got[0].body).unwrap();
    assert_eq!(body["type"], "budget.threshold_crossed");
    assert_eq!(body["data"]["threshold_percent"], 80);
}

#[tokio::test]
async fn what_a_dead_process_had_claimed_another_delivers() {
    let clock = ManualClock::default();
    let outbox = MemoryOutbox::new(clock.clone());
    let receiver = Receiver::start([Reply::Status(200)]).await;
    let id = outbox.file();
    // The first one claims it and is heard of no more.
    assert_eq!(
        outbox
            .claim(4, Duration::from_secs(60))
            .await
            .unwrap()
            .len(),
        1
    );

    let (_, other) = instance(&receiver, &outbox);
    assert_eq!(tried(&other).await, 0, "it may still be at it");
    clock.advance(Duration::from_secs(60));
    assert_eq!(tried(&other).await, 1);
    let got = receiver.got();
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].id, id.to_string());
    assert!(outbox.is_delivered(id));
}

#[tokio::test]
async fn an_alert_is_given_up_after_ten_attempts() {
    let clock = ManualClock::default();
    let outbox = MemoryOutbox::new(clock.clone());
    let receiver = Receiver::start([Reply::Status(503); 10]).await;
    let (_, deliveries) = instance(&receiver, &outbox);
    let id = outbox.file();
    for pause in PAUSES {
        assert_eq!(tried(&deliveries).await, 1);
        clock.advance(pause);
    }
    assert!(!outbox.is_given_up(id));
    assert_eq!(tried(&deliveries).await, 1);
    assert!(outbox.is_given_up(id));
    clock.advance(Duration::from_secs(24 * 3_600));
    assert_eq!(tried(&deliveries).await, 0);
    assert_eq!(receiver.got().len(), 10);
}

#[tokio::test]
async fn a_receiver_that_hangs_up_without_a_word_is_tried_again() {
    let clock = ManualClock::default();
    let outbox = MemoryOutbox::new(clock.clone());
    let receiver = Receiver::start([Reply::HangUp, Reply::Status(200)]).await;
    let (_, deliveries) = instance(&receiver, &outbox);
    let id = outbox.file();
    assert_eq!(tried(&deliveries).await, 1);
    clock.advance(PAUSES[0]);
    assert_eq!(tried(&deliveries).await, 1);
    assert!(outbox.is_delivered(id));
}

#[tokio::test]
async fn an_endless_answer_is_not_read() {
    let outbox = MemoryOutbox::new(ManualClock::default());
    let receiver = Receiver::start([Reply::Endless]).await;
    let (_, deliveries) = instance(&receiver, &outbox);
    let id = outbox.file();
    assert_eq!(tried(&deliveries).await, 1);
    assert!(outbox.is_delivered(id), "its status said that it has it");
}

#[tokio::test]
async fn a_new_crossing_is_delivered_at_once_and_the_end_is_waited_for() {
    let outbox = MemoryOutbox::new(ManualClock::default());
    let mut receiver = Receiver::start([Reply::Status(200)]).await;
    let (alerts, deliveries) = instance(&receiver, &outbox);
    let over = CancellationToken::new();
    let run = tokio_util::task::TaskTracker::new().spawn(deliveries.run(over.clone()));
    outbox.looked_into().await;
    let id = outbox.file();
    alerts.budget_crossed(&an_announcement());
    let request = receiver.next().await;
    assert_eq!(request.id, id.to_string());
    over.cancel();
    run.await.unwrap();
    assert!(outbox.is_delivered(id));
}

#[tokio::test]
async fn more_than_a_batch_is_delivered_in_one_round() {
    let outbox = MemoryOutbox::new(ManualClock::default());
    let receiver = Receiver::start([Reply::Status(200); 9]).await;
    let (_, deliveries) = instance(&receiver, &outbox);
    let ids: Vec<_> = (0..9).map(|_| outbox.file()).collect();
    assert_eq!(tried(&deliveries).await, 9);
    assert!(ids.iter().all(|id| outbox.is_delivered(*id)));
}
