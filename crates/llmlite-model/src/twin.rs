//! The database in memory by itself, for comparing the real one with it.

use std::time::SystemTime;

use llmlite_core::{
    ids::{InstanceId, LimitId},
    limits::Ceiling,
    ports::quota::QuotaFailure,
    quota::{AccountKey, Answer, Call},
};

use crate::database::{Database, Event, Snapshot};

/// Carries out calls by the rules of [`llmlite_core::quota`], as the model's database does.
#[derive(Debug, Default)]
pub struct Twin(Database);

impl Twin {
    /// Sets how high a limit is; None takes the limit away.
    pub fn set(&mut self, limit: LimitId, ceiling: Option<Ceiling>) {
        match ceiling {
            Some(ceiling) => self.0.ceilings.insert(limit, ceiling),
            None => self.0.ceilings.remove(&limit),
        };
    }

    /// Begins the life of an instance.
    pub fn begin(&mut self, instance: InstanceId, clock: SystemTime) {
        self.0.register(instance, clock);
    }

    /// Carries out a call.
    ///
    /// # Errors
    ///
    /// When the call is too late, or the instance is closed.
    pub fn exchange(
        &mut self,
        instance: InstanceId,
        call: &Call,
        clock: SystemTime,
    ) -> Result<Answer, QuotaFailure> {
        self.0.exchange(instance, call, clock, &Snapshot::new())
    }

    /// Charges accounts with the cost of a request that was not written down before: `id` tells
    /// requests apart.
    pub fn flush(&mut self, instance: InstanceId, id: u64, accounts: Vec<AccountKey>, cost: i64) {
        self.0.flush(instance, &[Event { id, accounts, cost }]);
    }

    /// Ends the life of an instance.
    pub fn close(&mut self, instance: InstanceId) {
        self.0.close(instance);
    }
}
