//! Requests under way: a list beside the ledger, for the loss of a gateway with its disk.

use async_trait::async_trait;
use llmlite_core::{
    ids::{EventId, InstanceId},
    ports::{StoreError, intents::Intents, ledger::Ledger, orphans::Charged},
    usage::UsageRecord,
};
use tokio_postgres::Row;
use tracing::error;
use uuid::Uuid;

use crate::{
    error::{StatementError, refused},
    store::Store,
};

/// Requests that are charged with one statement.
const BATCH: i64 = 500;

#[async_trait]
impl Intents for Store {
    async fn note(
        &self,
        instance: InstanceId,
        begun: &[&UsageRecord],
        ended: &[EventId],
    ) -> Result<(), StoreError> {
        let ids: Vec<Uuid> = begun.iter().map(|record| record.event_id.0).collect();
        let records: Result<Vec<String>, _> = begun.iter().map(serde_json::to_string).collect();
        let records = records.map_err(|e| StoreError::InvalidData(Box::new(e)))?;
        let ended: Vec<Uuid> = ended.iter().map(|event| event.0).collect();
        let rows = self
            .intents(NOTE, &[&instance.0, &ids, &records, &ended])
            .await?;
        match rows.first().map(|row| row.try_get(0)) {
            Some(Ok(true)) => Ok(()),
            _ => Err(refused(StatementError::named(
                NOTE,
                format!("instance {instance} has been ended"),
            ))),
        }
    }
}

impl Store {
    /// Charges what is on the list of one life, and takes it off.
    ///
    /// First charged, then taken off: whoever is interrupted finds it again, and the ledger drops
    /// what it has already.
    pub(crate) async fn charge_listed(&self, instance: InstanceId) -> Result<Charged, StoreError> {
        let mut sum = Charged {
            instance,
            charged: 0,
            refused: 0,
        };
        let mut after = Uuid::nil();
        loop {
            let rows = self.long(LISTED, &[&instance.0, &after, &BATCH]).await?;
            let Some(last) = rows.last() else {
                return Ok(sum);
            };
            after = last.try_get(0).map_err(|_| unreadable())?;
            let mut done = Vec::with_capacity(rows.len());
            sum.charged += self.charge_rows(instance, &rows, &mut done).await?;
            sum.refused += (rows.len() - done.len()) as u64;
            self.long(TAKE_OFF, &[&done]).await?;
        }
    }

    /// Charges these, one by one where the ledger refuses them together; returns how many were new,
    /// and leaves in `done` those that are in the ledger now.
    async fn charge_rows(
        &self,
        instance: InstanceId,
        rows: &[Row],
        done: &mut Vec<Uuid>,
    ) -> Result<u64, StoreError> {
        let records: Vec<UsageRecord> = rows.iter().filter_map(record).collect();
        match self.flush(instance, &records).await {
            Ok(new) => {
                done.extend(records.iter().map(|record| record.event_id.0));
                return Ok(new);
            }
            Err(StoreError::InvalidData(_)) => {}
            Err(other) => return Err(other),
        }
        let mut new = 0;
        for record in records {
            match self.flush(instance, std::slice::from_ref(&record)).await {
                Ok(one) => {
                    new += one;
                    done.push(record.event_id.0);
                }
                Err(refusal @ StoreError::InvalidData(_)) => {
                    let event = record.event_id;
                    error!(%instance, %event, error = %refusal, cause = ?refusal,
                        "a request that was under way cannot be charged");
                }
                Err(other) => return Err(other),
            }
        }
        Ok(new)
    }
}

/// What has to be charged, if it can be read: a gateway of another version may have written it.
fn record(row: &Row) -> Option<UsageRecord> {
    let text: &str = row.try_get(1).ok()?;
    match serde_json::from_str(text) {
        Ok(record) => Some(record),
        Err(cause) => {
            let event: Option<Uuid> = row.try_get(0).ok();
            error!(?event, %cause, "a request that was under way cannot be read");
            None
        }
    }
}

fn unreadable() -> StoreError {
    StoreError::Corrupt {
        what: "a row of usage_intent",
    }
}

const NOTE: &str = "\
-- intents.note
SELECT note_intents($1, $2, $3, $4)";

const LISTED: &str = "\
-- intents.listed
SELECT event_id, record::text
  FROM usage_intent
 WHERE instance_id = $1 AND event_id > $2
 ORDER BY event_id
 LIMIT $3";

const TAKE_OFF: &str = "\
-- intents.take_off
DELETE FROM usage_intent WHERE event_id = ANY ($1)";
