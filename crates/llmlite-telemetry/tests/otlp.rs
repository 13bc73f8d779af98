//! What a collector on loopback is sent.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails says where"
)]

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use llmlite_telemetry::metrics::{self, Config};
use opentelemetry::KeyValue;
use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::any_value::Value,
    metrics::v1::{metric::Data, number_data_point},
};
use prost::Message;
use tokio::{net::TcpListener, sync::mpsc, task::JoinSet};

/// Sends on what it is sent, as bytes.
async fn collector() -> (String, mpsc::UnboundedReceiver<Bytes>, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (sender, received) = mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let sender = Arc::new(sender);
        let mut connections = JoinSet::new();
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let sender = Arc::clone(&sender);
            let service = service_fn(move |request| take(request, Arc::clone(&sender)));
            connections
                .spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
        }
    });
    (endpoint, received, tasks)
}

async fn take(
    request: Request<Incoming>,
    to: Arc<mpsc::UnboundedSender<Bytes>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!(
        (request.method(), request.uri().path()),
        (&Method::POST, "/v1/metrics")
    );
    assert_eq!(request.headers()["content-type"], "application/x-protobuf");
    to.send(request.into_body().collect().await.unwrap().to_bytes())
        .unwrap();
    Ok(Response::new(Full::default()))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_reaches_the_collector_with_the_last_export() {
    let (endpoint, mut received, _tasks) = collector().await;
    let metrics = metrics::init(Config {
        endpoint,
        // Only the last export, which `finish` asks for, can bring anything.
        interval: Duration::from_secs(3_600),
        service: "llmlite-gateway",
        version: "1.2.3",
        instance: "host-a".to_owned(),
    })
    .unwrap();
    let counter = opentelemetry::global::meter("a-library")
        .u64_counter("llmlite.tested")
        .build();
    counter.add(2, &[KeyValue::new("model", "claude-sonnet")]);
    counter.add(3, &[KeyValue::new("model", "claude-sonnet")]);
    metrics.finish().await;

    let body = received.recv().await.unwrap();
    let export = ExportMetricsServiceRequest::decode(body).unwrap();
    let [resource] = &export.resource_metrics[..] else {
        panic!("{export:?}");
    };
    let mut about: Vec<(&str, &Value)> = resource
        .resource
        .iter()
        .flat_map(|r| &r.attributes)
        .map(|pair| {
            (
                &*pair.key,
                pair.value.as_ref().unwrap().value.as_ref().unwrap(),
            )
        })
        .collect();
    about.sort_by_key(|(key, _)| *key);
    let text = |text: &str| Value::StringValue(text.to_owned());
    assert_eq!(
        about,
        [
            ("service.instance.id", &text("host-a")),
            ("service.name", &text("llmlite-gateway")),
            ("service.version", &text("1.2.3")),
        ]
    );
    let metric = &resource.scope_metrics[0].metrics[0];
    assert_eq!(metric.name, "llmlite.tested");
    let Some(Data::Sum(sum)) = &metric.data else {
        panic!("{metric:?}");
    };
    assert_eq!(
        sum.data_points[0].value,
        Some(number_data_point::Value::AsInt(5))
    );
    assert_eq!(sum.data_points[0].attributes[0].key, "model");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_holds_nobody_up() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let metrics = metrics::init(Config {
        endpoint,
        interval: Duration::from_secs(3_600),
        service: "llmlite-gateway",
        version: "1.2.3",
        instance: "host-a".to_owned(),
    })
    .unwrap();
    tokio::time::timeout(Duration::from_secs(20), metrics.finish())
        .await
        .unwrap();
}

#[tokio::test]
async fn an_endpoint_that_is_no_url_is_refused_at_the_start() {
    let refused = metrics::init(Config {
        endpoint: "collector:4317".to_owned(),
        interval: Duration::from_secs(60),
        service: "llmlite-gateway",
        version: "1.2.3",
        instance: "host-a".to_owned(),
    });
    let text = refused.unwrap_err().to_string();
    assert!(
        text.starts_with("metrics cannot be exported: the endpoint must be like"),
        "{text}"
    );
}
