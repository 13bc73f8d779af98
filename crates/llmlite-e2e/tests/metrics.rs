//! What operators see: the series that a gateway sends to a collector.

#![cfg(test)]

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fs,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn,
};
use hyper_util::rt::TokioIo;
use llmlite_e2e::{MODEL, Stack, eventually, source};
use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::{KeyValue, any_value},
    metrics::v1::{Metric, NumberDataPoint, metric::Data, number_data_point},
};
use prost::Message;
use tokio::{net::TcpListener, task::JoinSet};

/// A stack that sends its metrics to a collector.
async fn watched() -> (Stack, Collector) {
    let collector = Collector::start().await;
    let stack = Stack::with_args(&["--otlp-endpoint", collector.url()]).await;
    (stack, collector)
}

/// Stops the gateway, which sends what it has counted once more.
async fn last_series(stack: &mut Stack, collector: &Collector) -> Series {
    stack.gateway.terminate();
    assert!(stack.gateway.stopped().await.success());
    collector.series()
}

/// The value of a counter, which is nothing as long as nothing was counted.
fn counted(series: &Series, name: &str) -> f64 {
    series.get(name).map_or(0.0, |reading| reading.value)
}

/// How often a histogram was recorded, and what the mean is.
#[track_caller]
fn timed(series: &Series, name: &str) -> (u64, f64) {
    let reading = series.get(name);
    let reading = reading.unwrap_or_else(|| panic!("no {name}: {series:?}"));
    assert!(reading.count > 0, "{name}");
    (reading.count, reading.value / reading.count as f64)
}

#[tokio::test]
async fn a_request_is_counted_with_the_tokens_and_the_cost_of_its_row() {
    let (mut stack, collector) = watched().await;
    let answer = stack.client.chat(&Stack::ask("Hello")).await;
    assert_eq!(answer.status, StatusCode::OK);
    let row = eventually("its row", async || stack.ledger.rows().await.pop()).await;

    let series = last_series(&mut stack, &collector).await;
    let of_model = |name: &str| format!("{name} model={MODEL}");
    let requests = format!("llmlite.requests model={MODEL} route=chat status=2xx");
    assert_eq!(counted(&series, &requests), 1.0, "{series:?}");
    assert_eq!(
        counted(&series, &of_model("llmlite.cost")),
        row["cost_nanodollars"].as_f64().unwrap()
    );
    for kind in ["input", "output"] {
        let tokens = format!("llmlite.tokens kind={kind} model={MODEL}");
        let billed = row[format!("{kind}_tokens")].as_f64().unwrap();
        assert!(billed > 0.0);
        assert_eq!(counted(&series, &tokens), billed, "{kind}");
    }
    let ended = format!("llmlite.upstream.duration ending=complete model={MODEL}");
    let (answers, took) = timed(&series, &ended);
    let millis = row["latency_ms"].as_f64().unwrap();
    assert_eq!(answers, 1);
    assert!((took * 1_000.0 - millis).abs() <= 1.0, "{took} {millis}");
    assert_eq!(timed(&series, "llmlite.request.overhead").0, 1);
    assert_eq!(counted(&series, "llmlite.flush.records"), 1.0);
    assert_eq!(counted(&series, "llmlite.flush.backlog"), 0.0);
    assert_eq!(counted(&series, "llmlite.budget.underestimates"), 0.0);
}

