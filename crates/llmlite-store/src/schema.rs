//! The schema: the migrations that this program carries, and whether a database fits it.
//!
//! A database fits when it has every migration that the program carries, and the program carries
//! every migration that the database's `schema_needs` asks for.
//! So a program may be older than the schema as long as the newer migrations only added things,
//! which is what makes a release possible to roll back; `migrations/README.md` has the rules.

use std::{error::Error, fmt};

use llmlite_core::ports::StoreError;
use refinery::error::Kind;
use tokio_postgres::Client;

use crate::{
    database::Database,
    error::{StatementError, refused, unavailable},
    store::{Store, StoreConfig},
};

mod embedded {
    refinery::embed_migrations!("../../migrations");
}

/// What [`migrate`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The migrations that it applied, such as `V2__ledger`, in order; empty when all were there.
    pub applied: Vec<String>,
    /// The newest migration that the database has now.
    pub version: u32,
    /// How many monthly partitions of the ledger were missing and have been made.
    pub partitions: u32,
}

/// Brings a database up to date, and makes the ledger's partitions for the months
/// ahead. Several may run at once: one works, the others wait and find nothing left to do.
///
/// Takes an url or a whole [`StoreConfig`], of which the url and the CA file count.
///
/// # Errors
///
/// [`SchemaError::Newer`] when the database was migrated by a newer program,
/// [`SchemaError::Changed`] when an applied migration differs from ours, and
/// [`SchemaError::Store`] when the database cannot be reached or refuses.
pub async fn migrate(database: impl Into<StoreConfig>) -> Result<Migrated, SchemaError> {
    let database = Database::new(&StoreConfig {
        application: "llmlite-migrate".to_owned(),
        ..database.into()
    })?;
    let (mut client, connection) = database
        .connect()
        .await
        .map_err(|e| StatementError::database(MIGRATE, &e))?;
    // The connection is driven here and not in a task of its own: when the work is done, both
    // are gone.
    tokio::select! {
        biased;
        done = bring_up_to_date(&mut client) => done,
        lost = connection => Err(SchemaError::Store(match lost {
            Ok(()) => unavailable(StatementError::named(MIGRATE, "the connection ended".into())),
            Err(e) => StatementError::database(MIGRATE, &e),
        })),
    }
}

/// The newest migration that this program carries.
pub fn known_version() -> u32 {
    embedded::migrations::runner()
        .get_migrations()
        .iter()
        .filter_map(|m| u32::try_from(m.version()).ok())
        .max()
        .unwrap_or(0)
}

/// Changes whenever a migration is added or edited: names a template database by its content.
pub fn fingerprint() -> u64 {
    embedded::migrations::runner()
        .get_migrations()
        .iter()
        .fold(0, |sum, m| sum.rotate_left(5) ^ m.checksum())
}

impl Store {
    /// Tells whether this program fits the database's schema.
    ///
    /// # Errors
    ///
    /// [`SchemaError::Older`] or [`SchemaError::Newer`] when it does not, and
    /// [`SchemaError::Store`] when the database cannot be asked.
    pub async fn check_schema(&self) -> Result<(), SchemaError> {
        let (found, needs) = self.schema_version().await?;
        let known = known_version();
        if found < known {
            Err(SchemaError::Older { found, known })
        } else if needs > known {
            Err(SchemaError::Newer { needs, known })
        } else {
            Ok(())
        }
    }

    /// Makes the ledger's partitions for this month and the three ahead, and returns how many
    /// were missing. Without them rows land in the default partition, which is slower to read
    /// but loses nothing.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached or refuses.
    pub async fn make_partitions(&self) -> Result<u32, StoreError> {
        let rows = self.long(MAKE_PARTITIONS, &[]).await?;
        let made: i32 = rows
            .first()
            .and_then(|row| row.try_get(0).ok())
            .unwrap_or(0);
        Ok(u32::try_from(made).unwrap_or(0))
    }

