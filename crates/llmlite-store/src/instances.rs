//! The lives of gateway processes.

use std::time::Duration;

use async_trait::async_trait;
use llmlite_core::{
    ids::InstanceId,
    ports::{
        StoreError,
        instances::Instances,
        orphans::{Charged, OpenLife, OrphanLeases, Orphans},
    },
};
use tokio_postgres::Row;

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

#[async_trait]
impl Orphans for Store {
    async fn open(&self) -> Result<Vec<OpenLife>, StoreError> {
        let rows = self.lookup(OPEN, &[]).await?;
        rows.iter()
            .map(|row| {
                open_life(row).ok_or(StoreError::Corrupt {
                    what: "a row of gateway_instances",
                })
            })
            .collect()
    }

    async fn orphan(&self, life: &OpenLife, leases: OrphanLeases) -> Result<bool, StoreError> {
        let release = leases == OrphanLeases::Release;
        let rows = self
            .long(ORPHAN, &[&life.instance.0, &life.call, &release])
            .await?;
        Ok(rows
            .first()
            .is_some_and(|row| row.try_get(0).unwrap_or(false)))
    }

    async fn charge_left_behind(&self) -> Result<Vec<Charged>, StoreError> {
        let mut all = Vec::new();
        for row in self.lookup(LEFT_BEHIND, &[]).await? {
            let instance = row.try_get(0).map(InstanceId);
            let instance = instance.map_err(|_| StoreError::Corrupt {
                what: "the life of a request under way",
            })?;
            all.push(self.charge_intents(instance).await?);
        }
        Ok(all)
    }

    async fn charge_intents(&self, instance: InstanceId) -> Result<Charged, StoreError> {
        self.charge_listed(instance).await
    }
}

fn open_life(row: &Row) -> Option<OpenLife> {
    let silent_ms: i64 = row.try_get("silent_ms").ok()?;
    Some(OpenLife {
        instance: InstanceId(row.try_get("id").ok()?),
        host: row.try_get("host").ok()?,
        call: row.try_get("call").ok()?,
        silent: Duration::from_millis(u64::try_from(silent_ms).unwrap_or(0)),
    })
}

const BEGIN: &str = "\
-- instances.begin
INSERT INTO gateway_instances (host) VALUES ($1) RETURNING id";

const CLOSE: &str = "\
-- instances.close
SELECT close_instance($1)";

const OPEN: &str = "\
-- instances.open
SELECT id, host, call,
       (extract(epoch FROM clock_timestamp() - heard_at) * 1000)::bigint AS silent_ms
  FROM gateway_instances
 WHERE closed_at IS NULL
 ORDER BY id";

const ORPHAN: &str = "\
-- instances.orphan
SELECT orphan_instance($1, $2, $3)";

const LEFT_BEHIND: &str = "\
-- instances.left_behind
SELECT DISTINCT u.instance_id
  FROM usage_intent u JOIN gateway_instances i ON i.id = u.instance_id
 WHERE i.closed_at IS NOT NULL
 ORDER BY 1";
