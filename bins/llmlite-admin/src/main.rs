//! The administrator's command line: migrates the database, and manages teams, users, keys, limits
//! and models.

mod args;
mod audit;
mod commands;
mod failure;
mod output;
mod table;

use std::process::ExitCode;

use clap::Parser;

use crate::output::Output;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = args::Cli::parse();
    let output = Output { json: cli.json };
    match commands::run(cli, output).await {
        Ok(code) => code,
        Err(failure) => {
            output.remark(&failure.report());
            ExitCode::FAILURE
        }
    }
}
