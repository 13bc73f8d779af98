//! Limits that change while leases of them are held.

use llmlite_core::limits::Raise;

use super::*;

/// Ten in the evening; the desk opens at ten in the morning.
const EVENING: Duration = Duration::from_secs(1_795_557_600);

/// A desk where sixty requests in a minute have spent 60,000, so that there is a large lease.
fn busy(rules: &[Limit]) -> Desk {
    let mut desk = Desk::new(rules);
    for _ in 0..60 {
        spend(&mut desk);
        desk.pass(1);
    }
    assert_eq!(desk.settled, 60_000);
    assert!(desk.money().avail > 10_000, "{:?}", desk.money());
    desk
}

fn spend(desk: &mut Desk) {
    let ticket = desk.admits(1_000, 0);
    desk.settle(ticket, cost(1_000));
}

/// What is spent besides in a thousand seconds, if it can be.
fn spent_on(desk: &mut Desk) -> i64 {
    let before = desk.settled;
    for _ in 0..1_000 {
        if let Ok(admitted) = desk.admit(1_000, 0) {
            desk.settle(admitted.ticket, cost(1_000));
        }
        desk.pass(1);
    }
    desk.settled - before
}

fn set(desk: &mut Desk, rule: Limit) {
    let id = rule.id;
    desk.rules = [rule].into();
    let commands = desk.limiter.changed(desk.now, &[id]);
    desk.obey(commands);
}

#[test]
fn a_lease_of_a_budget_that_was_lowered_is_not_spent_but_given_back() {
    for ceiling in [0, 30_000, 60_000] {
        let mut desk = busy(&[budget(1_000_000)]);
        set(&mut desk, budget(ceiling));
        assert_eq!(desk.held(), 0, "it went back at once");
        assert_eq!(spent_on(&mut desk), 0);
    }
    let mut desk = busy(&[budget(1_000_000)]);
    set(&mut desk, budget(70_500));
    assert_eq!(spent_on(&mut desk), 10_000, "what is left can be spent");
}

#[test]
fn a_request_that_waits_when_a_budget_is_lowered_is_not_served_from_the_lease() {
    let mut desk = Desk::new(&[budget(1_000)]);
    let first = desk.admits(100, 0);
    let rest = desk.money().avail;
    assert!(rest > 0);
    desk.rules = [budget(100)].into();
    let second = desk.wait(rest + 1);
    desk.carry_out(second.ask.clone().unwrap());
    assert_eq!(desk.refuses(1, 0).limit.unwrap().ceiling, 100);
    assert!(desk.verdict(&second).unwrap().is_err());
    assert_eq!(desk.held(), 100, "what is under way is paid for");
    desk.settle(first, cost(40));
    let _third = desk.admits(60, 0);
}

#[test]
fn what_is_left_of_a_budget_that_was_lowered_and_nobody_told_of_goes_back_soon() {
    for thresholds in [vec![], vec![Percent::try_from(50).unwrap()]] {
        let high = Limit {
            thresholds,
            ..budget(1_000_000)
        };
        let mut desk = busy(std::slice::from_ref(&high));
        desk.rules = [budget(60_000)].into();
        desk.pass(12);
        assert_eq!(desk.held(), 0);
    }
}

#[test]
fn a_request_that_ends_late_leaves_nothing_to_spend_of_a_budget_lowered_meanwhile() {
    let mut desk = Desk::new(&[budget(1_000)]);
    let ticket = desk.admits(500, 0);
    desk.pass(60);
    desk.rules = [budget(10)].into();
    desk.pass(12);
    desk.settle(ticket, cost(10));
    assert_eq!(desk.refuses(100, 0).limit.unwrap().ceiling, 10);
}

#[test]
fn a_raise_that_ends_is_noticed_in_that_moment() {
    let raise = Raise {
        to: Ceiling::At(10_000_000),
        until: SystemTime::UNIX_EPOCH + EVENING,
    };
    let mut desk = Desk::new(&[Limit {
        raise: Some(raise),
        ..budget(50_000)
    }]);
    desk.clock = Duration::from_secs(12 * 3_600 - 61);
    desk.tick();
    for _ in 0..60 {
        spend(&mut desk);
        desk.pass(1);
    }
    assert!(desk.held() > 10_000);
    let ends = desk.now + millis(1_000);
    desk.now += millis(500);
    assert_eq!(desk.limiter.wakes(desk.now), Some(ends));
    desk.now = ends;
    let commands = desk.limiter.tick(desk.now);
    desk.obey(commands);
    assert_eq!(desk.held(), 0);
    assert_eq!(spent_on(&mut desk), 0);
}

