//! `cargo xtask test`: everything that must pass, one numbered step after the other.

use std::{
    io,
    process::{Command, Stdio},
    time::Instant,
};

use crate::{
    clients, deps, fuzz,
    process::{run as execute, succeeds},
    workspace::cargo,
};

const CARGO_DENY: &str = "0.20.2";

type Step = (&'static str, fn() -> io::Result<()>);

const FAST: &[Step] = &[
    ("formatting", formatting),
    ("lints", lints),
    ("dependency rules", deps::run),
    ("unit tests of the libraries", unit_tests),
];

const FULL: &[Step] = &[
    ("formatting", formatting),
    ("lints", lints),
    ("dependency rules", deps::run),
    ("licences, sources, bans and advisories", deny),
    ("client packages", clients::run),
    ("build", build),
    ("tests", tests),
    ("documentation tests", doc_tests),
    ("fuzzing the translator and the journal", fuzz::briefly),
];

/// Runs the steps and stops at the first that fails.
///
/// # Errors
///
/// When a step fails; its own output is above.
pub(crate) fn run(fast: bool) -> io::Result<()> {
    let steps = if fast { FAST } else { FULL };
    let began = now();
    for (i, (name, step)) in steps.iter().enumerate() {
        let place = format!("[{}/{}] {name}", i + 1, steps.len());
        println!("{place} ...");
        let since = now();
        if let Err(error) = step() {
            println!("{place}: FAILED after {}", seconds(since));
            return Err(io::Error::other(format!("{name}: {error}")));
        }
        println!("{place}: ok, {}", seconds(since));
    }
    println!("all {} steps passed in {}", steps.len(), seconds(began));
    Ok(())
}

fn formatting() -> io::Result<()> {
    execute(cargo().args(["fmt", "--all", "--check"]))?;
    for manifest in fuzz::manifests() {
        execute(
            cargo()
                .args(["fmt", "--check", "--manifest-path"])
                .arg(manifest),
        )?;
    }
    Ok(())
}

fn lints() -> io::Result<()> {
    execute(cargo().args([
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--",
        "-Dwarnings",
    ]))
}

/// Those that need no database, no client packages and no programs.
fn unit_tests() -> io::Result<()> {
    let need_a_database = "package(llmlite-store) or package(llmlite-testkit) \
                           or package(llmlite-dev-postgres)";
    execute(
        cargo()
            .args(["nextest", "run", "--workspace", "--lib", "--bins", "-E"])
            .arg(format!("not ({need_a_database})")),
    )
}

/// Everything at once, because cargo picks features by what is built together: the tests that
/// follow find all of it done, and the programs that they start beside them.
fn build() -> io::Result<()> {
    execute(cargo().args(["build", "--quiet", "--workspace", "--all-targets"]))
}

fn tests() -> io::Result<()> {
    let mut command = cargo();
    command.args(["nextest", "run", "--workspace"]);
    if on_ci() {
        command.args(["--profile", "ci"]);
    }
    execute(&mut command)
}

fn doc_tests() -> io::Result<()> {
    execute(cargo().args(["test", "--quiet", "--doc", "--workspace"]))
}

fn deny() -> io::Result<()> {
    if !succeeds(cargo().args(["deny", "--version"])) {
        let version = format!("cargo-deny@{CARGO_DENY}");
        execute(cargo().args(["install", "--locked", "--quiet", &version]))?;
    }
    execute(cargo_deny().args(["check", "bans", "licenses", "sources"]))?;
    advisories()
}

/// The database of advisories comes from the internet, which is not everywhere in reach.
fn advisories() -> io::Result<()> {
    let fetched = cargo_deny()
        .args(["fetch", "db"])
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null())
        .output()?;
    if fetched.status.success() {
        return execute(cargo_deny().args(["check", "advisories"]));
    }
    println!(
        "!! SKIPPED: the advisory database is out of reach, so known holes were NOT looked for"
    );
    Ok(())
}

fn cargo_deny() -> Command {
    let mut command = cargo();
    command.args([
        "deny",
        "--log-level",
        "warn",
        "--config",
        ".cargo/deny.toml",
    ]);
    command
}

#[expect(
    clippy::disallowed_methods,
    reason = "a command of the developer's, not a library: whether it runs on CI is in its environment"
)]
fn on_ci() -> bool {
    std::env::var_os("CI").is_some()
}

#[expect(
    clippy::disallowed_methods,
    reason = "shows how long a step took; nothing depends on it"
)]
fn now() -> Instant {
    Instant::now()
}

fn seconds(since: Instant) -> String {
    format!("{:.1} s", since.elapsed().as_secs_f64())
}
