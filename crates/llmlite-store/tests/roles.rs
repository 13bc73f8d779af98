//! What the database roles of gateways and administrators may do, and what not.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails says where"
)]

use std::{sync::Arc, time::Duration};

use llmlite_core::{
    catalogue::Catalogue,
    changes::{Change, ChangeListener},
    ids::LimitId,
    keys::{Pepper, VirtualKey},
    limits::{Ceiling, Fit, Limit, LimitSetting, Measure, Member, Percent, Period, Scope, Subject},
    money::Nanodollars,
    ports::{
        StoreError,
        alerts::AlertOutbox,
        clock::SystemClock,
        directory::Directory,
        instances::Instances,
        keys::KeyStore,
        ledger::Ledger,
        limits::{LimitChange, LimitDirectory},
        quota::QuotaStore,
        readiness::Dependency,
        reports::{GroupBy, Reports, UsageQuery},
    },
    quota::{AccountKey, Announcement, BudgetLine, Call, PermitLine, RateLine},
};
use llmlite_store::{FeedHealth, Store, StoreConfig};
use llmlite_testkit::{
    build::{a_key, a_new_key, a_record, at, only, pepper},
    postgres::{self, TestDatabase},
};
use tokio::sync::mpsc;
use tokio_postgres::Client;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

// Roles belong to the whole server; what they may do belongs to each database.
const GATEWAY: &str = "llmlite test \"gateway\"";
const ADMIN: &str = "llmlite_test_admin";

struct World {
    database: TestDatabase,
    owner: Client,
    store: Store,
}

async fn world() -> World {
    let database = postgres::fresh().await;
    let (owner, store) = (database.client().await, database.store().await);
    for role in [GATEWAY, ADMIN] {
        let quoted = role.replace('"', "\"\"");
        let create = format!(
            "DO $$ BEGIN CREATE ROLE \"{quoted}\";
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        );
        owner.batch_execute(&create).await.unwrap();
    }
    World {
        database,
        owner,
        store,
    }
}

impl World {
    /// A store all of whose connections are of that role.
    async fn act_as(&self, role: &str) -> Store {
        let escaped: String = role.bytes().map(|b| format!("%{b:02X}")).collect();
        // A blank in an option's value is escaped by a backslash.
        let escaped = escaped.replace("%20", "%5C%20");
        let url = format!("{}?options=-c%20role%3D{escaped}", self.database.url());
        Store::connect(StoreConfig::new(url)).await.unwrap()
    }
}

/// The database said that this role may not.
#[track_caller]
fn denied<T: std::fmt::Debug>(answer: Result<T, StoreError>) {
    let Err(StoreError::Refused(cause)) = &answer else {
        panic!("{answer:?}");
    };
    assert!(cause.to_string().contains("42501"), "{cause}");
}

fn limit(subject: Subject, measure: Measure) -> LimitChange {
    let scope = Scope {
        subject,
        model: None,
    };
    LimitChange::Set(LimitSetting {
        limit: Limit {
            id: LimitId(0),
            scope,
            measure,
            ceiling: Ceiling::At(1_000),
            raise: None,
            overdraft: Nanodollars::ZERO,
            fit: Fit::Deny,
            shadow: false,
            thresholds: Vec::new(),
            durability: None,
        },
        each: None,
        inherited_from: None,
    })
}

