//! Pools of connections: how long a statement may take, and when connections are thrown away.

use std::{fmt, time::Duration};

use deadpool_postgres::{Object, Pool, Runtime, Timeouts};
use llmlite_core::ports::StoreError;
use tokio::time::timeout;
use tokio_postgres::{
    Error, Row,
    error::{Severity, SqlState},
    types::ToSql,
};

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
    /// How long a statement may take as seen from here; the wait for a connection comes on top.
    pub(crate) deadline: Duration,
    /// After what time the server gives a statement up.
    pub(crate) statement: Duration,
    /// After what time the server gives up the wait for a lock.
    pub(crate) lock: Duration,
    /// How long a connection may take to come about.
    pub(crate) connect: Duration,
}

impl LaneConfig {
    /// So many connections, for statements that may take so long.
    pub(crate) fn new(connections: usize, deadline: Duration) -> Self {
        Self {
            connections,
            deadline,
            statement: deadline,
            lock: Duration::from_millis(500),
            connect: CONNECT_TIMEOUT,
        }
    }
}

/// A statement that has no answer.
pub(crate) struct Unanswered {
    pub(crate) error: StoreError,
    /// Whether it may have been carried out all the same, or still be.
    pub(crate) may_be_done: bool,
}

impl Lane {
    pub(crate) fn new(database: &Database, config: LaneConfig) -> Result<Self, StoreError> {
        let manager = database.manager(&format!(
            "-c statement_timeout={} -c lock_timeout={} \
             -c idle_in_transaction_session_timeout=5000",
            config.statement.as_millis(),
            config.lock.as_millis(),
        ));
        let pool = Pool::builder(manager)
            .max_size(config.connections.max(1))
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(config.deadline),
                create: Some(config.connect),
                recycle: Some(config.connect),
            })
            .build()
            .map_err(|e| refused(StatementError::new("connect", e.to_string())))?;
        Ok(Self {
            pool,
            deadline: config.deadline,
        })
    }

    /// Runs one statement, which is a transaction of its own.
    pub(crate) async fn rows(
        &self,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        let tried = self.attempt(sql, params).await;
        tried.map_err(|unanswered| unanswered.error)
    }

    /// Runs one statement, and if there is no answer, says what that means.
    ///
    /// A server that is frozen sends no error, so the deadline is kept on this side too.
    pub(crate) async fn attempt(
        &self,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<Vec<Row>, Unanswered> {
        let client = self.pool.get().await.map_err(|e| Unanswered {
            error: StatementError::pool(sql, e),
            may_be_done: false,
        })?;
        let mut sent = false;
        let query = async {
            let statement = client.prepare_cached(sql).await?;
            sent = true;
            client.query(&statement, params).await
        };
        let (error, after) = match timeout(self.deadline, query).await {
            Ok(Ok(rows)) => return Ok(rows),
            Ok(Err(e)) => (StatementError::database(sql, &e), After::of(&e)),
            Err(_) => {
                let late = StatementError::named(sql, "no answer in time".to_owned());
                (unavailable(late), After::Silence)
            }
        };
        if after != After::Error && matches!(error, StoreError::Unavailable(_)) {
            self.distrust(client);
        }
        Err(Unanswered {
            error,
            may_be_done: sent && after == After::Silence,
        })
    }

    /// Throws this connection and all idle ones away: after a failover they lead to the wrong
    /// server, and one that is frozen would hold up whoever comes next.
    fn distrust(&self, client: Object) {
        drop(Object::take(client));
        drop(self.pool.retain(|_, _| false));
    }
}

/// What a failure leaves behind.
#[derive(PartialEq, Eq)]
enum After {
    /// The server said that it has undone everything; the connection is as good as before.
    Error,
    /// It said so too, but is not the one to talk to any more.
    Demotion,
    /// The connection is of no use, and nobody knows what was done: a server may end it at any
    /// time, also after it has committed.
    Silence,
}

impl After {
    fn of(error: &Error) -> Self {
        match error.as_db_error() {
            Some(said) if said.parsed_severity() != Some(Severity::Error) => Self::Silence,
            Some(said) if *said.code() == SqlState::READ_ONLY_SQL_TRANSACTION => Self::Demotion,
            Some(_) => Self::Error,
            None => Self::Silence,
        }
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane")
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
