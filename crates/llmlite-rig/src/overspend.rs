//! Budgets that run out on several gateways at once, while gateways and the database are killed:
//! nobody is ever billed for more than their limit, and nearly all of it can be used.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use crate::{
    Failure, Programs, Rig, bill,
    books::Books,
    load::Load,
    people::{Ceiling, People},
    rig::Size,
};

mod chaos;
mod compare;
mod mix;

pub use chaos::Chaos;
pub use compare::Figures;
use compare::compare;
use mix::{Mix, SPAN};

/// How long killed gateways may take to settle what they left.
const RECOVERY: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(200);

/// One run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Gateways.
    pub processes: usize,
    /// How long the load lasts at least, with everything that is broken meanwhile.
    pub seconds: u64,
    /// How much longer it may last until all teams' money is gone, on a slow machine.
    pub patience: Duration,
    /// Keys of all teams together.
    pub keys: usize,
    /// Teams.
    pub teams: usize,
    /// Requests under way at each gateway at a time.
    pub streams: usize,
    /// Nanodollars of a team in the middle; teams have a fifth more or less.
    pub team_budget: i64,
    /// What is broken meanwhile.
    pub chaos: Chaos,
    /// Which requests are made, by whom.
    pub seed: u64,
}

/// What a run has shown.
#[derive(Debug)]
pub struct Report {
    /// Everything that was not as promised, a sentence each.
    pub broken: Vec<String>,
    /// The figures.
    pub figures: Figures,
    /// What clients met with.
    pub outcomes: BTreeMap<String, u64>,
    /// The same for the requests that were made in each ten seconds.
    pub course: Vec<BTreeMap<String, u64>>,
    /// Gateways that were killed.
    pub kills: u32,
    /// How long it took after the load until every killed gateway's books were closed.
    pub recovery: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        let seconds = 120;
        Self {
            processes: 5,
            seconds,
            patience: Duration::from_secs(90),
            keys: 500,
            teams: 20,
            streams: 64,
            team_budget: 500_000_000,
            chaos: Chaos::for_a_run_of(seconds),
            seed: 1,
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
        teams: settings.teams,
        keys: settings.keys,
        counts_statements: false,
    };
    let limits = |people: &People| budgets(people, settings.team_budget);
    let mut rig = Rig::start(programs, &size, limits).await?;
    let done = experiment(&mut rig, settings).await;
    if done.as_ref().is_ok_and(Report::held) {
        return done;
    }
    let kept = rig.keep_files();
    let place = kept.map_or_else(String::new, |folder| folder.display().to_string());
    match done {
        Ok(mut report) => {
            let kept = format!("logs and journals are in {place}");
            report.broken.push(kept);
            Ok(report)
        }
        Err(error) => Err(format!("{error}; logs and journals are in {place}").into()),
    }
}

async fn experiment(rig: &mut Rig, settings: &Settings) -> Result<Report, Failure> {
    let mix = Arc::new(Mix::of(&rig.people));
    let load = Load::start(&rig.fleet, settings.streams, &mix, settings.seed);
    let time = Duration::from_secs(settings.seconds);
    settings
        .chaos
        .reign(&rig.fleet, &mut rig.database, time)
        .await?;
    let exhausted = run_out(&mix, settings).await;
    let outcomes = load.stop().await;
    let recovery = settle(rig).await?;
    rig.fleet.stop().await?;

    let connection = rig.connect().await?;
    let books = Books::read(&connection.client).await?;
    let items = bill::items(&rig.sim.bill(), &rig.prices)?;
    let (mut broken, figures) = compare(&items, &books, &exhausted);
    if figures.exhausted * 10 < settings.teams * 9 {
        broken.push(format!(
            "only {} of {} team budgets ran out: the run is too short, or the machine too slow, to \
             say anything",
            figures.exhausted, settings.teams
        ));
    }
    Ok(Report {
        broken,
        figures,
        outcomes,
        course: mix.course(),
        kills: rig.fleet.kills(),
        recovery,
    })
}

/// Waits until all teams' money is gone, or for as long as there is patience, and says whose is.
async fn run_out(mix: &Mix, settings: &Settings) -> Vec<i64> {
    let began = Instant::now();
    loop {
        let exhausted = mix.exhausted(Instant::now());
        if exhausted.len() >= settings.teams || began.elapsed() > settings.patience {
            return exhausted;
        }
        sleep(LOOK).await;
    }
}

/// Waits until the books of every gateway that was killed are closed: those that run are the only
/// lives left.
async fn settle(rig: &Rig) -> Result<Duration, Failure> {
    let began = Instant::now();
    let connection = rig.connect().await?;
    loop {
        let open = Books::open_lives(&connection.client).await?;
        if usize::try_from(open).is_ok_and(|open| open <= rig.fleet.size()) {
            return Ok(began.elapsed());
        }
        if began.elapsed() > RECOVERY {
            return Err(format!(
                "{open} lives of {} gateways are still open a minute after the last kill",
                rig.fleet.size()
            )
            .into());
        }
        sleep(LOOK).await;
    }
}

/// A budget for every team, every user and every key. Those of a team's users are more than the
/// team's together, so that sometimes one runs out first and sometimes another.
fn budgets(people: &People, team_budget: i64) -> Vec<Ceiling> {
    let budget = |kind, subject, at| Ceiling {
        kind,
        subject,
        measure: "budget",
        period: Some("lifetime"),
        at,
    };
    let mut all = Vec::new();
    for (place, team) in people.teams.iter().enumerate() {
        // From four fifths to six fifths, in five steps.
        let fifths = i64::try_from(place % 5).unwrap_or_default();
        let whole = team_budget / 10 * (8 + fifths);
        all.push(budget("team", team.id, whole));
        let mut users: Vec<i64> = team.keys.iter().map(|key| key.user).collect();
        users.dedup();
        let share = |parts: usize, of: i64| of / i64::try_from(parts.max(1)).unwrap_or(1);
        // Half as much again as an even share for users, twice and a half for keys.
        let of_user = share(users.len(), whole + whole / 2);
        let of_key = share(team.keys.len(), whole * 5 / 2);
        all.extend(users.iter().map(|user| budget("user", *user, of_user)));
        all.extend(team.keys.iter().map(|key| budget("key", key.id, of_key)));
    }
    all
}

impl Report {
    /// Whether everything was as promised.
    pub fn held(&self) -> bool {
        self.broken.is_empty()
    }
}

impl fmt::Display for Report {
    /// What was broken, what clients met with, and a last line with the figures.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for sentence in &self.broken {
            writeln!(f, "BROKEN: {sentence}")?;
        }
        let span = SPAN.as_secs();
        writeln!(f, "{:<28}{:>8}   of each {span} s", "", "in all")?;
        for (outcome, count) in &self.outcomes {
            write!(f, "{outcome:<28}{count:>8}  ")?;
            for counts in &self.course {
                let count = counts.get(outcome).copied().unwrap_or_default();
                write!(f, "{count:>6}")?;
            }
            writeln!(f)?;
        }
        self.figures.fmt(f)?;
        let verdict = if self.held() { "held" } else { "BROKEN" };
        write!(
            f,
            "overspend: {verdict}; {} kills, books closed {:.1} s after the load; {}",
            self.kills,
            self.recovery.as_secs_f64(),
            self.figures.in_short()
        )
    }
}
