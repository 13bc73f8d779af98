//! The project's own commands: `cargo xtask dev`, `test`, `deps`, `clients`, `sim`, `bless`, `fuzz`,
//! `bench`, `bench-translator`, `model-test`, `overspend`, `rates`, `hot-path`, `revocation`.
//!
//! `dev` and `test` are the two that people need; the others are steps of theirs, or maintenance.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command talks to whoever typed it"
)]

mod clients;
mod deps;
mod dev;
mod fuzz;
mod packages;
mod process;
mod test;
mod workspace;

use std::{
    fs, io,
    process::{Command, ExitCode, Stdio},
};

use clap::{Parser, Subcommand};

use crate::workspace::root;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about)]
struct Args {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build and start everything on this machine, with a first key, and print a request to try.
    Dev(dev::Args),
    /// Run everything that must pass.
    Test {
        /// Formatting, lints, dependency rules and the libraries' own tests: a few minutes at most.
        #[arg(long)]
        fast: bool,
    },
    /// Check which crate may lean on which, that the pure crates build alone, and tidiness.
    Deps,
    /// Install the Python and Node.js client packages that the whole-system tests use.
    Clients,
    /// Run the Bedrock simulator alone. What follows goes to it: `cargo xtask sim --help`.
    #[command(disable_help_flag = true)]
    Sim {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Rewrite the golden files from what the code does now; review the difference with git.
    Bless,
    /// Throw bytes at the translator until something breaks.
    Fuzz(fuzz::Args),
    /// Measure what a request costs, beside two yardsticks.
    Bench {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Measure what translation costs, beside reading and writing the same JSON.
    BenchTranslator,
    /// Try the limits of several instances against every fault, in simulated time:
    /// `--seeds N` worlds, or `--seed S` alone, with every step.
    #[command(disable_help_flag = true)]
    ModelTest {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Let budgets run out on five real gateways while they and the database are killed, and hold
    /// the books against the simulator's bill.
    #[command(disable_help_flag = true)]
    Overspend {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Hold the limits of a minute against what five real gateways admit under overload.
    #[command(disable_help_flag = true)]
    Rates {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Count the statements that a request costs the database.
    #[command(disable_help_flag = true)]
    HotPath {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Time how long a key that was taken back still works.
    #[command(disable_help_flag = true)]
    Revocation {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

fn main() -> ExitCode {
    let done = match Args::parse().command {
        Task::Dev(args) => dev::run(&args),
        Task::Test { fast } => test::run(fast),
        Task::Deps => deps::run(),
        Task::Clients => clients::run(),
        Task::Sim { args } => sim(&args),
        Task::Bless => bless(),
        Task::Fuzz(args) => fuzz::run(&args),
        Task::Bench { args } => bench(&args),
        Task::BenchTranslator => bench_translator(),
        Task::ModelTest { args } => model_test(&args),
        Task::Overspend { args } => rig("overspend", &args),
        Task::Rates { args } => rig("rates", &args),
        Task::HotPath { args } => rig("hot-path", &args),
        Task::Revocation { args } => rig("revocation", &args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn sim(args: &[String]) -> io::Result<()> {
    process::run(
        workspace::cargo()
            .args(["run", "--quiet", "-p", "llmlite-bedrock-sim", "--"])
            .args(args),
    )
}

fn bless() -> io::Result<()> {
    process::run(
        workspace::cargo()
            .args([
                "test",
                "--quiet",
                "-p",
                "llmlite-translator",
                "--test",
                "golden",
                "--test",
                "conformance",
            ])
            .env("LLMLITE_BLESS", "1"),
    )?;
    process::run(
        workspace::cargo()
            .args(["test", "--quiet", "-p", "llmlite-edge", "--lib", "failure"])
            .env("LLMLITE_BLESS", "1"),
    )?;
    println!(
        "the golden files, docs/conformance.md and docs/errors.md are rewritten; \
         review them with git diff"
    );
    Ok(())
}

fn bench(args: &[String]) -> io::Result<()> {
    process::run(workspace::cargo().args([
        "build",
        "--release",
        "-p",
        "llmlite-gateway",
        "-p",
        "llmlite-admin",
        "-p",
        "llmlite-bench",
    ]))?;
    let program = workspace::target()?.join("release/llmlite-bench");
    process::run(Command::new(program).args(args).current_dir(root()))
}

/// Counts and clocks apart, because counting takes time.
fn bench_translator() -> io::Result<()> {
    let bench = |name: &str| {
        let mut cargo = workspace::cargo();
        cargo.args([
            "bench",
            "--quiet",
            "-p",
            "llmlite-translator",
            "--bench",
            name,
            "--",
        ]);
        cargo
    };
    let counted = bench("allocations").stderr(Stdio::inherit()).output()?;
    if !counted.status.success() {
        return Err(io::Error::other(format!("allocations: {}", counted.status)));
    }
    let file = workspace::target()?.join("allocations.tsv");
    fs::write(&file, counted.stdout)?;
    process::run(bench("translate").arg(file))
}

fn model_test(args: &[String]) -> io::Result<()> {
    process::run(
        workspace::cargo()
            .args([
                "run",
                "--quiet",
                "--profile",
                "quick",
                "-p",
                "llmlite-model",
                "--",
            ])
            .args(args),
    )
}

/// Runs one experiment with the programs as they are shipped, but for the wait of a whole-program
/// link.
fn rig(experiment: &str, args: &[String]) -> io::Result<()> {
    process::run(workspace::cargo().args([
        "build",
        "--quiet",
        "--profile",
        "quick",
        "-p",
        "llmlite-gateway",
        "-p",
        "llmlite-admin",
        "-p",
        "llmlite-rig",
    ]))?;
    let program = workspace::target()?.join("quick/llmlite-rig");
    process::run(
        Command::new(program)
            .arg(experiment)
            .args(args)
            .current_dir(root()),
    )
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }
}
