//! The outbox of alerts, between instances that fail and die.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails says where"
)]

use std::time::{Duration, SystemTime};

use llmlite_core::{
    ids::{KeyId, LimitId, TeamId},
    limits::{Percent, Period, Scope, Subject, Window},
    money::Nanodollars,
    ports::{
        alerts::{AlertOutbox, BudgetAlert, DueAlert},
        clock::{Clock, SystemClock},
        quota::QuotaStore,
    },
    quota::{AccountKey, Announcement},
};
use llmlite_store::Store;
use llmlite_testkit::{
    build::at,
    postgres::{self, TestDatabase},
};
use tokio_postgres::Client;

const HOLD: Duration = Duration::from_secs(60);

/// Two instances on a database with one team, and a monthly budget of it.
struct World {
    one: Store,
    two: Store,
    client: Client,
    limit: LimitId,
    team: TeamId,
    _database: TestDatabase,
}

impl World {
    async fn new() -> Self {
        let database = postgres::fresh().await;
        let client = database.client().await;
        let team = "INSERT INTO teams (name) VALUES ('alpha') RETURNING id";
        let team: i64 = client.query_one(team, &[]).await.unwrap().get(0);
        let limit = "INSERT INTO limits (subject_kind, subject_id, model, measure, period, ceiling)
                     VALUES ('team', $1, 'claude-sonnet', 'budget', 'month', 100) RETURNING id";
        let limit: i64 = client.query_one(limit, &[&team]).await.unwrap().get(0);
        Self {
            one: database.store().await,
            two: database.store().await,
            client,
            limit: LimitId(limit),
            team: TeamId(team),
            _database: database,
        }
    }

    fn crossing(&self, threshold: u8) -> Announcement {
        let window = Window::of(Period::Month, at(1_790_000_000));
        Announcement {
            account: AccountKey {
                limit: self.limit,
                starts: window.starts,
            },
            threshold: Percent::try_from(threshold).unwrap(),
            settled: Nanodollars(i64::from(threshold) + 1),
            ceiling: Nanodollars(100),
        }
    }

    /// Lets so many seconds go by, as far as the outbox can tell.
    async fn pass(&self, seconds: f64) {
        let sql = "UPDATE budget_announcements SET due_at = due_at - make_interval(secs => $1),
                   announced_at = announced_at - make_interval(secs => $1)";
        self.client.execute(sql, &[&seconds]).await.unwrap();
    }
}

async fn claim(store: &Store) -> Vec<DueAlert> {
    store.claim(4, HOLD).await.unwrap()
}

async fn claim_one(store: &Store) -> DueAlert {
    let mut due = claim(store).await;
    assert_eq!(due.len(), 1);
    due.remove(0)
}

#[tokio::test]
async fn what_is_announced_is_due_at_once_and_says_what_a_stranger_needs() {
    let world = World::new().await;
    assert!(claim(&world.one).await.is_empty());
    assert!(world.one.announce(&world.crossing(80)).await.unwrap());
    assert!(!world.two.announce(&world.crossing(80)).await.unwrap());

    let due = claim_one(&world.two).await;
    assert_eq!(due.attempt, 1);
    let age = SystemClock.now().duration_since(due.alert.at);
    assert!(
        age.is_ok_and(|age| age < Duration::from_secs(60)),
        "{due:?}"
    );
    let want = BudgetAlert {
        limit: world.limit,
        scope: Scope {
            subject: Subject::Team(world.team),
            model: Some("claude-sonnet".into()),
        },
        team: Some("alpha".to_owned()),
        period: Period::Month,
        window: Window::of(Period::Month, at(1_790_000_000)),
        threshold: Percent::try_from(80).unwrap(),
        used: Nanodollars(81),
        ceiling: Nanodollars(100),
        at: due.alert.at,
    };
    assert_eq!(due.alert, want);
}

#[tokio::test]
async fn a_claim_keeps_others_away_until_it_has_passed_and_the_name_stays() {
    let world = World::new().await;
    world.one.announce(&world.crossing(80)).await.unwrap();
    let first = claim_one(&world.one).await;
    world.pass(59.0).await;
    assert!(claim(&world.two).await.is_empty());
    // The one who had it is dead.
    world.pass(1.0).await;
    let second = claim_one(&world.two).await;
    assert_eq!((second.id, second.attempt), (first.id, 2));

    world.two.delivered(second.id).await.unwrap();
    world.pass(3_600.0).await;
    assert!(claim(&world.one).await.is_empty());
}

