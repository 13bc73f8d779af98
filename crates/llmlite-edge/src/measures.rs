//! What the API counts and times, for operators: `docs/metrics.md` explains each name.
//!
//! Labels are few and bounded: models of the catalogue, statuses, reasons. Never a key, a user or
//! a team, which are for the usage reports.

use std::{fmt, sync::Arc, time::Duration};

use llmlite_core::{
    limits::Measure,
    ports::{backend::BackendErrorKind, quota::QuotaFailure},
    usage::UsageRecord,
};
pub use llmlite_policy::limiter::Underestimates;
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Histogram, Meter},
};

/// Bounds of what takes from a fraction of a millisecond to a second: the database, and waiting
/// for it. In seconds.
const SHORT: [f64; 13] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];
/// Bounds of what waits for a model. In seconds.
const LONG: [f64; 13] = [
    0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0,
];

/// The instruments that are recorded as things happen.
pub struct Measures {
    meter: Meter,
    requests: Counter<u64>,
    overhead: Histogram<f64>,
    refusals: Counter<u64>,
    shadow_refusals: Counter<u64>,
    clamped: Counter<u64>,
    admission_wait: Histogram<f64>,
    exchanges: Histogram<f64>,
    upstream: Histogram<f64>,
    first_token: Histogram<f64>,
    upstream_failures: Counter<u64>,
    tokens: Counter<u64>,
    cost: Counter<u64>,
    flushes: Histogram<f64>,
    flushed: Counter<u64>,
}

impl Measures {
    /// The instruments, made by `meter`.
    pub fn new(meter: Meter) -> Self {
        let count = |name, unit, what| {
            meter
                .u64_counter(name)
                .with_unit(unit)
                .with_description(what)
                .build()
        };
        let time = |name, bounds: &[f64], what| {
            meter
                .f64_histogram(name)
                .with_unit("s")
                .with_description(what)
                .with_boundaries(bounds.to_vec())
                .build()
        };
        #[rustfmt::skip]
        let measures = Self {
            requests:          count("llmlite.requests", "{request}", "Requests answered"),
            overhead:          time("llmlite.request.overhead", &SHORT, "From the last byte of a request to the call of Bedrock"),
            refusals:          count("llmlite.refusals", "{request}", "Requests that a limit refused"),
            shadow_refusals:   count("llmlite.shadow_refusals", "{request}", "Requests that a limit in shadow would have refused"),
            clamped:           count("llmlite.clamped", "{request}", "Requests whose output a budget shortened"),
            admission_wait:    time("llmlite.admission.wait", &SHORT, "How long requests waited for the database before their verdict"),
            exchanges:         time("llmlite.quota.exchange.duration", &SHORT, "Calls of the database about leases"),
            upstream:          time("llmlite.upstream.duration", &LONG, "From the call of Bedrock to the last byte of its answer"),
            first_token:       time("llmlite.upstream.time_to_first_token", &LONG, "From the call of Bedrock to its first content"),
            upstream_failures: count("llmlite.upstream.failures", "{failure}", "Calls that Bedrock did not answer"),
            tokens:            count("llmlite.tokens", "{token}", "Tokens that Bedrock billed"),
            cost:              count("llmlite.cost", "n$", "What Bedrock billed, in nanodollars"),
            flushes:           time("llmlite.flush.duration", &SHORT, "Writing a batch of usage to the ledger"),
            flushed:           count("llmlite.flush.records", "{record}", "Usage records written to the ledger"),
            meter,
        };
        measures
    }

    /// The instruments of this process. They do nothing unless metrics were started before.
    pub fn of_this_process() -> Self {
        Self::new(opentelemetry::global::meter("llmlite-edge"))
    }

    /// A request has been answered, as far as its status: on which route, and by the catalogue's
    /// model of which name, if it got that far.
    pub fn answered(&self, route: &'static str, model: Option<&Arc<str>>, status: u16) {
        let model = model.map_or_else(|| "none".into(), Arc::clone);
        let class = match status {
            200..=299 => "2xx",
            300..=399 => "3xx",
            400..=499 => "4xx",
            _ => "5xx",
        };
        let labels = [
            KeyValue::new("route", route),
            KeyValue::new("model", model),
            KeyValue::new("status", class),
        ];
        self.requests.add(1, &labels);
    }

    /// Bedrock is about to be called, this long after the last byte of the request came.
    pub fn prepared(&self, overhead: Duration) {
        self.overhead.record(overhead.as_secs_f64(), &[]);
    }

