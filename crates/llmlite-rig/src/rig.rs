//! Everything that one experiment needs.

use std::path::PathBuf;

use llmlite_bedrock_sim::{Script, Sim};
use tempfile::TempDir;

use crate::{
    Database, Failure, Fleet, Programs,
    database::Connection,
    fleet::Recipe,
    people::{Ceiling, People, set_limits},
    prices::Prices,
};

/// A database with people in it, a simulator, and gateways between them.
#[derive(Debug)]
pub struct Rig {
    pub(crate) fleet: Fleet,
    pub(crate) sim: Sim,
    pub(crate) people: People,
    pub(crate) prices: Prices,
    pub(crate) database: Database,
    folder: Option<TempDir>,
}

/// How large a rig is to be.
#[derive(Debug, Clone)]
pub(crate) struct Size {
    /// Gateways.
    pub(crate) processes: usize,
    /// Teams.
    pub(crate) teams: usize,
    /// Keys of all teams together.
    pub(crate) keys: usize,
    /// Whether the database counts statements, for which it is started twice.
    pub(crate) counts_statements: bool,
}

impl Rig {
    /// Starts everything; `limits` says which limits are to hold for whom.
    ///
    /// # Errors
    ///
    /// When anything does not start.
    pub(crate) async fn start(
        programs: &Programs,
        size: &Size,
        limits: impl FnOnce(&People) -> Vec<Ceiling>,
    ) -> Result<Self, Failure> {
        let mut database = Database::start().await?;
        if size.counts_statements {
            count_statements(&mut database).await?;
        }
        let url = database.url()?;
        programs.admin(&url, &["migrate"]).await?;
        let people = People::invite(programs, &url, size.teams, size.keys).await?;
        let connection = database.connect().await?;
        set_limits(&connection.client, &limits(&people)).await?;
        let prices = Prices::read(programs, &url).await?;
        let sim = llmlite_bedrock_sim::start(script()).await?;
        let folder = tempfile::Builder::new().prefix("llmlite-rig-").tempdir()?;
        let recipe = Recipe {
            programs: programs.clone(),
            database: url,
            upstream: sim.url(),
            folder: folder.path().to_owned(),
            arguments: Vec::new(),
        };
        let fleet = Fleet::start(recipe, size.processes).await?;
        Ok(Self {
            fleet,
            sim,
            people,
            prices,
            database,
            folder: Some(folder),
        })
    }

    /// A connection past everything, for looking and for setting.
    pub(crate) async fn connect(&self) -> Result<Connection, Failure> {
        self.database.connect().await
    }

    /// Leaves journals and logs where they are, for whoever looks into what went wrong.
    pub(crate) fn keep_files(&mut self) -> Option<PathBuf> {
        self.folder.take().map(TempDir::keep)
    }
}

/// Lets the server count every statement by what it says, which it learns only at a start.
async fn count_statements(database: &mut Database) -> Result<(), Failure> {
    let connection = database.connect().await?;
    connection
        .client
        .batch_execute("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'")
        .await?;
    drop(connection);
    database.revive().await?;
    let connection = database.connect().await?;
    connection
        .client
        .batch_execute("CREATE EXTENSION pg_stat_statements")
        .await
        .map_err(|error| format!("the server has no pg_stat_statements: {error}"))?;
    Ok(())
}

/// The simulator answers for Claude wherever it is called, and keeps nothing but the bill.
fn script() -> Script {
    let globs = ["anthropic.*", "eu.anthropic.*", "global.anthropic.*"];
    Script {
        models: globs.map(str::to_owned).to_vec(),
        keep_requests: 0,
        ..Script::default()
    }
}
