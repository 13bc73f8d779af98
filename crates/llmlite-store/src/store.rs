use std::{fmt, sync::Arc, time::Duration};

use llmlite_core::ports::StoreError;
use tokio_postgres::Row;

use crate::pool::{Lane, LaneConfig, Params, read_url};

/// What a [`Store`] needs to know.
#[derive(Clone)]
pub struct StoreConfig {
    /// `postgres://user:password@host:port/database`, with the options that PostgreSQL knows.
    pub url: String,
    /// What the connections are called in the database's own views.
    pub application: String,
    /// How many connections look keys up and change the directory.
    pub lookup_connections: usize,
    /// How many connections write the ledger and add up reports.
    pub ledger_connections: usize,
}

impl StoreConfig {
    /// The database at `url`, with four connections for lookups and one for what takes longer.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            application: "llmlite".to_owned(),
            lookup_connections: 4,
            ledger_connections: 1,
        }
    }
}

impl fmt::Debug for StoreConfig {
    /// Never shows the url, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreConfig")
            .field("application", &self.application)
            .field("lookup_connections", &self.lookup_connections)
            .field("ledger_connections", &self.ledger_connections)
            .finish_non_exhaustive()
    }
}

/// The database: pools of connections, shared by its clones.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    lookups: Lane,
    long: Lane,
    /// For the connection that listens, which is none of the pools'.
    listener: tokio_postgres::Config,
}

impl Store {
    /// Opens the pools and proves one connection, so that a wrong address or password shows at
    /// the start.
    ///
    /// The schema is not looked at; [`Store::check_schema`] does that.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when nobody answers within two seconds;
    /// [`StoreError::Refused`] when the url makes no sense or the database turns us away.
    pub async fn connect(config: StoreConfig) -> Result<Self, StoreError> {
        let mut database = read_url(&config.url)?;
        database.application_name(&config.application);
        let lookups = Lane::new(
            &database,
            LaneConfig {
                connections: config.lookup_connections,
                deadline: Duration::from_secs(2),
            },
        )?;
        let long = Lane::new(
            &database,
            LaneConfig {
                connections: config.ledger_connections,
                deadline: Duration::from_secs(10),
            },
        )?;
        let store = Self(Arc::new(Inner {
            lookups,
            long,
            listener: database,
        }));
        store.lookup(PROVE, &[]).await?;
        Ok(store)
    }

    /// Runs a short statement: two seconds at most.
    pub(crate) async fn lookup(
        &self,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        self.0.lookups.rows(sql, params).await
    }

    /// Runs a statement that may take a while, of the ledger and of reports: ten seconds at most.
    pub(crate) async fn long(
        &self,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        self.0.long.rows(sql, params).await
    }

    pub(crate) fn listener(&self) -> &tokio_postgres::Config {
        &self.0.listener
    }
}

const PROVE: &str = "\
-- store.prove
SELECT 1";
