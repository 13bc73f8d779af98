//! A database with limits in it, calls, and a look into the books.

use std::time::SystemTime;

use llmlite_core::{
    ids::{InstanceId, LimitId},
    ports::{instances::Instances, quota::QuotaStore},
    quota::{AccountKey, Answer, BudgetLine, Call, PermitLine},
};
use llmlite_store::Store;
use llmlite_testkit::{
    build::at,
    postgres::{self, TestDatabase},
};
use tokio_postgres::{Client, types::ToSql};

/// When the windows of these tests begin: 24 November 2026.
pub(crate) const DAY: u64 = 1_795_478_400;

pub(crate) struct Books {
    pub(crate) database: TestDatabase,
    pub(crate) store: Store,
    pub(crate) sql: Client,
}

/// The state of an account: settled, granted, and what all leases hold.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct State(pub(crate) i64, pub(crate) i64, pub(crate) i64);

impl Books {
    pub(crate) async fn new() -> Self {
        let database = postgres::fresh().await;
        let (store, sql) = (database.store().await, database.client().await);
        Self {
            database,
            store,
            sql,
        }
    }

    pub(crate) async fn budget(&self, ceiling: Option<i64>) -> LimitId {
        self.limit("budget", Some("day"), ceiling).await
    }

    pub(crate) async fn rate(&self, ceiling: Option<i64>) -> LimitId {
        self.limit("requests_per_minute", None, ceiling).await
    }

    pub(crate) async fn permits(&self, ceiling: Option<i64>) -> LimitId {
        self.limit("parallel_requests", None, ceiling).await
    }

    /// A limit of a key that has no other.
    async fn limit(&self, measure: &str, period: Option<&str>, ceiling: Option<i64>) -> LimitId {
        let insert = "INSERT INTO limits (subject_kind, subject_id, measure, period, ceiling)
                      SELECT 'key', 1 + (SELECT count(*) FROM limits), $1, $2, $3 RETURNING id";
        let params: [&(dyn ToSql + Sync); 3] = [&measure, &period, &ceiling];
        LimitId(self.sql.query_one(insert, &params).await.unwrap().get(0))
    }

    pub(crate) async fn run(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) {
        self.sql.execute(sql, params).await.unwrap();
    }

    pub(crate) async fn number(&self, sql: &str) -> i64 {
        self.sql.query_one(sql, &[]).await.unwrap().get(0)
    }

    pub(crate) async fn begin(&self) -> Life {
        let id = self.store.begin("test").await.unwrap();
        Life { id, calls: 0 }
    }

    pub(crate) async fn state(&self, account: AccountKey) -> State {
        let select = "SELECT settled, granted, coalesce((
                          SELECT sum(held) FROM budget_leases
                           WHERE limit_id = $1 AND starts = $2), 0)::bigint
                        FROM budget_accounts WHERE limit_id = $1 AND starts = $2";
        let params: [&(dyn ToSql + Sync); 2] = [&account.limit.0, &account.starts];
        let row = self.sql.query_one(select, &params).await.unwrap();
        State(row.get(0), row.get(1), row.get(2))
    }

    /// Leases are what accounts say is granted, and the rows of usage are what they say is settled.
    pub(crate) async fn assert_they_agree(&self) {
        let wrong = "WITH held AS (
                         SELECT limit_id, starts, sum(held) AS sum FROM budget_leases GROUP BY 1, 2),
                     spent AS (
                         SELECT c.limit_id, c.starts, sum(cost_nanodollars) AS sum
                           FROM usage_event e, charged_accounts(e.charged) c GROUP BY 1, 2)
                     SELECT count(*) FROM budget_accounts a
                       FULL JOIN held h USING (limit_id, starts)
                       FULL JOIN spent s USING (limit_id, starts)
                      WHERE coalesce(granted, 0) <> coalesce(h.sum, 0)
                         OR coalesce(settled, 0) <> coalesce(s.sum, 0)";
        assert_eq!(self.number(wrong).await, 0);
    }
}

/// An instance, which counts its calls.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) id: InstanceId,
    pub(crate) calls: u64,
}

impl Life {
    /// The next call, without a line.
    pub(crate) fn call(&mut self) -> Call {
        self.calls += 1;
        Call {
            number: self.calls,
            ..Call::default()
        }
    }

    pub(crate) async fn take(&mut self, store: &Store, lines: &[BudgetLine]) -> Answer {
        let call = Call {
            budgets: lines.to_vec(),
            ..self.call()
        };
        store.exchange(self.id, &call).await.unwrap()
    }

    pub(crate) async fn hold(&mut self, store: &Store, limit: LimitId, hold: i64) -> Answer {
        let call = Call {
            permits: vec![PermitLine {
                limit,
                hold,
                busy: 0,
            }],
            ..self.call()
        };
        store.exchange(self.id, &call).await.unwrap()
    }
}

pub(crate) fn account(limit: LimitId) -> AccountKey {
    AccountKey {
        limit,
        starts: at(DAY),
    }
}

/// Asks for so much, no less than all of it.
pub(crate) fn ask(limit: LimitId, ask: i64) -> BudgetLine {
    BudgetLine {
        account: account(limit),
        ends: Some(tomorrow()),
        least: ask,
        ask,
        want: 0,
        give: 0,
    }
}

pub(crate) fn give(limit: LimitId, give: i64) -> BudgetLine {
    BudgetLine {
        give,
        ..ask(limit, 0)
    }
}

pub(crate) fn tomorrow() -> SystemTime {
    at(DAY + 86_400)
}
