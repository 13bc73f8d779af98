//! The lives of gateway processes, as the database counts them.

use async_trait::async_trait;

use super::StoreError;
use crate::ids::InstanceId;

/// Begins and ends lives.
///
/// Nothing is ever shared between two lives, so their number is the fencing token of every lease.
#[async_trait]
pub trait Instances: Send + Sync {
    /// Begins a life, and names it. `host` says for an operator where it is.
    ///
    /// # Errors
    ///
    /// When the database did not answer. A life that was begun all the same holds nothing.
    async fn begin(&self, host: &str) -> Result<InstanceId, StoreError>;

    /// Ends a life for good: gives back all that is leased to it, and refuses its further calls.
    /// To be called when everything that it admitted is in the ledger. A life that has ended
    /// already, or is not known, stays as it is.
    ///
    /// # Errors
    ///
    /// When the database did not answer. To be asked again.
    async fn close(&self, instance: InstanceId) -> Result<(), StoreError>;
}
