//! Requests under way, and lives that are lost with their disk.

use llmlite_core::{
    ids::EventId,
    ports::{
        StoreError,
        instances::Instances,
        intents::Intents,
        ledger::Ledger,
        orphans::{Charged, OpenLife, OrphanLeases, Orphans},
        quota::{QuotaFailure, QuotaStore},
    },
    usage::UsageRecord,
};

use crate::{
    books::{Books, Life, State, account, ask},
    charges::a_charge,
};

impl Books {
    async fn note(&self, life: &Life, begun: &[&UsageRecord], ended: &[EventId]) {
        self.store.note(life.id, begun, ended).await.unwrap();
    }

    async fn listed(&self) -> i64 {
        self.number("SELECT count(*) FROM usage_intent").await
    }

    async fn open_life(&self, life: &Life) -> OpenLife {
        let open = self.store.open().await.unwrap();
        open.into_iter().find(|l| l.instance == life.id).unwrap()
    }
}

#[tokio::test]
async fn the_list_takes_what_begins_and_gives_up_what_ends_however_often_it_is_told() {
    let books = Books::new().await;
    let life = books.begin().await;
    let (one, two) = (a_charge(&[], 5), a_charge(&[], 6));
    for _ in 0..2 {
        books.note(&life, &[&one, &two], &[]).await;
        assert_eq!(books.listed().await, 2);
    }
    let three = a_charge(&[], 7);
    for _ in 0..2 {
        books
            .note(&life, &[&three], &[one.event_id, two.event_id])
            .await;
        assert_eq!(books.listed().await, 1);
    }
    books.store.close(life.id).await.unwrap();
    assert_eq!(
        books.listed().await,
        0,
        "its end says that the ledger has all"
    );
    let refused = books.store.note(life.id, &[&one], &[]).await;
    assert!(
        matches!(refused, Err(StoreError::Refused(_))),
        "{refused:?}"
    );
    books.note(&life, &[], &[three.event_id]).await;
    assert_eq!(books.listed().await, 0);
}

#[tokio::test]
async fn what_a_lost_life_had_under_way_is_charged_once_at_its_worst_case() {
    let books = Books::new().await;
    let budget = books.budget(Some(1_000)).await;
    let mut life = books.begin().await;
    life.take(&books.store, &[ask(budget, 300)]).await;
    let known = a_charge(&[account(budget)], 40);
    let mut listed: Vec<UsageRecord> = (0..600).map(|_| a_charge(&[], 1)).collect();
    listed.push(a_charge(&[account(budget)], 100));
    // This one ended, and its row is in the ledger; nobody has taken it off the list yet.
    listed.push(UsageRecord {
        cost: llmlite_core::money::Nanodollars(90),
        ..known.clone()
    });
    let all: Vec<&UsageRecord> = listed.iter().collect();
    books.note(&life, &all, &[]).await;
    books.store.flush(life.id, &[known]).await.unwrap();
    assert_eq!(
        books.store.charge_left_behind().await.unwrap(),
        [],
        "it lives"
    );

    let seen = books.open_life(&life).await;
    assert!(books.store.orphan(&seen, OrphanLeases::Hold).await.unwrap());
    let charged = Charged {
        instance: life.id,
        charged: 601,
        refused: 0,
    };
    assert_eq!(books.store.charge_left_behind().await.unwrap(), [charged]);
    assert_eq!(books.store.charge_left_behind().await.unwrap(), []);
    assert_eq!(books.listed().await, 0);
    assert_eq!(books.state(account(budget)).await, State(140, 160, 160));
    books.assert_they_agree().await;
}

#[tokio::test]
async fn a_life_that_has_called_meanwhile_is_not_lost() {
    let books = Books::new().await;
    let budget = books.budget(Some(1_000)).await;
    let mut life = books.begin().await;
    life.take(&books.store, &[ask(budget, 300)]).await;
    let seen = books.open_life(&life).await;
    life.take(&books.store, &[ask(budget, 1)]).await;
    for leases in [OrphanLeases::Hold, OrphanLeases::Release] {
        assert!(!books.store.orphan(&seen, leases).await.unwrap());
    }
    life.take(&books.store, &[ask(budget, 1)]).await;
    let seen = books.open_life(&life).await;
    assert!(books.store.orphan(&seen, OrphanLeases::Hold).await.unwrap());
    assert!(
        !books
            .store
            .orphan(&seen, OrphanLeases::Release)
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn what_was_leased_to_a_lost_life_stays_taken_until_somebody_says_otherwise() {
    let books = Books::new().await;
    let (one, two) = (
        books.budget(Some(1_000)).await,
        books.budget(Some(1_000)).await,
    );
    let (mut holds, mut gives) = (books.begin().await, books.begin().await);
    holds.take(&books.store, &[ask(one, 300)]).await;
    gives.take(&books.store, &[ask(two, 300)]).await;
    gives
        .hold(&books.store, books.permits(Some(10)).await, 7)
        .await;
    for (life, leases) in [
        (&holds, OrphanLeases::Hold),
        (&gives, OrphanLeases::Release),
    ] {
        let seen = books.open_life(life).await;
        assert!(books.store.orphan(&seen, leases).await.unwrap());
    }
    assert_eq!(books.state(account(one)).await, State(0, 300, 300));
    assert_eq!(books.state(account(two)).await, State(0, 0, 0));
    assert_eq!(books.number("SELECT count(*) FROM permit_leases").await, 0);
    // Both may live on somewhere, and are told.
    for mut life in [holds, gives] {
        let told = books.store.exchange(life.id, &life.call()).await;
        assert_eq!(told, Err(QuotaFailure::Fenced));
        // What they spent is charged, out of the lease as far as there is one.
        let charge = a_charge(&[account(one)], 100);
        books.store.flush(life.id, &[charge]).await.unwrap();
        // Its disk is found again, and with it the evidence.
        books.store.close(life.id).await.unwrap();
    }
    assert_eq!(books.state(account(one)).await, State(200, 0, 0));
    books.assert_they_agree().await;
}

#[tokio::test]
async fn what_the_ledger_refuses_stays_on_the_list_and_keeps_nothing_else_from_it() {
    let books = Books::new().await;
    let life = books.begin().await;
    books
        .run(
            "ALTER TABLE usage_event ADD CONSTRAINT poison CHECK (model <> 'poison')",
            &[],
        )
        .await;
    let good: Vec<UsageRecord> = (0..5).map(|_| a_charge(&[], 1)).collect();
    let poison = UsageRecord {
        model: "poison".into(),
        ..a_charge(&[], 1)
    };
    let mut all: Vec<&UsageRecord> = good.iter().collect();
    all.insert(2, &poison);
    books.note(&life, &all, &[]).await;
    // What a gateway of another version wrote may be unreadable.
    books
        .run(
            "UPDATE usage_intent SET record = '{}' WHERE event_id = $1",
            &[&good[4].event_id.0],
        )
        .await;
    let charged = books.store.charge_intents(life.id).await.unwrap();
    assert_eq!((charged.charged, charged.refused), (4, 2));
    assert_eq!(books.listed().await, 2);
    books
        .run("ALTER TABLE usage_event DROP CONSTRAINT poison", &[])
        .await;
    let charged = books.store.charge_intents(life.id).await.unwrap();
    assert_eq!((charged.charged, charged.refused), (1, 1));
}
