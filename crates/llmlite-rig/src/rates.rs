//! Requests and tokens in a minute, on several gateways at once: never more than the limit in any
//! sixty seconds, and under overload nearly all of it.
//!
//! A request counts when it is admitted.
//! Its event id is made at that moment and carries the time to the millisecond; the simulator's
//! bill hands the id on, so every admission that reached Bedrock is known exactly, by the one clock
//! of this machine, without asking the gateways' books.
//! The minute that is looked at slides from admission to admission: there is no tolerance.
//! Tokens are those that the bill states.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{
    Failure, Fleet, Programs, Rig, bill,
    client::{Client, Outcome},
    load::Ask,
    people::{Ceiling, Key, People},
    rig::Size,
};

mod pattern;
mod window;

use pattern::{CASES, Case, Measure};
use window::Admissions;

/// One cycle of the ring in which gateways count: under overload a limit comes round so often.
const CYCLE_MS: u64 = 62_000;
/// The least share of a limit that must be admitted under overload, in thousandths.
const LEAST_ADMITTED: u64 = 960;
/// Keys that share each limit.
const KEYS: usize = 5;

/// One run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Gateways.
    pub processes: usize,
    /// How long the load lasts; what is admitted under overload needs whole cycles of 62 seconds.
    pub seconds: u64,
}

/// What a run has shown.
#[derive(Debug)]
pub struct Report {
    /// Everything that was not as promised, a sentence each.
    pub broken: Vec<String>,
    lines: Vec<Line>,
}

/// How one limit fared.
#[derive(Debug)]
struct Line {
    case: &'static Case,
    /// Units in the worst sixty seconds.
    worst: u64,
    /// The shortest time in which more than the limit was admitted, in milliseconds.
    tightest: Option<u64>,
    /// Share of the limit that was admitted over whole cycles, in thousandths.
    admitted: Option<u64>,
    outcomes: BTreeMap<String, u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            processes: 5,
            seconds: 130,
        }
    }
}

/// Runs it.
///
/// # Errors
///
/// When it cannot be carried out; that a promise was broken is in the report.
pub async fn run(programs: &Programs, settings: &Settings) -> Result<Report, Failure> {
    let size = Size {
        processes: settings.processes,
        teams: CASES.len(),
        keys: CASES.len() * KEYS,
        counts_statements: false,
    };
    let rig = Rig::start(programs, &size, limits).await?;
    let loads = CASES.iter().zip(&rig.people.teams).map(|(case, team)| {
        let time = Duration::from_secs(settings.seconds);
        ask(rig.fleet.clone(), team.keys.clone(), case, time)
    });
    let mut outcomes: BTreeMap<i64, BTreeMap<String, u64>> = BTreeMap::new();
    for (team, counts) in JoinSet::from_iter(loads).join_all().await {
        outcomes.insert(team, counts);
    }
    rig.fleet.stop().await?;
    let mut lines = Vec::with_capacity(CASES.len());
    for (case, team) in CASES.iter().zip(&rig.people.teams) {
        let counts = outcomes.remove(&team.id).unwrap_or_default();
        lines.push(Line::of(case, admissions(&rig, team.id, case)?, counts));
    }
    let broken = lines.iter().flat_map(Line::broken).collect();
    Ok(Report { broken, lines })
}

fn limits(people: &People) -> Vec<Ceiling> {
    let teams = CASES.iter().zip(&people.teams);
    teams
        .map(|(case, team)| Ceiling {
            kind: "team",
            subject: team.id,
            measure: case.measure.name(),
            period: None,
            at: i64::try_from(case.limit).unwrap_or(i64::MAX),
        })
        .collect()
}

/// Asks as the case's pattern says, whatever the answers do, on gateway after gateway.
async fn ask(
    fleet: Fleet,
    keys: Vec<Arc<Key>>,
    case: &'static Case,
    time: Duration,
) -> (i64, BTreeMap<String, u64>) {
    let begin = Instant::now();
    let counts: Arc<Mutex<BTreeMap<String, u64>>> = Arc::default();
    let mut running = JoinSet::new();
    for number in 0.. {
        let due = case.due(number);
        if due >= time {
            break;
        }
        sleep_until(begin + due).await;
        let turn = usize::try_from(number).unwrap_or_default();
        let (Some(key), Some(to)) = (keys.get(turn % KEYS), fleet.address(turn % fleet.size()))
        else {
            continue;
        };
        let ask = request(key, case);
        let counts = Arc::clone(&counts);
        running.spawn(async move {
            let mut client = Client::default();
            let outcome = client.chat(to, &ask.key.plaintext, ask.body()).await;
            let name = outcome.to_string();
            let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
            *counts.entry(name).or_default() += 1;
        });
        while running.try_join_next().is_some() {}
    }
    while running.join_next().await.is_some() {}
    let team = keys.first().map_or(0, |key| key.team);
    let counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
    (team, counts.clone())
}

