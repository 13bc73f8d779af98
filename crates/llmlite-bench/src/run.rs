//! One benchmark from the first process to the verdict.
//!
//! All contestants run the whole time, each idle while another is measured, and take turns in
//! every round, so that whatever disturbs the machine disturbs them alike.

mod goals;
mod ledger;
mod measure;
mod scenario;

use std::{
    error::Error,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Serialize;

use crate::{
    load,
    process::{Cores, Recipe, Running},
    report::{Board, Contestant, Goal, Unit, median},
};
use ledger::Ledger;
use measure::Bench;
use scenario::Scenario;

/// The load up to which a machine counts as quiet.
const QUIET: f64 = 0.5;

/// What to run, and for how long.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder of the release binaries.
    pub binaries: PathBuf,
    /// Leaves the gateway out: for work on the yardsticks.
    pub yardsticks_only: bool,
    /// How often every figure is taken.
    pub rounds: u32,
    /// How long one figure is measured.
    pub window: Duration,
    /// How long the same load runs before that.
    pub warm_up: Duration,
    /// How often each program is started to time that.
    pub starts: u32,
    /// Where the figures go as JSON.
    pub json: Option<PathBuf>,
}

/// Runs everything and tells the results on `out`.
///
/// # Errors
/// When a program cannot be started, a request is not answered as it should be, or the ledger
/// does not agree with the load generator: no figure of such a run means anything.
pub fn run(settings: &Settings, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let cores = prepare(out)?;
    let scratch = tempfile::tempdir()?;
    let upstream = Running::start_beside(&upstream_recipe(settings, scratch.path()))?;
    let mut board = Board::default();
    let mut ledger = None;
    let mut contestants = Vec::new();
    for who in contestants_of(settings) {
        let recipe = if who == Contestant::Gateway {
            let ledger = ledger.insert(Ledger::open(&settings.binaries)?);
            ledger.gateway(&settings.binaries, scratch.path(), upstream.address)
        } else {
            yardstick_recipe(settings, scratch.path(), who, &upstream)
        };
        contestants.push((who, start_often(settings, cores, who, &recipe, &mut board)?));
    }
    let key = ledger.as_ref().map(|ledger| ledger.key.clone());
    let mut bench = Bench {
        settings,
        upstream: &upstream,
        contestants: &contestants,
        key: key.as_deref(),
        board: &mut board,
        answered_by_gateway: 0,
    };
    bench.memory("memory idle")?;
    for round in 1..=settings.rounds {
        writeln!(out, "round {round} of {}", settings.rounds)?;
        out.flush()?;
        bench.round(round)?;
    }
    bench.memory("memory after")?;
    let answered = bench.answered_by_gateway;
    board.write(out)?;
    remark(&board, out)?;
    let rows = match &ledger {
        Some(ledger) => Some(close(contestants, ledger, answered, out)?),
        None => None,
    };
    conclude(settings, &board, cores, rows, out)
}

fn prepare(out: &mut impl Write) -> io::Result<Cores> {
    let (cores, reason) = Cores::separate();
    if let Some(reason) = reason {
        writeln!(
            out,
            "note: programs are not kept on cores of their own: {reason}"
        )?;
    }
    if let Err(error) = load::wake_on_time() {
        writeln!(out, "note: wake-ups may be 50 µs late: {error}")?;
    }
    if let Some(load) = busy().filter(|load| *load > QUIET) {
        writeln!(
            out,
            "note: the machine is busy with other things (load {load}): expect spread"
        )?;
    }
    Ok(cores)
}

/// Says where a figure is weaker than its name.
fn remark(board: &Board, out: &mut impl Write) -> io::Result<()> {
    const SATURATED: f64 = 90.0;
    for scenario in Scenario::ALL.iter().filter(|s| s.is_full_load()) {
        for who in Contestant::ALL {
            let row = board.row(&scenario.core_name());
            let used = row.and_then(|row| median(row.rounds(who)));
            if let Some(used) = used.filter(|used| *used < SATURATED) {
                let (who, name) = (who.name(), scenario.name);
                writeln!(
                    out,
                    "note: {who} used {used:.0} % of its core under \"{name}\""
                )?;
            }
        }
    }
    Ok(())
}

