//! Questions about what was used.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::{money::Nanodollars, usage::Tokens};

/// What the lines of a report stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupBy {
    /// One line a day (UTC).
    Day,
    /// One line a model.
    Model,
    /// One line a key.
    Key,
    /// One line a user.
    User,
    /// One line a team.
    Team,
}

/// Which usage to add up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageQuery {
    /// What the lines stand for.
    pub group_by: GroupBy,
    /// The first day, as `2026-11-01` (UTC).
    pub from: String,
    /// The last day, itself included.
    pub to: String,
}

/// One line of a usage report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UsageLine {
    /// The day, or the name of the model, user or team, or name and number of the key, as `ci (4)`;
    /// `None` where there is none.
    pub group: Option<String>,
    /// Requests that reached Bedrock.
    pub requests: u64,
    /// Those of them that did not end well.
    pub failed: u64,
    /// Their tokens.
    pub tokens: Tokens,
    /// Their cost in nanodollars.
    pub cost: Nanodollars,
}

/// Adds usage up, from the roll-ups only.
#[async_trait]
pub trait Reports: Send + Sync {
    /// The lines of a report, the most expensive first (days in order).
    async fn usage(&self, query: &UsageQuery) -> Result<Vec<UsageLine>, StoreError>;
}
