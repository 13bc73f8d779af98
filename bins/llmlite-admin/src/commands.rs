//! One module a command: each asks `llmlite-control` and shows what it says.

mod database;
mod key;
mod limits;
mod migrate;
mod model;
mod organisation;
mod policy;
mod show;
mod team;
mod usage;
mod user;
pub(crate) mod words;

use std::process::ExitCode;

use llmlite_core::catalogue::Catalogue;
use llmlite_store::{Store, StoreConfig};

use crate::{
    args::{Cli, Command},
    audit::Audit,
    failure::Failure,
    output::Output,
};

pub(crate) async fn run(cli: Cli, output: Output) -> Result<ExitCode, Failure> {
    let url = cli.database_url.ok_or(Failure::NoDatabaseUrl)?;
    let database = StoreConfig {
        application: "llmlite-admin".to_owned(),
        url: url.reveal().to_owned(),
        ca_file: cli.database_ca,
        lookup_connections: 1,
        ledger_connections: 1,
    };
    let audit = Audit::start(cli.actor)?;
    if let Command::Migrate = cli.command {
        migrate::run(database, output).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let store = open(database).await?;
    match cli.command {
        Command::Policy(command) => return policy::run(command, &store, output).await,
        Command::Migrate => {}
        Command::Team(command) => team::run(command, &store, output, &audit).await?,
        Command::User(command) => user::run(command, &store, output, &audit).await?,
        Command::Key(command) => key::run(command, &store, output, &audit).await?,
        Command::Organisation(command) => {
            organisation::run(command, &store, output, &audit).await?;
        }
        Command::Model(command) => model::run(command, &store, output).await?,
        Command::Usage(command) => usage::run(command, &store, output).await?,
        Command::Database(command) => database::run(command, &store, output).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Connects, and makes sure that this program and the schema fit.
async fn open(database: StoreConfig) -> Result<Store, Failure> {
    let store = Store::connect(database).await?;
    store.check_schema().await?;
    Ok(store)
}

/// The catalogue as gateways see it: the built-in entries under the operator's.
async fn catalogue(store: &Store) -> Result<Catalogue, Failure> {
    Ok(Catalogue::embedded().overlaid_with(store.model_overrides().await?))
}

fn yes_or_no(answer: bool) -> String {
    if answer { "yes" } else { "no" }.to_owned()
}

/// The text, or a dash where there is none.
fn or_dash(text: Option<&str>) -> String {
    text.unwrap_or("-").to_owned()
}
