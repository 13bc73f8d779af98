//! Exports metrics as OTLP: protobuf over HTTP, to a collector beside the process or elsewhere.
//!
//! Libraries record through the `opentelemetry` facade, as they log through `tracing`; what they
//! record before [`init`] goes nowhere.

mod client;

use std::{fmt, time::Duration};

use hyper::Uri;
use opentelemetry::KeyValue;
use opentelemetry_otlp::{MetricExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    metrics::{PeriodicReader, SdkMeterProvider},
};
use tracing::warn;

use client::Client;

/// Where metrics go, and whose they are.
#[derive(Debug, Clone)]
pub struct Config {
    /// The collector: `http://127.0.0.1:4318`. Metrics go to `/v1/metrics` below it.
    pub endpoint: String,
    /// How often they are sent.
    pub interval: Duration,
    /// The name of the program, as `service.name`.
    pub service: &'static str,
    /// Its version, as `service.version`.
    pub version: &'static str,
    /// Tells this process from others like it, as `service.instance.id`.
    pub instance: String,
}

/// Metrics that are being exported, until [`Metrics::finish`].
#[derive(Debug)]
#[must_use = "what was recorded last is only sent by finish"]
pub struct Metrics {
    provider: SdkMeterProvider,
}

/// Begins to export. To be called in a tokio runtime, once, before anything makes instruments.
///
/// A collector that is away costs nothing but its data: each export is tried once, for five
/// seconds at most.
///
/// # Errors
///
/// When the endpoint is no http or https url, or the system's certificate authorities cannot be
/// read.
pub fn init(config: Config) -> Result<Metrics, MetricsError> {
    let url = signal_url(&config.endpoint)?;
    let client = Client::new(url.starts_with("https")).map_err(|e| MetricsError(e.to_string()))?;
    let exporter = MetricExporter::builder()
        .with_http()
        .with_endpoint(url)
        .with_timeout(client::TIMEOUT)
        .with_http_client(client)
        .build()
        .map_err(|e| MetricsError(e.to_string()))?;
    let reader = PeriodicReader::builder(exporter)
        .with_interval(config.interval)
        .build();
    let resource = Resource::builder_empty()
        .with_service_name(config.service)
        .with_attribute(KeyValue::new("service.version", config.version))
        .with_attribute(KeyValue::new("service.instance.id", config.instance))
        .build();
    let provider = SdkMeterProvider::builder()
        .with_resource(resource)
        .with_reader(reader)
        .build();
    opentelemetry::global::set_meter_provider(provider.clone());
    Ok(Metrics { provider })
}

impl Metrics {
    /// Sends what was recorded last, and ends the export.
    pub async fn finish(self) {
        let provider = self.provider;
        // It waits for its own thread, which waits for this runtime.
        let ended = tokio::task::spawn_blocking(move || provider.shutdown()).await;
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, "the last metrics could not be sent"),
            Err(error) => warn!(%error, "the last metrics could not be sent"),
        }
    }
}

/// The url of metrics below that of a collector.
fn signal_url(endpoint: &str) -> Result<String, MetricsError> {
    let wrong = || {
        MetricsError(
            "the endpoint must be like http://127.0.0.1:4318 or https://collector.example:4318"
                .to_owned(),
        )
    };
    let uri: Uri = endpoint.parse().map_err(|_| wrong())?;
    // The parser has made the scheme lower case.
    let scheme = uri.scheme_str().unwrap_or_default();
    if !matches!(scheme, "http" | "https")
        || uri.host().is_none_or(str::is_empty)
        || uri.query().is_some()
    {
        return Err(wrong());
    }
    Ok(format!("{}/v1/metrics", endpoint.trim_end_matches('/')))
}

/// Metrics cannot be exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsError(String);

impl fmt::Display for MetricsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "metrics cannot be exported: {}", self.0)
    }
}

impl std::error::Error for MetricsError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(endpoint: &str, want: Option<&str>) {
        assert_eq!(signal_url(endpoint).ok().as_deref(), want, "{endpoint}");
    }

    #[test]
    #[rustfmt::skip]
    fn metrics_go_below_the_collectors_url() {
        check("http://127.0.0.1:4318",        Some("http://127.0.0.1:4318/v1/metrics"));
        check("http://127.0.0.1:4318/",       Some("http://127.0.0.1:4318/v1/metrics"));
        check("https://otel.example/gateway", Some("https://otel.example/gateway/v1/metrics"));
        check("otel.example:4318",            None);
        check("grpc://otel.example:4317",     None);
        check("http://otel.example/?a=b",     None);
        check("http:///metrics",              None);
        check("",                             None);
    }
}
