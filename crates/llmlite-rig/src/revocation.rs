//! How long a key that was taken back still works, on whichever gateway hears of it last.
//!
//! Of every key it is asked with on every gateway, over and over.
//! The time runs from just before the statement that takes it back, to the beginning of the last
//! request with it that was served anywhere; what is told is that of the gateway that was last.

use std::{fmt, sync::Arc, time::Duration};

use rand::{RngExt as _, rngs::StdRng};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{
    Failure, Fleet, Programs, Rig,
    client::{Client, Outcome},
    load::{Ask, Load, Plan},
    people::{Key, People},
    rig::Size,
};

/// A key that still works after this is told of as one that was never refused.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the feeds may take to be themselves again after notifications were cut or frozen.
const CALM: Duration = Duration::from_secs(20);

/// One run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Gateways.
    pub processes: usize,
    /// Other requests under way at each gateway meanwhile.
    pub streams: usize,
    /// Keys that are taken back under each circumstance.
    pub keys: usize,
    /// The circumstances.
    pub circumstances: Vec<Circumstance>,
}

/// Under what circumstances keys are taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Circumstance {
    /// Everything works.
    Usual,
    /// No notification gets through.
    Deaf,
    /// The connections on which gateways listen are stopped: nothing comes, and nothing says so.
    Frozen,
}

/// What a run has shown.
#[derive(Debug)]
pub struct Report {
    /// The delays under each circumstance, shortest first.
    pub delays: Vec<(Circumstance, Vec<Duration>)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            processes: 5,
            streams: 8,
            keys: 60,
            circumstances: vec![
                Circumstance::Usual,
                Circumstance::Deaf,
                Circumstance::Frozen,
            ],
        }
    }
}

/// Runs it.
///
/// # Errors
///
/// When it cannot be carried out; that a key worked for too long is in the report.
pub async fn run(programs: &Programs, settings: &Settings) -> Result<Report, Failure> {
    let victims = settings.keys * settings.circumstances.len();
    let size = Size {
        processes: settings.processes,
        teams: 2,
        // The second team's keys are for the load.
        keys: 2 * victims.max(10),
        counts_statements: false,
    };
    let rig = Rig::start(programs, &size, |_| Vec::new()).await?;
    let (victims, others) = split(&rig.people)?;
    let load = Load::start(&rig.fleet, settings.streams, &Arc::new(others), 1);
    let mut delays = Vec::new();
    for (circumstance, keys) in settings
        .circumstances
        .iter()
        .zip(victims.chunks(settings.keys))
    {
        begin(&rig, *circumstance, settings).await?;
        let mut found = circumstance.take_back(&rig, keys).await?;
        found.sort_unstable();
        delays.push((*circumstance, found));
        end(&rig, *circumstance)?;
        if *circumstance != Circumstance::Usual {
            sleep(CALM).await;
        }
    }
    load.stop().await;
    rig.fleet.stop().await?;
    Ok(Report { delays })
}

fn split(people: &People) -> Result<(&[Arc<Key>], Others), Failure> {
    match people.teams.as_slice() {
        [victims, others] => Ok((&victims.keys, Others(others.keys.clone()))),
        _ => Err("there are not two teams".into()),
    }
}

async fn begin(rig: &Rig, circumstance: Circumstance, settings: &Settings) -> Result<(), Failure> {
    match circumstance {
        Circumstance::Usual => {}
        Circumstance::Deaf => rig.database.wire().let_notifications_through(false),
        Circumstance::Frozen => {
            let frozen = rig.database.freeze_listeners().await?;
            if frozen < settings.processes {
                return Err(format!("only {frozen} gateways listen for notifications").into());
            }
        }
    }
    Ok(())
}

fn end(rig: &Rig, circumstance: Circumstance) -> Result<(), Failure> {
    match circumstance {
        Circumstance::Usual => {}
        Circumstance::Deaf => rig.database.wire().let_notifications_through(true),
        Circumstance::Frozen => rig.database.thaw()?,
    }
    Ok(())
}

impl Circumstance {
    /// The longest that nearly every key, and that any key, may still work.
    fn goals(self) -> (Duration, Duration) {
        let seconds = |p99, worst| (Duration::from_secs(p99), Duration::from_secs(worst));
        match self {
            Self::Usual => seconds(1, 10),
            Self::Deaf => seconds(5, 10),
            Self::Frozen => seconds(10, 10),
        }
    }

    /// Time between two keys, and between two questions of one key at one gateway: what takes
    /// longer is looked at less closely, or the looking would be all the load.
    fn pace(self) -> (Duration, Duration) {
        let ms = |keys, looks| (Duration::from_millis(keys), Duration::from_millis(looks));
        match self {
            Self::Usual => ms(200, 10),
            Self::Deaf | Self::Frozen => ms(400, 100),
        }
    }

    /// Takes the keys back one after the other, and says how long each still worked.
    async fn take_back(self, rig: &Rig, keys: &[Arc<Key>]) -> Result<Vec<Duration>, Failure> {
        let (between_keys, between_looks) = self.pace();
        let connection = Arc::new(rig.connect().await?);
        let mut running = JoinSet::new();
        for key in keys {
            let (key, fleet) = (Arc::clone(key), rig.fleet.clone());
            let connection = Arc::clone(&connection);
            running.spawn(async move {
                let revoked = watch::Sender::new(None);
                let looks = Looks::begin(&fleet, &key, between_looks, &revoked).await?;
                let now = Instant::now();
                connection
                    .client
                    .execute(
                        "UPDATE virtual_keys SET revoked_at = now() WHERE id = $1",
                        &[&key.id],
                    )
                    .await?;
                revoked.send_replace(Some(now));
                looks.end().await
            });
            sleep(between_keys).await;
        }
        running.join_all().await.into_iter().collect()
    }
}

