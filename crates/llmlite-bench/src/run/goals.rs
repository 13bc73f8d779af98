//! What the gateway is to reach, next to the SDK yardstick.

use crate::report::{Board, Contestant, Goal, median};

use super::scenario::{PER_DELTA, Scenario};

/// How much more CPU the gateway may take than the SDK yardstick.
const RATIO: f64 = 1.3;
const MEBIBYTES: f64 = 40.0;
const START_MILLISECONDS: f64 = 300.0;

/// Every goal with its figure.
pub(super) fn of(board: &Board) -> Vec<Goal> {
    let full_load = Scenario::ALL.iter().filter(|s| s.is_full_load());
    let mut goals: Vec<_> = full_load
        .map(|scenario| scenario.cpu_name())
        .chain([PER_DELTA.to_owned()])
        .map(|name| Goal {
            name: format!("{name}, at most {RATIO} times the SDK yardstick's"),
            figure: board.row(&name).and_then(|row| median(&row.ratios())),
            limit: RATIO,
        })
        .collect();
    let gateway = |name: &str| {
        board
            .row(name)
            .and_then(|r| median(r.rounds(Contestant::Gateway)))
    };
    goals.push(Goal {
        name: format!("resident memory after the run, under {MEBIBYTES} MiB"),
        figure: gateway("memory after"),
        limit: MEBIBYTES.next_down(),
    });
    goals.push(Goal {
        name: format!("start to ready on a migrated database, under {START_MILLISECONDS} ms"),
        figure: gateway("start to ready"),
        limit: START_MILLISECONDS.next_down(),
    });
    goals
}
