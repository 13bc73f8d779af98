//! The lives of gateway processes.

use async_trait::async_trait;
use llmlite_core::{
    ids::InstanceId,
    ports::{StoreError, instances::Instances},
};

use crate::store::Store;

#[async_trait]
impl Instances for Store {
    async fn begin(&self, host: &str) -> Result<InstanceId, StoreError> {
        let rows = self.lookup(BEGIN, &[&host]).await?;
        rows.first()
            .and_then(|row| row.try_get(0).ok())
            .map(InstanceId)
            .ok_or(StoreError::Corrupt {
                what: "the number of a new instance",
            })
    }

    async fn close(&self, instance: InstanceId) -> Result<(), StoreError> {
        self.long(CLOSE, &[&instance.0]).await?;
        Ok(())
    }
}

const BEGIN: &str = "\
-- instances.begin
INSERT INTO gateway_instances (host) VALUES ($1) RETURNING id";

const CLOSE: &str = "\
-- instances.close
SELECT close_instance($1)";
