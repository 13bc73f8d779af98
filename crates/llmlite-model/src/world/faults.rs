use std::time::Duration;

use llmlite_core::{
    ids::{InstanceId, LimitId},
    limits::Ceiling,
};

use super::{Life, Reach, Remains, Step, World};
use crate::{
    Planted,
    database::Event,
    scenario::{MILLI, SECOND},
};

/// Intents reach the database in batches of this age.
const INTENT: u64 = 100 * MILLI;

impl World {
    /// Something goes wrong, and something else after it.
    pub(super) fn fault(&mut self) {
        let next = self.between((1, 2 * self.scenario.fault_pause));
        if self.calm || next > self.scenario.lasts {
            return;
        }
        self.after(next, Step::Fault);
        let place = self.between((0, i64::try_from(self.instances.len()).unwrap_or(1)));
        let place = usize::try_from(place).unwrap_or(0);
        let lasts = match self.random.chance(800) {
            true => self.between((100_000, 5_000_000)),
            false => self.between((5_000_000, 45_000_000)),
        };
        match self.random.range(0, 21) / 2 {
            0 => self.lose_database(Reach::Down, lasts),
            1 => self.lose_database(Reach::Frozen, lasts),
            2 | 3 => self.cut_off(place, lasts),
            4 => self.crash(place, true),
            5 => {
                let journal = self.random.chance(500);
                self.crash(place, journal);
            }
            6 => self.fall_asleep(place, lasts.min(6 * SECOND)),
            7 => self.step_clock(),
            10 => self.close_alive(place),
            _ => self.set_limit(),
        }
    }

    fn lose_database(&mut self, how: Reach, lasts: u64) {
        if self.reach == Reach::Up {
            self.reach = how;
            self.after(lasts, Step::Restore);
        }
    }

    pub(super) fn restore(&mut self) {
        self.reach = Reach::Up;
    }

    fn cut_off(&mut self, place: usize, lasts: u64) {
        if let Some(instance) = self.instances.get_mut(place) {
            instance.cut_off = true;
        }
        self.after(lasts, Step::Rejoin(place));
    }

    pub(super) fn rejoin(&mut self, place: usize) {
        if let Some(instance) = self.instances.get_mut(place) {
            instance.cut_off = false;
        }
    }

    fn fall_asleep(&mut self, place: usize, lasts: u64) {
        let until = self.now + lasts;
        if let Some(instance) = self.instances.get_mut(place) {
            instance.asleep_until = instance.asleep_until.max(until);
            instance.troubled = instance.troubled.max(instance.asleep_until);
        }
    }

    /// Another server takes over, whose clock is behind by up to three seconds more; or an hour off
    /// in either direction, where rates and permits are not looked at.
    fn step_clock(&mut self) {
        let leaps = self.scenario.leaps && self.random.chance(500);
        if leaps {
            let hour = 3_600 * SECOND.cast_signed();
            self.ahead = self.random.range(-hour, hour);
        } else if self.ahead.abs() < 10 * SECOND.cast_signed() || self.scenario.leaps {
            self.ahead -= self.random.range(0, 3 * SECOND.cast_signed());
        }
    }

    /// A process ends at once. Bedrock bills what it was working on.
    fn crash(&mut self, place: usize, journal: bool) {
        let delay = self.between((200_000, 6_000_000));
        let now = self.now;
        let Some(instance) = self.instances.get_mut(place) else {
            return;
        };
        if !instance.running {
            return;
        }
        self.figures.crashes += 1;
        instance.running = false;
        let (id, life) = (instance.id, (place, instance.life));
        let mut events = std::mem::take(&mut instance.unwritten);
        let under_way: Vec<u64> = self
            .requests
            .iter()
            .filter(|(_, request)| request.life == life)
            .map(|(id, _)| *id)
            .collect();
        for request_id in under_way {
            let Some(request) = self.requests.remove(&request_id) else {
                continue;
            };
            // Nobody settles it any more.
            drop(self.promises.ended(request_id, &request));
            if journal || now - request.admitted > INTENT {
                events.push(Event {
                    id: request_id,
                    accounts: request.accounts.clone(),
                    cost: request.amount,
                });
            } else {
                self.promises.lost(&request.accounts, request.cost);
            }
        }
        self.remains.insert(id, Remains { events, journal });
        self.after(delay, Step::Restart(place));
        if journal {
            let recovery = delay + self.between((100_000, 4_000_000));
            self.after(recovery, Step::Recover(id));
        }
    }

