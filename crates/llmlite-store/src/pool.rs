//! Connections: how they are made, how long they may take, and when they are thrown away.

use std::{fmt, time::Duration};

use deadpool_postgres::{
    Client, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts,
};
use llmlite_core::ports::StoreError;
use tokio::time::timeout;
use tokio_postgres::{Config, NoTls, Row, config::TargetSessionAttrs, types::ToSql};

use crate::error::{StatementError, refused, unavailable};

/// The values of a statement's parameters.
pub(crate) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// How long a connection may take to come about.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Reads a database url, and adds what every connection of ours needs.
///
/// Keepalives find a server that vanished without a word; a read-only server is one that a
/// failover has demoted.
pub(crate) fn read_url(url: &str) -> Result<Config, StoreError> {
    let mut config: Config = url
        .parse()
        .map_err(|e| refused(StatementError::new("connect", format!("database url: {e}"))))?;
    config
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_user_timeout(Duration::from_secs(5))
        .keepalives(true)
        .keepalives_idle(Duration::from_secs(1))
        .keepalives_interval(Duration::from_secs(1))
        .keepalives_retries(5)
        .target_session_attrs(TargetSessionAttrs::ReadWrite);
    Ok(config)
}

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
    pub(crate) fn new(database: &Config, config: LaneConfig) -> Result<Self, StoreError> {
        let mut database = database.clone();
        let options = format!(
            "{} -c statement_timeout={} -c lock_timeout=500 \
             -c idle_in_transaction_session_timeout=5000",
            database.get_options().unwrap_or_default(),
            config.deadline.as_millis(),
        );
        database.options(options.trim());
        let manager = Manager::from_config(
            database,
            NoTls,
            ManagerConfig {
                recycling_method: RecyclingMethod::Fast,
            },
        );
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