/// A call is carried out, then the limit is lowered and that is told, and only then the call's
/// answer arrives.
#[track_caller]
fn told_under_way(before: Limit, after: Limit, ceiling: fn(&Desk) -> Ceiling) {
    let mut desk = Desk::new(&[before]);
    let _held: Vec<_> = (0..3).map(|_| desk.admits(10, 10)).collect();
    desk.now += millis(2_000);
    let need = desk.wait(5_000);
    let call = need.ask.clone().expect("nothing else is under way");
    let answer = desk.answer(&call);
    let want = after.ceiling;
    set(&mut desk, after);
    let commands = desk.limiter.answered(desk.now, &answer);
    desk.obey(commands);
    assert_eq!(ceiling(&desk), want);
}

#[test]
fn a_change_heard_while_a_call_is_under_way_is_not_wiped_out_by_its_answer() {
    told_under_way(budget(6_000), budget(40), |desk| {
        let mut accounts = desk.limiter.budgets[&BUDGET].accounts.iter();
        accounts.next().unwrap().told.unwrap().ceiling
    });
    told_under_way(parallel(4), parallel(1), |desk| {
        desk.limiter.permits[&PARALLEL].told.unwrap().ceiling
    });
    told_under_way(rpm(9), rpm(1), |desk| {
        desk.limiter.rates[&RPM].told.unwrap().ceiling
    });
}

#[test]
fn a_refusal_from_before_a_raise_does_not_outlive_it() {
    for (low, high) in [
        (budget(10), budget(10_000)),
        (parallel(0), parallel(9)),
        (rpm(0), rpm(9)),
    ] {
        let mut desk = Desk::new(&[low]);
        let need = desk.wait(100);
        let call = need.ask.clone().expect("nothing else is under way");
        let answer = desk.answer(&call);
        set(&mut desk, high);
        let commands = desk.limiter.answered(desk.now, &answer);
        desk.obey(commands);
        assert!(desk.verdict(&need).expect("it is decided").is_ok());
    }
}

#[test]
fn a_recall_heard_while_a_call_is_under_way_is_not_wiped_out_by_its_answer() {
    let mut desk = Desk::new(&[budget(1_000_000)]);
    let _held = desk.admits(100, 0);
    let account = desk.money().account;
    let need = desk.wait(5_000);
    let call = need.ask.clone().expect("nothing else is under way");
    let answer = desk.answer(&call);
    let commands = desk.limiter.recalled(desk.now, &[account]);
    assert!(commands.is_empty(), "a call is under way");
    let commands = desk.limiter.answered(desk.now, &answer);
    desk.obey(commands);
    assert_eq!(desk.money().avail, 0);
}

#[test]
fn an_unlimited_budget_is_charged_so_that_a_ceiling_finds_what_was_spent() {
    let unlimited = Limit {
        ceiling: Ceiling::Unlimited,
        ..budget(0)
    };
    let mut desk = Desk::new(&[unlimited]);
    let calls = desk.calls.len();
    let ticket = desk.admits(600, 0);
    assert_eq!(ticket.accounts().count(), 1);
    assert_eq!(desk.calls.len(), calls, "nobody was asked");
    assert_eq!(desk.limiter.overdrawn(), Nanodollars(-600));
    desk.pass(1);
    assert_eq!(desk.limiter.overdrawn(), Nanodollars::ZERO);
    desk.settle(ticket, cost(600));
    assert_eq!(desk.settled, 600);
    let under_way = desk.admits(100, 0);
    set(&mut desk, budget(1_000));
    assert_eq!(desk.refuses(301, 0).limit.unwrap().used, 600);
    let _rest = desk.admits(300, 0);
    desk.settle(under_way, cost(100));
    desk.refuses(1, 0);
}
