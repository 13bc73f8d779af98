//! `cargo xtask fuzz`: throws bytes at the translator until something breaks.
//!
//! libFuzzer with the coverage that stable Rust can already count, so that neither nightly Rust nor
//! `cargo-fuzz` is needed (the folder has the latter's layout and works with it as well).

use std::{
    fs, io,
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::{
    packages::ensure,
    process::run as execute,
    workspace::{cargo, root, target},
};

/// A workspace of its own, which `--workspace` does not reach.
pub(crate) const MANIFEST: &str = "crates/llmlite-translator/fuzz/Cargo.toml";
const FOLDER: &str = "crates/llmlite-translator/fuzz";
const FIXTURES: &str = "crates/llmlite-translator/fixtures";

/// Counts the branches taken and tells libFuzzer what is compared with what.
const INSTRUMENTED: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How long each target runs
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// What to throw bytes at [default: each in turn]
    #[arg(value_enum)]
    target: Option<Target>,
    /// Run these inputs once each instead, such as a finding
    #[arg(requires = "target")]
    inputs: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Target {
    /// Requests of clients.
    Request,
    /// Events of streamed answers, one a line.
    Event,
    /// Whole answers and the frames of streams.
    Sse,
}

/// Builds the targets and runs them, or one of them.
///
/// # Errors
///
/// When they cannot be built, or one of them finds something; its report is above.
pub(crate) fn run(args: &Args) -> io::Result<()> {
    compiler()?;
    let built = Built::new()?;
    if let (Some(target), false) = (args.target, args.inputs.is_empty()) {
        return execute(Command::new(built.program(target)).args(&args.inputs));
    }
    match args.target {
        Some(target) => built.explore(target, args.seconds),
        None => built.explore_all(args.seconds),
    }
}

/// The step of `cargo xtask test`: a few seconds each, or none where libFuzzer cannot be built.
///
/// # Errors
///
/// Like [`run`], except for a missing compiler.
pub(crate) fn briefly() -> io::Result<()> {
    if let Err(error) = compiler() {
        println!("!! SKIPPED: {error}; the translator was NOT fuzzed");
        return Ok(());
    }
    Built::new()?.explore_all(5)
}

/// libFuzzer is C++.
fn compiler() -> io::Result<()> {
    ensure(&["c++", "--version"], &["g++"])
}

/// The built targets and where they work.
struct Built {
    programs: PathBuf,
    /// Below cargo's target folder, so that the checkout stays clean.
    work: PathBuf,
}

impl Built {
    fn new() -> io::Result<Self> {
        let work = target()?.join("fuzz");
        let host = host()?;
        // With `--target`, build scripts and macros are left without instruments.
        execute(
            cargo()
                .args(["build", "--quiet", "--release", "--locked"])
                .args(["--target", &host])
                .args(["--manifest-path", MANIFEST, "--target-dir"])
                .arg(&work)
                .env("RUSTFLAGS", INSTRUMENTED),
        )?;
        let programs = work.join(host).join("release");
        Ok(Self { programs, work })
    }

    fn program(&self, target: Target) -> PathBuf {
        self.programs.join(target.name())
    }

    fn explore_all(&self, seconds: u32) -> io::Result<()> {
        for target in [Target::Request, Target::Event, Target::Sse] {
            self.explore(target, seconds)?;
        }
        Ok(())
    }

    /// Starts from the corpus and the fixtures, and writes what it learns into a folder of its own.
    fn explore(&self, target: Target, seconds: u32) -> io::Result<()> {
        let name = target.name();
        let learned = self.work.join("learned").join(name);
        let findings = self.work.join("findings");
        fs::create_dir_all(&learned)?;
        fs::create_dir_all(&findings)?;
        let report = findings.join(format!("{name}.log"));
        println!("  {name}: {seconds} s ...");
        let ran = Command::new(self.program(target))
            .arg(format!("-max_total_time={seconds}"))
            .args(["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"])
            .arg(format!("-artifact_prefix={}/{name}-", findings.display()))
            .arg(format!(
                "-dict={}",
                root().join(FOLDER).join("words.dict").display()
            ))
            .arg(&learned)
            .arg(root().join(FOLDER).join("corpus").join(name))
            .arg(root().join(FIXTURES))
            .stdin(Stdio::null())
            .stderr(fs::File::create(&report)?)
            .status()?;
        let report = fs::read_to_string(&report)?;
        if !report.contains("inline 8-bit counters") {
            return Err(io::Error::other(format!(
                "{name} counts no branches, so it sees nothing"
            )));
        }
        if ran.success() {
            println!("  {name}: {}", summary(&report));
            return Ok(());
        }
        println!("{report}");
        Err(io::Error::other(format!(
            "{name}: {ran}; the input is in {} (mend it, then copy the input to {FOLDER}/corpus/{name})",
            findings.display()
        )))
    }
}

impl Target {
    fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Event => "event",
            Self::Sse => "sse",
        }
    }
}

/// What libFuzzer says in the end, in a few words.
fn summary(report: &str) -> String {
    let value = |name: &str| {
        let line = report
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix(name));
        line.unwrap_or("?").trim()
    };
    let done = report.lines().rev().find(|line| line.contains("DONE"));
    let covered = done.and_then(|line| {
        let mut words = line.split_whitespace();
        words.find(|word| *word == "cov:")?;
        words.next()
    });
    format!(
        "{} inputs, {} a second, {} branches covered, nothing found",
        value("stat::number_of_executed_units:"),
        value("stat::average_exec_per_sec:"),
        covered.unwrap_or("?"),
    )
}

/// The platform that we run on, in rustc's words.
fn host() -> io::Result<String> {
    let output = Command::new("rustc")
        .arg("-vV")
        .current_dir(root())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(ToOwned::to_owned)
        .ok_or_else(|| io::Error::other("rustc does not name its host"))
}