#[tokio::test]
async fn the_gateway_can_do_its_work() {
    let world = world().await;
    let (key, hash) = a_key();
    let new = a_new_key(&key);
    let id = world.store.create_key(&new).await.unwrap().id;
    let subject = Subject::Key(id);
    let lifetime = Measure::Budget(Period::Lifetime);
    let measures = [
        lifetime,
        Measure::RequestsPerMinute,
        Measure::ParallelRequests,
    ];
    let changes = measures.map(|measure| limit(subject, measure));
    world.store.change_limits(subject, &changes).await.unwrap();
    // Twice, because it is run again after each migration.
    world.store.grant_roles(GATEWAY, ADMIN).await.unwrap();
    world.store.grant_roles(GATEWAY, ADMIN).await.unwrap();

    let gateway = world.act_as(GATEWAY).await;
    gateway.check_schema().await.unwrap();
    gateway.check_pepper(&pepper()).await.unwrap();
    gateway.check().await.unwrap();
    gateway.make_partitions().await.unwrap();
    assert_eq!(gateway.model_overrides().await.unwrap().models.len(), 0);
    let grant = gateway.find(&hash).await.unwrap().unwrap();
    let [budget, rate, permits] = [0, 1, 2].map(|n| grant.rules.overall()[n].id);

    let me = gateway.begin("test").await.unwrap();
    let account = AccountKey {
        limit: budget,
        starts: at(0),
    };
    let ask = |number, give| Call {
        number,
        budgets: vec![BudgetLine {
            account,
            ends: None,
            least: 1,
            ask: 100 - give,
            want: 100 - give,
            give,
        }],
        rates: vec![RateLine {
            limit: rate,
            least: 1,
            ask: 1,
            want: 1,
            refunds: Vec::new(),
            extra: 0,
        }],
        permits: vec![PermitLine {
            limit: permits,
            hold: 1 - i64::from(give > 0),
            busy: 0,
        }],
    };
    let answer = gateway.exchange(me, &ask(1, 0)).await.unwrap();
    assert_eq!(answer.permits.first().map(|p| p.held), Some(1));
    gateway.exchange(me, &ask(2, 100)).await.unwrap();
    let record = llmlite_core::usage::UsageRecord {
        accounts: vec![account],
        ..a_record(1)
    };
    assert_eq!(gateway.flush(me, &[record]).await.unwrap(), 1);
    let threshold = Percent::try_from(50).unwrap();
    let announcement = Announcement {
        account,
        threshold,
        settled: Nanodollars(1),
        ceiling: Nanodollars(2),
    };
    assert!(gateway.announce(&announcement).await.unwrap());
    let due = gateway.claim(10, Duration::ZERO).await.unwrap();
    assert_eq!(due.len(), 1);
    gateway
        .failed(due[0].id, due[0].attempt, None)
        .await
        .unwrap();
    gateway.delivered(due[0].id).await.unwrap();
    gateway.close(me).await.unwrap();
    hears_of_changes(&world.store, &gateway).await;
}

struct Heard(mpsc::UnboundedSender<Change>);

impl ChangeListener for Heard {
    fn changed(&self, changes: &[Change]) {
        changes.iter().for_each(|c| self.0.send(*c).unwrap());
    }
}

async fn hears_of_changes(owner: &Store, gateway: &Store) {
    let (heard, mut hears) = mpsc::unbounded_channel();
    let health = Arc::new(FeedHealth::new(Arc::new(SystemClock)));
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let listeners: Vec<Arc<dyn ChangeListener>> = vec![Arc::new(Heard(heard))];
    gateway.follow_changes(Arc::clone(&health), listeners, &tasks, stop.clone());
    assert_eq!(hears.recv().await, Some(Change::Anything));
    while !health.is_listening() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let team = owner.create_team("alpha").await.unwrap();
    assert_eq!(hears.recv().await, Some(Change::Team(team.id)));
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}

#[tokio::test]
async fn the_gateway_cannot_decide_who_may_what() {
    let world = world().await;
    let (key, _) = a_key();
    let id = world.store.create_key(&a_new_key(&key)).await.unwrap().id;
    let subject = Subject::Key(id);
    let change = [limit(subject, Measure::RequestsPerMinute)];
    world.store.change_limits(subject, &change).await.unwrap();
    world.store.grant_roles(GATEWAY, ADMIN).await.unwrap();
    let gateway = world.act_as(GATEWAY).await;
    let other = VirtualKey::generate().unwrap();
    denied(gateway.create_key(&a_new_key(&other)).await);
    denied(gateway.create_team("alpha").await);
    denied(gateway.create_user("ada@example.com", None).await);
    denied(gateway.revoke_key(id, false).await);
    denied(gateway.set_key_strict(id, true).await);
    denied(gateway.set_expiry(id, None).await);
    denied(gateway.change_limits(subject, &change).await);
    for subject in [subject, Subject::Organisation] {
        denied(gateway.set_models(subject, &only(&[])).await);
    }
    denied(
        gateway
            .replace_model_overrides(&Catalogue::embedded())
            .await,
    );
    let grants = gateway.grant_roles(GATEWAY, ADMIN).await;
    assert!(grants.is_err(), "{grants:?}");
    let set = gateway.check_or_set_pepper(&pepper()).await;
    assert!(set.is_err(), "{set:?}");
    // Nor by functions that administrators' statements run, or by what was written before.
    for sql in [
        "SELECT inherit('key', NULL)",
        "SELECT write_changes('key', '{1}')",
        "SELECT grant_rights(current_user, '{limits}', '{UPDATE}', '{}')",
        "SELECT email FROM users",
        "UPDATE usage_event SET cost_nanodollars = 0",
        "DELETE FROM usage_event",
        "DELETE FROM usage_rollup_day",
        "DELETE FROM budget_accounts",
        "INSERT INTO changes (seq, kind) VALUES (99, 'models')",
        "UPDATE change_counter SET seq = 0",
        "TRUNCATE limits",
        "CREATE TABLE mine ()",
    ] {
        let role = GATEWAY.replace('"', "\"\"");
        let batch = format!("BEGIN; SET LOCAL ROLE \"{role}\"; {sql}; COMMIT");
        let refused = world.owner.batch_execute(&batch).await.unwrap_err();
        assert_eq!(
            refused.code().map(|c| c.code()),
            Some("42501"),
            "{sql}: {refused}"
        );
        world.owner.batch_execute("ROLLBACK").await.unwrap();
    }
}

