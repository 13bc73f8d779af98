//! How many statements a request costs the database, with many keys on several gateways.
//!
//! The server counts them itself (`pg_stat_statements`), whoever sends them and whatever for:
//! leases, look-ups, batches of the ledger, polls, probes.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use rand::{RngExt as _, rngs::StdRng};
use tokio::time::sleep;
use tokio_postgres::Client;

use crate::{
    Failure, Programs, Rig,
    client::Outcome,
    load::{Ask, Load, Plan},
    people::{Ceiling, Key, People},
    rig::Size,
};

/// Nobody runs out.
const PLENTY: i64 = 1_000_000_000_000_000;
const PLENTY_A_MINUTE: i64 = 1_000_000_000;
/// A machine at its limit may let the database answer too late now and then; a share of refusals
/// beyond this would make the figure one of refusals, which cost nothing.
const MOST_UNANSWERED: f64 = 0.01;
/// The most commands that are listed.
const LISTED: usize = 12;

/// One run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Gateways.
    pub processes: usize,
    /// Keys of all teams together.
    pub keys: usize,
    /// Teams.
    pub teams: usize,
    /// Requests under way at each gateway at a time.
    pub streams: usize,
    /// How long is measured, after a while of warming up.
    pub seconds: u64,
    /// The most statements that a request may cost.
    pub goal: f64,
}

/// What a run has shown.
#[derive(Debug)]
pub struct Report {
    /// Statements per request.
    pub per_request: f64,
    /// Requests answered in a second.
    pub rate: f64,
    /// Share of the requests that were not answered.
    pub unanswered: f64,
    goal: f64,
    outcomes: BTreeMap<String, u64>,
    statements: Vec<(String, i64)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            processes: 5,
            keys: 500,
            teams: 20,
            streams: 16,
            seconds: 30,
            goal: 0.15,
        }
    }
}

/// Runs it.
///
/// # Errors
///
/// When it cannot be carried out.
pub async fn run(programs: &Programs, settings: &Settings) -> Result<Report, Failure> {
    let size = Size {
        processes: settings.processes,
        teams: settings.teams,
        keys: settings.keys,
        counts_statements: true,
    };
    let rig = Rig::start(programs, &size, limits).await?;
    let keys: Vec<Arc<Key>> = rig.people.keys().cloned().collect();
    let load = Load::start(&rig.fleet, settings.streams, &Arc::new(Even(keys)), 1);
    let connection = rig.connect().await?;
    sleep(Duration::from_secs(settings.seconds / 3)).await;

    let reset = "SELECT pg_stat_statements_reset()";
    connection.client.batch_execute(reset).await?;
    let before = load.counts();
    let time = Duration::from_secs(settings.seconds);
    sleep(time).await;
    let statements = statements(&connection.client).await?;
    let after = load.counts();
    load.stop().await;
    rig.fleet.stop().await?;

    let outcomes = difference(&after, &before);
    let answered = Outcome::Answered.to_string();
    let requests = outcomes.get(&answered).copied().unwrap_or_default() as f64;
    let all: i64 = statements.iter().map(|(_, calls)| calls).sum();
    let asked: u64 = outcomes.values().sum();
    Ok(Report {
        per_request: all as f64 / requests.max(1.0),
        rate: requests / time.as_secs_f64(),
        unanswered: 1.0 - requests / asked.max(1) as f64,
        goal: settings.goal,
        outcomes,
        statements,
    })
}

/// What came of the requests between two moments.
fn difference(
    after: &BTreeMap<String, u64>,
    before: &BTreeMap<String, u64>,
) -> BTreeMap<String, u64> {
    let since = after.iter().map(|(name, count)| {
        let earlier = before.get(name).copied().unwrap_or_default();
        (name.clone(), count - earlier)
    });
    since.filter(|(_, count)| *count > 0).collect()
}

/// How often each was executed since the count began, by its name or its first words.
async fn statements(client: &Client) -> Result<Vec<(String, i64)>, Failure> {
    let counted = "\
SELECT regexp_replace(substring(query from '^(?:-- )?[^\\n]{1,60}'), '\\s+', ' ', 'g') AS name,
       sum(calls)::bigint
  FROM pg_stat_statements
 WHERE query NOT LIKE '%pg_stat_statements%'
 GROUP BY 1 ORDER BY 2 DESC";
    let rows = client.query(counted, &[]).await?;
    let pair = |row: &tokio_postgres::Row| Ok((row.try_get(0)?, row.try_get(1)?));
    rows.iter().map(pair).collect()
}

/// Money for everybody, and rates for teams and keys: each has its part in the statements.
fn limits(people: &People) -> Vec<Ceiling> {
    let limit = |kind, subject, measure, period, at| Ceiling {
        kind,
        subject,
        measure,
        period,
        at,
    };
    let mut all = Vec::new();
    for team in &people.teams {
        all.push(limit("team", team.id, "budget", Some("month"), PLENTY));
        all.push(limit(
            "team",
            team.id,
            "tokens_per_minute",
            None,
            PLENTY_A_MINUTE,
        ));
        let mut users: Vec<i64> = team.keys.iter().map(|key| key.user).collect();
        users.dedup();
        all.extend(
            users
                .iter()
                .map(|user| limit("user", *user, "budget", Some("week"), PLENTY)),
        );
        for key in &team.keys {
            all.push(limit("key", key.id, "budget", Some("day"), PLENTY));
            all.push(limit(
                "key",
                key.id,
                "requests_per_minute",
                None,
                PLENTY_A_MINUTE,
            ));
        }
    }
    all
}

/// Every key as often as any other, without a pause.
#[derive(Debug)]
struct Even(Vec<Arc<Key>>);

impl Plan for Even {
    fn next(&self, random: &mut StdRng) -> Ask {
        let key = self.0.get(random.random_range(0..self.0.len()));
        Ask {
            key: Arc::clone(key.expect("the place was drawn among the keys")),
            streamed: random.random_range(0..100) < 70,
            words: 20,
            pace: 0,
            max_tokens: 100,
        }
    }

    fn pause(&self, outcome: &Outcome, _random: &mut StdRng) -> Duration {
        match outcome {
            Outcome::Answered => Duration::ZERO,
            _ => Duration::from_millis(100),
        }
    }
}

impl Report {
    /// Whether the goal was reached.
    pub fn held(&self) -> bool {
        self.per_request < self.goal && self.unanswered < MOST_UNANSWERED
    }
}

impl fmt::Display for Report {
    /// The most frequent statements, what clients met with, and a last line with the figures.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, calls) in self.statements.iter().take(LISTED) {
            writeln!(f, "{calls:>9} {name}")?;
        }
        for (outcome, count) in &self.outcomes {
            writeln!(f, "{count:>9} {outcome}")?;
        }
        let verdict = if self.held() { "held" } else { "BROKEN" };
        write!(
            f,
            "hot-path: {verdict}; {:.4} statements per answered request at {:.0} a second (goal: below {}), {:.2} % not answered",
            self.per_request,
            self.rate,
            self.goal,
            self.unanswered * 100.0
        )
    }
}
