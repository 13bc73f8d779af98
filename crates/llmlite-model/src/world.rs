//! The simulation: a queue of steps, carried out one after the other.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    fmt::Write as _,
    sync::Arc,
    time::{Duration, SystemTime},
};

use llmlite_core::{
    ids::{InstanceId, LimitId},
    limits::Limit,
    ports::quota::QuotaFailure,
    quota::{AccountKey, Answer, Call},
};

use self::{checks::Promises, instance::Instance};
use crate::{
    Figures, Planted, Violation,
    database::{Database, Event, Snapshot},
    random::Random,
    scenario::{SECOND, Scenario},
};

mod checks;
mod clients;
mod faults;
mod instance;
mod knowledge;
mod money;
mod network;
mod rest;

/// What can happen. An instance is named by its place and its life, so that what was meant for a
/// former life reaches nobody.
#[derive(Debug)]
enum Step {
    /// A client sends a request.
    Arrive,
    /// A request ends.
    End(u64),
    /// An instance looks at its clock.
    Wake(Life),
    /// A call reaches the database, and waits there for its locks.
    Reach(Life, InstanceId, Arc<Call>),
    /// It has its locks, and is carried out.
    Carry(Life, InstanceId, Arc<Call>, Snapshot),
    /// An answer or failure reaches an instance.
    Hear(Life, u64, Result<Answer, QuotaFailure>),
    /// The ledger of an instance sends what it has.
    Flush(Life),
    /// A batch reaches the database.
    Write(Life, InstanceId, u64, Vec<Event>),
    /// The ledger hears that a batch is written.
    Written(Life, u64),
    /// Something goes wrong.
    Fault,
    /// The database is there again.
    Restore,
    /// An instance can reach the database again.
    Rejoin(usize),
    /// A crashed instance starts anew.
    Restart(usize),
    /// A process that was told that its leases are closed ends.
    Stop(Life),
    /// A temporary raise is over.
    RaiseEnds(LimitId),
    /// What a crashed life has left on its disk is written down, and its leases are closed.
    Recover(InstanceId),
    /// An instance hears that limits were changed.
    Change(Life, Vec<LimitId>),
    /// Faults and requests are over.
    Calm,
    /// Everything has to be written down.
    AllWritten,
    /// Everything has to be given back.
    AllGiven,
    /// What was asked for at the end has to be answered.
    AllAnswered,
}

type Life = (usize, u64);

#[derive(Debug)]
struct Queued(u64, u64, Step);

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        (self.0, self.1) == (other.0, other.1)
    }
}

impl Eq for Queued {}

impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Queued {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}

#[derive(Debug)]
pub(crate) struct World {
    seed: u64,
    random: Random,
    scenario: Scenario,
    planted: Option<Planted>,
    now: u64,
    queue: BinaryHeap<Reverse<Queued>>,
    queued: u64,
    database: Database,
    /// How far the database's clock is ahead of the true time, in microseconds.
    ahead: i64,
    reach: Reach,
    instances: Vec<Instance>,
    last_instance: i64,
    requests: BTreeMap<u64, Request>,
    last_request: u64,
    /// What crashed lives have left, until it is written down.
    remains: BTreeMap<InstanceId, Remains>,
    promises: Promises,
    /// Limits whose temporary raise lasts.
    raised: BTreeSet<LimitId>,
    calm: bool,
    /// Requests admitted before the last one, if that has to be admitted too.
    last_try: Option<u64>,
    figures: Figures,
    trace: Option<String>,
}

/// How the database can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Up,
    /// Connections are refused.
    Down,
    /// Nothing answers, and what was sent is carried out later.
    Frozen,
}

/// A request that Bedrock works on.
#[derive(Debug)]
struct Request {
    life: Life,
    owner: InstanceId,
    accounts: Vec<AccountKey>,
    amount: i64,
    cost: i64,
    tokens: i64,
    admitted: u64,
    sent: bool,
}

/// What a crashed life has left behind.
#[derive(Debug)]
struct Remains {
    events: Vec<Event>,
    /// Whether the disk is still there.
    journal: bool,
}

impl World {
    pub(crate) fn new(seed: u64, planted: Option<Planted>, tracing: bool) -> Self {
        let mut random = Random::new(seed);
        let scenario = Scenario::new(&mut random);
        Self::with(random.next(), scenario, planted, tracing).named(seed)
    }