/// Answers are as long as they may be, so that tokens are what was estimated but for the input.
fn request(key: &Arc<Key>, case: &Case) -> Ask {
    Ask {
        key: Arc::clone(key),
        streamed: case.streamed,
        words: 200,
        pace: if case.streamed { 5 } else { 50 },
        max_tokens: 100,
    }
}

fn admissions(rig: &Rig, team: i64, case: &Case) -> Result<Admissions, Failure> {
    let mut admissions = Admissions::default();
    for line in rig.sim.bill() {
        let item = bill::item(&line, &rig.prices)?;
        if item.team != team {
            continue;
        }
        let units = match case.measure {
            Measure::Requests => 1,
            Measure::Tokens => line.input_tokens + line.output_tokens + line.cache_write_tokens,
        };
        admissions.add(bill::admitted_ms(item.event), units);
    }
    Ok(admissions)
}

impl Line {
    fn of(
        case: &'static Case,
        mut admissions: Admissions,
        outcomes: BTreeMap<String, u64>,
    ) -> Self {
        let worst = admissions.worst_minute();
        let overloaded = case.is_overload();
        let admitted = admissions.in_cycles(CYCLE_MS).filter(|_| overloaded);
        let share = |(units, ms): (u64, u64)| units * 1_000 * 60_000 / (case.limit * ms);
        Self {
            case,
            worst,
            tightest: admissions.tightest(case.limit),
            admitted: admitted.map(share),
            outcomes,
        }
    }

    fn broken(&self) -> Vec<String> {
        let Self { case, worst, .. } = self;
        let mut broken = Vec::new();
        if *worst > case.limit {
            let tightest = self.tightest.unwrap_or_default();
            let sentence = format!(
                "{}: {worst} within a minute, {} allowed; more than those within {tightest} ms",
                case.name, case.limit
            );
            broken.push(sentence);
        }
        if case.is_overload() && self.admitted.is_none_or(|share| share < LEAST_ADMITTED) {
            let share = self.admitted.map_or_else(|| "-".to_owned(), percent);
            broken.push(format!(
                "{}: only {share} % of the limit admitted",
                case.name
            ));
        }
        let strange = self.outcomes.keys().filter(|name| {
            **name != Outcome::Answered.to_string() && !name.contains("rate_limit_exceeded")
        });
        broken.extend(strange.map(|name| format!("{}: some requests were {name}", case.name)));
        let refused: u64 = self
            .outcomes
            .iter()
            .map(|(name, count)| {
                if name.contains("rate_limit_exceeded") {
                    *count
                } else {
                    0
                }
            })
            .sum();
        if case.is_below() && refused > 0 {
            broken.push(format!(
                "{}: {refused} refused although the limit was never reached",
                case.name
            ));
        }
        broken
    }
}

impl Report {
    /// Whether everything was as promised.
    pub fn held(&self) -> bool {
        self.broken.is_empty()
    }
}

impl fmt::Display for Report {
    /// A line for each limit, and a last one with the figures.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            let Line { case, worst, .. } = line;
            let admitted = line.admitted.map_or_else(String::new, |share| {
                format!(", admitted {} % of the limit", percent(share))
            });
            writeln!(
                f,
                "{:<28} limit {:>6}, worst minute {worst:>6}{admitted}; {:?}",
                case.name, case.limit, line.outcomes
            )?;
        }
        for sentence in &self.broken {
            writeln!(f, "BROKEN: {sentence}")?;
        }
        let verdict = if self.held() { "held" } else { "BROKEN" };
        let fullest = self
            .lines
            .iter()
            .map(|line| line.worst * 1_000 / line.case.limit)
            .max();
        let least = self.lines.iter().filter_map(|line| line.admitted).min();
        write!(
            f,
            "rates: {verdict}; worst minute {} % of its limit, admitted {} % at least under overload",
            percent(fullest.unwrap_or_default()),
            least.map_or_else(|| "-".to_owned(), percent),
        )
    }
}

fn percent(thousandths: u64) -> String {
    format!("{}.{}", thousandths / 10, thousandths % 10)
}