/// Clients that ask with one key, one at every gateway.
struct Looks(JoinSet<Result<Duration, Failure>>);

impl Looks {
    /// Begins to ask, and comes back when every gateway has served the key.
    async fn begin(
        fleet: &Fleet,
        key: &Arc<Key>,
        pause: Duration,
        revoked: &watch::Sender<Option<Instant>>,
    ) -> Result<Self, Failure> {
        let served = watch::Sender::new(0);
        let mut looks = JoinSet::new();
        for gateway in 0..fleet.size() {
            let look = Look {
                fleet: fleet.clone(),
                gateway,
                key: Arc::clone(key),
                pause,
                served: served.clone(),
            };
            looks.spawn(look.run(revoked.subscribe()));
        }
        let mut watched = served.subscribe();
        watched.wait_for(|served| *served >= fleet.size()).await?;
        Ok(Self(looks))
    }

    /// How long the last of them was still served.
    async fn end(self) -> Result<Duration, Failure> {
        let mut longest = Duration::ZERO;
        for delay in self.0.join_all().await {
            longest = longest.max(delay?);
        }
        Ok(longest)
    }
}

struct Look {
    fleet: Fleet,
    gateway: usize,
    key: Arc<Key>,
    pause: Duration,
    served: watch::Sender<usize>,
}

impl Look {
    async fn run(self, revoked: watch::Receiver<Option<Instant>>) -> Result<Duration, Failure> {
        let mut client = Client::default();
        let mut last_served = None;
        loop {
            let to = self
                .fleet
                .address(self.gateway)
                .ok_or("a gateway is gone")?;
            let begun = Instant::now();
            let body = question(&self.key).body();
            match client.chat(to, &self.key.plaintext, body).await {
                Outcome::Answered if last_served.replace(begun).is_none() => {
                    self.served.send_modify(|served| *served += 1);
                }
                Outcome::Answered => {}
                Outcome::Refused(401, _) if last_served.is_some() => break,
                other => return Err(format!("a key that works was met with: {other}").into()),
            }
            let since = *revoked.borrow();
            if since.is_some_and(|at| at.elapsed() > PATIENCE) {
                return Ok(PATIENCE);
            }
            sleep(self.pause).await;
        }
        // A refusal may come before the statement's end is known here.
        let mut revoked = revoked;
        let since = revoked.wait_for(Option::is_some).await?;
        let since = since.ok_or("it was waited for until it was there")?;
        Ok(last_served.map_or(Duration::ZERO, |at| at.saturating_duration_since(since)))
    }
}

/// The smallest that there is.
fn question(key: &Arc<Key>) -> Ask {
    Ask {
        key: Arc::clone(key),
        streamed: false,
        words: 3,
        pace: 0,
        max_tokens: 20,
    }
}

/// What others do meanwhile.
#[derive(Debug)]
struct Others(Vec<Arc<Key>>);

impl Plan for Others {
    fn next(&self, random: &mut StdRng) -> Ask {
        let key = self.0.get(random.random_range(0..self.0.len()));
        Ask {
            key: Arc::clone(key.expect("the place was drawn among the keys")),
            streamed: true,
            words: random.random_range(20..=60),
            pace: 20,
            max_tokens: 100,
        }
    }

    fn pause(&self, _outcome: &Outcome, random: &mut StdRng) -> Duration {
        Duration::from_millis(random.random_range(10..=50))
    }
}

impl Report {
    /// Whether no key worked for longer than it may.
    pub fn held(&self) -> bool {
        self.delays.iter().all(|(circumstance, delays)| {
            let (nearly_all, worst) = circumstance.goals();
            part(delays, 99) < nearly_all && part(delays, 100) < worst
        })
    }
}

/// So many of a hundred delays are no longer than this.
fn part(delays: &[Duration], percent: usize) -> Duration {
    let place = (delays.len() * percent).div_ceil(100).saturating_sub(1);
    delays.get(place).copied().unwrap_or(PATIENCE)
}

impl fmt::Display for Report {
    /// One line, in milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.held() { "held" } else { "BROKEN" };
        write!(f, "revocation: {verdict}")?;
        for (circumstance, delays) in &self.delays {
            let name = match circumstance {
                Circumstance::Usual => "with notifications",
                Circumstance::Deaf => "with notifications cut",
                Circumstance::Frozen => "with frozen listeners",
            };
            let ms = |percent| part(delays, percent).as_millis();
            let keys = delays.len();
            write!(
                f,
                "; {name} p50 {} ms, p99 {} ms, worst {} ms of {keys} keys",
                ms(50),
                ms(99),
                ms(100)
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_delays_is_the_longest_among_so_many() {
        let delays: Vec<Duration> = (1..=60).map(Duration::from_millis).collect();
        for (percent, want) in [(50, 30), (99, 60), (100, 60), (1, 1)] {
            assert_eq!(
                part(&delays, percent),
                Duration::from_millis(want),
                "{percent}"
            );
        }
        assert_eq!(part(&[], 99), PATIENCE);
    }

    #[test]
    fn a_key_that_works_too_long_is_told() {
        let report = |circumstance, ms| Report {
            delays: vec![(circumstance, vec![Duration::from_millis(ms)])],
        };
        assert!(report(Circumstance::Usual, 999).held());
        assert!(!report(Circumstance::Usual, 1_000).held());
        assert!(report(Circumstance::Deaf, 4_999).held());
        assert!(!report(Circumstance::Frozen, 10_000).held());
    }
}
