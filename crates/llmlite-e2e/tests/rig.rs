//! Short forms of the experiments that `cargo xtask overspend` and `cargo xtask revocation` run for
//! minutes.

#![cfg(test)]

use std::time::Duration;

use llmlite_rig::{
    Programs,
    overspend::{self, Chaos},
    revocation::{self, Circumstance},
};

#[tokio::test]
async fn budgets_that_run_out_on_two_gateways_hold_while_one_and_the_database_are_killed() {
    let settings = overspend::Settings {
        processes: 2,
        seconds: 14,
        patience: Duration::from_secs(60),
        keys: 20,
        teams: 2,
        streams: 12,
        team_budget: 300_000_000,
        chaos: Chaos {
            kill_every: Some(Duration::from_secs(4)),
            kill_database_at: Some(Duration::from_secs(6)),
            freeze_database_at: None,
        },
        ..overspend::Settings::default()
    };
    let report = overspend::run(&Programs::beside_us().unwrap(), &settings)
        .await
        .unwrap();
    assert!(report.held(), "{report}");
    assert!(
        report.kills >= 2 && report.figures.generations > 200,
        "{report}"
    );
}

#[tokio::test]
async fn a_key_that_was_taken_back_is_refused_by_both_gateways_with_notifications_and_without() {
    let settings = revocation::Settings {
        processes: 2,
        streams: 2,
        keys: 10,
        circumstances: vec![Circumstance::Usual, Circumstance::Deaf],
    };
    let report = revocation::run(&Programs::beside_us().unwrap(), &settings)
        .await
        .unwrap();
    assert!(report.held(), "{report}");
}