    /// Somebody takes a running process for dead, and closes its leases. What it spends of them
    /// until it hears of that is beyond the promise.
    fn close_alive(&mut self, place: usize) {
        let now = self.now;
        let Some(instance) = self.instances.get_mut(place) else {
            return;
        };
        if !instance.running || instance.closed {
            return;
        }
        instance.closed = true;
        instance.troubled = instance.troubled.max(now);
        let (id, life) = (instance.id, (place, instance.life));
        self.promises.closes(id, &self.database);
        self.database.close(id);
        let delay = self.between((100_000, 3_000_000));
        self.after(delay, Step::Stop(life));
    }

    pub(super) fn stop(&mut self, life: Life) {
        if self.living(life).is_some() {
            self.crash(life.0, true);
        }
    }

    /// The journal of a former life is written down under its number, and what is left of its
    /// leases goes back. Without its disk, an operator does the same with what the database knows
    /// when it is certain that the process is gone.
    pub(super) fn recover(&mut self, id: InstanceId) {
        if self.reach != Reach::Up {
            self.after(500 * MILLI, Step::Recover(id));
            return;
        }
        if let Some(remains) = self.remains.remove(&id) {
            self.database.flush(id, &remains.events);
            self.database.close(id);
            if self.planted == Some(Planted::MissingFence) {
                // The number lives on.
                let clock = self.clock();
                self.database.register(id, clock);
            }
        }
    }

    /// Somebody sets a limit higher, lower, takes it away or puts it back.
    fn set_limit(&mut self) {
        let all: Vec<LimitId> = self.scenario.ceilings().map(|(id, _)| id).collect();
        let limit = *self.random.pick(&all);
        if self.raised.contains(&limit) {
            return;
        }
        let usual = self
            .scenario
            .ceilings()
            .find(|(id, _)| *id == limit)
            .map_or(Ceiling::Unlimited, |(_, ceiling)| ceiling);
        let ceiling = match (usual, self.random.range(0, 5)) {
            (_, 0) | (Ceiling::Unlimited, _) => Ceiling::Unlimited,
            (Ceiling::At(n), 1) => Ceiling::At(n / 3),
            (Ceiling::At(n), 2) => Ceiling::At(n * 2),
            (Ceiling::At(n), _) => Ceiling::At(n),
        };
        let now = self.now;
        self.promises.sets(now, limit, &self.database);
        self.database.ceilings.insert(limit, ceiling);
        for place in self.alive() {
            let Some(instance) = self.instances.get(place) else {
                continue;
            };
            let life: Life = (place, instance.life);
            if !self.random.chance(100) {
                let longest = *self.random.pick(&[10_000, 10_000, 900_000]);
                let delay = self.between((200, longest));
                self.after(delay, Step::Change(life, vec![limit]));
            }
        }
    }

    /// The usual ceiling is back, and nobody tells.
    pub(super) fn end_raise(&mut self, limit: LimitId) {
        let usual = self.scenario.ceilings().find(|(id, _)| *id == limit);
        let Some((_, usual)) = usual else {
            return;
        };
        let now = self.now;
        self.raised.remove(&limit);
        self.promises.sets(now, limit, &self.database);
        self.database.ceilings.insert(limit, usual);
        if self.ahead == 0 {
            for instance in self.instances.iter().filter(|i| i.running) {
                self.promises.knowledge.is_told(now, instance.id, limit);
            }
        }
    }

    pub(super) fn change(
        &mut self,
        life: Life,
        limits: &[LimitId],
    ) -> Result<Option<usize>, String> {
        let now = self.now;
        let rules = self.rules();
        let Some(instance) = self.living(life) else {
            return Ok(None);
        };
        if instance.asleep_until > now {
            return Ok(None);
        }
        let clock: Duration = instance.clock(now);
        let id = instance.id;
        instance.rules = rules;
        let commands = instance.limiter.changed(clock, limits);
        for limit in limits {
            self.promises.knowledge.is_told(now, id, *limit);
        }
        self.obey(life, commands)?;
        Ok(Some(life.0))
    }
}
