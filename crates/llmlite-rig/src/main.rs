//! The command line of the rig: `cargo xtask overspend`, `rates`, `hot-path` and `revocation`.

use std::{
    fmt::Display,
    io::{self, Write},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use llmlite_rig::{Failure, Programs, hot_path, overspend, rates, revocation};

/// Runs several gateways under load and faults, and says whether what they promise held.
///
/// The programs are taken from beside this one. The last line printed has the figures.
#[derive(Debug, Parser)]
#[command(name = "llmlite-rig", version)]
struct Args {
    #[command(subcommand)]
    experiment: Experiment,
}

#[derive(Debug, Subcommand)]
enum Experiment {
    /// Budgets that run out while gateways and the database are killed
    Overspend {
        #[arg(long, default_value_t = 5)]
        processes: usize,
        /// How long the load lasts; on a slow machine until all teams' money is gone, but no more
        /// than 90 seconds longer
        #[arg(long, default_value_t = 120)]
        seconds: u64,
        #[arg(long, default_value_t = 500)]
        keys: usize,
        #[arg(long, default_value_t = 20)]
        teams: usize,
        /// Requests under way at each gateway at a time
        #[arg(long, default_value_t = 64)]
        streams: usize,
        /// Which requests are made, by whom
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Requests and tokens in a minute, also under overload
    Rates {
        #[arg(long, default_value_t = 5)]
        processes: usize,
        /// How long the load lasts: whole cycles of 62 seconds and some more
        #[arg(long, default_value_t = 130)]
        seconds: u64,
    },
    /// Statements of the database for each request
    HotPath {
        #[arg(long, default_value_t = 5)]
        processes: usize,
        #[arg(long, default_value_t = 500)]
        keys: usize,
        /// Requests under way at each gateway at a time
        #[arg(long, default_value_t = 16)]
        streams: usize,
        /// How long is measured
        #[arg(long, default_value_t = 30)]
        seconds: u64,
    },
    /// How long a key that was taken back still works
    Revocation {
        #[arg(long, default_value_t = 5)]
        processes: usize,
        /// Keys that are taken back under each circumstance
        #[arg(long, default_value_t = 60)]
        keys: usize,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Args::parse().experiment).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Without a terminal to complain to, the exit status has to do.
            _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether what was promised held.
async fn run(experiment: Experiment) -> Result<bool, Failure> {
    let programs = Programs::beside_us()?;
    match experiment {
        Experiment::Overspend {
            processes,
            seconds,
            keys,
            teams,
            streams,
            seed,
        } => {
            let settings = overspend::Settings {
                processes,
                seconds,
                keys,
                teams,
                streams,
                seed,
                chaos: overspend::Chaos::for_a_run_of(seconds),
                ..overspend::Settings::default()
            };
            let report = overspend::run(&programs, &settings).await?;
            tell(&report, report.held())
        }
        Experiment::Rates { processes, seconds } => {
            let settings = rates::Settings { processes, seconds };
            let report = rates::run(&programs, &settings).await?;
            tell(&report, report.held())
        }
        Experiment::HotPath {
            processes,
            keys,
            streams,
            seconds,
        } => {
            let settings = hot_path::Settings {
                processes,
                keys,
                streams,
                seconds,
                ..hot_path::Settings::default()
            };
            let report = hot_path::run(&programs, &settings).await?;
            tell(&report, report.held())
        }
        Experiment::Revocation { processes, keys } => {
            let settings = revocation::Settings {
                processes,
                keys,
                ..revocation::Settings::default()
            };
            let report = revocation::run(&programs, &settings).await?;
            tell(&report, report.held())
        }
    }
}

fn tell(report: &impl Display, held: bool) -> Result<bool, Failure> {
    writeln!(io::stdout(), "{report}")?;
    Ok(held)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }
}
