use std::{collections::BTreeMap, sync::Arc, time::Duration};

use llmlite_core::{ids::InstanceId, limits::Limit};
use llmlite_policy::{Limiter, limiter::WaiterId};

use super::{Step, World};
use crate::{Planted, database::Event, scenario::MILLI};

/// One place where a gateway process runs, life after life.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) id: InstanceId,
    pub(super) life: u64,
    pub(super) running: bool,
    pub(super) limiter: Limiter,
    /// For each key the limits that bind it, as far as it knows.
    pub(super) rules: Vec<Arc<[Limit]>>,
    /// The call under way, and when it was sent.
    pub(super) call: Option<(u64, u64)>,
    /// When the last two calls were sent that it has heard the answer of, the later one first.
    pub(super) answered: [u64; 2],
    /// When it last could not do as it should: a call was in vain, or it was asleep.
    pub(super) troubled: u64,
    /// Its leases were closed, though it runs; and it has been told.
    pub(super) closed: bool,
    pub(super) fenced: bool,
    /// Cut off from the database.
    pub(super) cut_off: bool,
    /// Not scheduled until then.
    pub(super) asleep_until: u64,
    began: u64,
    /// Parts in a million by which its monotonic clock is fast.
    skew: i64,
    /// Ended requests that the ledger has not acknowledged; those in the batch under way first.
    pub(super) unwritten: Vec<Event>,
    pub(super) batch: Option<(u64, usize)>,
    pub(super) last_batch: u64,
    /// Requests that wait for a verdict: since when, and what they will cost.
    pub(super) waiting: BTreeMap<WaiterId, (u64, i64)>,
    /// When its timer goes off.
    pub(super) timer: u64,
}

impl Instance {
    /// Its monotonic clock.
    pub(super) fn clock(&self, now: u64) -> Duration {
        let ran = i128::from(now - self.began);
        let shown = ran + ran * i128::from(self.skew) / 1_000_000;
        Duration::from_micros(u64::try_from(shown).unwrap_or(0)) + Duration::from_secs(1_000)
    }
}

impl World {
    /// Starts a process at `place`, under a new number and with nothing leased.
    pub(super) fn start(&mut self, place: usize) {
        if self.instances.get(place).is_some_and(|i| i.running) {
            return;
        }
        let former = self.instances.get(place).map(|i| (i.id, i.life));
        let reused = former.filter(|_| self.planted == Some(Planted::MissingFence));
        let id = reused.map_or_else(
            || {
                self.last_instance += 1;
                InstanceId(self.last_instance)
            },
            |(id, _)| id,
        );
        let clock = self.clock();
        self.database.register(id, clock);
        let life = former.map_or(0, |(_, life)| life + 1);
        let skew = self.random.range(-200, 200);
        let instance = Instance {
            id,
            life,
            running: true,
            limiter: Limiter::new(self.scenario.settings.clone()),
            rules: self.rules(),
            call: None,
            answered: [0; 2],
            troubled: self.now,
            closed: false,
            fenced: false,
            cut_off: false,
            asleep_until: 0,
            began: self.now,
            skew,
            unwritten: Vec::new(),
            batch: None,
            last_batch: 0,
            waiting: BTreeMap::new(),
            timer: u64::MAX,
        };
        match self.instances.get_mut(place) {
            Some(there) => *there = instance,
            None => self.instances.push(instance),
        }
        let first = self.between((0, 1_000_000));
        self.set_timer((place, life), first / 10);
        self.after(200 * MILLI, Step::Flush((place, life)));
    }
}
