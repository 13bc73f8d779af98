use super::*;

const EVENTS: [Uuid; 3] = [Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3)];

/// Two generations of one key, and a request that was killed before its call.
fn bill() -> Vec<Item> {
    let item = |nth: usize, cost| Item {
        event: EVENTS[nth],
        team: 1,
        user: 2,
        key: 3,
        cost,
    };
    vec![item(0, 400), item(1, 560)]
}

fn books() -> Books {
    let row = |nth: usize, cost, estimated| Row {
        event: EVENTS[nth],
        key: 3,
        cost,
        estimated,
        ending: "complete".to_owned(),
    };
    let account = |kind: &str, subject, ceiling| Account {
        kind: kind.to_owned(),
        subject,
        ceiling,
        settled: 990,
        granted: 0,
        charged: 990,
        used: 990,
    };
    Books {
        rows: vec![row(0, 400, false), row(1, 570, true), row(2, 20, true)],
        accounts: vec![
            account("key", 3, 5_000),
            account("team", 1, 1_000),
            account("user", 2, 1_000),
        ],
        rollups: HashMap::from([(3, 990)]),
        open_lives: 0,
    }
}

#[track_caller]
fn check(plant: impl FnOnce(&mut Vec<Item>, &mut Books), want: &[&str]) {
    let (mut items, mut books) = (bill(), books());
    plant(&mut items, &mut books);
    let (broken, _) = compare(&items, &books, &[1]);
    assert_eq!(broken.len(), want.len(), "{broken:?}");
    for (sentence, want) in broken.iter().zip(want) {
        assert!(
            sentence.contains(want),
            "{sentence:?} does not say {want:?}"
        );
    }
}

#[test]
fn books_that_agree_with_the_bill_are_found_so_with_all_figures() {
    let (broken, figures) = compare(&bill(), &books(), &[1]);
    assert_eq!(broken, Vec::<String>::new());
    let want = Figures {
        generations: 2,
        rows: 3,
        billed: 960,
        overspent: -40,
        estimated: 1,
        estimated_above: 10,
        never_called: 1,
        never_called_cost: 20,
        exhausted: 1,
        used: (990, 990),
        used_of_bill: (960, 960),
    };
    assert_eq!(figures, want);
    assert!(figures.in_short().contains("used 99.0 % at least"));
}

#[test]
#[rustfmt::skip]
fn every_planted_mistake_is_found() {
    check(|items, books| { items[0].cost = 441; books.rows[0].cost = 441; books.rollups.insert(3, 1_031); },
          &["billed 1 n$ above"; 2]);
    check(|_, books| books.accounts[1].granted = 20,          &["leased of 1000", "on lease to nobody"]);
    check(|_, books| books.accounts[0].settled = 991,         &["key 3 has 991 n$ settled"]);
    check(|_, books| books.accounts[0].charged = 989,         &["charge it with 989"]);
    check(|_, books| books.accounts[0].used = 989,            &["add up to 989"]);
    check(|_, books| { books.rollups.insert(3, 989); },       &["a roll-up of 989"]);
    check(|_, books| { books.rollups.insert(4, 1); },         &["key 4 has rows of 0 n$ and a roll-up of 1"]);
    check(|items, _| items[0].event = Uuid::from_u128(9),     &["has no row", "of no generation"]);
    check(|items, _| items[1].event = EVENTS[0],              &["generated twice"]);
    check(|items, _| items[0].key = 4,                        &["filed under key 3 instead of 4"]);
    check(|items, _| items[0].cost = 399,                     &["says 400 n$ and cost 399"]);
    check(|items, _| items[1].cost = 571,                     &["estimated at 570 n$ and cost 571"]);
    check(|_, books| books.rows[2].estimated = false,         &["no estimate"]);
    check(|_, books| books.rows[2].event = EVENTS[1],         &["two rows", "estimated at 20"]);
    check(|_, books| books.accounts[1].ceiling = 1_030,       &["only 96.1 %"]);
    check(|_, books| books.open_lives = 2,                    &["2 lives"]);
}