#[tokio::test]
async fn what_a_limit_refuses_is_counted_by_reason_and_measure() {
    let (mut stack, collector) = watched().await;
    let limit = format!(
        "INSERT INTO limits (subject_kind, subject_id, measure, ceiling) \
         VALUES ('key', {}, 'requests_per_minute', 1)",
        stack.key_id
    );
    stack.ledger.run(&limit).await;
    eventually("the gateway knows the limit", async || {
        let report = stack.client.get("/v1/usage/me").await.json();
        (!report["limits"].as_array()?.is_empty()).then_some(())
    })
    .await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(stack.client.chat(&Stack::ask("Hello")).await.status);
    }
    let refused = StatusCode::TOO_MANY_REQUESTS;
    assert_eq!(statuses, [StatusCode::OK, refused, refused]);

    let series = last_series(&mut stack, &collector).await;
    let refusals = "llmlite.refusals measure=requests_per_minute reason=exhausted";
    assert_eq!(counted(&series, refusals), 2.0, "{series:?}");
    // Whose limit is known to be used up is refused before it has named a model.
    let answers = |status| {
        ["none", MODEL].map(|model| {
            let name = format!("llmlite.requests model={model} route=chat status={status}");
            counted(&series, &name)
        })
    };
    assert_eq!(answers("2xx"), [0.0, 1.0], "{series:?}");
    assert_eq!(answers("4xx").iter().sum::<f64>(), 2.0, "{series:?}");
    let exchanges = timed(&series, "llmlite.quota.exchange.duration outcome=done");
    assert!(exchanges.0 >= 1, "the limit was leased");
}

#[tokio::test]
async fn how_long_a_change_of_a_key_took_to_arrive_is_timed() {
    let (mut stack, collector) = watched().await;
    let (key, id) = stack.admin.key(&["--name", "leaver"]).await;
    let client = stack.client.with_key(&key);
    assert_eq!(client.get("/v1/models").await.status, StatusCode::OK);
    stack.admin.json(&["key", "revoke", &id.to_string()]).await;
    eventually("refused", async || {
        let answer = client.get("/v1/models").await;
        (answer.status == StatusCode::UNAUTHORIZED).then_some(())
    })
    .await;

    let series = last_series(&mut stack, &collector).await;
    let (changes, delay) = timed(&series, "llmlite.changes.delay");
    assert!(changes >= 2, "made and revoked: {series:?}");
    // Polling alone would find them after up to three seconds.
    assert!(delay > 0.0 && delay < 1.0, "{delay} s");
    assert!(counted(&series, "llmlite.keys.lookups outcome=asked") >= 2.0);
    let turned_away = "llmlite.requests model=none route=models status=4xx";
    assert_eq!(counted(&series, turned_away), 1.0, "{series:?}");
}

/// The labels that `docs/metrics.md` lists, by the name of the metric.
fn documented() -> BTreeMap<String, Vec<String>> {
    let text = fs::read_to_string(source("../../docs/metrics.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `llmlite."));
    let cells = rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
    cells
        .map(|cells| {
            let name = cells[1].trim_matches('`').to_owned();
            let labels = cells[4].split(", ").filter(|label| !label.is_empty());
            let mut labels: Vec<String> = labels.map(|l| l.trim_matches('`').to_owned()).collect();
            labels.sort();
            (name, labels)
        })
        .collect()
}

#[tokio::test]
async fn series_have_the_documented_labels_and_never_say_whose_they_are() {
    let (mut stack, collector) = watched().await;
    let (key, _) = stack.admin.key(&["--name", "canary-4713"]).await;
    let client = stack.client.with_key(&key);
    for body in [
        Stack::ask_streamed("canary-4711 [[sim:say canary-4712]]"),
        Stack::ask("canary-4711 [[sim:fault error500]]"),
        Stack::ask_streamed("canary-4711 [[sim:long 90]] [[sim:fault cut]]"),
    ] {
        client.chat(&body).await;
    }
    let series = last_series(&mut stack, &collector).await;
    let documented = documented();
    let mut seen = 0;
    for text in series.keys() {
        let mut words = text.split(' ');
        let name = words.next().unwrap();
        let labels: Vec<&str> = words.map(|pair| pair.split('=').next().unwrap()).collect();
        assert_eq!(documented.get(name).unwrap(), &labels, "{text}");
        seen += 1;
    }
    assert!(seen > 20, "{series:?}");
    assert!(collector.was_told("llmlite-gateway") && collector.was_told(MODEL));
    for secret in ["canary", &key, &stack.key] {
        assert!(!collector.was_told(secret), "{secret}");
    }
}

/// Takes what a gateway sends it as OTLP over HTTP, until it is dropped.
#[derive(Debug)]
struct Collector {
    url: String,
    exports: Exports,
    _connections: JoinSet<()>,
}

/// The paths that were asked for, each with the body.
type Exports = Arc<Mutex<Vec<(String, Bytes)>>>;

