//! Whether there are credentials to sign with.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use llmlite_core::ports::{clock::Clock, readiness::Dependency};
use tokio::{sync::Mutex, time::Instant};

/// How long a found credential is believed in, so that health checks do not ask the role's
/// endpoint each time.
const BELIEVED: Duration = Duration::from_secs(30);
/// So long before it expires, a credential no longer counts when no newer one can be had.
const NEARLY_EXPIRED: Duration = Duration::from_secs(60);

/// The credentials as a dependency of the gateway's readiness.
#[derive(Clone)]
pub struct Credentials {
    provider: Option<SharedCredentialsProvider>,
    clock: Arc<dyn Clock>,
    found: Arc<Mutex<Option<Found>>>,
}

struct Found {
    at: Instant,
    expires: Option<SystemTime>,
}

impl Credentials {
    pub(crate) fn new(provider: Option<SharedCredentialsProvider>, clock: Arc<dyn Clock>) -> Self {
        Self {
            provider,
            clock,
            found: Arc::default(),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

#[async_trait]
impl Dependency for Credentials {
    fn name(&self) -> &'static str {
        "credentials"
    }

    async fn check(&self) -> Result<(), String> {
        let mut found = self.found.lock().await;
        if found.as_ref().is_some_and(|f| f.at.elapsed() < BELIEVED) {
            return Ok(());
        }
        let provider = self
            .provider
            .as_ref()
            .ok_or("no AWS credentials are configured")?;
        match provider.provide_credentials().await {
            Ok(credentials) => {
                *found = Some(Found {
                    at: Instant::now(),
                    expires: credentials.expiry(),
                });
                Ok(())
            }
            Err(error) => {
                tracing::warn!(?error, "no new AWS credentials");
                // The client goes on signing with what it has until that expires.
                let soon = self.clock.now() + NEARLY_EXPIRED;
                let still_good = found.as_ref().and_then(|f| f.expires);
                if still_good.is_some_and(|expires| expires > soon) {
                    return Ok(());
                }
                Err("no AWS credentials could be found".to_owned())
            }
        }
    }
}
