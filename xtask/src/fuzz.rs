//! `cargo xtask fuzz`: throws bytes at the translator and at the journal's reader until something
//! breaks.
//!
//! libFuzzer with the coverage that stable Rust can already count, so that neither nightly Rust nor
//! `cargo-fuzz` is needed (the folders have the latter's layout and work with it as well).

use std::{
    fs, io,
    path::PathBuf,
    process::{Command, Stdio},
};

use clap::ValueEnum;

use crate::{
    packages::ensure,
    process::run as execute,
    workspace::{cargo, root, target},
};

/// A crate that has targets, in a package beside its sources.
#[derive(Debug, Clone, Copy)]
struct Subject {
    folder: &'static str,
    /// Words that inputs are made of, in the folder of the targets.
    words: Option<&'static str>,
}

const TRANSLATOR: Subject = Subject {
    folder: "crates/llmlite-translator",
    words: Some("words.dict"),
};
const JOURNAL: Subject = Subject {
    folder: "crates/llmlite-journal",
    words: None,
};
const SUBJECTS: [Subject; 2] = [TRANSLATOR, JOURNAL];

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

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Target {
    /// Requests of clients.
    Request,
    /// Events of streamed answers, one a line.
    Event,
    /// Whole answers and the frames of streams.
    Sse,
    /// Segments of the journal.
    Segment,
}

/// Builds the targets and runs them, or one of them.
///
/// # Errors
///
/// When they cannot be built, or one of them finds something; its report is above.
pub(crate) fn run(args: &Args) -> io::Result<()> {
    compiler()?;
    let Some(target) = args.target else {
        return explore_all(args.seconds);
    };
    let built = Built::new()?;
    built.build(target.subject())?;
    if args.inputs.is_empty() {
        built.explore(target, args.seconds)
    } else {
        execute(Command::new(built.program(target)).args(&args.inputs))
    }
}

/// The step of `cargo xtask test`: a few seconds each, or none where libFuzzer cannot be built.
///
/// # Errors
///
/// Like [`run`], except for a missing compiler.
pub(crate) fn briefly() -> io::Result<()> {
    if let Err(error) = compiler() {
        println!("!! SKIPPED: {error}; translator and journal were NOT fuzzed");
        return Ok(());
    }
    explore_all(5)
}

fn explore_all(seconds: u32) -> io::Result<()> {
    let built = Built::new()?;
    for subject in SUBJECTS {
        built.build(subject)?;
    }
    for target in Target::value_variants() {
        built.explore(*target, seconds)?;
    }
    Ok(())
}

/// libFuzzer is C++.
fn compiler() -> io::Result<()> {
    ensure(&["c++", "--version"], &["g++"])
}

/// The manifests of the targets: each is a workspace of its own, which `--workspace` does not reach.
pub(crate) fn manifests() -> impl Iterator<Item = PathBuf> {
    SUBJECTS.iter().map(Subject::manifest)
}

/// Where targets are built and work.
struct Built {
    host: String,
    /// Below cargo's target folder, so that the checkout stays clean.
    work: PathBuf,
}

impl Built {
    fn new() -> io::Result<Self> {
        Ok(Self {
            host: host()?,
            work: target()?.join("fuzz"),
        })
    }

    fn build(&self, subject: Subject) -> io::Result<()> {
        // With `--target`, build scripts and macros are left without instruments.
        execute(
            cargo()
                .args(["build", "--quiet", "--release", "--locked"])
                .args(["--target", &self.host])
                .arg("--manifest-path")
                .arg(subject.manifest())
                .arg("--target-dir")
                .arg(&self.work)
                .env("RUSTFLAGS", INSTRUMENTED),
        )
    }

    fn program(&self, target: Target) -> PathBuf {
        let programs = self.work.join(&self.host).join("release");
        programs.join(target.name())
    }

    /// Starts from the corpus and the fixtures, and writes what it learns into a folder of its own.
    fn explore(&self, target: Target, seconds: u32) -> io::Result<()> {
        let (name, subject) = (target.name(), target.subject());
        let learned = self.work.join("learned").join(name);
        let findings = self.work.join("findings");
        fs::create_dir_all(&learned)?;
        fs::create_dir_all(&findings)?;
        let report = findings.join(format!("{name}.log"));
        println!("  {name}: {seconds} s ...");
        let mut command = Command::new(self.program(target));
        if let Some(words) = subject.words {
            let words = subject.targets().join(words);
            command.arg(format!("-dict={}", words.display()));
        }
        let ran = command
            .arg(format!("-max_total_time={seconds}"))
            .args(["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"])
            .arg(format!("-artifact_prefix={}/{name}-", findings.display()))
            .arg(&learned)
            .arg(subject.targets().join("corpus").join(name))
            .arg(root().join(subject.folder).join("fixtures"))
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
            "{name}: {ran}; the input is in {} (mend it, then copy the input to {}/fuzz/corpus/{name})",
            findings.display(),
            subject.folder
        )))
    }
}

impl Subject {
    fn targets(&self) -> PathBuf {
        root().join(self.folder).join("fuzz")
    }

    fn manifest(&self) -> PathBuf {
        self.targets().join("Cargo.toml")
    }
}

impl Target {
    fn subject(self) -> Subject {
        match self {
            Self::Request | Self::Event | Self::Sse => TRANSLATOR,
            Self::Segment => JOURNAL,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Event => "event",
            Self::Sse => "sse",
            Self::Segment => "segment",
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
