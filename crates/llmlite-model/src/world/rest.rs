use llmlite_core::limits::Measure;

use super::{Reach, Step, World};
use crate::scenario::SECOND;

/// Everything is written down within this after the last fault and the end of the last request.
const WRITTEN: u64 = 15 * SECOND;
/// What lies idle is back within this after it was found to be idle.
const GIVEN: u64 = 8 * SECOND;
/// A request has its verdict within this.
const ANSWERED: u64 = 3 * SECOND;

impl World {
    /// No more faults, no more requests.
    pub(super) fn calm(&mut self) {
        self.calm = true;
        self.reach = Reach::Up;
        for instance in &mut self.instances {
            instance.cut_off = false;
            instance.asleep_until = self.now;
        }
        let without_disk = self.remains.iter().filter(|(_, remains)| !remains.journal);
        let without_disk: Vec<_> = without_disk.map(|(id, _)| *id).collect();
        for id in without_disk {
            self.after(SECOND, Step::Recover(id));
        }
        let last = self.scenario.takes.1.max(0).cast_unsigned();
        self.after(last + WRITTEN, Step::AllWritten);
    }

    pub(super) fn all_written(&mut self) -> Result<(), String> {
        for instance in &self.instances {
            if !instance.running || !instance.unwritten.is_empty() {
                return Err(format!("{:?} has not come to rest", instance.id));
            }
        }
        if !self.remains.is_empty() || !self.requests.is_empty() {
            return Err("something of a former life is left".to_owned());
        }
        let idle = u64::try_from(self.scenario.settings.idle.as_micros()).unwrap_or(0);
        self.after(idle + GIVEN, Step::AllGiven);
        Ok(())
    }

    /// Nothing is leased any more; then one more request is tried, which must be admitted if there
    /// is room for it.
    pub(super) fn all_given(&mut self) -> Result<(), String> {
        for ((key, id), lease) in &self.database.leases {
            if lease.held != 0 {
                return Err(format!("{id:?} still holds {} of {key:?}", lease.held));
            }
        }
        for ((limit, id), lease) in &self.database.permits {
            if lease.permits != 0 {
                return Err(format!(
                    "{id:?} still holds {} permits of {limit:?}",
                    lease.permits
                ));
            }
        }
        let before = (self.figures.admitted, self.figures.waited);
        let room = self.is_room();
        self.ask(0)?;
        let (admitted, waited) = (self.figures.admitted, self.figures.waited);
        if room && (admitted, waited) == before {
            return Err("there is room, but a request was refused".to_owned());
        }
        self.last_try = room.then_some(before.0);
        self.after(ANSWERED, Step::AllAnswered);
        Ok(())
    }

    pub(super) fn all_answered(&mut self) -> Result<crate::Figures, String> {
        if self.instances.iter().any(|i| !i.waiting.is_empty()) {
            return Err("a request never had its verdict".to_owned());
        }
        if self.last_try == Some(self.figures.admitted) {
            return Err("there is room, but a request was not admitted".to_owned());
        }
        let accounts = self.database.accounts.values();
        self.figures.settled = accounts.map(|account| account.settled).sum();
        Ok(self.figures)
    }

    /// Whether every limit has room for the largest request of any key.
    fn is_room(&mut self) -> bool {
        let clock = self.clock();
        let (worst, tokens) = (self.scenario.worst.1, self.scenario.tokens.1);
        let rules: Vec<_> = self.scenario.rules.iter().flat_map(|r| r.iter()).collect();
        rules.into_iter().all(|limit| match limit.measure {
            Measure::Budget(period) => {
                let window = llmlite_core::limits::Window::of(period, clock);
                let key = llmlite_core::quota::AccountKey {
                    limit: limit.id,
                    starts: window.starts,
                };
                limit.shadow || self.database.money_left(key) >= worst
            }
            Measure::RequestsPerMinute => self.database.rate_left(limit.id, clock) >= 1,
            Measure::TokensPerMinute => self.database.rate_left(limit.id, clock) >= tokens,
            Measure::ParallelRequests => self.database.ceiling(limit.id) >= 1,
        })
    }
}
