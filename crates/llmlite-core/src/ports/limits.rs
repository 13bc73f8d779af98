//! Setting limits, and looking at how they stand.

use std::{sync::Arc, time::SystemTime};

use async_trait::async_trait;

use super::StoreError;
use crate::{
    ids::{KeyId, LimitId},
    keys::{KeyGrant, ModelScope},
    limits::{LimitSetting, Measure, Member, Subject},
    quota::AccountKey,
};

/// What an administrator does about limits. The gateway never holds it.
#[async_trait]
pub trait LimitDirectory: Send + Sync {
    /// The limits of a subject: those that were set on it, its defaults for its members, and those
    /// that it has from others' defaults. For all models first.
    async fn limits(&self, subject: Subject) -> Result<Vec<LimitSetting>, StoreError>;

    /// Carries out all of these changes of a subject's limits, or none.
    /// [`StoreError::Missing`] when there is no such subject.
    async fn change_limits(
        &self,
        subject: Subject,
        changes: &[LimitChange],
    ) -> Result<(), StoreError>;

    /// Which models the subject itself may call, whatever those above it may.
    /// [`StoreError::Missing`] when there is no such subject.
    async fn models(&self, subject: Subject) -> Result<ModelScope, StoreError>;

    /// Sets which models the subject may call. A key may call those that its user, its team and the
    /// organisation may call too. [`StoreError::Missing`] when there is no such subject.
    async fn set_models(&self, subject: Subject, models: &ModelScope) -> Result<(), StoreError>;

    /// Until when a key works; None for ever. [`StoreError::Missing`] when there is no such key.
    async fn set_expiry(&self, key: KeyId, at: Option<SystemTime>) -> Result<(), StoreError>;

    /// What the gateways go by when that key is used. None if there is no such key.
    async fn grant(&self, key: KeyId) -> Result<Option<KeyGrant>, StoreError>;

    /// How these limits stand now, in their order, across all instances.
    async fn states(&self, limits: &[LimitId]) -> Result<Vec<LimitState>, StoreError>;
}

/// One change of a subject's limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LimitChange {
    /// Sets a limit, in the place of one with the same model, measure and members if there is one;
    /// then it keeps its number, and what has been used of it. The number, the subject of the scope
    /// and where it is inherited from are not looked at.
    Set(LimitSetting),
    /// Takes a limit away; what a default may say applies again. One that is not there is none.
    Remove {
        /// For the one model, or for all together.
        model: Option<Arc<str>>,
        /// What it counts.
        measure: Measure,
        /// For the default of these members.
        each: Option<Member>,
    },
}

/// How a limit stands, by the database's books, in the units of its measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitState {
    /// Which one.
    pub limit: LimitId,
    /// Used for good: settled in the present window; granted in the last minute.
    pub used: i64,
    /// Leased to gateways: set aside for requests under way, or lying ready for the next ones. Of
    /// parallel requests, the permits that are out.
    pub leased: i64,
    /// The present window of a budget.
    pub account: Option<AccountKey>,
}
