//! `docs/metrics.md` and the instruments of the program are the same list.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that fails says where"
)]

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use llmlite_alerts::Alerts;
use llmlite_core::ports::clock::SystemClock;
use llmlite_edge::measures::{Backlog, JournalState, Leases, Measures, State, Underestimates};
use llmlite_store::{CachedKeys, FeedHealth};
use llmlite_testkit::MemoryStore;
use opentelemetry::metrics::{
    AsyncInstrumentBuilder, Counter, Gauge, Histogram, HistogramBuilder, InstrumentBuilder,
    InstrumentProvider, Meter, ObservableCounter, ObservableGauge, ObservableUpDownCounter,
    UpDownCounter,
};

/// Name, kind and unit, as a row of the document has them.
type Instrument = (String, &'static str, String);

/// Notes what instruments are made.
#[derive(Default)]
struct List(Mutex<BTreeSet<Instrument>>);

impl List {
    fn add(&self, name: &str, kind: &'static str, unit: Option<&str>) {
        let instrument = (name.to_owned(), kind, unit.unwrap_or_default().to_owned());
        let is_new = self.0.lock().unwrap().insert(instrument);
        assert!(is_new, "{name} is made twice");
    }
}

struct Listing(Arc<List>);

/// Every method of a provider, so that no kind of instrument goes unnoticed.
macro_rules! list {
    ($($method:ident($builder:ty) -> $made:ty = $kind:literal;)*) => {
        impl InstrumentProvider for Listing {
            $(fn $method(&self, made: $builder) -> $made {
                self.0.add(&made.name, $kind, made.unit.as_deref());
                noop().$method(made.name).build()
            })*
        }
    };
}

#[rustfmt::skip]
list! {
    u64_counter(InstrumentBuilder<'_, Counter<u64>>) -> Counter<u64> = "counter";
    f64_counter(InstrumentBuilder<'_, Counter<f64>>) -> Counter<f64> = "counter";
    i64_up_down_counter(InstrumentBuilder<'_, UpDownCounter<i64>>) -> UpDownCounter<i64> = "up-down counter";
    f64_up_down_counter(InstrumentBuilder<'_, UpDownCounter<f64>>) -> UpDownCounter<f64> = "up-down counter";
    u64_gauge(InstrumentBuilder<'_, Gauge<u64>>) -> Gauge<u64> = "gauge";
    i64_gauge(InstrumentBuilder<'_, Gauge<i64>>) -> Gauge<i64> = "gauge";
    f64_gauge(InstrumentBuilder<'_, Gauge<f64>>) -> Gauge<f64> = "gauge";
    u64_histogram(HistogramBuilder<'_, Histogram<u64>>) -> Histogram<u64> = "histogram";
    f64_histogram(HistogramBuilder<'_, Histogram<f64>>) -> Histogram<f64> = "histogram";
    u64_observable_counter(AsyncInstrumentBuilder<'_, ObservableCounter<u64>, u64>) -> ObservableCounter<u64> = "counter";
    f64_observable_counter(AsyncInstrumentBuilder<'_, ObservableCounter<f64>, f64>) -> ObservableCounter<f64> = "counter";
    i64_observable_up_down_counter(AsyncInstrumentBuilder<'_, ObservableUpDownCounter<i64>, i64>) -> ObservableUpDownCounter<i64> = "up-down counter";
    f64_observable_up_down_counter(AsyncInstrumentBuilder<'_, ObservableUpDownCounter<f64>, f64>) -> ObservableUpDownCounter<f64> = "up-down counter";
    u64_observable_gauge(AsyncInstrumentBuilder<'_, ObservableGauge<u64>, u64>) -> ObservableGauge<u64> = "gauge";
    i64_observable_gauge(AsyncInstrumentBuilder<'_, ObservableGauge<i64>, i64>) -> ObservableGauge<i64> = "gauge";
    f64_observable_gauge(AsyncInstrumentBuilder<'_, ObservableGauge<f64>, f64>) -> ObservableGauge<f64> = "gauge";
}

/// Nobody has set a provider in this process.
fn noop() -> Meter {
    opentelemetry::global::meter("test")
}

struct Nothing;

impl State for Nothing {
    fn leases(&self) -> Leases {
        Leases::default()
    }

    fn underestimates(&self) -> Underestimates {
        Underestimates::default()
    }

    fn backlog(&self) -> Backlog {
        Backlog::default()
    }

    fn journal(&self) -> Option<JournalState> {
        None
    }

    fn is_degraded(&self) -> bool {
        false
    }
}

/// Makes all that the gateway makes.
fn instruments() -> BTreeSet<Instrument> {
    let list = Arc::new(List::default());
    let meter = Meter::new(Arc::new(Listing(Arc::clone(&list))));
    Measures::new(meter.clone()).watch(Arc::new(Nothing));
    let clock = Arc::new(SystemClock);
    let health = FeedHealth::measured(clock.clone(), &meter);
    let store = Arc::new(MemoryStore::default());
    let keys = CachedKeys::new(store, clock).followed_by(health);
    drop(keys.measured_by(&meter));
    drop(Alerts::new(&meter));
    list.0.lock().unwrap().clone()
}

/// The rows of the document's tables.
fn documented() -> Vec<(String, String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    let text = fs::read_to_string(path).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `llmlite."));
    rows.map(|row| {
        let cells: Vec<&str> = row
            .split('|')
            .map(|cell| cell.trim().trim_matches('`'))
            .collect();
        (
            cells[1].to_owned(),
            cells[2].to_owned(),
            cells[3].to_owned(),
        )
    })
    .collect()
}

#[test]
fn the_document_lists_exactly_the_instruments_of_the_program() {
    let rows = documented();
    let listed: BTreeSet<_> = rows.iter().cloned().collect();
    assert_eq!(listed.len(), rows.len(), "nothing is listed twice");
    let made: BTreeSet<_> = instruments()
        .into_iter()
        .map(|(name, kind, unit)| (name, kind.to_owned(), unit))
        .collect();
    let missing: Vec<_> = made.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&made).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "not listed: {missing:?}; listed, but not made: {gone:?}"
    );
}
