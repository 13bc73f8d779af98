//! Whether there are credentials to sign with.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use llmlite_core::ports::readiness::Dependency;
use tokio::{sync::Mutex, time::Instant};

/// How long a found credential is believed in, so that health checks do not ask the role's
/// endpoint each time.
const BELIEVED: Duration = Duration::from_secs(30);

/// The credentials as a dependency of the gateway's readiness.
#[derive(Clone)]
pub struct Credentials {
    provider: Option<SharedCredentialsProvider>,
    found_at: Arc<Mutex<Option<Instant>>>,
}

impl Credentials {
    pub(crate) fn new(provider: Option<SharedCredentialsProvider>) -> Self {
        Self {
            provider,
            found_at: Arc::default(),
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
        let mut found_at = self.found_at.lock().await;
        if found_at.is_some_and(|at| at.elapsed() < BELIEVED) {
            return Ok(());
        }
        let provider = self
            .provider
            .as_ref()
            .ok_or("no AWS credentials are configured")?;
        match provider.provide_credentials().await {
            Ok(_) => {
                *found_at = Some(Instant::now());
                Ok(())
            }
            Err(error) => {
                *found_at = None;
                tracing::warn!(error = ?error, "no AWS credentials");
                Err("no AWS credentials could be found".to_owned())
            }
        }
    }
}
