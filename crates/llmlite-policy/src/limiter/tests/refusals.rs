use super::*;

/// Admits requests of these worst cases, which cost as much, and tells which got through.
#[track_caller]
fn check(rules: &[Limit], worst: &[i64], want: &[bool]) {
    let mut desk = Desk::new(rules);
    let mut got = Vec::new();
    for worst in worst {
        let admitted = desk.admit(*worst, *worst);
        got.push(admitted.is_ok());
        if let Ok(admitted) = admitted {
            desk.settle(
                admitted.ticket,
                Actual::Used {
                    cost: Nanodollars(*worst),
                    tokens: *worst,
                },
            );
        }
    }
    assert_eq!(got, want);
}

#[test]
#[rustfmt::skip]
fn a_limit_is_full_at_its_ceiling_and_not_before() {
    let (yes, no) = (true, false);
    //     rules                          worst cases       admitted
    check(&[],                            &[1_000],         &[yes]);
    check(&[budget(100)],                 &[60, 40, 1],     &[yes, yes, no]);
    check(&[budget(100)],                 &[60, 41, 40],    &[yes, no, yes]);
    check(&[budget(100)],                 &[101],           &[no]);
    check(&[budget(0)],                   &[1],             &[no]);
    check(&[rpm(2)],                      &[1, 1, 1],       &[yes, yes, no]);
    check(&[tpm(100)],                    &[60, 41, 40],    &[yes, no, yes]);
    check(&[parallel(0)],                 &[1],             &[no]);
    check(&[parallel(1)],                 &[1, 1],          &[yes, yes]);
    check(&[budget(100), rpm(2)],         &[1, 99, 1],      &[yes, yes, no]);
    check(&[Limit { ceiling: Ceiling::Unlimited, ..budget(0) }], &[i64::MAX / 8], &[yes]);
}

#[test]
fn a_limit_in_the_way_keeps_the_others_untouched() {
    let mut desk = Desk::new(&[budget(100), rpm(10), tpm(100), parallel(1)]);
    let first = desk.admits(10, 10);
    let before = desk.money().reserved;
    assert_eq!(desk.refuses(10, 10).limit.unwrap().id, PARALLEL);
    assert_eq!(desk.money().reserved, before);
    desk.settle(first, cost(10));
    let second = desk.admits(10, 10);
    desk.settle(second, cost(10));
    desk.pass(10);
    assert_eq!(desk.used(RPM), 2, "units of the refused request went back");
}

#[track_caller]
fn exceeded(desk: &mut Desk, worst: i64, tokens: i64) -> (i64, i64, i64, i64, Frees) {
    let refusal = desk.refuses(worst, tokens);
    let limit = refusal.limit.expect("a limit refused");
    (
        limit.ceiling,
        limit.used,
        limit.under_way,
        limit.asked,
        refusal.frees,
    )
}

#[test]
fn a_refusal_says_how_the_limit_stands_and_when_it_frees() {
    let midnight = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_564_800);
    let mut desk = Desk::new(&[budget(100)]);
    let spent = desk.admits(30, 0);
    desk.settle(spent, cost(30));
    let _under_way = desk.admits(50, 0);
    let got = exceeded(&mut desk, 40, 0);
    assert_eq!(got, (100, 30, 50, 40, Frees::At(midnight)));

    let mut desk = Desk::new(&[rpm(1)]);
    let _first = desk.admits(1, 0);
    let got = exceeded(&mut desk, 1, 0);
    assert_eq!(got, (1, 1, 0, 1, Frees::In(Duration::from_secs(20))));
    desk.now += millis(500);
    let (.., frees) = exceeded(&mut desk, 1, 0);
    assert_eq!(
        frees,
        Frees::In(millis(19_500)),
        "it is remembered, and true"
    );

    let mut desk = Desk::new(&[tpm(100)]);
    let refusal = desk.refuses(1, 101);
    assert_eq!(
        (refusal.reason, refusal.frees),
        (Reason::TooLarge, Frees::Never)
    );

    let mut desk = Desk::new(&[parallel(1)]);
    let _first = desk.admits(1, 0);
    let (ceiling, used, ..) = exceeded(&mut desk, 1, 0);
    assert_eq!((ceiling, used), (1, 1));
}

#[test]
fn a_refusal_is_remembered_for_half_a_second_and_only_for_what_is_too_much() {
    let mut desk = Desk::new(&[budget(100)]);
    let _first = desk.admits(60, 0);
    desk.refuses(50, 0);
    let calls = desk.calls.len();
    for _ in 0..10 {
        desk.refuses(50, 0);
    }
    assert_eq!(desk.calls.len(), calls, "nobody asked again");
    let second = desk.admits(40, 0);
    desk.settle(second, cost(0));
    desk.refuses(50, 0);
    desk.now += millis(501);
    let calls = desk.calls.len();
    desk.refuses(50, 0);
    assert!(
        desk.calls.len() > calls,
        "after half a second the store is asked"
    );
}

