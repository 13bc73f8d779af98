//! Lives that ended with the disk of their machine: nobody is left to end them.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::ids::InstanceId;

/// Finds lives that are lost, and charges what they had under way.
#[async_trait]
pub trait Orphans: Send + Sync {
    /// The lives that nobody has ended, by rising number.
    ///
    /// # Errors
    ///
    /// When the database did not answer.
    async fn open(&self) -> Result<Vec<OpenLife>, StoreError>;

    /// Takes a life for lost with its disk, unless it has called since `life` was read: its further
    /// calls are refused, and what was leased to it stays taken or goes back, as `leases` says.
    /// Returns whether that was done.
    ///
    /// # Errors
    ///
    /// When the database did not answer.
    async fn orphan(&self, life: &OpenLife, leases: OrphanLeases) -> Result<bool, StoreError>;

    /// Charges what ended lives have left on the list of requests under way, at its worst case and
    /// marked as estimated. What is in the ledger already is only taken off the list.
    ///
    /// # Errors
    ///
    /// When the database did not answer; some of it may be charged then, and the rest is found
    /// again.
    async fn charge_left_behind(&self) -> Result<Vec<Charged>, StoreError>;

    /// The same for one life, which nobody leads any more.
    ///
    /// # Errors
    ///
    /// As above.
    async fn charge_intents(&self, instance: InstanceId) -> Result<Charged, StoreError>;
}

/// A life that nobody has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenLife {
    /// Its number.
    pub instance: InstanceId,
    /// Where it was begun.
    pub host: String,
    /// The number of its last call that was carried out: as long as it lives, this grows.
    pub call: i64,
    /// For how long nothing has been heard of it, by the database's clock.
    pub silent: Duration,
}

/// What becomes of the money that was leased to a life that is lost with its disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OrphanLeases {
    /// It stays taken until the window of the budget ends, or an operator gives it back: no budget
    /// is ever exceeded.
    #[default]
    Hold,
    /// It goes back. A budget may be exceeded by what that life had admitted and not yet put on
    /// the list of requests under way, at most by its lease.
    Release,
}

/// What a life had left on the list of requests under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charged {
    /// Whose.
    pub instance: InstanceId,
    /// Requests that are in the ledger now and were not before, at their worst case.
    pub charged: u64,
    /// Requests that the ledger refuses for good; they stay on the list.
    pub refused: u64,
}