    /// A world of this scenario, in which `seed` decides all the rest.
    pub(crate) fn with(
        seed: u64,
        scenario: Scenario,
        planted: Option<Planted>,
        tracing: bool,
    ) -> Self {
        let random = Random::new(seed);
        let mut world = Self {
            seed,
            planted,
            now: 0,
            queue: BinaryHeap::new(),
            queued: 0,
            database: Database {
                planted,
                ceilings: scenario.first_ceilings().collect(),
                ..Database::default()
            },
            ahead: 0,
            reach: Reach::Up,
            instances: Vec::new(),
            last_instance: 0,
            requests: BTreeMap::new(),
            last_request: 0,
            remains: BTreeMap::new(),
            promises: Promises::new(&scenario),
            raised: BTreeSet::new(),
            calm: false,
            last_try: None,
            figures: Figures::default(),
            trace: tracing.then(String::new),
            random,
            scenario,
        };
        for (limit, ends) in world.scenario.raises() {
            world.raised.insert(limit);
            world.after(ends, Step::RaiseEnds(limit));
        }
        for place in 0..world.scenario.instances {
            world.start(place);
        }
        if tracing {
            let scenario = format!("{:#?}", world.scenario);
            world.note(|| scenario);
        }
        let lasts = world.scenario.lasts;
        world.after(SECOND / 5, Step::Arrive);
        world.after(SECOND, Step::Fault);
        world.after(lasts, Step::Calm);
        world
    }

    /// Goes by another name than the seed of its steps.
    fn named(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    pub(crate) fn run(mut self) -> (Result<Figures, Violation>, String) {
        let done = self.steps();
        let (seed, at) = (self.seed, self.now);
        let result = done.map_err(|what| Violation { seed, at, what });
        (result, self.trace.unwrap_or_default())
    }

    fn steps(&mut self) -> Result<Figures, String> {
        while let Some(Reverse(Queued(at, _, step))) = self.queue.pop() {
            self.now = at;
            self.figures.steps += 1;
            if let Some(trace) = &mut self.trace {
                let (seconds, micros) = (at / SECOND, at % SECOND);
                writeln!(trace, "{seconds}.{micros:06} {step:?}").map_err(|e| e.to_string())?;
            }
            if matches!(step, Step::AllAnswered) {
                return self.all_answered();
            }
            let who = self.step(step)?;
            self.check(who)?;
        }
        Err("the world came to an end too early".to_owned())
    }

    /// Carries out a step, and says which instance it was about.
    fn step(&mut self, step: Step) -> Result<Option<usize>, String> {
        match step {
            Step::Arrive => return self.arrive(),
            Step::End(id) => return Ok(self.end(id)),
            Step::Wake(life) => return self.wake(life),
            Step::Reach(life, id, call) => self.reach(life, id, call),
            Step::Carry(life, id, call, seen) => self.carry(life, id, &call, &seen),
            Step::Hear(life, number, told) => return self.hear(life, number, told),
            Step::Flush(life) => self.flush(life),
            Step::Write(life, id, batch, events) => self.write(life, id, batch, &events),
            Step::Written(life, batch) => return Ok(self.written(life, batch)),
            Step::Fault => self.fault(),
            Step::Restore => self.restore(),
            Step::Rejoin(place) => self.rejoin(place),
            Step::Restart(place) => self.start(place),
            Step::Stop(life) => self.stop(life),
            Step::RaiseEnds(limit) => self.end_raise(limit),
            Step::Recover(id) => self.recover(id),
            Step::Change(life, limits) => return self.change(life, &limits),
            Step::Calm => self.calm(),
            Step::AllWritten => self.all_written()?,
            Step::AllGiven => self.all_given()?,
            Step::AllAnswered => {}
        }
        Ok(None)
    }

    /// Adds a line to the trace, if there is one.
    fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push_str("    ");
            trace.push_str(&line());
            trace.push('\n');
        }
    }

    fn after(&mut self, delay: u64, step: Step) {
        self.queued += 1;
        let queued = Queued(self.now + delay, self.queued, step);
        self.queue.push(Reverse(queued));
    }

    /// The database's clock.
    fn clock(&self) -> SystemTime {
        let micros = self.now.cast_signed() + self.ahead;
        let beginning = SystemTime::UNIX_EPOCH + Duration::from_secs(self.scenario.beginning);
        let moved = Duration::from_micros(micros.unsigned_abs());
        if micros < 0 {
            beginning - moved
        } else {
            beginning + moved
        }
    }

    fn between(&mut self, (low, high): (i64, i64)) -> u64 {
        self.random.range(low, high).max(0).cast_unsigned()
    }

    /// The instance, if it still lives that life and its process is running.
    fn living(&mut self, (place, life): Life) -> Option<&mut Instance> {
        let instance = self.instances.get_mut(place)?;
        (instance.life == life && instance.running).then_some(instance)
    }

    /// For each key the limits that bind it now.
    fn rules(&self) -> Vec<Arc<[Limit]>> {
        let now = |limit: &Limit| {
            let ceiling = self.database.ceilings.get(&limit.id);
            let unchanged = self.raised.contains(&limit.id);
            Limit {
                ceiling: *ceiling.filter(|_| !unchanged).unwrap_or(&limit.ceiling),
                ..limit.clone()
            }
        };
        let keys = self.scenario.rules.iter();
        keys.map(|rules| rules.iter().map(now).collect()).collect()
    }

    fn alive(&self) -> BTreeSet<usize> {
        let running = self.instances.iter().enumerate();
        running
            .filter(|(_, instance)| instance.running)
            .map(|(place, _)| place)
            .collect()
    }
}
