//! Limits: set, inherited, found with the key, and how they stand.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod defaults;
mod grants;
mod settings;

use std::{sync::Arc, time::Duration};

use llmlite_core::{
    ids::{KeyId, LimitId, TeamId, UserId},
    keys::{KeyHash, ModelScope},
    limits::{
        Ceiling, Durability, Fit, Limit, LimitSetting, Measure, Member, Period, Raise, Scope,
        Subject, Window,
    },
    money::Nanodollars,
    people::NewKey,
    ports::{
        StoreError,
        directory::Directory,
        keys::KeyStore,
        limits::{LimitChange, LimitDirectory},
    },
    quota::AccountKey,
};
use llmlite_store::Store;
use llmlite_testkit::{
    build::{a_key, a_new_key, at, only},
    postgres::{self, TestDatabase},
};
use tokio_postgres::Client;

const RPM: Measure = Measure::RequestsPerMinute;

/// A key of Ada's, who is in a team; and another team.
struct World {
    database: TestDatabase,
    store: Store,
    admin: Client,
    team: TeamId,
    other: TeamId,
    ada: UserId,
    key: KeyId,
    hash: KeyHash,
}

async fn world() -> World {
    let database = postgres::fresh().await;
    let (store, admin) = (database.store().await, database.client().await);
    let team = store.create_team("alpha").await.unwrap().id;
    let other = store.create_team("beta").await.unwrap().id;
    let ada = store.create_user("ada@example.com", Some(team)).await;
    let ada = ada.unwrap().id;
    let (key, hash) = a_key();
    let new = NewKey {
        user: Some(ada),
        ..a_new_key(&key)
    };
    let key = store.create_key(&new).await.unwrap().id;
    World {
        database,
        store,
        admin,
        team,
        other,
        ada,
        key,
        hash,
    }
}

fn limit(subject: Subject, measure: Measure, ceiling: Ceiling) -> Limit {
    Limit {
        id: LimitId(0),
        scope: Scope {
            subject,
            model: None,
        },
        measure,
        ceiling,
        raise: None,
        overdraft: Nanodollars::ZERO,
        fit: Fit::Deny,
        shadow: false,
        thresholds: Vec::new(),
        durability: None,
    }
}

fn setting(limit: Limit, each: Option<Member>) -> LimitSetting {
    LimitSetting {
        limit,
        each,
        inherited_from: None,
    }
}

fn set(limit: Limit, each: Option<Member>) -> LimitChange {
    LimitChange::Set(setting(limit, each))
}

fn remove(measure: Measure, each: Option<Member>) -> LimitChange {
    LimitChange::Remove {
        model: None,
        measure,
        each,
    }
}

impl World {
    async fn change(&self, subject: Subject, change: LimitChange) {
        let changed = self.store.change_limits(subject, &[change]).await;
        changed.unwrap();
    }

    async fn set_rpm(&self, subject: Subject, each: Option<Member>, ceiling: Ceiling) {
        let change = set(limit(subject, RPM, ceiling), each);
        self.change(subject, change).await;
    }

    async fn sql(&self, sql: &str) {
        self.admin.batch_execute(sql).await.unwrap();
    }

    /// The requests per minute of a subject's own row: its number, and what it says.
    async fn rpm(&self, subject: Subject) -> Option<(LimitId, Ceiling, Option<Subject>)> {
        let all = self.store.limits(subject).await.unwrap();
        let mut own = all.into_iter().filter(|s| s.each.is_none());
        let own = own.find(|s| s.limit.measure == RPM)?;
        Some((own.limit.id, own.limit.ceiling, own.inherited_from))
    }
}
