use llmlite_core::quota::SLOT;

use super::*;
use crate::{BudgetOutage, RateOutage};

fn settings(budget_outage: BudgetOutage, rate_outage: RateOutage) -> Settings {
    Settings {
        budget_outage,
        rate_outage,
        ..Settings::default()
    }
}

/// Of ten requests while the database is away, how many get through beyond what was leased.
#[track_caller]
fn check(rule: Limit, settings: Settings, live: i64, want: usize) {
    let mut desk = Desk::with(&[rule], settings);
    desk.live = live;
    desk.tick();
    desk.pass(1);
    desk.lose_store();
    let got = (0..10).filter(|_| desk.admit(10, 10).is_ok()).count();
    assert_eq!(got, want);
}

#[test]
#[rustfmt::skip]
fn while_the_database_is_away_the_settings_say_what_goes_on() {
    use BudgetOutage::{AllowUpTo, Deny};
    let up_to = |n| AllowUpTo(Nanodollars(n));
    let share = RateOutage::Share;
    let none = RateOutage::Deny;
    //    rule          settings                     live  admitted
    check(budget(1_000), settings(Deny, share),      1,    0);
    check(budget(1_000), settings(up_to(35), share), 1,    3);
    check(budget(1_000), settings(up_to(40), none),  1,    4);
    check(rpm(10),       settings(Deny, share),      1,    10);
    check(rpm(10),       settings(Deny, share),      3,    3);
    check(rpm(10),       settings(Deny, none),       3,    0);
    check(tpm(100),      settings(Deny, share),      4,    2);
    check(parallel(10),  settings(Deny, share),      4,    2);
    check(parallel(3),   settings(Deny, share),      4,    0);
    check(parallel(10),  settings(Deny, none),       1,    0);
    check(Limit { ceiling: Ceiling::Unlimited, ..budget(0) }, settings(Deny, none), 1, 10);
}

#[test]
fn what_was_leased_is_spent_and_then_the_database_is_to_blame() {
    let mut desk = Desk::new(&[budget(1_000)]);
    let ticket = desk.admits(100, 0);
    let avail = desk.money().avail;
    assert!(avail > 0);
    desk.lose_store();
    let _second = desk.admits(avail, 0);
    assert_eq!(desk.refuses(1, 0), Refusal::away());
    desk.settle(ticket, cost(10));
    let _third = desk.admits(90, 0);
}

#[test]
fn an_instance_that_never_heard_the_database_admits_nothing_with_a_limit() {
    let mut limiter = Limiter::new(settings(
        BudgetOutage::AllowUpTo(Nanodollars(1_000)),
        RateOutage::Share,
    ));
    assert!(!limiter.is_ready());
    for rule in [budget(100), rpm(10), parallel(2)] {
        let wish = Wish {
            rules: [rule].into(),
            worst: Nanodollars(1),
            least: Nanodollars(1),
            tokens: 1,
        };
        let Verdict::Wait(need) = limiter.admit(Duration::ZERO, wish) else {
            panic!("it has to ask");
        };
        let mut number = limiter_call(&need);
        let mut verdict = None;
        while verdict.is_none() {
            let commands = limiter.failed(Duration::ZERO, number, QuotaFailure::NotDone);
            for command in commands {
                match command {
                    Command::Ask(call) => number = call.number,
                    Command::Decide(_, decided) => verdict = Some(decided),
                    Command::Announce(_) => {}
                }
            }
        }
        assert_eq!(verdict.unwrap().unwrap_err().reason, Reason::StoreAway);
        limiter = Limiter::new(Settings::default());
    }
}

fn limiter_call(need: &Need) -> u64 {
    need.ask.as_ref().expect("nothing else is under way").number
}

