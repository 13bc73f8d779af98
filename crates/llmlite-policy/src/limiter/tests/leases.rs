use super::*;

#[test]
fn a_warm_lease_is_spent_without_asking() {
    let mut desk = Desk::new(&[budget(1_000_000), parallel(10)]);
    for _ in 0..20 {
        let ticket = desk.admits(100, 0);
        desk.settle(ticket, cost(50));
        desk.pass(1);
    }
    let calls = desk.calls.len();
    for _ in 0..50 {
        let ticket = desk.admits(100, 0);
        desk.settle(ticket, cost(1));
    }
    assert_eq!(desk.calls.len(), calls);
}

#[test]
fn those_who_wait_share_one_call() {
    let mut desk = Desk::new(&[budget(100)]);
    let first = desk.wait(60);
    let second = desk.wait(30);
    let third = desk.wait(20);
    assert!(
        second.ask.is_none() && third.ask.is_none(),
        "one call at a time"
    );
    let before = desk.calls.len();
    desk.carry_out(first.ask.clone().unwrap());
    assert_eq!(
        desk.calls.len(),
        before + 2,
        "the two others were asked for together"
    );
    let line = desk.calls.last().unwrap().budgets[0];
    assert_eq!((line.least, line.ask), (20, 50));
    let verdicts = [first, second, third].map(|need| desk.verdict(&need).unwrap().is_ok());
    assert_eq!(verdicts, [true, true, false]);
}

#[test]
fn money_that_others_hold_idle_is_waited_for_once() {
    let mut desk = Desk::new(&[budget(100)]);
    desk.others = 50;
    let need = desk.wait(80);
    desk.carry_out(need.ask.clone().unwrap());
    assert!(desk.verdict(&need).is_none(), "others hold enough");
    desk.others = 10;
    desk.now += millis(299);
    desk.tick();
    assert!(desk.verdict(&need).is_none());
    desk.now += millis(1);
    desk.tick();
    assert!(desk.verdict(&need).unwrap().is_ok(), "they gave it back");

    let mut desk = Desk::new(&[budget(100)]);
    desk.others = 50;
    let refusal = desk.refuses(80, 0);
    assert_eq!(desk.now, millis(300), "one more try, and no more");
    assert_eq!(refusal.limit.unwrap().under_way, 50);
}

#[test]
fn a_last_try_without_an_answer_is_refused_by_what_was_said_before() {
    // Midnight comes before the last try, so that nothing is known of the new day's account.
    let mut desk = Desk::new(&[budget(100)]);
    desk.now = Duration::from_secs(14 * 3_600) - millis(200);
    desk.tick();
    desk.others = 50;
    let need = desk.wait(80);
    desk.carry_out(need.ask.clone().unwrap());
    desk.now += millis(300);
    let tried = desk.limiter.tick(desk.now);
    assert!(
        matches!(tried[..], [Command::Ask(_)]),
        "the last try: {tried:?}"
    );
    desk.now += millis(300);
    desk.tick();
    let refusal = *desk.verdict(&need).unwrap().unwrap_err();
    assert_eq!(refusal.limit.expect("a limit refuses").id, BUDGET);
}

#[test]
fn an_answer_that_was_lost_is_made_up_for_by_the_next() {
    let mut desk = Desk::new(&[budget(1_000)]);
    let need = desk.wait(100);
    let lost = need.ask.clone().unwrap();
    desk.answer(&lost);
    let held = desk.held();
    assert!(held >= 100);
    let asked = desk.fail(&lost, QuotaFailure::Unknown);
    assert!(desk.verdict(&need).is_none(), "it asks again");
    assert_eq!(desk.money().avail, 0, "it may or may not be there");
    for call in asked {
        desk.carry_out(call);
    }
    assert!(desk.verdict(&need).unwrap().is_ok());
    let books = desk.money();
    assert_eq!(books.avail + books.reserved, desk.held(), "now it is known");
}

#[test]
fn an_answer_that_comes_twice_or_late_changes_nothing() {
    let mut desk = Desk::new(&[budget(1_000)]);
    let need = desk.wait(100);
    let call = need.ask.clone().unwrap();
    let answer = desk.answer(&call);
    let commands = desk.limiter.answered(desk.now, &answer);
    assert!(!commands.is_empty());
    let books = desk.money();
    assert!(desk.limiter.answered(desk.now, &answer).is_empty());
    assert!(
        desk.limiter
            .failed(desk.now, call.number, QuotaFailure::Unknown)
            .is_empty()
    );
    assert_eq!(desk.money(), books);
}

