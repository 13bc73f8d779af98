//! Lives of instances: they begin, and end for good.

use llmlite_core::{
    ids::InstanceId,
    ports::{
        instances::Instances,
        ledger::Ledger,
        quota::{QuotaFailure, QuotaStore},
    },
};

use crate::{
    books::{Books, State, account, ask},
    charges::a_charge,
};

#[tokio::test]
async fn every_life_has_a_number_of_its_own() {
    let books = Books::new().await;
    let (one, other) = (books.store.begin("a").await, books.store.begin("a").await);
    assert_ne!(one.unwrap(), other.unwrap());
    let hosts = "SELECT count(*) FROM gateway_instances WHERE host = 'a' AND closed_at IS NULL";
    assert_eq!(books.number(hosts).await, 2);
}

#[tokio::test]
async fn a_life_that_ends_gives_back_all_its_own_and_nothing_else() {
    let books = Books::new().await;
    let (one, two) = (
        books.budget(Some(1_000)).await,
        books.budget(Some(1_000)).await,
    );
    let permits = books.permits(Some(10)).await;
    let (mut ends, mut stays) = (books.begin().await, books.begin().await);
    ends.take(&books.store, &[ask(one, 100), ask(two, 200)])
        .await;
    ends.hold(&books.store, permits, 7).await;
    stays.take(&books.store, &[ask(two, 30)]).await;
    let charge = a_charge(&[account(two)], 50);
    books.store.flush(ends.id, &[charge]).await.unwrap();

    // The second time, and a life that never was, change nothing.
    for id in [ends.id, ends.id, InstanceId(999)] {
        books.store.close(id).await.unwrap();
        assert_eq!(books.state(account(one)).await, State(0, 0, 0));
        assert_eq!(books.state(account(two)).await, State(50, 30, 30));
    }
    let held = stays.hold(&books.store, permits, 10).await.permits[0].held;
    assert_eq!(held, 10);
    assert_eq!(
        books.store.exchange(ends.id, &ends.call()).await,
        Err(QuotaFailure::Fenced)
    );

    // What it spent and nobody had written down yet is charged all the same.
    books
        .store
        .flush(ends.id, &[a_charge(&[account(two)], 5)])
        .await
        .unwrap();
    assert_eq!(books.state(account(two)).await, State(55, 30, 30));
    books.assert_they_agree().await;
}

#[tokio::test]
async fn a_life_that_is_closed_while_it_calls_keeps_nothing() {
    let books = Books::new().await;
    let budgets = [books.budget(None).await, books.budget(None).await];
    for _ in 0..20 {
        let mut life = books.begin().await;
        life.take(&books.store, &budgets.map(|limit| ask(limit, 100)))
            .await;
        let other = books.database.store().await;
        let id = life.id;
        let calls = async {
            let lines = budgets.map(|limit| ask(limit, 100));
            loop {
                let call = llmlite_core::quota::Call {
                    budgets: lines.to_vec(),
                    ..life.call()
                };
                match books.store.exchange(id, &call).await {
                    Ok(_) => {}
                    Err(failure) => return failure,
                }
            }
        };
        let (failure, closed) = tokio::join!(calls, other.close(id));
        closed.unwrap();
        assert_eq!(failure, QuotaFailure::Fenced);
        for limit in budgets {
            assert_eq!(books.state(account(limit)).await, State(0, 0, 0));
        }
    }
}
