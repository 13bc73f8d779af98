use std::sync::Arc;

use llmlite_core::{
    ids::InstanceId,
    money::Nanodollars,
    ports::quota::QuotaFailure,
    quota::{Answer, Call},
};
use llmlite_policy::limiter::Command;

use super::{Life, Reach, Step, World};
use crate::{
    database::{Event, Snapshot},
    scenario::{MILLI, SECOND},
};

/// After this an instance gives a call up.
const DEADLINE: u64 = 250 * MILLI;
/// After this the ledger sends its batch again.
const RESEND: u64 = 400 * MILLI;

impl World {
    /// An instance's timer has gone off.
    pub(super) fn wake(&mut self, life: Life) -> Result<Option<usize>, String> {
        if self.postpone(life, Step::Wake) {
            return Ok(None);
        }
        let now = self.now;
        let Some(instance) = self.living(life).filter(|i| i.timer <= now) else {
            return Ok(None);
        };
        instance.timer = u64::MAX;
        let clock = instance.clock(now);
        let commands = instance.limiter.tick(clock);
        let regular = 900 * MILLI + self.between((0, 200_000));
        self.set_timer(life, regular);
        self.obey(life, commands)?;
        self.set_timer_for_limiter(life);
        Ok(Some(life.0))
    }

    /// Has the timer go off after `delay`, if it would not sooner.
    pub(super) fn set_timer(&mut self, life: Life, delay: u64) {
        let at = self.now + delay;
        let Some(instance) = self.living(life) else {
            return;
        };
        if at < instance.timer {
            instance.timer = at;
            self.after(delay, Step::Wake(life));
        }
    }

    /// Has the timer go off when the limiter wants it to.
    pub(super) fn set_timer_for_limiter(&mut self, life: Life) {
        let now = self.now;
        let Some(instance) = self.living(life) else {
            return;
        };
        let clock = instance.clock(now);
        if let Some(at) = instance.limiter.wakes(clock) {
            let delay = at.saturating_sub(clock).as_micros();
            let delay = u64::try_from(delay).unwrap_or(u64::MAX / 4);
            // A timer goes off a little late.
            self.set_timer(life, delay.saturating_add(200));
        }
    }

    /// Carries out what a limiter wants done.
    pub(super) fn obey(&mut self, life: Life, commands: Vec<Command>) -> Result<(), String> {
        for command in commands {
            match command {
                Command::Ask(call) => self.send(life, call),
                Command::Decide(waiter, verdict) => self.decided(life, waiter, verdict)?,
                Command::Announce(announcement) => self.promises.announced(&announcement)?,
            }
        }
        Ok(())
    }

    /// Sends a call on its way, which may be short.
    pub(super) fn send(&mut self, life: Life, call: Arc<Call>) {
        self.figures.calls += 1;
        let now = self.now;
        let Some(instance) = self.living(life) else {
            return;
        };
        let (id, cut_off, number) = (instance.id, instance.cut_off, call.number);
        instance.call = Some((number, now));
        if self.reach == Reach::Down || (cut_off && self.random.chance(500)) {
            let delay = self.between((200, 50_000));
            self.after(delay, Step::Hear(life, number, Err(QuotaFailure::NotDone)));
            return;
        }
        self.after(
            DEADLINE,
            Step::Hear(life, number, Err(QuotaFailure::Unknown)),
        );
        if cut_off || self.loses() {
            return;
        }
        let delay = self.latency();
        self.after(delay, Step::Reach(life, id, Arc::clone(&call)));
        if self.doubles() {
            let delay = delay + self.latency();
            self.after(delay, Step::Reach(life, id, call));
        }
    }

    /// A call has arrived and waits for row locks.
    pub(super) fn reach(&mut self, life: Life, id: InstanceId, call: Arc<Call>) {
        match self.reach {
            Reach::Up => {
                let seen = self.database.snapshot(id, &call, self.clock());
                let delay = self.between((50, 4_000));
                self.after(delay, Step::Carry(life, id, call, seen));
            }
            Reach::Down => {}
            Reach::Frozen => self.after(100 * MILLI, Step::Reach(life, id, call)),
        }
    }

