//! What the ledger does to budgets.

use std::sync::Arc;

use llmlite_core::{
    limits::Ceiling,
    money::Nanodollars,
    ports::{instances::Instances, ledger::Ledger},
    quota::AccountKey,
    usage::UsageRecord,
};
use llmlite_testkit::build::{a_record, at};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};

use crate::books::{Books, DAY, State, account, ask, give, tomorrow};

pub(crate) fn a_charge(accounts: &[AccountKey], cost: i64) -> UsageRecord {
    let mut record = a_record(DAY);
    record.accounts = accounts.to_vec();
    record.cost = Nanodollars(cost);
    record
}

#[tokio::test]
async fn a_cost_moves_out_of_the_lease_and_what_it_does_not_cover_is_charged_too() {
    let books = Books::new().await;
    let budget = books.budget(Some(1_000)).await;
    let mut life = books.begin().await;
    life.take(&books.store, &[ask(budget, 100)]).await;

    let check = async |cost, want: State| {
        let charge = a_charge(&[account(budget)], cost);
        for _ in 0..2 {
            books
                .store
                .flush(life.id, std::slice::from_ref(&charge))
                .await
                .unwrap();
            assert_eq!(books.state(account(budget)).await, want, "cost {cost}");
        }
    };
    check(60, State(60, 40, 40)).await;
    check(0, State(60, 40, 40)).await;
    check(70, State(130, 0, 0)).await;
    books.assert_they_agree().await;

    let answer = life.take(&books.store, &[give(budget, 1)]).await;
    let told = &answer.budgets[0];
    assert_eq!((told.granted, told.drawn, told.settled), (100, 100, 130));
}

#[tokio::test]
async fn a_correction_lowers_what_is_settled_and_leaves_leases_alone() {
    let books = Books::new().await;
    let budget = books.budget(Some(1_000)).await;
    let mut life = books.begin().await;
    life.take(&books.store, &[ask(budget, 100)]).await;
    // In one batch with a cost, in either order.
    let mut batch = vec![
        a_charge(&[account(budget)], 60),
        a_charge(&[account(budget)], -25),
    ];
    books.store.flush(life.id, &batch).await.unwrap();
    assert_eq!(books.state(account(budget)).await, State(35, 40, 40));
    batch.reverse();
    books.store.flush(life.id, &batch).await.unwrap();
    books
        .store
        .flush(life.id, &[a_charge(&[account(budget)], -10)])
        .await
        .unwrap();
    assert_eq!(books.state(account(budget)).await, State(25, 40, 40));
    books.assert_they_agree().await;
}

#[tokio::test]
async fn money_spent_without_a_lease_opens_the_account_and_anothers_lease_does_not_pay() {
    let books = Books::new().await;
    let (budget, unknown) = (books.budget(Some(1_000)).await, books.budget(None).await);
    books
        .run("DELETE FROM limits WHERE id = $1", &[&unknown.0])
        .await;
    let (mut rich, mut poor) = (books.begin().await, books.begin().await);
    rich.take(&books.store, &[ask(budget, 100)]).await;
    let charge = a_charge(&[account(budget), account(unknown)], 30);
    books.store.flush(poor.id, &[charge]).await.unwrap();
    assert_eq!(books.state(account(budget)).await, State(30, 100, 100));
    assert_eq!(books.state(account(unknown)).await, State(30, 0, 0));
    let answer = poor.take(&books.store, &[ask(budget, 871)]).await;
    assert_eq!(
        (answer.budgets[0].granted, answer.budgets[0].left),
        (0, 870)
    );
    assert_eq!(answer.budgets[0].ceiling, Ceiling::At(1_000));
}

#[tokio::test]
async fn a_row_says_which_accounts_it_was_charged_to_and_whose_lease_paid() {
    let books = Books::new().await;
    let budgets = [books.budget(None).await, books.budget(None).await];
    let life = books.begin().await;
    let lifetime = AccountKey {
        limit: budgets[1],
        starts: at(0),
    };
    let batch = [
        a_charge(&[account(budgets[0]), lifetime], 5),
        a_charge(&[], 5),
    ];
    books.store.flush(life.id, &batch).await.unwrap();
    let select = "SELECT c.limit_id, c.starts FROM usage_event e, charged_accounts(e.charged) c
                   WHERE e.instance_id = $1 ORDER BY 1";
    let rows = books.sql.query(select, &[&life.id.0]).await.unwrap();
    let charged: Vec<_> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(charged, [(budgets[0].0, at(DAY)), (budgets[1].0, at(0))]);
    let without =
        "SELECT count(*) FROM usage_event WHERE charged IS NULL AND instance_id IS NOT NULL";
    assert_eq!(books.number(without).await, 1);
}

/// Forty records of a life, its lease, and a close at some point: whatever is sent twice, from
/// wherever and in whichever order, ends in the same books.
#[tokio::test]
async fn any_order_and_repetition_from_two_connections_with_a_close_between_ends_the_same() {
    for seed in 0..6 {
        let mut random = StdRng::seed_from_u64(seed);
        let books = Books::new().await;
        let budgets = [books.budget(Some(100_000)).await, books.budget(None).await];
        let mut life = books.begin().await;
        life.take(&books.store, &budgets.map(|limit| ask(limit, 1_500)))
            .await;
        let mut batch = Vec::new();
        for cost in 1..=40 {
            let mut accounts = vec![account(budgets[0])];
            if cost % 2 == 0 {
                accounts.push(account(budgets[1]));
            }
            batch.push(a_charge(&accounts, cost));
        }
        let id = life.id;
        let mut work = tokio::task::JoinSet::new();
        for _ in 0..2 {
            let mut order = batch.clone();
            order.shuffle(&mut random);
            order.extend_from_within(..10);
            let cut = random.random_range(0..order.len());
            let store = Arc::new(books.database.store().await);
            work.spawn(async move {
                for part in [&order[..cut], &order[cut..], &order[..]] {
                    store.flush(id, part).await.unwrap();
                }
            });
        }
        books.store.close(id).await.unwrap();
        work.join_all().await;
        assert_eq!(books.state(account(budgets[0])).await, State(820, 0, 0));
        assert_eq!(books.state(account(budgets[1])).await, State(420, 0, 0));
        books.assert_they_agree().await;
    }
}

#[tokio::test]
async fn a_window_is_an_account_of_its_own() {
    let books = Books::new().await;
    let budget = books.budget(Some(1_000)).await;
    let life = books.begin().await;
    let later = AccountKey {
        limit: budget,
        starts: tomorrow(),
    };
    let batch = [a_charge(&[account(budget)], 1), a_charge(&[later], 2)];
    books.store.flush(life.id, &batch).await.unwrap();
    assert_eq!(books.state(account(budget)).await, State(1, 0, 0));
    assert_eq!(books.state(later).await, State(2, 0, 0));
}
