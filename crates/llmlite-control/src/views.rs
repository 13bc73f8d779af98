//! The JSON forms of what an administrator sees, the same wherever they are shown.
//!
//! Dates are RFC 3339 in UTC; an absent value is `null`, never left out.

mod explanation;
mod limits;

use std::time::SystemTime;

use llmlite_core::{
    keys::{KeyStatus, ModelScope},
    people::{KeyInfo, Team, User},
    ports::reports::{GroupBy, UsageLine},
    usage::Tokens,
};
use serde::Serialize;

pub use self::{
    explanation::{CheckView, ExplanationView, RequestView},
    limits::{
        AboveView, BeforeAndAfter, ChangeView, HeightView, LimitChangeView, LimitView, RaiseView,
        ReportView, StandingView, SubjectView,
    },
};
use crate::{
    dates::rfc3339,
    keys::{CreatedKey, Revocation},
    reports::UsageReport,
};

/// A team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TeamView {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created_at: String,
}

impl From<&Team> for TeamView {
    fn from(team: &Team) -> Self {
        Self {
            id: team.id.0,
            name: team.name.clone(),
            created_at: rfc3339(team.created_at),
        }
    }
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserView {
    /// Their number.
    pub id: i64,
    /// Their address.
    pub email: String,
    /// The name of their team.
    pub team: Option<String>,
    /// When they were created.
    pub created_at: String,
}

impl From<&User> for UserView {
    fn from(user: &User) -> Self {
        Self {
            id: user.id.0,
            email: user.email.clone(),
            team: user.team.as_ref().map(|team| team.name.clone()),
            created_at: rfc3339(user.created_at),
        }
    }
}

/// A key, without the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyView {
    /// Its number.
    pub id: i64,
    /// What its creator called it.
    pub name: String,
    /// The last four characters of the key.
    pub last_four: String,
    /// Its holder's address.
    pub user: Option<String>,
    /// The name of the team that is charged.
    pub team: Option<String>,
    /// The friendly names of the models it may call; `null` stands for all.
    pub models: Option<Vec<String>>,
    /// Whether its requests are refused where they would otherwise be adjusted, or ignored in part.
    pub strict: bool,
    /// `active`, `expired` or `revoked`.
    pub status: KeyStatus,
    /// When it was created.
    pub created_at: String,
    /// When it stops working.
    pub expires_at: Option<String>,
    /// When it was taken back.
    pub revoked_at: Option<String>,
}

impl KeyView {
    /// How the key looks at `now`.
    pub fn at(now: SystemTime, key: &KeyInfo) -> Self {
        Self {
            id: key.id.0,
            name: key.name.clone(),
            last_four: key.last_four.clone(),
            user: key.user.as_ref().map(|user| user.email.clone()),
            team: key.team.as_ref().map(|team| team.name.clone()),
            models: match &key.models {
                ModelScope::All => None,
                ModelScope::Only(names) => Some(names.iter().cloned().collect()),
            },
            strict: key.strict,
            status: key.status(now),
            created_at: rfc3339(key.created_at),
            expires_at: key.expires_at.map(rfc3339),
            revoked_at: key.revoked_at.map(rfc3339),
        }
    }
}

/// A key that was just made, with the key: for the one answer that shows it.
///
/// It borrows the key and so holds no copy; what a caller writes from it is a copy that nobody
/// wipes, so it is written once, to whoever asked for the key.
/// `Debug` does not show the key.
#[derive(Serialize)]
pub struct CreatedKeyView<'a> {
    key: &'a str,
    #[serde(flatten)]
    info: KeyView,
}

impl<'a> CreatedKeyView<'a> {
    /// How the new key looks at `now`.
    pub fn at(now: SystemTime, created: &'a CreatedKey) -> Self {
        Self {
            key: created.plaintext.reveal(),
            info: KeyView::at(now, &created.info),
        }
    }
}

impl std::fmt::Debug for CreatedKeyView<'_> {
    /// Never shows the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatedKeyView")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

/// A key that was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RevocationView {
    /// It had been revoked before, and kept its date.
    pub already_revoked: bool,
    /// The key.
    #[serde(flatten)]
    pub key: KeyView,
}

impl RevocationView {
    /// How the revoked key looks at `now`.
    pub fn at(now: SystemTime, revocation: &Revocation) -> Self {
        Self {
            already_revoked: revocation.already,
            key: KeyView::at(now, &revocation.key),
        }
    }
}

/// A usage report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UsageView {
    /// What the lines stand for: `day`, `model`, `key`, `user` or `team`.
    pub by: GroupBy,
    /// The first day (UTC).
    pub from: String,
    /// The last day, itself included.
    pub to: String,
    /// The lines.
    pub lines: Vec<UsageLineView>,
    /// All lines together.
    pub total: UsageLineView,
}

impl From<&UsageReport> for UsageView {
    fn from(report: &UsageReport) -> Self {
        Self {
            by: report.query.group_by,
            from: report.query.from.clone(),
            to: report.query.to.clone(),
            lines: report.lines.iter().map(UsageLineView::from).collect(),
            total: UsageLineView::from(&report.total),
        }
    }
}

/// One line of a usage report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UsageLineView {
    /// The day, the name of the model, user or team, or the name and number of the key, such as
    /// `ci (4)`, because names of keys need not differ; `null` where there is none.
    pub group: Option<String>,
    /// Requests that reached Bedrock.
    pub requests: u64,
    /// Those of them that did not end well.
    pub failed: u64,
    /// Their tokens by kind.
    pub tokens: Tokens,
    /// Their cost in billionths of a US dollar, for sums.
    pub cost_nanodollars: i64,
    /// The same in US dollars with nine places, as text so that no reader rounds it.
    pub cost_usd: String,
}

impl From<&UsageLine> for UsageLineView {
    fn from(line: &UsageLine) -> Self {
        Self {
            group: line.group.clone(),
            requests: line.requests,
            failed: line.failed,
            tokens: line.tokens,
            cost_nanodollars: line.cost.0,
            cost_usd: line.cost.to_string(),
        }
    }
}