    /// A request was refused: why, in a word or two, and by a limit of which measure.
    pub fn refused(&self, reason: &'static str, measure: Option<Measure>) {
        let measure = measure.map_or("none", measure_name);
        let labels = [
            KeyValue::new("reason", reason),
            KeyValue::new("measure", measure),
        ];
        self.refusals.add(1, &labels);
    }

    /// A limit in shadow would have refused a request.
    pub fn shadowed(&self, measure: Measure) {
        let labels = [KeyValue::new("measure", measure_name(measure))];
        self.shadow_refusals.add(1, &labels);
    }

    /// A budget shortened what a request may put out.
    pub fn clamped(&self) {
        self.clamped.add(1, &[]);
    }

    /// A request has its verdict, and waited this long for the database.
    pub fn waited(&self, wait: Duration) {
        self.admission_wait.record(wait.as_secs_f64(), &[]);
    }

    /// The database was called about leases.
    pub fn exchanged<T>(&self, outcome: &Result<T, QuotaFailure>, took: Duration) {
        let outcome = match outcome {
            Ok(_) => "done",
            Err(QuotaFailure::NotDone) => "not_done",
            Err(QuotaFailure::Unknown) => "unknown",
            Err(QuotaFailure::Fenced) => "fenced",
        };
        let labels = [KeyValue::new("outcome", outcome)];
        self.exchanges.record(took.as_secs_f64(), &labels);
    }

    /// A request that reached Bedrock has ended.
    pub fn settled(&self, record: &UsageRecord) {
        let model = || KeyValue::new("model", Arc::clone(&record.model));
        let ended = [model(), KeyValue::new("ending", record.ending.as_str())];
        self.upstream.record(record.latency.as_secs_f64(), &ended);
        if let Some(time) = record.time_to_first_token {
            self.first_token.record(time.as_secs_f64(), &[model()]);
        }
        self.cost
            .add(u64::try_from(record.cost.0).unwrap_or(0), &[model()]);
        let tokens = &record.tokens;
        let kinds = [
            ("input", tokens.input),
            ("output", tokens.output),
            ("cache_read", tokens.cache_read),
            ("cache_write", tokens.cache_write()),
        ];
        for (kind, count) in kinds.into_iter().filter(|(_, count)| *count > 0) {
            self.tokens
                .add(count, &[model(), KeyValue::new("kind", kind)]);
        }
    }

    /// Bedrock did not answer a call.
    pub fn upstream_failed(&self, model: &Arc<str>, kind: BackendErrorKind) {
        let labels = [
            KeyValue::new("model", Arc::clone(model)),
            KeyValue::new("kind", failure_name(kind)),
        ];
        self.upstream_failures.add(1, &labels);
    }

    /// The ledger was asked to write `records`, and has (`done`) or has not.
    pub fn flushed(&self, records: usize, done: bool, took: Duration) {
        let outcome = if done { "done" } else { "failed" };
        let labels = [KeyValue::new("outcome", outcome)];
        self.flushes.record(took.as_secs_f64(), &labels);
        if done {
            self.flushed
                .add(u64::try_from(records).unwrap_or(u64::MAX), &[]);
        }
    }

    /// Reads `state` from now on whenever metrics are collected.
    pub fn watch(&self, state: Arc<dyn State>) {
        watch_leases(&self.meter, &state);
        watch_usage(&self.meter, &state);
        watch_journal(&self.meter, &state);
        let meter = &self.meter;
        let seen = Arc::clone(&state);
        meter
            .u64_observable_gauge("llmlite.degraded")
            .with_description("1 while the database is away and requests run on what is leased")
            .with_callback(move |told| told.observe(seen.is_degraded().into(), &[]))
            .build();
    }
}

impl fmt::Debug for Measures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Measures").finish_non_exhaustive()
    }
}

/// What is looked at when metrics are collected. Must neither block nor wait.
pub trait State: Send + Sync {
    /// The money that this instance holds, over all accounts.
    fn leases(&self) -> Leases;

    /// What has cost more than its worst case since the start.
    fn underestimates(&self) -> Underestimates;

    /// The usage that is not in the ledger yet.
    fn backlog(&self) -> Backlog;

    /// The journal, if there is one.
    fn journal(&self) -> Option<JournalState>;

    /// Whether the database is away and requests run on what is leased.
    fn is_degraded(&self) -> bool;
}

