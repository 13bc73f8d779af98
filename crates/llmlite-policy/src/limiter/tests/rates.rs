use super::*;

fn tokens(n: i64) -> Actual {
    Actual::Used {
        cost: Nanodollars::ZERO,
        tokens: n,
    }
}

/// A request that was estimated at `estimate` tokens and ends after so many seconds: what the
/// store counts five seconds later.
#[track_caller]
fn check(estimate: i64, seconds: u64, actual: Actual, want: (i64, i64)) {
    let mut desk = Desk::new(&[rpm(100), tpm(10_000)]);
    let ticket = desk.admits(1, estimate);
    desk.pass(seconds);
    desk.settle(ticket, actual);
    desk.pass(5);
    assert_eq!((desk.used(RPM), desk.used(TPM)), want);
}

#[test]
#[rustfmt::skip]
fn what_was_estimated_is_corrected_by_what_was_used() {
    //    estimate  after  actual            requests, tokens
    check(100,      0,     tokens(100),      (1, 100));
    check(100,      0,     tokens(30),       (1, 30));
    check(100,      10,    tokens(30),       (1, 30));
    check(100,      0,     tokens(250),      (1, 250));
    check(100,      100,   tokens(250),      (1, 250));
    check(0,        0,     tokens(250),      (1, 250));
    check(100,      0,     Actual::NotSent,  (0, 0));
    check(100,      10,    Actual::NotSent,  (0, 0));
}

#[test]
fn units_end_with_their_slot_and_those_left_go_back() {
    let mut desk = Desk::new(&[rpm(1_000)]);
    for _ in 0..10 {
        for _ in 0..3 {
            let ticket = desk.admits(1, 0);
            desk.settle(ticket, cost(0));
        }
        desk.pass(2);
    }
    assert_eq!(
        desk.used(RPM),
        33,
        "thirty, and three more for the slot that has begun"
    );
    let calls = desk.calls.len();
    for _ in 0..3 {
        let _held = desk.admits(1, 0);
    }
    assert_eq!(desk.calls.len(), calls, "they were taken in advance");
    desk.pass(30);
    assert_eq!(desk.used(RPM), 33);
}

#[test]
fn a_unit_is_not_used_after_the_database_may_have_begun_the_next_slot() {
    let mut desk = Desk::new(&[rpm(1_000)]);
    desk.now = millis(1_900);
    let need = desk.wait(1);
    let call = need.ask.clone().unwrap();
    let answer = desk.answer(&call);
    // The answer takes so long that the slot may be over: it was granted in vain.
    desk.now = millis(1_995);
    let commands = desk.limiter.answered(desk.now, &answer);
    assert!(desk.verdict(&need).is_none());
    let again = commands.into_iter().find_map(|command| match command {
        Command::Ask(call) => Some(call),
        _ => None,
    });
    let again = again.expect("it is asked for anew");
    assert_eq!(again.rates[0].refunds, [(answer.rates[0].slot, 1)]);
    desk.now = millis(2_005);
    desk.carry_out(again);
    assert!(desk.verdict(&need).unwrap().is_ok());
}

#[test]
fn a_refund_that_may_have_been_booked_is_not_booked_again() {
    let mut desk = Desk::new(&[tpm(10_000)]);
    let ticket = desk.admits(1, 100);
    desk.now += millis(2_000);
    desk.settle(ticket, tokens(30));
    let commands = desk.limiter.tick(desk.now);
    let Some(Command::Ask(call)) = commands.into_iter().next() else {
        panic!("the correction goes out");
    };
    let refunds: i64 = call.rates[0].refunds.iter().map(|(_, units)| units).sum();
    assert_eq!(refunds, 70);
    desk.answer(&call);
    for call in desk.fail(&call, QuotaFailure::Unknown) {
        desk.carry_out(call);
    }
    desk.pass(5);
    assert_eq!(desk.used(TPM), 30);
}

#[test]
fn permits_are_kept_for_two_seconds_and_given_back_then() {
    let mut desk = Desk::new(&[parallel(10)]);
    let tickets: Vec<_> = (0..4).map(|_| desk.admits(1, 0)).collect();
    for ticket in tickets {
        desk.settle(ticket, cost(0));
    }
    let calls = desk.calls.len();
    let tickets: Vec<_> = (0..4).map(|_| desk.admits(1, 0)).collect();
    assert_eq!(desk.calls.len(), calls);
    for ticket in tickets {
        desk.settle(ticket, cost(0));
    }
    desk.pass(5);
    let held: Vec<_> = desk.calls.iter().flat_map(|call| &call.permits).collect();
    assert_eq!(held.last().unwrap().hold, 0);
}

#[test]
fn a_request_that_outlives_all_that_is_known_of_its_rate_is_settled() {
    for estimate in [0, 10, 100] {
        let mut desk = Desk::new(&[rpm(100), tpm(1_000)]);
        let ticket = desk.admits(1, estimate);
        desk.pass(120);
        assert!(desk.limiter.rates.is_empty(), "nobody needed it any more");
        desk.settle(ticket, tokens(10));
        desk.pass(5);
        assert_eq!(desk.used(TPM), 10);
    }
}
