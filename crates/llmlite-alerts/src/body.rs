//! What a webhook says, as JSON.

use std::time::SystemTime;

use jiff::Timestamp;
use llmlite_core::{
    limits::{Percent, Period, Subject},
    money::Nanodollars,
    ports::alerts::BudgetAlert,
};
use serde::{Serialize, Serializer};

/// The body about `alert`.
pub(crate) fn of(alert: &BudgetAlert) -> Vec<u8> {
    let (kind, id) = match alert.scope.subject {
        Subject::Key(id) => ("key", Some(id.0)),
        Subject::User(id) => ("user", Some(id.0)),
        Subject::Team(id) => ("team", Some(id.0)),
        Subject::Organisation => ("organisation", None),
    };
    let event = Event {
        kind: "budget.threshold_crossed",
        timestamp: Time(alert.at),
        data: Data {
            subject: Who {
                kind,
                id,
                name: alert.team.as_deref(),
            },
            model: alert.scope.model.as_deref(),
            limit_id: alert.limit.0,
            period: alert.period,
            window: Span {
                starts: Time(alert.window.starts),
                ends: alert.window.ends.map(Time),
            },
            threshold_percent: alert.threshold,
            used_nanodollars: alert.used,
            used_usd: alert.used.to_string(),
            limit_nanodollars: alert.ceiling,
            limit_usd: alert.ceiling.to_string(),
        },
    };
    serde_json::to_vec(&event).expect("numbers, texts and times within the calendar have a form")
}

#[derive(Serialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: Time,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    subject: Who<'a>,
    /// Null for all models together.
    model: Option<&'a str>,
    limit_id: i64,
    period: Period,
    window: Span,
    threshold_percent: Percent,
    used_nanodollars: Nanodollars,
    used_usd: String,
    limit_nanodollars: Nanodollars,
    limit_usd: String,
}

#[derive(Serialize)]
struct Who<'a> {
    kind: &'static str,
    /// None of the organisation, of which there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<i64>,
    /// Only of a team: names of keys and addresses of users are about persons.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

#[derive(Serialize)]
struct Span {
    starts: Time,
    /// Null if it never ends.
    ends: Option<Time>,
}

/// A moment as RFC 3339 has it, in UTC.
struct Time(SystemTime);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&Timestamp::try_from(self.0).unwrap_or(Timestamp::MAX))
    }
}

#[cfg(test)]
mod tests {
    use llmlite_core::{
        ids::{LimitId, TeamId},
        limits::{Scope, Window},
    };

    use super::*;

    fn at(text: &str) -> SystemTime {
        text.parse::<Timestamp>().unwrap().try_into().unwrap()
    }

    fn team_in_april() -> BudgetAlert {
        let at = at("2026-04-30T22:15:00.123Z");
        BudgetAlert {
            limit: LimitId(3),
            scope: Scope {
                subject: Subject::Team(TeamId(7)),
                model: Some("claude-sonnet".into()),
            },
            team: Some("alpha".to_owned()),
            period: Period::Month,
            window: Window::of(Period::Month, at),
            threshold: Percent::try_from(80).unwrap(),
            used: Nanodollars(80_000_000_001),
            ceiling: Nanodollars(100_000_000_000),
            at,
        }
    }

    #[track_caller]
    fn check(alert: &BudgetAlert, golden: &str) {
        let said = String::from_utf8(of(alert)).unwrap();
        let golden: serde_json::Value = serde_json::from_str(golden).unwrap();
        // The order of fields counts too: receivers' logs are read by people.
        assert_eq!(said, golden.to_string());
    }

    #[test]
    fn a_team_is_told_by_name() {
        check(&team_in_april(), include_str!("body/team.json"));
    }

    #[test]
    fn the_organisation_has_no_number_and_a_lifetime_no_end() {
        let alert = BudgetAlert {
            scope: Scope {
                subject: Subject::Organisation,
                model: None,
            },
            team: None,
            period: Period::Lifetime,
            window: Window::of(Period::Lifetime, SystemTime::UNIX_EPOCH),
            ..team_in_april()
        };
        check(&alert, include_str!("body/organisation.json"));
    }
}
