use async_trait::async_trait;
use llmlite_core::ports::{StoreError, readiness::Dependency};
use tracing::warn;

use crate::{schema::SchemaError, store::Store};

#[async_trait]
impl Dependency for Store {
    fn name(&self) -> &'static str {
        "database"
    }

    /// Asks for the schema's version, which proves the connection as well.
    ///
    /// Anybody may read the answer, so versions and the database's words go to the log.
    async fn check(&self) -> Result<(), String> {
        let Err(error) = self.check_schema().await else {
            return Ok(());
        };
        warn!(reason = %in_full(&error), "the database is not ready");
        Err(match error {
            SchemaError::Store(StoreError::Unavailable(_)) => "it cannot be reached",
            SchemaError::Store(_) => "it refused to say which schema it has",
            _ => "the schema is not the one this program needs",
        }
        .to_owned())
    }
}

/// The error and its causes, in one line.
fn in_full(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