#[tokio::test]
async fn a_failure_is_due_again_after_its_pause_or_never() {
    let world = World::new().await;
    world.one.announce(&world.crossing(80)).await.unwrap();
    let due = claim_one(&world.one).await;
    let pause = Some(Duration::from_secs(300));
    world.one.failed(due.id, due.attempt, pause).await.unwrap();
    world.pass(299.0).await;
    assert!(claim(&world.two).await.is_empty());
    world.pass(1.0).await;
    let again = claim_one(&world.two).await;
    assert_eq!(again.attempt, 2);

    // The first attempt's end is told a second time, too late to matter.
    world.one.failed(due.id, due.attempt, None).await.unwrap();
    world.pass(60.0).await;
    let again = claim_one(&world.one).await;
    world
        .one
        .failed(again.id, again.attempt, None)
        .await
        .unwrap();
    world.pass(24.0 * 3_600.0).await;
    assert!(claim(&world.two).await.is_empty());
}

#[tokio::test]
async fn what_was_delivered_slowly_is_not_sent_again_by_who_gave_it_up() {
    let world = World::new().await;
    world.one.announce(&world.crossing(80)).await.unwrap();
    let slow = claim_one(&world.one).await;
    world.pass(60.0).await;
    let other = claim_one(&world.two).await;
    world.one.delivered(slow.id).await.unwrap();
    let pause = Some(Duration::from_secs(5));
    world
        .two
        .failed(other.id, other.attempt, pause)
        .await
        .unwrap();
    world.pass(60.0).await;
    assert!(claim(&world.one).await.is_empty());
}

#[tokio::test]
async fn old_news_and_limits_that_are_gone_are_told_to_nobody() {
    let world = World::new().await;
    world.one.announce(&world.crossing(50)).await.unwrap();
    world.pass(3.0 * 24.0 * 3_600.0).await;
    assert!(claim(&world.one).await.is_empty());

    world.one.announce(&world.crossing(80)).await.unwrap();
    let sql = "DELETE FROM limits WHERE id = $1";
    world.client.execute(sql, &[&world.limit.0]).await.unwrap();
    assert!(claim(&world.one).await.is_empty());
}

#[tokio::test]
async fn instances_that_look_at_the_same_time_share_the_work() {
    let world = World::new().await;
    for threshold in 1..=40 {
        world
            .one
            .announce(&world.crossing(threshold))
            .await
            .unwrap();
    }
    let claims = async |store: &Store| {
        let mut all = Vec::new();
        loop {
            let batch = claim(store).await;
            if batch.is_empty() {
                return all;
            }
            all.extend(batch.into_iter().map(|due| due.id));
        }
    };
    let (mut all, others) = tokio::join!(claims(&world.one), claims(&world.two));
    all.extend(others);
    all.sort();
    assert_eq!(all.len(), 40);
    all.dedup();
    assert_eq!(all.len(), 40, "nobody was handed what another had");
}

#[tokio::test]
async fn the_organisation_and_keys_are_told_without_names() {
    let world = World::new().await;
    let sql = "INSERT INTO limits (subject_kind, subject_id, measure, period, ceiling)
               VALUES ($1, $2, 'budget', 'lifetime', 100) RETURNING id";
    for (kind, id, subject) in [
        ("organisation", None, Subject::Organisation),
        ("key", Some(5_i64), Subject::Key(KeyId(5))),
    ] {
        let row = world.client.query_one(sql, &[&kind, &id]).await.unwrap();
        let mut crossing = world.crossing(80);
        crossing.account.limit = LimitId(row.get(0));
        crossing.account.starts = SystemTime::UNIX_EPOCH;
        assert!(world.one.announce(&crossing).await.unwrap());
        let alert = claim_one(&world.one).await.alert;
        assert_eq!((alert.scope.subject, alert.team), (subject, None));
        assert_eq!(alert.window.ends, None);
    }
}
