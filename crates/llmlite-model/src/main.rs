//! `llmlite-model --seeds N` runs the worlds of N seeds, on all processors; `--seed S` runs one,
//! and shows every step.

#![expect(clippy::print_stdout, reason = "a command talks to whoever typed it")]

use std::{
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use clap::Parser;
use llmlite_model::{Figures, Violation};

#[derive(Debug, Parser)]
#[command(about = "Tries the limits of several instances against every fault there is")]
struct Args {
    /// How many seeds to run, one after the other.
    #[arg(long, default_value_t = 1_000_000, conflicts_with = "seed")]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0, conflicts_with = "seed")]
    from: u64,
    /// Run this one alone, and show every step.
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match args.seed {
        Some(seed) => replay(seed),
        None => run(args.from, args.seeds),
    }
}

fn replay(seed: u64) -> ExitCode {
    let (result, trace) = llmlite_model::trace(seed, None);
    print!("{trace}");
    match result {
        Ok(figures) => {
            println!("seed {seed}: every promise was kept; {figures:?}");
            ExitCode::SUCCESS
        }
        Err(violation) => {
            println!("{violation}");
            ExitCode::FAILURE
        }
    }
}

fn run(from: u64, seeds: u64) -> ExitCode {
    let next = AtomicU64::new(from);
    let end = from.saturating_add(seeds);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let parts: Vec<(Figures, Option<Violation>)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| work(&next, end)))
            .collect();
        let parts = threads.into_iter().map(thread::ScopedJoinHandle::join);
        parts
            .map(|part| part.expect("a run does not panic"))
            .collect()
    });
    let mut all = Figures::default();
    for (figures, _) in &parts {
        all.add(figures);
    }
    let first = parts.into_iter().filter_map(|(_, violation)| violation);
    match first.min_by_key(|violation| violation.seed) {
        None => {
            println!("{seeds} seeds from {from}: every promise was kept; {all:?}");
            ExitCode::SUCCESS
        }
        Some(violation) => {
            let seed = violation.seed;
            println!("{violation}");
            println!("show every step with: cargo xtask model-test --seed {seed}");
            ExitCode::FAILURE
        }
    }
}

/// Runs seeds until there are none left, or one fails.
fn work(next: &AtomicU64, end: u64) -> (Figures, Option<Violation>) {
    let mut all = Figures::default();
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            return (all, None);
        }
        match llmlite_model::run(seed, None) {
            Ok(figures) => all.add(&figures),
            Err(violation) => {
                // Nobody starts another one.
                next.store(end, Ordering::Relaxed);
                return (all, Some(violation));
            }
        }
    }
}
