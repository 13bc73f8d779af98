//! A usage report, added up from the records themselves: what the roll-ups must agree with.

use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

use llmlite_core::{
    ports::reports::{GroupBy, UsageLine, UsageQuery},
    usage::{Ending, Tokens, UsageRecord},
};

use super::State;

pub(super) fn lines(state: &State, query: &UsageQuery) -> Vec<UsageLine> {
    let mut sums: BTreeMap<Group, UsageLine> = BTreeMap::new();
    for record in state.usage.values() {
        let day = utc_day(record.event_id.admitted_at());
        if day < query.from || day > query.to {
            continue;
        }
        let group = Group::of(query.group_by, record, day);
        let line = sums
            .entry(group)
            .or_insert_with_key(|group| UsageLine::named(group.name(state)));
        line.add(record);
    }
    let mut lines: Vec<UsageLine> = sums.into_values().collect();
    if query.group_by != GroupBy::Day {
        lines.sort_by_key(|line| std::cmp::Reverse(line.cost));
    }
    lines
}

/// What a line stands for. Nothing comes after something, as in the database.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Text(String),
    Key(i64),
    User(i64),
    Team(i64),
    Nobody,
}

impl Group {
    fn of(by: GroupBy, record: &UsageRecord, day: String) -> Self {
        match by {
            GroupBy::Day => Self::Text(day),
            GroupBy::Model => Self::Text(record.model.to_string()),
            GroupBy::Key => Self::Key(record.key_id.0),
            GroupBy::User => record.user_id.map_or(Self::Nobody, |id| Self::User(id.0)),
            GroupBy::Team => record.team_id.map_or(Self::Nobody, |id| Self::Team(id.0)),
        }
    }

    /// What was never in the directory, or is no longer, goes by its number.
    fn name(&self, state: &State) -> Option<String> {
        let known = match self {
            Self::Text(text) => return Some(text.clone()),
            Self::Nobody => return None,
            Self::Key(id) => {
                let key = state.keys.iter().find(|key| key.id.0 == *id);
                key.map_or_else(|| format!("key {id}"), |key| format!("{} ({id})", key.name))
            }
            Self::User(id) => {
                let user = state.users.iter().find(|user| user.id.0 == *id);
                user.map_or_else(|| format!("user {id}"), |user| user.email.clone())
            }
            Self::Team(id) => {
                let team = state.teams.iter().find(|team| team.id.0 == *id);
                team.map_or_else(|| format!("team {id}"), |team| team.name.clone())
            }
        };
        Some(known)
    }
}

trait Sum {
    fn named(group: Option<String>) -> Self;
    fn add(&mut self, record: &UsageRecord);
}

impl Sum for UsageLine {
    fn named(group: Option<String>) -> Self {
        Self {
            group,
            requests: 0,
            failed: 0,
            tokens: Tokens::default(),
            cost: llmlite_core::money::Nanodollars::ZERO,
        }
    }

    fn add(&mut self, record: &UsageRecord) {
        self.requests += 1;
        self.failed += u64::from(matches!(
            record.ending,
            Ending::UpstreamFailed | Ending::Shutdown
        ));
        self.tokens.input += record.tokens.input;
        self.tokens.output += record.tokens.output;
        self.tokens.cache_read += record.tokens.cache_read;
        self.tokens.cache_write_5m += record.tokens.cache_write_5m;
        self.tokens.cache_write_1h += record.tokens.cache_write_1h;
        self.cost = self.cost + record.cost;
    }
}

/// The day in UTC, as `2026-11-23`.
///
/// Years are counted from March, so that the leap day is the last of its year.
fn utc_day(time: SystemTime) -> String {
    let days = time
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
        / 86_400;
    // 719,468 days lie between the first of March of the year 0 and 1970; 146,097 are 400 years.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::at;

    #[track_caller]
    fn check(seconds: u64, want: &str) {
        assert_eq!(utc_day(at(seconds)), want);
    }

    #[test]
    fn a_time_falls_on_its_day_of_utc() {
        check(0, "1970-01-01");
        check(951_782_400, "2000-02-29");
        check(951_868_800, "2000-03-01");
        check(1_795_424_400, "2026-11-23");
        check(1_798_761_599, "2026-12-31");
        check(1_798_761_600, "2027-01-01");
        check(4_107_542_399, "2100-02-28");
        check(4_107_542_400, "2100-03-01");
    }
}