/// How many programs wanted a core in the last minute, by the kernel's count.
fn busy() -> Option<f64> {
    let load = fs::read_to_string("/proc/loadavg").ok()?;
    load.split(' ').next()?.parse().ok()
}

fn contestants_of(settings: &Settings) -> impl Iterator<Item = Contestant> + use<> {
    let yardsticks_only = settings.yardsticks_only;
    let all = Contestant::ALL.into_iter();
    all.filter(move |who| !(yardsticks_only && *who == Contestant::Gateway))
}

/// This very program, in another role.
fn own_recipe(settings: &Settings, scratch: &Path, role: &'static str) -> Recipe {
    Recipe {
        name: role,
        program: settings.binaries.join("llmlite-bench"),
        arguments: vec![role.to_owned()],
        environment: Vec::new(),
        log: scratch.join(format!("{role}.log")),
    }
}

fn upstream_recipe(settings: &Settings, scratch: &Path) -> Recipe {
    own_recipe(settings, scratch, "upstream")
}

fn yardstick_recipe(
    settings: &Settings,
    scratch: &Path,
    who: Contestant,
    upstream: &Running,
) -> Recipe {
    let mut recipe = own_recipe(settings, scratch, who.name());
    recipe.arguments.push("--upstream".to_owned());
    recipe.arguments.push(upstream.address.to_string());
    recipe
}

/// Starts the program as often as the settings say, and leaves the last one running.
fn start_often(
    settings: &Settings,
    cores: Cores,
    who: Contestant,
    recipe: &Recipe,
    board: &mut Board,
) -> io::Result<Running> {
    let mut starts = settings.starts.max(1);
    loop {
        let running = Running::start(recipe, cores)?;
        let millis = running.ready_after.as_secs_f64() * 1e3;
        board.add("start to ready", Unit::Milliseconds, who, millis);
        starts -= 1;
        if starts == 0 {
            return Ok(running);
        }
        running.terminate()?;
    }
}

/// Ends the gateway as an operator would, and compares its ledger with what was answered.
fn close(
    contestants: Vec<(Contestant, Running)>,
    ledger: &Ledger,
    answered: u64,
    out: &mut impl Write,
) -> Result<u64, Box<dyn Error>> {
    for (who, running) in contestants {
        if who == Contestant::Gateway {
            let status = running.terminate()?;
            if !status.success() {
                return Err(format!("the gateway ended with {status} at SIGTERM").into());
            }
        }
    }
    let rows = ledger.rows()?;
    writeln!(out, "usage rows {rows}, requests answered {answered}")?;
    if rows == answered {
        Ok(rows)
    } else {
        Err("the ledger does not hold one row for each request answered".into())
    }
}

#[derive(Serialize)]
struct Results<'a> {
    rounds: u32,
    window_seconds: f64,
    cores_apart: bool,
    usage_rows: Option<u64>,
    rows: &'a [crate::report::Row],
    goals: &'a [Goal],
}

fn conclude(
    settings: &Settings,
    board: &Board,
    cores: Cores,
    usage_rows: Option<u64>,
    out: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    let goals = goals::of(board);
    if let Some(path) = &settings.json {
        let results = Results {
            rounds: settings.rounds,
            window_seconds: settings.window.as_secs_f64(),
            cores_apart: cores == Cores::Apart,
            usage_rows,
            rows: &board.rows,
            goals: &goals,
        };
        serde_json::to_writer_pretty(File::create(path)?, &results)?;
        writeln!(
            out,
            "figures of all rounds: {}",
            fs::canonicalize(path)?.display()
        )?;
    }
    for goal in &goals {
        writeln!(out, "{}", goal.line())?;
    }
    Ok(())
}