/// The money that an instance holds, in nanodollars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Leases {
    /// Free for the next requests.
    pub available: i64,
    /// Worst cases of requests under way.
    pub reserved: i64,
    /// Costs that the ledger has not acknowledged.
    pub pending: i64,
}

/// Usage records that are not in the ledger yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many.
    pub records: u64,
    /// How long the oldest of them has waited; nothing if there is none.
    pub oldest: Duration,
}

/// How the journal is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JournalState {
    /// Its size on disk.
    pub bytes: u64,
    /// Whether it can be written.
    pub healthy: bool,
}

fn watch_leases(meter: &Meter, state: &Arc<dyn State>) {
    let seen = Arc::clone(state);
    meter
        .i64_observable_gauge("llmlite.lease.money")
        .with_unit("n$")
        .with_description("Money of budgets that this instance holds, in nanodollars")
        .with_callback(move |told| {
            let leases = seen.leases();
            for (state, amount) in [
                ("available", leases.available),
                ("reserved", leases.reserved),
                ("pending", leases.pending),
            ] {
                told.observe(amount, &[KeyValue::new("state", state)]);
            }
        })
        .build();
    let seen = Arc::clone(state);
    meter
        .u64_observable_counter("llmlite.budget.underestimates")
        .with_unit("{request}")
        .with_description("Requests that cost more than their worst case")
        .with_callback(move |told| told.observe(seen.underestimates().requests, &[]))
        .build();
    let seen = Arc::clone(state);
    meter
        .u64_observable_counter("llmlite.budget.underestimated")
        .with_unit("n$")
        .with_description("By how much they did, in nanodollars")
        .with_callback(move |told| {
            let amount = seen.underestimates().amount.0;
            told.observe(u64::try_from(amount).unwrap_or(0), &[]);
        })
        .build();
}

fn watch_usage(meter: &Meter, state: &Arc<dyn State>) {
    let seen = Arc::clone(state);
    meter
        .u64_observable_gauge("llmlite.flush.backlog")
        .with_unit("{record}")
        .with_description("Usage records that are not in the ledger yet")
        .with_callback(move |told| told.observe(seen.backlog().records, &[]))
        .build();
    let seen = Arc::clone(state);
    meter
        .f64_observable_gauge("llmlite.flush.oldest")
        .with_unit("s")
        .with_description("How long the oldest of them has waited")
        .with_callback(move |told| told.observe(seen.backlog().oldest.as_secs_f64(), &[]))
        .build();
}

fn watch_journal(meter: &Meter, state: &Arc<dyn State>) {
    let seen = Arc::clone(state);
    meter
        .u64_observable_gauge("llmlite.journal.size")
        .with_unit("By")
        .with_description("The journal's size on disk")
        .with_callback(move |told| {
            if let Some(journal) = seen.journal() {
                told.observe(journal.bytes, &[]);
            }
        })
        .build();
    let seen = Arc::clone(state);
    meter
        .u64_observable_gauge("llmlite.journal.healthy")
        .with_description("1 while the journal can be written, 0 while it cannot")
        .with_callback(move |told| {
            if let Some(journal) = seen.journal() {
                told.observe(journal.healthy.into(), &[]);
            }
        })
        .build();
}

/// Budgets of all periods are one.
fn measure_name(measure: Measure) -> &'static str {
    match measure {
        Measure::Budget(_) => "budget",
        Measure::RequestsPerMinute => "requests_per_minute",
        Measure::TokensPerMinute => "tokens_per_minute",
        Measure::ParallelRequests => "parallel_requests",
    }
}

fn failure_name(kind: BackendErrorKind) -> &'static str {
    match kind {
        BackendErrorKind::Throttled => "throttled",
        BackendErrorKind::QuotaExceeded => "quota_exceeded",
        BackendErrorKind::NotReady => "not_ready",
        BackendErrorKind::Overloaded => "overloaded",
        BackendErrorKind::Internal => "internal",
        BackendErrorKind::Model => "model",
        BackendErrorKind::Timeout => "timeout",
        BackendErrorKind::Invalid => "invalid",
        BackendErrorKind::ContextOverflow => "context_overflow",
        BackendErrorKind::Misconfigured => "misconfigured",
        BackendErrorKind::AccessDenied => "access_denied",
        BackendErrorKind::NoCredentials => "no_credentials",
        BackendErrorKind::Unreachable => "unreachable",
        BackendErrorKind::Unexplained => "unexplained",
        BackendErrorKind::BrokenStream => "broken_stream",
        _ => "other",
    }
}

#[cfg(test)]
mod tests;
