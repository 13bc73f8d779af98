use std::sync::Arc;

use jiff::Timestamp;
use llmlite_core::{ports::alerts::AlertSink, quota::Announcement};
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Meter},
};
use tokio::sync::Notify;
use tracing::warn;

/// Logs and counts each threshold that this instance has claimed, and wakes the deliveries.
#[derive(Debug)]
pub struct Alerts {
    crossed: Counter<u64>,
    attempts: Counter<u64>,
    fresh: Arc<Notify>,
}

impl Alerts {
    /// Counts thresholds, and attempts to deliver them, with instruments of `meter`.
    pub fn new(meter: &Meter) -> Self {
        let count = |name, unit, what| {
            let counter = meter.u64_counter(name).with_unit(unit);
            counter.with_description(what).build()
        };
        Self {
            crossed: count(
                "llmlite.budget.thresholds",
                "{threshold}",
                "Thresholds of budgets that were crossed",
            ),
            attempts: count(
                "llmlite.webhook.deliveries",
                "{attempt}",
                "Attempts to deliver an alert to the webhook",
            ),
            fresh: Arc::default(),
        }
    }

    /// Where attempts to deliver are counted.
    pub(crate) fn attempts(&self) -> Counter<u64> {
        self.attempts.clone()
    }

    /// Is woken by each threshold.
    pub(crate) fn fresh(&self) -> Arc<Notify> {
        Arc::clone(&self.fresh)
    }
}

impl AlertSink for Alerts {
    fn budget_crossed(&self, announcement: &Announcement) {
        let threshold = u8::from(announcement.threshold);
        let starts = Timestamp::try_from(announcement.account.starts).unwrap_or_default();
        warn!(
            limit.id = announcement.account.limit.0,
            window = %starts,
            threshold,
            used = announcement.settled.0,
            limit = announcement.ceiling.0,
            "a budget has crossed a threshold"
        );
        let labels = [KeyValue::new("threshold", i64::from(threshold))];
        self.crossed.add(1, &labels);
        self.fresh.notify_one();
    }
}