#[test]
fn after_three_failures_the_store_is_left_alone_for_a_second() {
    let mut desk = Desk::new(&[budget(1_000)]);
    desk.lose_store();
    assert_eq!(desk.limiter.wakes(desk.now), Some(desk.now + millis(1_000)));
    desk.now += millis(999);
    let away = desk.limiter.admit(desk.now, desk.wish(1, 1));
    assert!(matches!(away, Verdict::Refused(refusal) if refusal.reason == Reason::StoreAway));
    desk.now += millis(1);
    let away = desk.limiter.admit(desk.now, desk.wish(1, 1));
    assert!(
        matches!(away, Verdict::Refused(refusal) if refusal.reason == Reason::StoreAway),
        "no request waits for a try"
    );
    let tried = desk.limiter.tick(desk.now);
    let [Command::Ask(probe)] = tried.as_slice() else {
        panic!("one try and nothing else: {tried:?}");
    };
    assert!(
        desk.fail(probe, QuotaFailure::NotDone).is_empty(),
        "and then not again"
    );
    desk.now += millis(1_000);
    desk.tick();
    let _held = desk.admits(1, 1);
}

#[test]
fn what_was_overdrawn_is_booked_and_counts_towards_the_allowance() {
    let allowed = settings(BudgetOutage::AllowUpTo(Nanodollars(50)), RateOutage::Share);
    let mut desk = Desk::with(&[budget(0)], allowed);
    desk.lose_store();
    let ticket = desk.admits(40, 0);
    desk.settle(ticket, cost(40));
    assert_eq!(desk.settled, 40);
    desk.pass(5);
    assert_eq!(desk.money().avail, 0, "the budget has paid");
    desk.lose_store();
    assert_eq!(desk.refuses(40, 0).reason, Reason::StoreAway);
    let _held = desk.admits(10, 0);
}

#[test]
fn permits_are_not_trusted_when_the_database_may_take_them_for_free() {
    let mut desk = Desk::new(&[parallel(100)]);
    desk.live = 100;
    let tickets: Vec<_> = (0..5).map(|_| desk.admits(1, 0)).collect();
    for ticket in tickets {
        desk.settle(ticket, cost(0));
    }
    desk.lose_store();
    let _leased: Vec<_> = (0..3).map(|_| desk.admits(1, 0)).collect();
    desk.now += Duration::from_secs(26);
    desk.lose_store();
    assert_eq!(desk.refuses(1, 0).reason, Reason::StoreAway);
}

#[test]
fn an_instance_whose_leases_were_closed_stops() {
    let mut desk = Desk::new(&[budget(1_000)]);
    let need = desk.wait(10);
    let call = need.ask.clone().unwrap();
    assert!(desk.fail(&call, QuotaFailure::Fenced).is_empty());
    assert!(desk.limiter.is_fenced());
    assert_eq!(
        desk.verdict(&need).unwrap().unwrap_err().reason,
        Reason::Draining
    );
    desk.now += Duration::from_secs(60);
    assert_eq!(desk.refuses(10, 0).reason, Reason::Draining);
    let rules = Arc::clone(&desk.rules);
    let peeked = desk.limiter.peek(desk.now, &rules).expect("it is refused");
    assert_eq!(peeked.reason, Reason::Draining);
}

#[test]
fn nothing_is_admitted_on_leases_that_were_closed() {
    let mut desk = Desk::new(&[budget(1_000_000), rpm(100)]);
    for _ in 0..5 {
        let ticket = desk.admits(100, 0);
        desk.settle(ticket, cost(100));
        desk.pass(1);
    }
    desk.now += millis(2_000);
    assert!(desk.money().avail > 100, "there would be enough");
    let need = desk.wait(100);
    let call = need.ask.clone().unwrap();
    desk.fail(&call, QuotaFailure::Fenced);
    let reason = desk.verdict(&need).unwrap().unwrap_err().reason;
    assert_eq!(reason, Reason::Draining);
    assert_eq!(desk.refuses(100, 0).reason, Reason::Draining);
}

