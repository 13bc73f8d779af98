//! Ten thousand worlds, and three in which a mistake was planted.

use llmlite_model::{Figures, Planted, run, trace};

/// Runs the seeds from `from` up to and without `to`.
#[track_caller]
fn check(from: u64, to: u64) {
    let mut all = Figures::default();
    for seed in from..to {
        let kept = run(seed, None);
        assert!(
            kept.is_ok(),
            "{kept:?}; show every step: cargo xtask model-test --seed {seed}"
        );
        all.add(&kept.unwrap_or_default());
    }
    let worlds = to - from;
    assert!(all.admitted > 10 * worlds, "requests got through: {all:?}");
    assert!(all.refused > 10 * worlds, "limits were reached: {all:?}");
    assert!(all.away > worlds, "the database was away: {all:?}");
    assert!(all.crashes > worlds, "processes crashed: {all:?}");
}

// In parts, so that they run on several processors.

#[test]
fn every_promise_is_kept_in_the_first_quarter_of_the_seeds() {
    check(0, 2_500);
}

#[test]
fn every_promise_is_kept_in_the_second_quarter_of_the_seeds() {
    check(2_500, 5_000);
}

#[test]
fn every_promise_is_kept_in_the_third_quarter_of_the_seeds() {
    check(5_000, 7_500);
}

#[test]
fn every_promise_is_kept_in_the_last_quarter_of_the_seeds() {
    check(7_500, 10_000);
}

/// Within the same ten thousand seeds the model finds the mistake, and says something that has
/// `words` in it.
#[track_caller]
fn check_that_it_is_caught(planted: Planted, words: &str) {
    let caught = (0..10_000).find_map(|seed| run(seed, Some(planted)).err());
    let violation = caught.expect("a mistake was planted, and nothing was noticed");
    assert!(violation.what.contains(words), "{violation}");
    assert_eq!(run(violation.seed, Some(planted)), Err(violation.clone()));
    assert!(run(violation.seed, None).is_ok(), "{violation}");
}

#[test]
fn a_sum_that_was_read_before_the_lock_is_caught() {
    check_that_it_is_caught(Planted::SumAfterSnapshot, "requests at a time");
}

#[test]
fn a_lease_that_is_taken_back_by_time_out_is_caught() {
    check_that_it_is_caught(Planted::LeaseByTimeOut, "but only");
}

#[test]
fn an_instance_number_that_is_used_again_is_caught() {
    check_that_it_is_caught(Planted::MissingFence, "taken");
}

#[test]
fn a_seed_replays_byte_for_byte() {
    for seed in [1, 28, 195] {
        let (result, first) = trace(seed, None);
        assert!(result.is_ok() && first.len() > 10_000);
        assert_eq!(trace(seed, None), (result, first));
    }
}