/// What a series has come to.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Reading {
    /// A counter or a gauge; of a histogram, all that was recorded taken together.
    value: f64,
    /// How often a histogram was recorded.
    count: u64,
}

/// Readings under the name and the sorted labels: `llmlite.requests model=a route=chat status=2xx`.
type Series = BTreeMap<String, Reading>;

impl Collector {
    /// Listens on a free port.
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let exports = Exports::default();
        let mut connections = JoinSet::new();
        connections.spawn(listen(listener, Arc::clone(&exports)));
        Self {
            url: format!("http://{address}"),
            exports,
            _connections: connections,
        }
    }

    /// What to give a gateway as its endpoint.
    fn url(&self) -> &str {
        &self.url
    }

    /// The series of the last export, which has all that was counted since the gateway's start.
    fn series(&self) -> Series {
        let exports = self.exports.lock().unwrap_or_else(PoisonError::into_inner);
        let (path, body) = exports.last().expect("metrics have come");
        assert_eq!(path, "/v1/metrics");
        let export = ExportMetricsServiceRequest::decode(body.clone()).expect("it is OTLP");
        let scopes = export
            .resource_metrics
            .iter()
            .flat_map(|r| &r.scope_metrics);
        scopes.flat_map(|s| &s.metrics).flat_map(readings).collect()
    }

    /// Whether any export had this text in it.
    fn was_told(&self, text: &str) -> bool {
        let exports = self.exports.lock().unwrap_or_else(PoisonError::into_inner);
        let has = |body: &[u8]| body.windows(text.len()).any(|w| w == text.as_bytes());
        exports.iter().any(|(_, body)| has(body))
    }
}

async fn listen(listener: TcpListener, exports: Exports) {
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        let exports = Arc::clone(&exports);
        let service = service_fn(move |request| take(request, Arc::clone(&exports)));
        connections.spawn(async move {
            let served = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
            // A gateway that is gone shows in the test, or is what it wants.
            drop(served.await);
        });
    }
}

async fn take(
    request: Request<Incoming>,
    exports: Exports,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    // One that breaks off is no export.
    if let Ok(body) = body.collect().await {
        let mut exports = exports.lock().unwrap_or_else(PoisonError::into_inner);
        exports.push((head.uri.path().to_owned(), body.to_bytes()));
    }
    Ok(Response::new(Full::default()))
}

fn readings(metric: &Metric) -> Vec<(String, Reading)> {
    let named = |labels: &[KeyValue]| format!("{}{}", metric.name, text(labels));
    match &metric.data {
        Some(Data::Sum(sum)) => numbers(&sum.data_points, named),
        Some(Data::Gauge(gauge)) => numbers(&gauge.data_points, named),
        Some(Data::Histogram(histogram)) => histogram
            .data_points
            .iter()
            .map(|point| {
                let (value, count) = (point.sum.unwrap_or_default(), point.count);
                (named(&point.attributes), Reading { value, count })
            })
            .collect(),
        // Nobody makes those; the test that looks for one says that it is missing.
        Some(Data::ExponentialHistogram(_) | Data::Summary(_)) | None => Vec::new(),
    }
}

fn numbers(
    points: &[NumberDataPoint],
    named: impl Fn(&[KeyValue]) -> String,
) -> Vec<(String, Reading)> {
    let reading = |point: &NumberDataPoint| {
        let value = match point.value {
            Some(number_data_point::Value::AsInt(n)) => n as f64,
            Some(number_data_point::Value::AsDouble(n)) => n,
            None => f64::NAN,
        };
        (named(&point.attributes), Reading { value, count: 0 })
    };
    points.iter().map(reading).collect()
}

fn text(labels: &[KeyValue]) -> String {
    let mut texts: Vec<String> = labels
        .iter()
        .map(
            |label| match label.value.as_ref().and_then(|v| v.value.as_ref()) {
                Some(any_value::Value::StringValue(value)) => format!(" {}={value}", label.key),
                other => format!(" {}={other:?}", label.key),
            },
        )
        .collect();
    texts.sort();
    texts.concat()
}