    pub(super) fn carry(&mut self, life: Life, id: InstanceId, call: &Call, seen: &Snapshot) {
        if self.reach == Reach::Frozen {
            self.after(
                100 * MILLI,
                Step::Carry(life, id, Arc::new(call.clone()), seen.clone()),
            );
            return;
        }
        if self.reach == Reach::Down {
            return;
        }
        let clock = self.clock();
        self.promises.may_excuse(id, &self.database, clock);
        let told = self.database.exchange(id, call, clock, seen);
        if told.is_ok() {
            self.promises.knowledge.carried(self.now, id, call.number);
        }
        if self.loses() || self.is_cut_off(life) {
            return;
        }
        let delay = self.latency();
        if self.doubles() {
            let delay = delay + self.latency();
            self.after(delay, Step::Hear(life, call.number, told.clone()));
        }
        self.after(delay, Step::Hear(life, call.number, told));
    }

    pub(super) fn hear(
        &mut self,
        life: Life,
        number: u64,
        told: Result<Answer, QuotaFailure>,
    ) -> Result<Option<usize>, String> {
        let asleep = self.living(life).map(|i| i.asleep_until);
        if let Some(until) = asleep.filter(|until| *until > self.now) {
            self.after(until - self.now, Step::Hear(life, number, told));
            return Ok(None);
        }
        self.note_hearing(life, number, &told);
        let now = self.now;
        let Some(instance) = self.living(life) else {
            return Ok(None);
        };
        let clock = instance.clock(now);
        let commands = match told {
            Ok(answer) => instance.limiter.answered(clock, &answer),
            Err(failure) => instance.limiter.failed(clock, number, failure),
        };
        self.obey(life, commands)?;
        Ok(Some(life.0))
    }

    /// The ledger sends a batch, the same one until it is acknowledged.
    pub(super) fn flush(&mut self, life: Life) {
        let wakes_asleep = self.postpone(life, Step::Flush);
        if wakes_asleep {
            return;
        }
        let Some(instance) = self.living(life) else {
            return;
        };
        if instance.unwritten.is_empty() {
            self.after(200 * MILLI, Step::Flush(life));
            return;
        }
        let (batch, size) = *instance.batch.get_or_insert_with(|| {
            instance.last_batch += 1;
            (instance.last_batch, instance.unwritten.len().min(100))
        });
        let events: Vec<Event> = instance.unwritten.iter().take(size).cloned().collect();
        let (id, cut_off) = (instance.id, instance.cut_off);
        self.after(RESEND, Step::Flush(life));
        if cut_off || self.loses() {
            return;
        }
        let delay = self.latency();
        if self.doubles() {
            let delay = delay + self.latency();
            self.after(delay, Step::Write(life, id, batch, events.clone()));
        }
        self.after(delay, Step::Write(life, id, batch, events));
    }

    pub(super) fn write(&mut self, life: Life, id: InstanceId, batch: u64, events: &[Event]) {
        match self.reach {
            Reach::Up => {}
            Reach::Down => return,
            Reach::Frozen => {
                self.after(100 * MILLI, Step::Write(life, id, batch, events.to_vec()));
                return;
            }
        }
        self.database.flush(id, events);
        if !self.loses() && !self.is_cut_off(life) {
            let delay = self.latency();
            self.after(delay, Step::Written(life, batch));
        }
    }

    pub(super) fn written(&mut self, life: Life, batch: u64) -> Option<usize> {
        let instance = self.living(life)?;
        let (current, size) = instance.batch?;
        if current != batch {
            return None;
        }
        instance.batch = None;
        let events: Vec<Event> = instance.unwritten.drain(..size).collect();
        for event in events {
            let cost = Nanodollars(event.cost);
            let costs: Vec<_> = event.accounts.iter().map(|key| (*key, cost)).collect();
            instance.limiter.acknowledged(&costs);
        }
        Some(life.0)
    }

    /// Puts a step off until a sleeping process is scheduled again.
    pub(super) fn postpone(&mut self, life: Life, step: fn(Life) -> Step) -> bool {
        let asleep = self.living(life).map(|i| i.asleep_until);
        let Some(until) = asleep.filter(|until| *until > self.now) else {
            return false;
        };
        self.after(until - self.now, step(life));
        true
    }

    fn is_cut_off(&mut self, life: Life) -> bool {
        self.living(life).is_some_and(|instance| instance.cut_off)
    }

    fn loses(&mut self) -> bool {
        !self.calm && self.random.chance(self.scenario.lost)
    }

    fn doubles(&mut self) -> bool {
        !self.calm && self.random.chance(self.scenario.twice)
    }

    fn latency(&mut self) -> u64 {
        if !self.calm && self.random.chance(self.scenario.late) {
            return self.between((10_000, 3 * SECOND.cast_signed()));
        }
        self.between((200, 5_000))
    }
}
