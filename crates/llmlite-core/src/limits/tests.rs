use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use super::*;

mod json;

fn at(text: &str) -> SystemTime {
    text.parse::<Timestamp>().unwrap().try_into().unwrap()
}

#[track_caller]
fn check(period: Period, now: &str, starts: &str, ends: &str, hours: u64) {
    let window = Window::of(period, at(now));
    assert_eq!(window.starts, at(starts), "starts");
    assert_eq!(window.ends, Some(at(ends)), "ends");
    let lasts = at(ends).duration_since(at(starts)).unwrap();
    assert_eq!(lasts, Duration::from_hours(hours), "lasts");
    assert!(window.contains(at(now)) && window.contains(at(starts)) && !window.contains(at(ends)));
}

#[test]
#[rustfmt::skip]
fn a_window_follows_londons_calendar_and_its_clocks() {
    use Period::*;
    //    period         now                     starts                  ends                    hours
    check(Day,           "2026-11-24T00:00:00Z", "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z", 24);
    check(Day,           "2026-07-01T23:30:00Z", "2026-07-01T23:00:00Z", "2026-07-02T23:00:00Z", 24);
    check(Day,           "2027-03-28T12:00:00Z", "2027-03-28T00:00:00Z", "2027-03-28T23:00:00Z", 23);
    check(Day,           "2027-10-31T12:00:00Z", "2027-10-30T23:00:00Z", "2027-11-01T00:00:00Z", 25);
    check(Week,          "2026-11-29T23:59:59Z", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z", 168);
    check(Week,          "2026-11-30T00:00:00Z", "2026-11-30T00:00:00Z", "2026-12-07T00:00:00Z", 168);
    check(Week,          "2027-03-28T22:59:59Z", "2027-03-22T00:00:00Z", "2027-03-28T23:00:00Z", 167);
    check(Month,         "2028-02-29T12:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z", 29 * 24);
    check(Month,         "2026-12-31T23:59:59Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z", 31 * 24);
    check(FinancialYear, "2027-03-31T22:59:59Z", "2026-03-31T23:00:00Z", "2027-03-31T23:00:00Z", 365 * 24);
    check(FinancialYear, "2027-03-31T23:00:00Z", "2027-03-31T23:00:00Z", "2028-03-31T23:00:00Z", 366 * 24);
    check(FinancialYear, "2027-04-05T12:00:00Z", "2027-03-31T23:00:00Z", "2028-03-31T23:00:00Z", 366 * 24);
}

#[test]
fn a_lifetime_has_no_end() {
    let window = Window::of(Period::Lifetime, at("2026-11-24T00:00:00Z"));
    assert_eq!(window.ends, None);
    assert!(window.contains(at("9999-01-01T00:00:00Z")));
}

#[test]
fn windows_of_a_period_follow_one_another_without_gap_or_overlap() {
    for period in [
        Period::Day,
        Period::Week,
        Period::Month,
        Period::FinancialYear,
    ] {
        let mut window = Window::of(period, at("2026-01-01T00:00:00Z"));
        for _ in 0..800 {
            let ends = window.ends.expect("it ends");
            let next = Window::of(period, ends);
            assert_eq!(next.starts, ends, "{period}");
            let last_moment = ends - Duration::from_micros(1);
            assert_eq!(Window::of(period, last_moment), window, "{period}");
            window = next;
        }
    }
}

fn budget() -> Limit {
    Limit {
        id: LimitId(3),
        scope: Scope {
            subject: Subject::Team(TeamId(7)),
            model: Some("claude-sonnet".into()),
        },
        measure: Measure::Budget(Period::FinancialYear),
        ceiling: Ceiling::At(100),
        raise: None,
        overdraft: Nanodollars::ZERO,
        fit: Fit::Clamp,
        shadow: false,
        thresholds: vec![Percent(50), Percent(95)],
        durability: None,
    }
}

#[test]
fn a_raise_ends_at_its_date() {
    let until = at("2026-12-01T00:00:00Z");
    let raised = Limit {
        raise: Some(Raise {
            to: Ceiling::Unlimited,
            until,
        }),
        ..budget()
    };
    let before = until - Duration::from_nanos(100);
    assert_eq!(raised.ceiling_at(before), Ceiling::Unlimited);
    assert_eq!(raised.ceiling_at(until), Ceiling::At(100));
}

#[test]
fn a_limit_that_makes_no_sense_says_why() {
    let check = |change: fn(&mut Limit), want| {
        let mut limit = budget();
        change(&mut limit);
        assert_eq!(limit.check(), want);
    };
    check(|_| {}, Ok(()));
    check(|l| l.ceiling = Ceiling::At(-1), Err(BadLimit::Negative));
    check(|l| l.overdraft = Nanodollars(-1), Err(BadLimit::Negative));
    check(
        |l| {
            l.raise = Some(Raise {
                to: Ceiling::At(-5),
                until: SystemTime::UNIX_EPOCH,
            });
        },
        Err(BadLimit::Negative),
    );
    check(
        |l| l.measure = Measure::ParallelRequests,
        Err(BadLimit::NotABudget),
    );
    check(
        |l| {
            l.measure = Measure::ParallelRequests;
            l.thresholds.clear();
            l.durability = Some(Durability::Journal);
        },
        Err(BadLimit::NotABudget),
    );
}

#[test]
fn periods_and_ceilings_are_read_as_they_are_shown() {
    for period in Period::ALL {
        assert_eq!(period.to_string().parse(), Ok(period));
    }
    for durability in Durability::ALL {
        assert_eq!(durability.to_string().parse(), Ok(durability));
    }
    assert_eq!(
        "fsync".parse::<Durability>(),
        Err(BadLimit::UnknownDurability)
    );
    for ceiling in [Ceiling::Unlimited, Ceiling::At(0), Ceiling::At(i64::MAX)] {
        assert_eq!(ceiling.to_string().parse(), Ok(ceiling));
    }
    assert_eq!("year".parse::<Period>(), Err(BadLimit::UnknownPeriod));
    assert_eq!("-1".parse::<Ceiling>(), Err(BadLimit::Negative));
    assert_eq!("".parse::<Ceiling>(), Err(BadLimit::NotANumber));
}

#[test]
fn a_share_is_rounded_up_so_that_a_threshold_is_never_early() {
    let share = |percent, amount| Percent(percent).of(Nanodollars(amount)).0;
    assert_eq!(share(50, 100), 50);
    assert_eq!(share(50, 101), 51);
    assert_eq!(share(100, i64::MAX), i64::MAX);
}

#[test]
fn a_scope_reads_like_a_sentence() {
    assert_eq!(budget().scope.to_string(), "team 7 for claude-sonnet");
}
