use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use llmlite_core::ports::StoreError;
use tokio_postgres::Row;
use tracing::{debug, warn};

use crate::{
    database::Database,
    pool::{Lane, LaneConfig, Params, Unanswered},
};

/// What a [`Store`] needs to know.
#[derive(Clone)]
pub struct StoreConfig {
    /// `postgres://user:password@host:port/database`, with the options that PostgreSQL knows.
    ///
    /// `sslmode=require` insists on TLS, `disable` does without, and `prefer`, which holds when
    /// the url says nothing, takes TLS from a server that offers it.
    /// With TLS the server's certificate and name are verified in either mode, as others do only
    /// for `verify-full`, and a server that does not pass is refused: `prefer` does not go on
    /// without.
    pub url: String,
    /// A PEM file of certificate authorities that may vouch for the server, next to those of the
    /// system. Not read when the url says `sslmode=disable`.
    pub ca_file: Option<PathBuf>,
    /// What the connections are called in the database's own views.
    pub application: String,
    /// How many connections look keys up and change the directory.
    pub lookup_connections: usize,
    /// How many connections write the ledger and add up reports.
    pub ledger_connections: usize,
}

impl StoreConfig {
    /// The database at `url`, with the system's certificate authorities, four connections for
    /// lookups and one for what takes longer.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            ca_file: None,
            application: "llmlite".to_owned(),
            lookup_connections: 4,
            ledger_connections: 1,
        }
    }
}

impl From<&str> for StoreConfig {
    /// As [`StoreConfig::new`].
    fn from(url: &str) -> Self {
        Self::new(url)
    }
}

impl fmt::Debug for StoreConfig {
    /// Never shows the url, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreConfig")
            .field("ca_file", &self.ca_file)
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
    /// For the calls about limits, of which one is under way at a time.
    quota: Lane,
    /// Whether the last of them had no answer.
    quota_is_silent: AtomicBool,
    /// For the list of requests under way, which some requests wait for.
    intents: Lane,
    /// For the connection that listens, which is none of the pools'.
    listener: Database,
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
    /// [`StoreError::Refused`] when the url or the CA file makes no sense, the database turns us
    /// away, or it does not prove who it is.
    pub async fn connect(config: StoreConfig) -> Result<Self, StoreError> {
        let database = Database::new(&config)?;
        let lookups = LaneConfig {
            lock: QUEUE,
            ..LaneConfig::new(config.lookup_connections, Duration::from_secs(2))
        };
        let long = LaneConfig::new(config.ledger_connections, Duration::from_secs(10));
        let store = Self(Arc::new(Inner {
            lookups: Lane::new(&database, lookups)?,
            long: Lane::new(&database, long)?,
            quota: Lane::new(&database, QUOTA)?,
            quota_is_silent: AtomicBool::new(false),
            intents: Lane::new(&database, QUOTA)?,
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

    /// Runs a call about limits: half a second at most.
    pub(crate) async fn quota(
        &self,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<Vec<Row>, Unanswered> {
        let told = self.0.quota.attempt(sql, params).await;
        let was_silent = self.0.quota_is_silent.swap(told.is_err(), Relaxed);
        if let Err(unanswered) = &told {
            // An outage makes one line and not one a call.
            if was_silent {
                debug!(reason = %unanswered.error, cause = ?unanswered.error, "a call about limits has no answer");
            } else {
                warn!(reason = %unanswered.error, cause = ?unanswered.error, "calls about limits have no answer");
            }
        }
        told
    }

    /// Runs a statement about requests under way: half a second at most.
    pub(crate) async fn intents(
        &self,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        self.0.intents.rows(sql, params).await
    }

    pub(crate) fn listener(&self) -> &Database {
        &self.0.listener
    }
}

/// How long an administrator's write waits for its turn: all of them number their changes, one
/// after the other.
const QUEUE: Duration = Duration::from_millis(1_500);

/// The server gives up before this side does: then it says that nothing was done, and nobody has to
/// wonder.
const QUOTA: LaneConfig = LaneConfig {
    connections: 1,
    deadline: Duration::from_millis(500),
    statement: Duration::from_millis(450),
    lock: Duration::from_millis(350),
    connect: Duration::from_millis(500),
};

const PROVE: &str = "\
-- store.prove
SELECT 1";
