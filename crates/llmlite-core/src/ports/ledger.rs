//! Writing down what was used.

use async_trait::async_trait;

use super::StoreError;
use crate::usage::UsageRecord;

/// The book of usage.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Writes rows and roll-ups in one transaction, and returns how many rows were new.
    ///
    /// A record that is there already, by its event id, changes nothing: a batch may be sent
    /// again until it is acknowledged.
    async fn flush(&self, batch: &[UsageRecord]) -> Result<u64, StoreError>;
}
