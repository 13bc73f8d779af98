//! Sending one webhook, once.

use std::{
    error::Error,
    fmt, io,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, StatusCode, header};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use llmlite_core::ports::alerts::{AlertId, BudgetAlert};
use llmlite_http::client::{Connector, connector};
use tokio::time::timeout;

use crate::{body, secret::WebhookSecret, url::WebhookUrl};

/// How long a receiver may take to answer.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);

/// A receiver of alerts.
#[derive(Debug)]
pub struct Webhook {
    client: Client<Connector, Full<Bytes>>,
    url: WebhookUrl,
    secret: WebhookSecret,
}

impl Webhook {
    /// The receiver at `url`, which knows `secret`. It has to prove who it is to the system's
    /// certificate authorities.
    ///
    /// # Errors
    ///
    /// When those cannot be read, or there are none.
    pub fn new(url: WebhookUrl, secret: WebhookSecret) -> io::Result<Self> {
        let client = Client::builder(TokioExecutor::new())
            // Alerts are rare: a connection that lies ready for one is gone when it comes.
            .pool_max_idle_per_host(0)
            .build(connector(url.is_secured())?);
        Ok(Self {
            client,
            url,
            secret,
        })
    }

    /// Host and port: all of the address that may be logged.
    pub fn host(&self) -> &str {
        self.url.host()
    }

    /// Tells the receiver of `alert` under the name `id`, at `now`.
    ///
    /// Redirects are not followed, and of the answer only the status is looked at.
    ///
    /// # Errors
    ///
    /// When the receiver did not say within ten seconds that it has it: a status from 200 to 299.
    pub async fn send(
        &self,
        id: AlertId,
        alert: &BudgetAlert,
        now: SystemTime,
    ) -> Result<(), NotDelivered> {
        let request = self.request(id, alert, now);
        let answer = timeout(TIMEOUT, self.client.request(request))
            .await
            .map_err(|_| NotDelivered::TimedOut)?
            .map_err(|error| NotDelivered::Unreachable(Box::new(error)))?;
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(NotDelivered::Refused(answer.status()))
        }
    }

    fn request(&self, id: AlertId, alert: &BudgetAlert, now: SystemTime) -> Request<Full<Bytes>> {
        let body = body::of(alert);
        let id = id.to_string();
        let timestamp = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Request::builder()
            .method(Method::POST)
            .uri(self.url.uri())
            .header(header::CONTENT_TYPE, "application/json")
            .header(
                header::USER_AGENT,
                concat!("llmlite-gateway/", env!("CARGO_PKG_VERSION")),
            )
            .header("webhook-id", &id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", self.secret.sign(&id, timestamp, &body))
            .body(Full::from(body))
            .expect("a url that was read, and headers of digits, dashes and base64, make a request")
    }
}

/// Why a receiver does not have an alert.
#[derive(Debug)]
pub enum NotDelivered {
    /// It could not be reached, did not prove who it is, or broke off.
    Unreachable(Box<dyn Error + Send + Sync>),
    /// It took too long.
    TimedOut,
    /// It answered, but not that it has it.
    Refused(StatusCode),
}

impl fmt::Display for NotDelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(_) => f.write_str("the receiver cannot be reached"),
            Self::TimedOut => write!(f, "the receiver did not answer within {TIMEOUT:?}"),
            Self::Refused(status) => write!(f, "the receiver answered {}", status.as_u16()),
        }
    }
}

impl Error for NotDelivered {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unreachable(cause) => Some(&**cause),
            Self::TimedOut | Self::Refused(_) => None,
        }
    }
}
