//! Limits: whom they bind, what they count, how high they are, and over which time.

use std::{fmt, str::FromStr, sync::Arc, time::SystemTime};

use serde::{Deserialize, Serialize};

use crate::{
    ids::{KeyId, LimitId, TeamId, UserId},
    money::Nanodollars,
};

mod rfc3339;
mod rules;
mod window;

pub use rules::Rules;
pub use window::Window;

/// One limit as it binds one subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Its number; what is counted is filed under it.
    pub id: LimitId,
    /// Whom it binds.
    pub scope: Scope,
    /// What it counts.
    pub measure: Measure,
    /// How high it is, outside a temporary raise.
    pub ceiling: Ceiling,
    /// What it may be in the meantime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raise: Option<Raise>,
    /// How far a budget may be overdrawn before anything is refused. Nothing, unless set.
    #[serde(default)]
    pub overdraft: Nanodollars,
    /// What happens to a request whose worst case is more than what is left of a budget.
    #[serde(default)]
    pub fit: Fit,
    /// Whether it is only watched: counted and reported, but never a reason to refuse.
    #[serde(default)]
    pub shadow: bool,
    /// At which shares of a budget to tell somebody, once in each window.
    #[serde(default)]
    pub thresholds: Vec<Percent>,
    /// What has to be lost before requests that a budget pays for are; as the gateway is set, if
    /// this is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub durability: Option<Durability>,
}

impl Limit {
    /// How high it is at `now`.
    pub fn ceiling_at(&self, now: SystemTime) -> Ceiling {
        match self.raise {
            Some(raise) if now < raise.until => raise.to,
            _ => self.ceiling,
        }
    }

    /// Whether the values make sense together.
    ///
    /// # Errors
    ///
    /// What is wrong.
    pub fn check(&self) -> Result<(), BadLimit> {
        let ceilings = [Some(self.ceiling), self.raise.map(|raise| raise.to)];
        if ceilings
            .iter()
            .flatten()
            .any(|c| matches!(c, Ceiling::At(n) if *n < 0))
        {
            return Err(BadLimit::Negative);
        }
        if self.overdraft < Nanodollars::ZERO {
            return Err(BadLimit::Negative);
        }
        let budget = matches!(self.measure, Measure::Budget(_));
        let says_more = self.overdraft != Nanodollars::ZERO
            || !self.thresholds.is_empty()
            || self.durability.is_some();
        if !budget && says_more {
            return Err(BadLimit::NotABudget);
        }
        Ok(())
    }
}

/// Whom a limit binds: a subject in all that it does, or in its calls of one model.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Scope {
    /// Who.
    pub subject: Subject,
    /// The friendly name of the one model; without it, all models together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Arc<str>>,
}

/// Who is bound by a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// One virtual key.
    Key(KeyId),
    /// One person or service, with all their keys.
    User(UserId),
    /// One team, with all that is charged to it.
    Team(TeamId),
    /// Everybody who uses this installation.
    Organisation,
}

/// A limit as an administrator set it, or as a subject has it from a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitSetting {
    /// The limit. Of a default, its scope names the holder.
    #[serde(flatten)]
    pub limit: Limit,
    /// Makes it a default: it binds nobody itself, and each such member of the holder has one like
    /// it, counted apart, unless the member has one of its own or a nearer default. A team is
    /// nearer to its keys than the organisation is, and a user nearer than the team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub each: Option<Member>,
    /// Whose default it comes from, if it was not set on the subject itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inherited_from: Option<Subject>,
}

/// Those to whom a default applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Member {
    /// Each team of the organisation.
    Team,
    /// Each user of the team, or of the organisation.
    User,
    /// Each key of the user, of the team, or of the organisation.
    Key,
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Nanodollars charged in a period.
    Budget(Period),
    /// Requests admitted in any 60 seconds.
    RequestsPerMinute,
    /// Tokens of the requests admitted in any 60 seconds.
    TokensPerMinute,
    /// Requests under way at one time.
    ParallelRequests,
}

/// Over which time a budget lasts: calendar periods of London, so that a day has 23 or 25 hours
/// when the clocks change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// From midnight.
    Day,
    /// From midnight on Monday.
    Week,
    /// From midnight on the first.
    Month,
    /// From midnight on 1 April, as the United Kingdom's public bodies count. The tax year of
    /// persons, from 6 April, is another thing.
    FinancialYear,
    /// For ever.
    Lifetime,
}

/// How high a limit is. That there is none is said, not left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ceiling {
    /// As high as you like.
    Unlimited,
    /// In the units of the measure: nanodollars, requests or tokens.
    At(i64),
}

/// Another ceiling for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Raise {
    /// How high.
    pub to: Ceiling,
    /// From when on the usual ceiling is back. In JSON as RFC 3339 has it: `2026-12-01T00:00:00Z`.
    #[serde(with = "rfc3339")]
    pub until: SystemTime,
}

