use llmlite_core::{
    ids::{KeyId, TeamId, UserId},
    money::Nanodollars,
    ports::ledger::Ledger,
    usage::{Ending, UsageRecord},
};
use llmlite_testkit::{build::a_record, postgres};
use serde_json::json;

use crate::command::Shell;

/// 2026-11-01T00:00:00Z in seconds since 1970.
const NOVEMBER: u64 = 1_793_491_200;
const HOUR: u64 = 3600;

fn record(seconds: u64, key: i64, model: &str, cost: i64, ending: Ending) -> UsageRecord {
    UsageRecord {
        key_id: KeyId(key),
        user_id: (key == 1).then_some(UserId(1)),
        team_id: (key == 1).then_some(TeamId(1)),
        model: model.into(),
        cost: Nanodollars(cost),
        ending,
        ..a_record(seconds)
    }
}

/// Two keys, one of them of ada in alpha, and four requests around the first of November.
async fn november() -> (postgres::TestDatabase, Shell) {
    let database = postgres::fresh().await;
    let shell = Shell::at(database.url());
    shell.json("team create alpha");
    shell.json("user create ada@example.com --team alpha");
    shell.json("key create --name laptop --user ada@example.com");
    shell.json("key create --name ci");
    let batch = [
        record(NOVEMBER - HOUR, 1, "claude-3-opus", 7, Ending::Complete),
        record(
            NOVEMBER,
            1,
            "claude-3-opus",
            1_500_000_000,
            Ending::Complete,
        ),
        record(
            NOVEMBER + HOUR,
            1,
            "claude-sonnet-4-5",
            2,
            Ending::UpstreamFailed,
        ),
        record(
            NOVEMBER + 30 * HOUR,
            2,
            "claude-sonnet-4-5",
            40,
            Ending::ClientGone,
        ),
    ];
    assert_eq!(
        database
            .store()
            .await
            .flush(llmlite_core::ids::InstanceId(1), &batch)
            .await
            .unwrap(),
        4
    );
    (database, shell)
}

#[tokio::test]
async fn a_report_is_a_table_with_a_total() {
    let (_database, shell) = november().await;
    assert_eq!(
        shell.text("usage report --from 2026-10-01 --to 2026-11-02"),
        "\
usage from 2026-10-01 to 2026-11-02 (UTC)

DAY         REQUESTS  FAILED  INPUT  CACHE READ  CACHE WRITE  OUTPUT     COST USD
2026-10-31         1       0   1000          50           30     100  0.000000007
2026-11-01         2       1   2000         100           60     200  1.500000002
2026-11-02         1       0   1000          50           30     100  0.000000040
total              4       1   4000         200          120     400  1.500000049
"
    );
}

#[track_caller]
fn check(shell: &Shell, by: &str, want: &[(Option<&str>, i64)]) {
    let report = shell.json(&format!(
        "usage report --by {by} --from 2026-11-01 --to 2026-11-30"
    ));
    assert_eq!(report["by"], by);
    let lines: Vec<_> = report["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| {
            (
                line["group"].as_str(),
                line["cost_nanodollars"].as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(lines, want, "{by}");
    assert_eq!(report["total"]["cost_usd"], "1.500000042");
    assert_eq!(report["total"]["tokens"]["input"], 3000);
}

#[tokio::test]
#[rustfmt::skip]
async fn a_report_is_by_what_was_asked_for_and_of_the_days_asked_for() {
    let (_database, shell) = november().await;
    check(&shell, "day",   &[(Some("2026-11-01"), 1_500_000_002), (Some("2026-11-02"), 40)]);
    check(&shell, "model", &[(Some("claude-3-opus"), 1_500_000_000), (Some("claude-sonnet-4-5"), 42)]);
    check(&shell, "key",   &[(Some("laptop (1)"), 1_500_000_002), (Some("ci (2)"), 40)]);
    check(&shell, "user",  &[(Some("ada@example.com"), 1_500_000_002), (None, 40)]);
    check(&shell, "team",  &[(Some("alpha"), 1_500_000_002), (None, 40)]);
}

#[tokio::test]
async fn keys_of_one_name_and_keys_that_are_gone_are_told_apart_by_their_numbers() {
    let (database, shell) = november().await;
    shell.json("key create --name ci");
    let batch = [
        record(NOVEMBER, 3, "claude-3-opus", 30, Ending::Complete),
        record(NOVEMBER, 9, "claude-3-opus", 20, Ending::Complete),
    ];
    database
        .store()
        .await
        .flush(llmlite_core::ids::InstanceId(1), &batch)
        .await
        .unwrap();

    let table = shell.text("usage report --by key --from 2026-11-01 --to 2026-11-30");

    let labels: Vec<_> = table
        .lines()
        .skip(3)
        .map(|line| line.split("  ").next().unwrap())
        .collect();
    assert_eq!(labels, ["laptop (1)", "ci (2)", "ci (3)", "key 9", "total"]);
}

#[tokio::test]
async fn a_report_without_days_is_of_this_month() {
    let database = postgres::fresh().await;
    let report = Shell::at(database.url()).json("usage report");
    let (from, to) = (
        report["from"].as_str().unwrap(),
        report["to"].as_str().unwrap(),
    );
    assert!(from.ends_with("-01") && from[..7] == to[..7], "{from} {to}");
    assert_eq!(report["lines"], json!([]));
    assert_eq!(report["total"]["requests"], 0);
}
