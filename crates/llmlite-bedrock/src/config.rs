//! Where Bedrock is, and how long it may take.

use std::{fmt, sync::Arc, time::Duration};

use aws_config::{
    BehaviorVersion, Region, retry::RetryConfig,
    stalled_stream_protection::StalledStreamProtectionConfig, timeout::TimeoutConfig,
};
use aws_sdk_bedrockruntime::Client;
use aws_smithy_runtime_api::client::auth::AuthSchemeId;
use llmlite_core::ports::clock::Clock;
use tracing::warn;

use crate::{client::Bedrock, credentials::Credentials};

/// Where Bedrock is, and how long it may take.
#[derive(Debug, Clone)]
pub struct Config {
    /// The region that is called, and no other.
    pub region: String,
    /// Another address of Bedrock than the public one of the region.
    pub endpoint: Option<String>,
    /// Allows an endpoint that is not AWS: the simulator.
    pub development: bool,
    /// To reach Bedrock.
    pub connect_timeout: Duration,
    /// For a whole answer that is not streamed.
    pub whole_timeout: Duration,
    /// To the first event of a stream.
    pub first_event_timeout: Duration,
    /// Between two events of a stream; a model that thinks is silent for long.
    pub idle_timeout: Duration,
    /// Attempts at a call, the first one included, while Bedrock refuses for want of capacity.
    pub attempts: u32,
}

impl Config {
    /// The defaults for `region`.
    pub fn new(region: impl Into<String>) -> Self {
        Self {
            region: region.into(),
            endpoint: None,
            development: false,
            connect_timeout: Duration::from_secs(3),
            whole_timeout: Duration::from_secs(600),
            first_event_timeout: Duration::from_secs(120),
            idle_timeout: Duration::from_secs(120),
            attempts: 3,
        }
    }

    /// The endpoint to call, checked.
    fn checked_endpoint(&self) -> Result<String, ConfigError> {
        let well_formed = !self.region.is_empty()
            && self
                .region
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !well_formed {
            return Err(ConfigError::Region(self.region.clone()));
        }
        let Some(endpoint) = &self.endpoint else {
            return Ok(format!(
                "https://bedrock-runtime.{}.amazonaws.com",
                self.region
            ));
        };
        if self.development || is_aws_in(endpoint, &self.region) {
            warn!(endpoint, "Bedrock is called at an address of your own");
            Ok(endpoint.trim_end_matches('/').to_owned())
        } else {
            Err(ConfigError::Endpoint {
                endpoint: endpoint.clone(),
                region: self.region.clone(),
            })
        }
    }
}

/// Whether `endpoint` is an https address of Bedrock in `region`: public, FIPS or of a VPC.
fn is_aws_in(endpoint: &str, region: &str) -> bool {
    let Some(rest) = endpoint.strip_prefix("https://") else {
        return false;
    };
    let host = rest.trim_end_matches('/');
    let suffixes = [
        format!("bedrock-runtime.{region}.amazonaws.com"),
        format!("bedrock-runtime-fips.{region}.amazonaws.com"),
        format!("bedrock-runtime.{region}.vpce.amazonaws.com"),
    ];
    suffixes.iter().any(|suffix| {
        host.strip_suffix(suffix.as_str()).is_some_and(|before| {
            let labels = before
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
            labels && (before.is_empty() || before.ends_with('.'))
        })
    })
}

/// Makes the client, without calling Bedrock yet.
///
/// Credentials come from the usual places: the environment, a profile, the task's role.
///
/// # Errors
///
/// When the region or the endpoint is not allowed.
pub async fn connect(config: Config, clock: Arc<dyn Clock>) -> Result<Bedrock, ConfigError> {
    let endpoint = config.checked_endpoint()?;
    let sdk = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(config.region.clone()))
        // Said even when it is the usual one, or a variable of the environment could say another.
        .endpoint_url(endpoint)
        // Our own retries know which attempts may have been billed.
        .retry_config(RetryConfig::disabled())
        // A model that thinks sends nothing for a long time.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .load()
        .await;
    let base = aws_sdk_bedrockruntime::config::Builder::from(&sdk)
        // A stray AWS_BEARER_TOKEN_BEDROCK would win over the role.
        .auth_scheme_preference([AuthSchemeId::from("sigv4")])
        .build();
    let client = |limit: Duration| {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(config.connect_timeout)
            .read_timeout(limit)
            .build();
        Client::from_conf(base.to_builder().timeout_config(timeouts).build())
    };
    Ok(Bedrock::new(
        client(config.whole_timeout),
        client(config.first_event_timeout),
        Credentials::new(sdk.credentials_provider(), clock),
        &config,
    ))
}

/// Settings that the client is not made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigError {
    /// Not the name of a region.
    Region(String),
    /// An endpoint outside AWS or outside the region.
    Endpoint {
        /// The endpoint.
        endpoint: String,
        /// The pinned region.
        region: String,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Region(region) => write!(f, "\"{region}\" is not the name of an AWS region"),
            Self::Endpoint { endpoint, region } => write!(
                f,
                "the Bedrock endpoint {endpoint} is not an https address of AWS in {region}; for \
                 a simulator on this machine, start with --development"
            ),
        }
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(endpoint: Option<&str>, development: bool, want: Option<&str>) {
        let mut config = Config::new("eu-west-2");
        config.endpoint = endpoint.map(str::to_owned);
        config.development = development;
        assert_eq!(config.checked_endpoint().ok().as_deref(), want);
    }

    #[test]
    #[rustfmt::skip]
    fn only_aws_in_the_pinned_region_is_called_outside_development() {
        let usual = "https://bedrock-runtime.eu-west-2.amazonaws.com";
        let vpc = "https://vpce-0a1b-2c.bedrock-runtime.eu-west-2.vpce.amazonaws.com";
        check(None,                                                        false, Some(usual));
        check(Some(vpc),                                                   false, Some(vpc));
        check(Some(&format!("{usual}/")),                                  false, Some(usual));
        check(Some("https://bedrock-runtime-fips.eu-west-2.amazonaws.com"), false, Some("https://bedrock-runtime-fips.eu-west-2.amazonaws.com"));
        check(Some("https://bedrock-runtime.us-east-1.amazonaws.com"),     false, None);
        check(Some("http://bedrock-runtime.eu-west-2.amazonaws.com"),      false, None);
        check(Some("https://evil.example/bedrock-runtime.eu-west-2.amazonaws.com"), false, None);
        check(Some("https://evilbedrock-runtime.eu-west-2.amazonaws.com"), false, None);
        check(Some("https://user@x.bedrock-runtime.eu-west-2.amazonaws.com"), false, None);
        check(Some("http://127.0.0.1:9"),                                  false, None);
        check(Some("http://127.0.0.1:9"),                                  true,  Some("http://127.0.0.1:9"));
    }
}
