use async_trait::async_trait;
use llmlite_core::ports::{StoreError, readiness::Dependency};

use crate::{schema::SchemaError, store::Store};

#[async_trait]
impl Dependency for Store {
    fn name(&self) -> &'static str {
        "database"
    }

    /// Asks for the schema's version, which proves the connection as well.
    async fn check(&self) -> Result<(), String> {
        self.check_schema().await.map_err(|e| match e {
            SchemaError::Store(StoreError::Unavailable(_)) => "it cannot be reached".to_owned(),
            SchemaError::Store(_) => "it refused to say which schema it has".to_owned(),
            other => other.to_string(),
        })
    }
}
