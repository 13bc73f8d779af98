//! The form of limits in JSON: what the store puts together in SQL, and what `--json` prints.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;

/// It is written in this form and read from it.
#[track_caller]
fn check<T>(value: T, form: &str)
where
    T: Serialize + DeserializeOwned + PartialEq + fmt::Debug,
{
    assert_eq!(serde_json::to_string(&value).unwrap(), form);
    assert_eq!(serde_json::from_str::<T>(form).unwrap(), value);
}

#[test]
#[rustfmt::skip]
fn each_part_of_a_limit_has_one_form() {
    check(Subject::Key(KeyId(1)),                 r#"{"key":1}"#);
    check(Subject::User(UserId(2)),               r#"{"user":2}"#);
    check(Subject::Team(TeamId(3)),               r#"{"team":3}"#);
    check(Subject::Organisation,                  r#""organisation""#);
    check(Measure::Budget(Period::Day),           r#"{"budget":"day"}"#);
    check(Measure::Budget(Period::Week),          r#"{"budget":"week"}"#);
    check(Measure::Budget(Period::Month),         r#"{"budget":"month"}"#);
    check(Measure::Budget(Period::FinancialYear), r#"{"budget":"financial_year"}"#);
    check(Measure::Budget(Period::Lifetime),      r#"{"budget":"lifetime"}"#);
    check(Measure::RequestsPerMinute,             r#""requests_per_minute""#);
    check(Measure::TokensPerMinute,               r#""tokens_per_minute""#);
    check(Measure::ParallelRequests,              r#""parallel_requests""#);
    check(Ceiling::Unlimited,                     r#""unlimited""#);
    check(Ceiling::At(0),                         r#"{"at":0}"#);
    check(Ceiling::At(i64::MAX),                  r#"{"at":9223372036854775807}"#);
    check(Fit::Deny,                              r#""deny""#);
    check(Fit::Clamp,                             r#""clamp""#);
    check(Member::Team,                           r#""team""#);
    check(Member::User,                           r#""user""#);
    check(Member::Key,                            r#""key""#);
    check(Percent(1),                             "1");
    check(Percent(100),                           "100");
}

#[test]
fn periods_have_one_name_in_json_and_on_the_command_line() {
    for period in Period::ALL {
        check(period, &format!("\"{period}\""));
    }
}

fn full() -> LimitSetting {
    LimitSetting {
        limit: Limit {
            raise: Some(Raise {
                to: Ceiling::Unlimited,
                until: at("2026-12-01T00:00:00.500001Z"),
            }),
            overdraft: Nanodollars(7),
            shadow: true,
            durability: Some(Durability::Sync),
            ..budget()
        },
        each: Some(Member::Key),
        inherited_from: Some(Subject::Organisation),
    }
}

fn short() -> LimitSetting {
    LimitSetting {
        limit: Limit {
            id: LimitId(4),
            scope: Scope {
                subject: Subject::Organisation,
                model: None,
            },
            measure: Measure::RequestsPerMinute,
            ceiling: Ceiling::Unlimited,
            raise: None,
            overdraft: Nanodollars::ZERO,
            fit: Fit::Deny,
            shadow: false,
            thresholds: Vec::new(),
            durability: None,
        },
        each: None,
        inherited_from: None,
    }
}

#[test]
fn a_setting_has_one_form() {
    check(
        full(),
        concat!(
            r#"{"id":3,"scope":{"subject":{"team":7},"model":"claude-sonnet"},"#,
            r#""measure":{"budget":"financial_year"},"ceiling":{"at":100},"#,
            r#""raise":{"to":"unlimited","until":"2026-12-01T00:00:00.500001Z"},"#,
            r#""overdraft":7,"fit":"clamp","shadow":true,"thresholds":[50,95],"#,
            r#""durability":"sync","each":"key","inherited_from":"organisation"}"#,
        ),
    );
    let form = concat!(
        r#"{"id":4,"scope":{"subject":"organisation"},"measure":"requests_per_minute","#,
        r#""ceiling":"unlimited","overdraft":0,"fit":"deny","shadow":false,"thresholds":[]}"#,
    );
    check(short(), form);
    check(short().limit, form);
}

/// As PostgreSQL has it: keys by their length, nulls for what is not there, times with an offset.
#[test]
fn what_the_database_puts_together_is_read() {
    let of_full = r#"{"id": 3, "fit": "clamp", "each": "key", "raise": {"to": "unlimited", "until":
        "2026-12-01T01:00:00.500001+01:00"}, "scope": {"model": "claude-sonnet", "subject":
        {"team": 7}}, "shadow": true, "ceiling": {"at": 100}, "measure": {"budget":
        "financial_year"}, "overdraft": 7, "thresholds": [50, 95], "durability": "sync",
        "inherited_from": "organisation"}"#;
    assert_eq!(
        serde_json::from_str::<LimitSetting>(of_full).unwrap(),
        full()
    );
    let of_short = r#"{"id": 4, "fit": "deny", "each": null, "raise": null, "scope": {"model": null,
        "subject": "organisation"}, "shadow": false, "ceiling": "unlimited", "measure":
        "requests_per_minute", "overdraft": 0, "thresholds": [], "inherited_from": null}"#;
    assert_eq!(
        serde_json::from_str::<LimitSetting>(of_short).unwrap(),
        short()
    );
    assert_eq!(
        serde_json::from_str::<Limit>(of_short).unwrap(),
        short().limit
    );
}

#[test]
fn what_may_be_left_out_is_what_is_usual() {
    let form = json!({
        "id": 4,
        "scope": {"subject": "organisation"},
        "measure": "requests_per_minute",
        "ceiling": "unlimited",
    });
    assert_eq!(
        serde_json::from_value::<LimitSetting>(form).unwrap(),
        short()
    );
}

#[test]
fn a_limit_of_no_known_form_is_refused_whole() {
    let check = |change: fn(&mut Value)| {
        let mut form = serde_json::to_value(full()).unwrap();
        change(&mut form);
        assert!(
            serde_json::from_value::<LimitSetting>(form.clone()).is_err(),
            "{form}"
        );
    };
    check(|form| form["ceiling"] = Value::Null);
    check(|form| form["ceiling"] = json!(100));
    check(|form| form["measure"] = json!("budget"));
    check(|form| form["measure"] = json!({"budget": "year"}));
    check(|form| form["measure"] = json!("images_per_minute"));
    check(|form| form["scope"] = json!({}));
    check(|form| form["scope"]["subject"] = json!({"tenant": 7}));
    check(|form| form["fit"] = json!("bend"));
    check(|form| form["raise"] = json!({"to": {"at": 5}}));
    check(|form| form["raise"]["until"] = json!("2026-12-01"));
    check(|form| form["thresholds"] = json!([0]));
    check(|form| form["thresholds"] = json!([101]));
    check(|form| form["each"] = json!("organisation"));
}