#[test]
fn idle_money_goes_back_after_half_a_minute() {
    let mut desk = Desk::new(&[budget(1_000_000)]);
    let ticket = desk.admits(100, 0);
    desk.settle(ticket, cost(10));
    assert!(desk.held() > 0);
    desk.pass(29);
    assert!(desk.held() > 0);
    desk.pass(3);
    assert_eq!(desk.held(), 0);
    assert_eq!(desk.money().granted, 0);
}

#[test]
fn recalled_money_goes_back_at_once() {
    let mut desk = Desk::new(&[budget(1_000_000)]);
    let ticket = desk.admits(100, 0);
    let account = desk.money().account;
    assert!(desk.money().avail > 0);
    let commands = desk.limiter.recalled(desk.now, &[account]);
    desk.obey(commands);
    assert_eq!(desk.money().avail, 0);
    assert_eq!(desk.held(), 100, "what is under way stays");
    desk.settle(ticket, cost(100));
}

#[test]
fn a_request_belongs_to_the_window_in_which_it_was_admitted() {
    let mut desk = Desk::new(&[budget(100)]);
    desk.clock = Duration::from_secs(14 * 3600 - 2);
    desk.tick();
    desk.pass(1);
    let evening = desk.admits(90, 0);
    desk.pass(2);
    desk.settled = 0;
    let morning = desk.admits(90, 0);
    let (evenings, mornings): (Vec<_>, Vec<_>) =
        (evening.accounts().collect(), morning.accounts().collect());
    assert_ne!(evenings, mornings);
    let settled = desk.limiter.settle(desk.now, evening, cost(90));
    assert_eq!(settled.accounts, evenings);
    desk.pass(10);
    let books: Vec<_> = desk.limiter.books().collect();
    let old = books
        .iter()
        .find(|books| books.account == evenings[0])
        .unwrap();
    assert_eq!((old.avail, old.pending), (0, 90), "its rest went back");
}

#[test]
fn what_cost_more_than_its_worst_case_is_counted_and_paid_by_the_next() {
    let mut desk = Desk::new(&[budget(1_000)]);
    let ticket = desk.admits(100, 0);
    let held = desk.held();
    let settled = desk.limiter.settle(desk.now, ticket, cost(held + 50));
    assert_eq!(settled.underestimate, Nanodollars(held - 50));
    assert_eq!(desk.limiter.underestimates().requests, 1);
    assert_eq!(desk.money().avail, -50);
    assert_eq!(desk.limiter.overdrawn(), Nanodollars(-50));
    let need = desk.wait(10);
    assert_eq!(
        need.ask.unwrap().budgets[0].ask,
        60,
        "the debt comes on top"
    );
}

#[test]
fn each_threshold_is_announced_once_in_a_window() {
    let thresholds = [50, 80, 95].map(|n| Percent::try_from(n).unwrap());
    let mut desk = Desk::new(&[Limit {
        thresholds: thresholds.into(),
        ..budget(1_000)
    }]);
    let mut after = Vec::new();
    for _ in 0..10 {
        let ticket = desk.admits(100, 0);
        desk.settle(ticket, cost(100));
        desk.pass(12);
        after.push(desk.announced.len());
    }
    assert_eq!(desk.announced, [50, 80, 95]);
    assert_eq!(after, [0, 0, 0, 0, 1, 1, 1, 2, 2, 3]);
}

#[test]
fn a_limit_that_was_raised_is_noticed_at_once() {
    let mut desk = Desk::new(&[budget(100)]);
    desk.refuses(150, 0);
    desk.rules = [budget(200)].into();
    desk.refuses(150, 0);
    let commands = desk.limiter.changed(desk.now, &[BUDGET]);
    desk.obey(commands);
    let _held = desk.admits(150, 0);
}

#[test]
fn draining_gives_everything_back_as_requests_end() {
    let mut desk = Desk::new(&[budget(1_000), rpm(10), parallel(5)]);
    let ticket = desk.admits(100, 0);
    let need = desk.wait(5_000);
    let commands = desk.limiter.drain(desk.now);
    desk.obey(commands);
    assert_eq!(
        desk.verdict(&need).unwrap().unwrap_err().reason,
        Reason::Draining
    );
    let late = desk.limiter.admit(desk.now, desk.wish(1, 1));
    assert!(matches!(late, Verdict::Refused(refusal) if refusal.reason == Reason::Draining));
    desk.carry_out(need.ask.unwrap());
    desk.pass(2);
    assert_eq!(desk.held(), 100, "only what is under way is kept");
    assert!(!desk.limiter.is_drained());
    desk.settle(ticket, cost(40));
    desk.pass(2);
    assert_eq!(desk.held(), 0);
    assert!(desk.limiter.is_drained());
}
