//! Pools of connections: how long a statement may take, and when connections are thrown away.

use std::{fmt, time::Duration};

use deadpool_postgres::{Client, Object, Pool, Runtime, Timeouts};
use llmlite_core::ports::StoreError;
use tokio::time::timeout;
use tokio_postgres::{Row, types::ToSql};

use crate::{
    database::{CONNECT_TIMEOUT, Database},
    error::{StatementError, refused, unavailable},
};

/// The values of a statement's parameters.
pub(crate) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// One kind of use: a pool of its own, so that a slow flush cannot keep a lookup waiting.
pub(crate) struct Lane {
    pool: Pool,
    deadline: Duration,
}

/// The measures of a [`Lane`].
pub(crate) struct LaneConfig {
    pub(crate) connections: usize,
    /// How long a statement may take; the wait for a connection comes on top.
    pub(crate) deadline: Duration,
}

impl Lane {
    pub(crate) fn new(database: &Database, config: LaneConfig) -> Result<Self, StoreError> {
        let manager = database.manager(&format!(
            "-c statement_timeout={} -c lock_timeout=500 \
             -c idle_in_transaction_session_timeout=5000",
            config.deadline.as_millis(),
        ));
        let pool = Pool::builder(manager)
            .max_size(config.connections.max(1))
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(config.deadline),
                create: Some(CONNECT_TIMEOUT),
                recycle: Some(CONNECT_TIMEOUT),
            })
            .build()
            .map_err(|e| refused(StatementError::new("connect", e.to_string())))?;
        Ok(Self {
            pool,
            deadline: config.deadline,
        })
    }

    /// Runs one statement, which is a transaction of its own.
    ///
    /// A server that is frozen sends no error, so the deadline is kept on this side too.
    pub(crate) async fn rows(
        &self,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        let client = match self.pool.get().await {
            Ok(client) => client,
            Err(e) => return Err(StatementError::pool(sql, e)),
        };
        let answer = match timeout(self.deadline, query(&client, sql, params)).await {
            Ok(Ok(rows)) => return Ok(rows),
            Ok(Err(e)) => StatementError::database(sql, &e),
            Err(_) => unavailable(StatementError::named(sql, "no answer in time".to_owned())),
        };
        if matches!(answer, StoreError::Unavailable(_)) {
            self.distrust(client);
        }
        Err(answer)
    }

    /// Throws this connection and all idle ones away: after a failover they lead to the wrong
    /// server, and one that is frozen would hold up whoever comes next.
    fn distrust(&self, client: Object) {
        drop(Object::take(client));
        drop(self.pool.retain(|_, _| false));
    }
}

async fn query(
    client: &Client,
    sql: &'static str,
    params: Params<'_>,
) -> Result<Vec<Row>, tokio_postgres::Error> {
    let statement = client.prepare_cached(sql).await?;
    client.query(&statement, params).await
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane")
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
