//! Writing down what was used.

use async_trait::async_trait;

use super::StoreError;
use crate::{ids::InstanceId, usage::UsageRecord};

/// The book of usage.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Writes rows, budgets and roll-ups in one transaction, and returns how many rows were new.
    ///
    /// Each new row's cost is charged to its accounts: it moves out of the lease of `instance` as
    /// far as that goes, and what the lease does not cover is charged all the same.
    /// A record that is there already, by its event id, changes nothing: a batch may be sent
    /// again until it is acknowledged.
    async fn flush(&self, instance: InstanceId, batch: &[UsageRecord]) -> Result<u64, StoreError>;
}
