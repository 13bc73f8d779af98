//! The database's side of limits.

use std::{error::Error, fmt};

use async_trait::async_trait;

use crate::{
    ids::InstanceId,
    quota::{Announcement, Answer, Call},
};

/// Hands out leases of budgets, rates and permits.
///
/// An instance has one call under way at a time, numbered upwards from 1 in each life.
/// The rules that every line is carried out by are in [`crate::quota`].
#[async_trait]
pub trait QuotaStore: Send + Sync {
    /// Carries out a call of `instance` in one round trip, and gives it up after half a second or so.
    ///
    /// # Errors
    ///
    /// When it was not carried out, or nobody can tell whether it was.
    async fn exchange(&self, instance: InstanceId, call: &Call) -> Result<Answer, QuotaFailure>;

    /// Claims the right to tell people that a threshold was crossed, and returns whether it was
    /// still to be had: once in each window among all instances.
    ///
    /// # Errors
    ///
    /// When the database did not answer. To be asked again.
    async fn announce(&self, announcement: &Announcement) -> Result<bool, QuotaFailure>;
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QuotaFailure {
    /// It was certainly not carried out, and never will be: no connection, or the database said so.
    NotDone,
    /// It may have been carried out, or still be: the time ran out, the connection broke, or a call
    /// of this number or a higher one was carried out before.
    Unknown,
    /// Another has closed this instance's leases: it must stop, and start anew under a new number.
    Fenced,
}

impl fmt::Display for QuotaFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotDone => "the database did not carry out the call",
            Self::Unknown => "the database did not say whether it carried out the call",
            Self::Fenced => "this instance's leases were closed",
        })
    }
}

impl Error for QuotaFailure {}