    /// The newest applied migration, and the newest that a program has to know.
    async fn schema_version(&self) -> Result<(u32, u32), StoreError> {
        let there = self.lookup(HAS_HISTORY, &[]).await?;
        if !there
            .first()
            .is_some_and(|row| row.try_get(0).unwrap_or(false))
        {
            return Ok((0, 0));
        }
        let rows = self.lookup(VERSION, &[]).await?;
        let corrupt = || StoreError::Corrupt {
            what: "refinery_schema_history",
        };
        let row = rows.first().ok_or_else(corrupt)?;
        let number = |i: usize| {
            row.try_get::<_, i32>(i)
                .ok()
                .and_then(|v| u32::try_from(v).ok())
                .ok_or_else(corrupt)
        };
        Ok((number(0)?, number(1)?))
    }
}

async fn bring_up_to_date(client: &mut Client) -> Result<Migrated, SchemaError> {
    let database = |e| StatementError::database(MIGRATE, &e);
    client.batch_execute(LOCK).await.map_err(database)?;
    let report = embedded::migrations::runner()
        .run_async(client)
        .await
        .map_err(from_refinery)?;
    let made = client
        .query_one(MAKE_PARTITIONS, &[])
        .await
        .and_then(|row| row.try_get::<_, i32>(0))
        .map_err(database)?;
    Ok(Migrated {
        applied: report
            .applied_migrations()
            .iter()
            .map(ToString::to_string)
            .collect(),
        version: known_version(),
        partitions: u32::try_from(made).unwrap_or(0),
    })
}

fn from_refinery(error: refinery::Error) -> SchemaError {
    match error.kind() {
        Kind::MissingVersion(applied) => SchemaError::Newer {
            needs: u32::try_from(applied.version()).unwrap_or(u32::MAX),
            known: known_version(),
        },
        Kind::DivergentVersion(applied, _) => SchemaError::Changed {
            migration: applied.to_string(),
        },
        Kind::Connection(during, cause) => {
            SchemaError::Store(match cause.downcast_ref::<tokio_postgres::Error>() {
                Some(e) => StatementError::database(MIGRATE, e),
                None => refused(StatementError::named(MIGRATE, format!("{during}: {cause}"))),
            })
        }
        other => SchemaError::Store(refused(StatementError::named(MIGRATE, other.to_string()))),
    }
}

/// Why a program and a database do not fit together.
#[derive(Debug)]
#[non_exhaustive]
pub enum SchemaError {
    /// The database lacks migrations that this program needs.
    Older {
        /// The newest migration that the database has; 0 when it has none.
        found: u32,
        /// The newest migration that this program carries.
        known: u32,
    },
    /// The database has dropped something that this program still leans on.
    Newer {
        /// The newest migration that a program has to know.
        needs: u32,
        /// The newest migration that this program carries.
        known: u32,
    },
    /// A migration was applied in another form than the one that this program carries.
    Changed {
        /// Its name.
        migration: String,
    },
    /// The database could not be asked or changed.
    Store(StoreError),
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Older { found, known } => write!(
                f,
                "the database is at migration {found} and this program needs {known}; run \
                 llmlite-admin migrate"
            ),
            Self::Newer { needs, known } => write!(
                f,
                "the database needs a program that knows migration {needs} and this one knows \
                 {known}; start a newer release"
            ),
            Self::Changed { migration } => write!(
                f,
                "migration {migration} was applied in another form than this program carries; \
                 the database was made by a modified build"
            ),
            Self::Store(_) => f.write_str("the schema could not be read or changed"),
        }
    }
}

impl Error for SchemaError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Store(cause) => Some(cause),
            Self::Older { .. } | Self::Newer { .. } | Self::Changed { .. } => None,
        }
    }
}

impl From<StoreError> for SchemaError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Not run; the name under which the steps of a migration fail.
const MIGRATE: &str = "-- schema.migrate";

/// Held until the connection ends. The wait for it has no limit; the wait for a table has one,
/// because everything else that wants the table queues up behind the migration.
const LOCK: &str = "\
-- schema.lock
SELECT pg_advisory_lock(hashtext('llmlite.migrate'));
SET lock_timeout = '5s'";

const MAKE_PARTITIONS: &str = "\
-- schema.make_partitions
SELECT make_usage_partitions()";

const HAS_HISTORY: &str = "\
-- schema.has_history
SELECT to_regclass('refinery_schema_history') IS NOT NULL AND to_regclass('settings') IS NOT NULL";

const VERSION: &str = "\
-- schema.version
SELECT max(version), (SELECT (value #>> '{}')::int4 FROM settings WHERE key = 'schema_needs')
  FROM refinery_schema_history";