#[tokio::test]
async fn the_administrator_can_do_theirs_and_cannot_touch_the_books() {
    let world = world().await;
    world.store.grant_roles(GATEWAY, ADMIN).await.unwrap();
    let admin = world.act_as(ADMIN).await;
    admin.check_schema().await.unwrap();
    admin.check_or_set_pepper(&pepper()).await.unwrap();
    let strong = Pepper::parse(&"0123456789abcdef".repeat(4)).unwrap();
    assert!(admin.check_or_set_pepper(&strong).await.is_err());
    let team = admin.create_team("alpha").await.unwrap();
    let user = admin.create_user("ada@example.com", Some(team.id)).await;
    let user = user.unwrap();
    let (key, _) = a_key();
    let key = admin.create_key(&a_new_key(&key)).await.unwrap();
    let subjects = [
        Subject::Key(key.id),
        Subject::User(user.id),
        Subject::Team(team.id),
        Subject::Organisation,
    ];
    for subject in subjects {
        let mut changes = vec![limit(subject, Measure::Budget(Period::Day))];
        if subject == Subject::Organisation {
            let LimitChange::Set(mut default) = changes[0].clone() else {
                panic!("it is set");
            };
            default.each = Some(Member::Key);
            changes.push(LimitChange::Set(default));
        }
        admin.change_limits(subject, &changes).await.unwrap();
        admin.set_models(subject, &only(&["a"])).await.unwrap();
        let limits = admin.limits(subject).await.unwrap();
        let ids: Vec<LimitId> = limits.iter().map(|s| s.limit.id).collect();
        assert_eq!(admin.states(&ids).await.unwrap().len(), ids.len());
    }
    admin.set_expiry(key.id, Some(at(1))).await.unwrap();
    admin.set_key_strict(key.id, true).await.unwrap();
    admin.revoke_key(key.id, true).await.unwrap();
    assert!(admin.grant(key.id).await.unwrap().is_some());
    assert_eq!(
        (
            admin.keys().await.unwrap().len(),
            admin.users().await.unwrap().len()
        ),
        (1, 1)
    );
    admin
        .replace_model_overrides(&Catalogue::embedded())
        .await
        .unwrap();
    admin.model_overrides().await.unwrap();
    admin.make_partitions().await.unwrap();
    let query = UsageQuery {
        group_by: GroupBy::Team,
        from: "2026-11-01".to_owned(),
        to: "2026-11-30".to_owned(),
    };
    admin.usage(&query).await.unwrap();

    denied(admin.begin("test").await);
    let me = world.store.begin("test").await.unwrap();
    denied(admin.flush(me, &[a_record(1)]).await);
    assert!(
        admin
            .exchange(
                me,
                &Call {
                    number: 1,
                    ..Call::default()
                }
            )
            .await
            .is_err()
    );
    denied(admin.close(me).await);
}

#[tokio::test]
async fn a_role_that_is_not_there_or_cannot_be_confined_is_refused() {
    let world = world().await;
    let owner: String = world
        .owner
        .query_one("SELECT current_user::text", &[])
        .await
        .unwrap()
        .get(0);
    for (gateway, admin, want) in [
        ("nobody", ADMIN, "there is no database role \"nobody\""),
        (
            GATEWAY,
            "no\"body",
            "there is no database role \"no\"body\"",
        ),
        (owner.as_str(), ADMIN, "cannot be confined"),
        (ADMIN, ADMIN, "cannot be confined"),
    ] {
        let refused = world.store.grant_roles(gateway, admin).await.unwrap_err();
        assert!(refused.to_string().contains(want), "{refused}");
    }
    // Nobody was given anything on the way.
    let sql = "SELECT has_table_privilege($1, 'limits', 'SELECT')";
    let has: bool = world.owner.query_one(sql, &[&ADMIN]).await.unwrap().get(0);
    assert!(!has);
}