#[test]
fn a_request_that_the_store_has_answered_is_refused_by_its_limit_at_the_end() {
    // Each answer comes when its slot is over, so that its units are of no use.
    let mut desk = Desk::new(&[rpm(10)]);
    desk.now = millis(1_950);
    let need = desk.wait(1);
    let call = need.ask.clone().unwrap();
    let answer = desk.answer(&call);
    desk.now = millis(2_000);
    let commands = desk.limiter.answered(desk.now, &answer);
    assert!(matches!(&commands[..], [Command::Ask(_)]), "{commands:?}");
    desk.now = millis(2_299);
    desk.tick();
    assert!(
        desk.verdict(&need).is_none(),
        "a store that answers is waited for"
    );
    desk.now = millis(2_300);
    desk.tick();
    let refusal = *desk.verdict(&need).unwrap().unwrap_err();
    assert_eq!(refusal.limit.expect("a limit refuses").id, RPM);
    assert_eq!(refusal.frees, Frees::In(millis(2_000)));
}

#[test]
fn nobody_waits_longer_than_patience_allows() {
    let mut desk = Desk::new(&[budget(1_000)]);
    let need = desk.wait(10);
    assert_eq!(desk.limiter.wakes(desk.now), Some(desk.now + millis(300)));
    desk.now += millis(300);
    desk.tick();
    assert_eq!(
        desk.verdict(&need).unwrap().unwrap_err().reason,
        Reason::StoreAway
    );
    desk.carry_out(need.ask.unwrap());
    let _held = desk.admits(10, 0);
}

#[test]
fn a_store_that_answers_and_never_settles_it_is_not_waited_for_forever() {
    let mut desk = Desk::new(&[rpm(10)]);
    desk.now = millis(1_950);
    let need = desk.wait(1);
    let mut call = need.ask.clone().unwrap();
    for slot in 1.. {
        // Each answer comes when its slot is over, so that its units are of no use.
        desk.clock = SLOT * slot - millis(50) - desk.now;
        let answer = desk.answer(&call);
        desk.now += millis(250);
        let mut commands = desk.limiter.answered(desk.now, &answer);
        match commands.pop() {
            Some(Command::Ask(next)) if commands.is_empty() => call = next,
            last => {
                desk.obey(commands.into_iter().chain(last).collect());
                break;
            }
        }
    }
    assert!(desk.verdict(&need).unwrap().is_err());
    assert_eq!(desk.now, millis(1_950 + 1_250));
}

#[test]
fn a_request_whose_call_was_in_vain_asks_again_while_it_has_patience() {
    for failure in [QuotaFailure::NotDone, QuotaFailure::Unknown] {
        let mut desk = Desk::new(&[budget(1_000), rpm(10), parallel(5)]);
        let need = desk.wait(10);
        desk.now += millis(200);
        let asked = desk.fail(need.ask.as_ref().unwrap(), failure);
        let [again] = asked.as_slice() else {
            panic!("one call more: {asked:?}");
        };
        assert!(desk.verdict(&need).is_none());
        desk.carry_out(Arc::clone(again));
        assert!(desk.verdict(&need).unwrap().is_ok());
    }
}

#[test]
fn a_request_that_waits_over_midnight_asks_for_the_new_day() {
    let mut desk = Desk::new(&[budget(1_000)]);
    let midnight = Duration::from_secs(14 * 3_600);
    desk.now = midnight - millis(290);
    desk.tick();
    let need = desk.wait(100);
    let yesterday = need.ask.clone().unwrap();
    desk.now = midnight + millis(5);
    let answer = desk.answer(&yesterday);
    let mut commands = desk.limiter.answered(desk.now, &answer);
    let Some(Command::Ask(today)) = commands.pop() else {
        panic!("it asks again");
    };
    desk.obey(commands);
    assert_ne!(
        today.budgets.last().unwrap().account.starts,
        yesterday.budgets[0].account.starts
    );
    desk.now += millis(200);
    desk.carry_out(today);
    assert!(desk.verdict(&need).unwrap().is_ok());
}