/// What happens to a request whose worst case is more than what is left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// It is refused.
    #[default]
    Deny,
    /// It may put out fewer tokens, if what is left pays for enough of them.
    Clamp,
}

/// Where a request is written down before Bedrock is called, from the cheapest to the safest.
///
/// Wherever it is, it is in the journal on the gateway's own disk too. Of several budgets that pay
/// for a request, the safest counts.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// Only there: what is lost with the machine's disk, only Bedrock's own log tells of.
    Journal,
    /// In the database too, within 100 ms, unless the request has ended by then.
    #[default]
    Async,
    /// In the database too, before Bedrock is called: nothing is lost that the database keeps.
    Sync,
}

impl Durability {
    /// All of them, from the cheapest to the safest.
    pub const ALL: [Self; 3] = [Self::Journal, Self::Async, Self::Sync];

    /// The name on the command line and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Journal => "journal",
            Self::Async => "async",
            Self::Sync => "sync",
        }
    }
}

impl FromStr for Durability {
    type Err = BadLimit;

    fn from_str(text: &str) -> Result<Self, BadLimit> {
        let found = Self::ALL.into_iter().find(|d| d.as_str() == text);
        found.ok_or(BadLimit::UnknownDurability)
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A share of a budget, in whole hundredths, from 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Percent(u8);

impl Percent {
    /// This share of `amount`, rounded up.
    pub fn of(self, amount: Nanodollars) -> Nanodollars {
        let share = (i128::from(amount.0) * i128::from(self.0) + 99) / 100;
        Nanodollars(i64::try_from(share).unwrap_or(i64::MAX))
    }
}

impl TryFrom<u8> for Percent {
    type Error = BadLimit;

    fn try_from(value: u8) -> Result<Self, BadLimit> {
        if (1..=100).contains(&value) {
            Ok(Self(value))
        } else {
            Err(BadLimit::NotAShare)
        }
    }
}

impl From<Percent> for u8 {
    fn from(percent: Percent) -> Self {
        percent.0
    }
}

impl Period {
    /// All of them, from short to long.
    pub const ALL: [Self; 5] = [
        Self::Day,
        Self::Week,
        Self::Month,
        Self::FinancialYear,
        Self::Lifetime,
    ];

    /// The name on the command line and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::FinancialYear => "financial_year",
            Self::Lifetime => "lifetime",
        }
    }
}

impl FromStr for Period {
    type Err = BadLimit;

    fn from_str(text: &str) -> Result<Self, BadLimit> {
        let found = Self::ALL.into_iter().find(|p| p.as_str() == text);
        found.ok_or(BadLimit::UnknownPeriod)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Ceiling {
    type Err = BadLimit;

    /// Reads `unlimited`, or a whole number in the units of the measure.
    fn from_str(text: &str) -> Result<Self, BadLimit> {
        if text == "unlimited" {
            return Ok(Self::Unlimited);
        }
        match text.parse::<i64>() {
            Ok(n) if n < 0 => Err(BadLimit::Negative),
            Ok(n) => Ok(Self::At(n)),
            Err(_) => Err(BadLimit::NotANumber),
        }
    }
}

impl fmt::Display for Ceiling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => f.pad("unlimited"),
            Self::At(n) => n.fmt(f),
        }
    }
}

impl fmt::Display for Scope {
    /// `team 7`, or `team 7 for claude-sonnet`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.subject {
            Subject::Key(id) => write!(f, "key {id}")?,
            Subject::User(id) => write!(f, "user {id}")?,
            Subject::Team(id) => write!(f, "team {id}")?,
            Subject::Organisation => f.write_str("organisation")?,
        }
        match &self.model {
            Some(model) => write!(f, " for {model}"),
            None => Ok(()),
        }
    }
}

/// Why a limit makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadLimit {
    /// A ceiling or an overdraft below nothing.
    Negative,
    /// An overdraft, thresholds or a durability on something that is not a budget.
    NotABudget,
    /// A share that is not from 1 to 100.
    NotAShare,
    /// Not one of [`Period::ALL`].
    UnknownPeriod,
    /// Not one of [`Durability::ALL`].
    UnknownDurability,
    /// Neither a whole number nor `unlimited`.
    NotANumber,
}

impl fmt::Display for BadLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Negative => "a limit cannot be below zero",
            Self::NotABudget => "only a budget has an overdraft, thresholds or a durability",
            Self::NotAShare => "a threshold is a whole number from 1 to 100",
            Self::UnknownPeriod => {
                "a period is one of day, week, month, financial_year and lifetime"
            }
            Self::UnknownDurability => "a durability is one of journal, async and sync",
            Self::NotANumber => "a limit is a whole number or unlimited",
        })
    }
}

impl std::error::Error for BadLimit {}

#[cfg(test)]
mod tests;
