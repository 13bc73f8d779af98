//! What operators are told besides the log: metrics, and alerts about budgets.

use std::{error::Error, sync::Arc, time::Duration};

use llmlite_alerts::{Alerts, Deliveries, Webhook, WebhookUrl};
use llmlite_core::ports::{alerts::AlertSink, clock::SystemClock};
use llmlite_store::Store;
use llmlite_telemetry::metrics::{self, Metrics, MetricsError};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::info;

use crate::args::{self, Args};

/// How often metrics are sent.
const INTERVAL: Duration = Duration::from_secs(15);

/// Begins to export metrics, if there is somebody to take them.
pub(crate) fn metrics(args: &Args) -> Result<Option<Metrics>, MetricsError> {
    let Some(endpoint) = &args.otlp_endpoint else {
        return Ok(None);
    };
    let config = metrics::Config {
        endpoint: endpoint.clone(),
        interval: INTERVAL,
        service: "llmlite-gateway",
        version: env!("CARGO_PKG_VERSION"),
        instance: format!("{}:{}", args.listen, std::process::id()),
    };
    metrics::init(config).map(Some)
}

/// The webhook for alerts, if there is one.
pub(crate) fn webhook(args: &Args) -> Result<Option<Webhook>, Box<dyn Error>> {
    let Some(url) = &args.alert_webhook else {
        return Ok(None);
    };
    let url = WebhookUrl::parse(url, args.development)?;
    let secret = args::alert_webhook_secret()?;
    let secret = secret.ok_or("a webhook for alerts needs LLMLITE_ALERT_WEBHOOK_SECRET")?;
    Ok(Some(Webhook::new(url, secret)?))
}

/// Hears of budgets that cross a threshold, and delivers that to the webhook in the background.
pub(crate) fn alerts(
    webhook: Option<Webhook>,
    store: &Store,
    background: &TaskTracker,
    over: CancellationToken,
) -> Arc<dyn AlertSink> {
    let meter = opentelemetry::global::meter("llmlite-alerts");
    let alerts = Alerts::new(&meter);
    if let Some(webhook) = webhook {
        info!(host = webhook.host(), "alerts go to a webhook");
        let (outbox, clock) = (Arc::new(store.clone()), Arc::new(SystemClock));
        let deliveries = Deliveries::new(outbox, webhook, clock, &alerts);
        background.spawn(deliveries.run(over));
    }
    Arc::new(alerts)
}
