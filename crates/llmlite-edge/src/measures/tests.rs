use std::collections::BTreeMap;

use llmlite_core::{limits::Period, money::Nanodollars, usage::Tokens};
use llmlite_testkit::build::a_record;
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, PeriodicReader, SdkMeterProvider,
    data::{AggregatedMetrics, MetricData},
};

use super::*;

/// What each series has come to, under its name and its labels; of a histogram, how often.
type Series = BTreeMap<String, f64>;

fn collected(record: impl FnOnce(&Measures)) -> Series {
    let exporter = InMemoryMetricExporter::default();
    let provider = SdkMeterProvider::builder()
        .with_reader(PeriodicReader::builder(exporter.clone()).build())
        .build();
    record(&Measures::new(provider.meter("test")));
    provider.force_flush().unwrap();
    let exported = exporter.get_finished_metrics().unwrap();
    let metrics = exported.iter().flat_map(|all| all.scope_metrics());
    let mut series = Series::new();
    for metric in metrics.flat_map(|scope| scope.metrics()) {
        for (labels, value) in points(metric.data()) {
            series.insert(format!("{}{labels}", metric.name()), value);
        }
    }
    series
}

fn points(data: &AggregatedMetrics) -> Vec<(String, f64)> {
    match data {
        AggregatedMetrics::F64(data) => points_of(data, |value| value),
        AggregatedMetrics::U64(data) => points_of(data, |value| value as f64),
        AggregatedMetrics::I64(data) => points_of(data, |value| value as f64),
    }
}

fn points_of<T: Copy>(data: &MetricData<T>, value: impl Fn(T) -> f64) -> Vec<(String, f64)> {
    match data {
        MetricData::Sum(sum) => sum
            .data_points()
            .map(|point| (labels(point.attributes()), value(point.value())))
            .collect(),
        MetricData::Gauge(gauge) => gauge
            .data_points()
            .map(|point| (labels(point.attributes()), value(point.value())))
            .collect(),
        MetricData::Histogram(histogram) => histogram
            .data_points()
            .map(|point| (labels(point.attributes()), point.count() as f64))
            .collect(),
        MetricData::ExponentialHistogram(_) => panic!("nobody makes these"),
    }
}

fn labels<'a>(pairs: impl Iterator<Item = &'a KeyValue>) -> String {
    let mut texts: Vec<String> = pairs
        .map(|pair| format!(" {}={}", pair.key, pair.value))
        .collect();
    texts.sort();
    texts.concat()
}

#[track_caller]
fn check(record: impl FnOnce(&Measures), want: &[(&str, f64)]) {
    let want: Series = want
        .iter()
        .map(|(name, value)| ((*name).to_owned(), *value))
        .collect();
    assert_eq!(collected(record), want);
}

#[test]
fn a_request_is_counted_by_route_model_and_class_of_status() {
    let model = Arc::from("claude-sonnet");
    check(
        |measures| {
            measures.answered("chat", Some(&model), 200);
            measures.answered("chat", Some(&model), 204);
            measures.answered("chat", Some(&model), 429);
            measures.answered("models", None, 503);
        },
        &[
            (
                "llmlite.requests model=claude-sonnet route=chat status=2xx",
                2.0,
            ),
            (
                "llmlite.requests model=claude-sonnet route=chat status=4xx",
                1.0,
            ),
            ("llmlite.requests model=none route=models status=5xx", 1.0),
        ],
    );
}

#[test]
fn what_bedrock_billed_is_counted_by_model_and_kind() {
    let record = UsageRecord {
        model: "claude-sonnet".into(),
        tokens: Tokens {
            input: 10,
            output: 20,
            cache_read: 0,
            cache_write_5m: 3,
            cache_write_1h: 4,
        },
        cost: Nanodollars(99),
        time_to_first_token: None,
        ..a_record(0)
    };
    check(
        |measures| measures.settled(&record),
        &[
            ("llmlite.cost model=claude-sonnet", 99.0),
            ("llmlite.tokens kind=cache_write model=claude-sonnet", 7.0),
            ("llmlite.tokens kind=input model=claude-sonnet", 10.0),
            ("llmlite.tokens kind=output model=claude-sonnet", 20.0),
            (
                "llmlite.upstream.duration ending=complete model=claude-sonnet",
                1.0,
            ),
        ],
    );
}

#[test]
fn limits_are_counted_by_measure_and_never_by_whom_they_bind() {
    let quarter = Duration::from_millis(250);
    check(
        |measures| {
            measures.refused("exhausted", Some(Measure::Budget(Period::Day)));
            measures.refused("exhausted", Some(Measure::Budget(Period::Month)));
            measures.refused("store_away", None);
            measures.shadowed(Measure::ParallelRequests);
            measures.clamped();
            measures.waited(quarter);
            measures.exchanged(&Ok(()), quarter);
            measures.exchanged::<()>(&Err(QuotaFailure::Unknown), quarter);
        },
        &[
            ("llmlite.admission.wait", 1.0),
            ("llmlite.clamped", 1.0),
            ("llmlite.quota.exchange.duration outcome=done", 1.0),
            ("llmlite.quota.exchange.duration outcome=unknown", 1.0),
            ("llmlite.refusals measure=budget reason=exhausted", 2.0),
            ("llmlite.refusals measure=none reason=store_away", 1.0),
            ("llmlite.shadow_refusals measure=parallel_requests", 1.0),
        ],
    );
}

#[test]
fn a_batch_that_failed_adds_no_records() {
    let quick = Duration::from_millis(2);
    let model = Arc::from("claude-sonnet");
    check(
        |measures| {
            measures.flushed(500, false, quick);
            measures.flushed(500, true, quick);
            measures.prepared(quick);
            measures.upstream_failed(&model, BackendErrorKind::Throttled);
        },
        &[
            ("llmlite.flush.duration outcome=done", 1.0),
            ("llmlite.flush.duration outcome=failed", 1.0),
            ("llmlite.flush.records", 500.0),
            ("llmlite.request.overhead", 1.0),
            (
                "llmlite.upstream.failures kind=throttled model=claude-sonnet",
                1.0,
            ),
        ],
    );
}

struct Away;

impl State for Away {
    fn leases(&self) -> Leases {
        Leases {
            available: -5,
            reserved: 7,
            pending: 11,
        }
    }

    fn underestimates(&self) -> Underestimates {
        Underestimates {
            requests: 2,
            amount: Nanodollars(13),
        }
    }

    fn backlog(&self) -> Backlog {
        Backlog {
            records: 3,
            oldest: Duration::from_millis(1_500),
        }
    }

    fn journal(&self) -> Option<JournalState> {
        Some(JournalState {
            bytes: 4_096,
            healthy: false,
        })
    }

    fn is_degraded(&self) -> bool {
        true
    }
}

#[test]
fn the_state_is_read_when_metrics_are_collected() {
    check(
        |measures| measures.watch(Arc::new(Away)),
        &[
            ("llmlite.budget.underestimated", 13.0),
            ("llmlite.budget.underestimates", 2.0),
            ("llmlite.degraded", 1.0),
            ("llmlite.flush.backlog", 3.0),
            ("llmlite.flush.oldest", 1.5),
            ("llmlite.journal.healthy", 0.0),
            ("llmlite.journal.size", 4_096.0),
            ("llmlite.lease.money state=available", -5.0),
            ("llmlite.lease.money state=pending", 11.0),
            ("llmlite.lease.money state=reserved", 7.0),
        ],
    );
}