#[test]
fn a_clamping_budget_lets_through_what_it_can_pay_for() {
    let clamping = Limit {
        fit: Fit::Clamp,
        ..budget(100)
    };
    let mut desk = Desk::new(&[clamping]);
    let first = desk.admits(40, 0);
    assert_eq!(first.amount(), Nanodollars(40));
    let clamped = desk.admit(80, 0).expect("sixty are enough");
    assert_eq!(clamped.amount, Nanodollars(60));
    desk.settle(clamped.ticket, cost(59));
    desk.refuses(80, 0);
    assert_eq!(
        desk.admits(2, 0).amount(),
        Nanodollars(1),
        "half of it is its least"
    );
    desk.refuses(2, 0);
}

#[test]
fn a_limit_in_shadow_only_tells() {
    let watched = Limit {
        shadow: true,
        ..limit(OTHER_BUDGET, Measure::Budget(Period::Day), 10)
    };
    let mut desk = Desk::new(&[budget(100), watched]);
    let mut told = Vec::new();
    for _ in 0..4 {
        let admitted = desk.admit(6, 0).expect("it is only watched");
        told.push(admitted.shadowed.len());
        assert_eq!(admitted.ticket.accounts().count(), 2, "both are charged");
        desk.settle(admitted.ticket, cost(6));
        desk.pass(2);
    }
    assert_eq!(told, [0, 1, 1, 1]);
}

#[test]
fn parallel_requests_in_shadow_are_counted_and_told_to_others() {
    let mut desk = Desk::new(&[Limit {
        shadow: true,
        ..parallel(3)
    }]);
    desk.others = 1;
    let mut told = Vec::new();
    let mut held = Vec::new();
    for _ in 0..4 {
        let admitted = desk.admit(1, 0).expect("it is only watched");
        told.push(admitted.shadowed.len());
        held.push(admitted.ticket);
        desk.pass(2);
    }
    assert_eq!(told, [0, 0, 1, 1]);
    let reported = |desk: &Desk| {
        desk.calls
            .iter()
            .flat_map(|c| &c.permits)
            .last()
            .unwrap()
            .hold
    };
    assert_eq!(
        reported(&desk),
        4,
        "what is under way, and not what is allowed"
    );
    for ticket in held {
        desk.settle(ticket, cost(0));
    }
    desk.pass(2);
    assert_eq!(reported(&desk), 0);
}

#[test]
fn parallel_requests_of_others_in_shadow_are_heard_of_while_one_is_under_way_here() {
    let mut desk = Desk::new(&[Limit {
        shadow: true,
        ..parallel(9)
    }]);
    let _first = desk.admits(1, 0);
    desk.pass(2);
    desk.others = 8;
    desk.pass(2);
    let second = desk.admit(1, 0).expect("it is only watched");
    let told = second.shadowed[0].limit.clone().expect("it is a limit");
    assert_eq!((told.ceiling, told.used), (9, 9));
}

#[test]
fn what_stands_is_told_without_asking() {
    let rules = [budget(100), rpm(10), parallel(3)];
    let mut desk = Desk::new(&rules);
    let before: Vec<_> = desk.limiter.standings(desk.now, &rules);
    assert!(before.iter().all(|standing| standing.left.is_none()));
    let first = desk.admits(30, 0);
    desk.settle(first, cost(20));
    let _second = desk.admits(30, 0);
    let standings = desk.limiter.standings(desk.now, &rules);
    let left: Vec<_> = standings.iter().map(|standing| standing.left).collect();
    let used: Vec<_> = standings.iter().map(|standing| standing.used).collect();
    assert_eq!(left, [Some(50), Some(8), Some(2)]);
    assert_eq!(used, [20, 2, 1]);
}

#[test]
fn a_look_tells_how_limits_stand_and_takes_nothing() {
    let rules = [budget(100), rpm(10), tpm(50), parallel(3)];
    let mut desk = Desk::new(&rules);
    let forever = Duration::MAX;
    assert!(!desk.limiter.are_known(desk.now, &rules, forever));
    let commands = desk.limiter.look_up(desk.now, &rules);
    desk.obey(commands);
    assert!(desk.limiter.are_known(desk.now, &rules, forever));
    let standings = desk.limiter.standings(desk.now, &rules);
    let left: Vec<_> = standings.iter().map(|standing| standing.left).collect();
    assert_eq!(left, [Some(100), Some(10), Some(50), Some(3)]);
    assert_eq!(desk.money().granted, 0, "nothing was leased");
    assert_eq!((desk.used(RPM), desk.used(TPM)), (0, 0));

    desk.now += millis(5_000);
    assert!(!desk.limiter.are_known(desk.now, &rules, millis(2_500)));
    let unlimited = Limit {
        ceiling: Ceiling::Unlimited,
        ..budget(0)
    };
    assert!(desk.limiter.are_known(desk.now, &[unlimited], millis(1)));
}
