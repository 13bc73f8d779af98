//! What translation costs, beside reading and writing the same JSON; `cargo xtask bench-translator`.
//!
//! Ours and the yardstick take turns, and ratios are taken within a turn, so that a busy machine
//! disturbs both alike; the figures are medians.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::{
    collections::HashMap,
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

mod work;

/// Turns of each measurement.
const ROUNDS: usize = 25;
/// How long a turn takes at least, for the clock to be fine enough.
const TURN: Duration = Duration::from_millis(10);
/// Encoding takes at most so many times the yardstick's time.
const MOST_RATIO: f64 = 1.5;
/// Decoding takes at most so many nanoseconds an event.
const MOST_NANOS: f64 = 2_000.0;

/// By the name of the work, what `benches/allocations.rs` counted: ours and the other one.
type Counts = HashMap<String, (f64, f64)>;

fn main() {
    let counts = counts();
    let ratio = requests(&counts);
    println!();
    let nanos = answers(&counts);
    println!();
    println!(
        "goals: at most {MOST_RATIO} times the yardstick: {} ({ratio:.2} at most); \
         under {MOST_NANOS} ns an event: {} ({nanos:.0} at most)",
        holds(ratio <= MOST_RATIO),
        holds(nanos < MOST_NANOS),
    );
}

/// Prints a line for each request, and returns the worst ratio.
fn requests(counts: &Counts) -> f64 {
    println!(
        "{:<28} {:>9} {:>9} {:>11} {:>7} {:>12} {:>12}",
        "parse and encode", "bytes", "MB/s", "yardstick", "ratio", "allocations", "yardstick"
    );
    let mut worst = 0.0_f64;
    for request in work::requests() {
        let body = &request.body;
        let (ours, yardstick, ratio) = compare(|| work::translate(body), || work::yardstick(body));
        let speed = |nanos: f64| bytes(body) * 1_000.0 / nanos;
        let (allocations, theirs) = show(counts, request.name, 1.0, 0);
        println!(
            "{:<28} {:>9} {:>9.0} {:>11.0} {ratio:>7.2} {allocations:>12} {theirs:>12}",
            request.name,
            body.len(),
            speed(ours),
            speed(yardstick),
        );
        worst = worst.max(ratio);
    }
    worst
}

/// Prints a line for each answer, and returns the longest time for an event without its framing.
fn answers(counts: &Counts) -> f64 {
    println!(
        "{:<28} {:>9} {:>9} {:>11} {:>7} {:>12} {:>12}",
        "decode a stream", "events", "ns/event", "with frames", "", "allocations", "with frames"
    );
    let reply = work::reply();
    let mut worst = 0.0_f64;
    for answer in work::answers() {
        let events = &answer.events;
        let each = |nanos: f64| nanos / count(events.len());
        let (decoded, framed, _) = compare(
            || work::decode(events, &reply),
            || work::decode_and_frame(events, &reply),
        );
        let (allocations, with_frames) = show(counts, answer.name, count(events.len()), 1);
        println!(
            "{:<28} {:>9} {:>9.0} {:>11.0} {:>7} {allocations:>12} {with_frames:>12}",
            answer.name,
            events.len(),
            each(decoded),
            each(framed),
            "",
        );
        worst = worst.max(each(decoded));
    }
    worst
}

/// The medians of both in nanoseconds, and of the first in terms of the second.
fn compare(one: impl Fn() -> usize, other: impl Fn() -> usize) -> (f64, f64, f64) {
    let (times_one, times_other) = (times(&one), times(&other));
    let turns: Vec<(f64, f64)> = (0..ROUNDS)
        .map(|_| (turn(&one, times_one), turn(&other, times_other)))
        .collect();
    (
        median(turns.iter().map(|(one, _)| *one)),
        median(turns.iter().map(|(_, other)| *other)),
        median(turns.iter().map(|(one, other)| one / other)),
    )
}

/// How often to do `work` in a turn.
fn times(work: impl Fn() -> usize) -> u32 {
    let mut times = 1;
    loop {
        let since = now();
        (0..times).for_each(|_| assert!(work() > 0, "the work was done"));
        if since.elapsed() >= TURN {
            return times;
        }
        times *= 2;
    }
}

/// Nanoseconds that `work` takes.
fn turn(work: impl Fn() -> usize, times: u32) -> f64 {
    let since = now();
    (0..times).for_each(|_| assert!(work() > 0, "the work was done"));
    since.elapsed().as_secs_f64() * 1e9 / f64::from(times)
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

/// Reads the counts from the file that the command line names; without one there are none.
fn counts() -> Counts {
    // Cargo itself passes `--bench`.
    let mut files = std::env::args_os().skip(1).map(PathBuf::from);
    let file = files.rfind(|file| !file.to_string_lossy().starts_with("--"));
    let text = file.map(|file| fs::read_to_string(file).expect("the counts can be read"));
    let text = text.unwrap_or_default();
    let counts = text.lines().filter_map(|line| {
        let mut fields = line.split('\t');
        let name = fields.next()?.to_owned();
        let ours = fields.next()?.parse().ok()?;
        Some((name, (ours, fields.next()?.parse().ok()?)))
    });
    counts.collect()
}

fn show(counts: &Counts, name: &str, by: f64, digits: usize) -> (String, String) {
    let write = |count: f64| format!("{:.digits$}", count / by);
    let found = counts.get(name);
    found.map_or(("-".to_owned(), "-".to_owned()), |(one, other)| {
        (write(*one), write(*other))
    })
}

fn bytes(body: &[u8]) -> f64 {
    count(body.len())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "sizes and counts of a benchmark are far below 2^52"
)]
fn count(items: usize) -> f64 {
    items as f64
}

fn holds(goal: bool) -> &'static str {
    if goal { "yes" } else { "NO" }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn now() -> Instant {
    Instant::now()
}
