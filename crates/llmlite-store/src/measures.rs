//! What the store counts and times, for operators: `docs/metrics.md` explains each name.

use std::sync::Arc;

use opentelemetry::metrics::{Counter, Histogram, Meter};

use crate::feed::FeedHealth;

/// Bounds of the time that a change takes to be heard: a second is what is promised. In seconds.
const DELAYS: [f64; 12] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0,
];

/// Lookups of keys, by where the answer came from.
pub(crate) fn lookups(meter: &Meter) -> Counter<u64> {
    meter
        .u64_counter("llmlite.keys.lookups")
        .with_unit("{lookup}")
        .with_description("Lookups of keys")
        .build()
}

/// How long changes take from the database to here.
pub(crate) fn delays(meter: &Meter) -> Histogram<f64> {
    meter
        .f64_histogram("llmlite.changes.delay")
        .with_unit("s")
        .with_description("From the commit of a change to its effect here")
        .with_boundaries(DELAYS.to_vec())
        .build()
}

/// Reads how the feed does whenever metrics are collected.
pub(crate) fn watch(meter: &Meter, health: &Arc<FeedHealth>) {
    let seen = Arc::clone(health);
    meter
        .f64_observable_gauge("llmlite.changes.confirmed_age")
        .with_unit("s")
        .with_description("Since when changes may have gone unheard")
        .with_callback(move |told| {
            if let Some(age) = seen.last_confirmed() {
                told.observe(age.as_secs_f64(), &[]);
            }
        })
        .build();
    let seen = Arc::clone(health);
    meter
        .u64_observable_gauge("llmlite.changes.listening")
        .with_description("1 while there is a connection that notifications come on")
        .with_callback(move |told| told.observe(seen.is_listening().into(), &[]))
        .build();
}
