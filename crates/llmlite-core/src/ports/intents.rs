//! Requests under way, written down where a machine that is lost does not take them along.

use async_trait::async_trait;

use super::StoreError;
use crate::{
    ids::{EventId, InstanceId},
    usage::UsageRecord,
};

/// The list of requests under way, beside the ledger.
#[async_trait]
pub trait Intents: Send + Sync {
    /// Puts on the list what `instance` has begun, each with what has to be charged if nothing more
    /// is heard of it, and takes off what is in the ledger or never reached Bedrock: all of it or
    /// nothing. What is on the list already, or not on it, is passed over.
    ///
    /// # Errors
    ///
    /// When the database did not answer, and [`StoreError::Refused`] when somebody else has ended
    /// that life: what it begins now, nobody would charge.
    async fn note(
        &self,
        instance: InstanceId,
        begun: &[&UsageRecord],
        ended: &[EventId],
    ) -> Result<(), StoreError>;
}
