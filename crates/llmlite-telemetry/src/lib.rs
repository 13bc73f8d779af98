//! Starts structured logs, and [`metrics`].
//!
//! One line an event, on standard error, so that standard output stays for what a command
//! answers.
//! Prompts, answers and keys are never fields of an event; that is the duty of whoever logs.

use std::{fmt, io, str::FromStr};

use tracing_subscriber::{EnvFilter, fmt::format::FmtSpan};

pub mod metrics;

/// Libraries that print whole requests at their lower levels. These come last, so no filter of an
/// operator's can let a prompt into the log.
const QUIET: &str = "aws_config=info,aws_credential_types=info,aws_runtime=info,\
    aws_sdk_bedrockruntime=info,aws_sigv4=info,aws_smithy_eventstream=info,\
    aws_smithy_http_client=info,aws_smithy_runtime=info,aws_smithy_runtime_api=info,hyper=info,\
    hyper_util=info,rustls=info,tokio_postgres=info";

/// How a log line looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// For machines: one JSON object a line.
    #[default]
    Json,
    /// For people.
    Text,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err(format!("\"{word}\" is not one of json, text")),
        }
    }
}

/// Starts the log of this process: `filter` as in `info,llmlite_edge=debug`.
///
/// # Errors
///
/// When the filter cannot be read, or a log was started before.
pub fn init(filter: &str, format: Format) -> Result<(), LogError> {
    let filter =
        EnvFilter::try_new(format!("{filter},{QUIET}")).map_err(|e| LogError(e.to_string()))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        // By default it complains on standard error that standard error cannot be written, and
        // panics over that: the end of whatever task happened to log.
        .log_internal_errors(false)
        .with_span_events(FmtSpan::NONE);
    let started = match format {
        Format::Json => lines.json().flatten_event(true).try_init(),
        Format::Text => lines.with_ansi(false).try_init(),
    };
    started.map_err(|e| LogError(e.to_string()))
}

/// The log could not be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogError(String);

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the log cannot be started: {}", self.0)
    }
}

impl std::error::Error for LogError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_one_of_two_words() {
        assert_eq!("json".parse(), Ok(Format::Json));
        assert_eq!("text".parse(), Ok(Format::Text));
        assert!("xml".parse::<Format>().is_err());
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_an_error() {
        assert!(init("llmlite=loud", Format::Text).is_err());
    }
}
