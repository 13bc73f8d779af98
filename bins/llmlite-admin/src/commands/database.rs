//! `database grant`.

use llmlite_store::Store;
use serde::Serialize;

use crate::{args::DatabaseCommand, failure::Failure, output::Output, table::printable};

pub(super) async fn run(
    command: DatabaseCommand,
    store: &Store,
    output: Output,
) -> Result<(), Failure> {
    let DatabaseCommand::Grant { gateway, admin } = command;
    store.grant_roles(&gateway, &admin).await?;
    let granted = Granted { gateway, admin };
    output.answer(&granted, || {
        printable(&format!(
            "{} may do what gateways need, {} what administrators need, and nothing else",
            granted.gateway, granted.admin
        )) + "\n"
    })
}

/// The roles that have their rights now.
#[derive(Serialize)]
struct Granted {
    gateway: String,
    admin: String,
}
