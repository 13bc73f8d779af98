//! One module a command: each asks `llmlite-control` and shows what it says.

mod key;
mod migrate;
mod model;
mod team;
mod usage;
mod user;

use llmlite_core::catalogue::Catalogue;
use llmlite_store::{Store, StoreConfig};

use crate::{
    args::{Cli, Command},
    failure::Failure,
    output::Output,
};

pub(crate) async fn run(cli: Cli, output: Output) -> Result<(), Failure> {
    let url = cli.database_url.ok_or(Failure::NoDatabaseUrl)?;
    let database = StoreConfig {
        application: "llmlite-admin".to_owned(),
        url: url.reveal().to_owned(),
        ca_file: cli.database_ca,
        lookup_connections: 1,
        ledger_connections: 1,
    };
    match cli.command {
        Command::Migrate => migrate::run(database, output).await,
        Command::Team(command) => team::run(command, &open(database).await?, output).await,
        Command::User(command) => user::run(command, &open(database).await?, output).await,
        Command::Key(command) => key::run(command, &open(database).await?, output).await,
        Command::Model(command) => model::run(command, &open(database).await?, output).await,
        Command::Usage(command) => usage::run(command, &open(database).await?, output).await,
    }
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
