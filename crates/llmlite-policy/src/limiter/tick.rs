use std::{
    collections::BTreeMap,
    mem,
    time::{Duration, SystemTime},
};

use llmlite_core::{ids::LimitId, limits::Limit};

use super::{Command, Limiter, wait::Recall};
use crate::ring::time_of;

/// How much sooner than [`Settings::scan`](crate::Settings::scan) a tick may come, for its owner
/// to spread the instances.
const EARLY: u32 = 5;

impl Limiter {
    /// Looks over all leases when it is time to, and over the requests that wait.
    pub fn tick(&mut self, now: Duration) -> Vec<Command> {
        let mut out = Vec::new();
        for waiter in &mut self.waiters {
            if matches!(waiter.recall, Recall::Until(at) if at <= now) {
                waiter.recall = Recall::LastTry;
                waiter.asked = None;
            }
        }
        self.resolve(now, None, &mut out);
        let between = self.settings.scan - self.settings.scan / EARLY;
        if self
            .scanned
            .is_none_or(|scanned| now.saturating_sub(scanned) >= between)
        {
            self.scan_due = true;
            self.forget(now);
        }
        self.turn(now);
        self.end_raises(now);
        out.extend(self.compose(now).map(Command::Ask));
        out
    }

    /// When to call [`Limiter::tick`] next, if that is before the next regular one.
    pub fn wakes(&self, now: Duration) -> Option<Duration> {
        let waiting = self.waiters.iter().map(|waiter| match waiter.recall {
            Recall::Until(at) => at,
            Recall::NotYet | Recall::LastTry => waiter.deadline,
        });
        let resumes = Some(self.link.paused_until()).filter(|at| *at > now);
        let turn = self
            .rates
            .values()
            .any(|rate| rate.told.is_some())
            .then(|| self.link.when(time_of(self.slot + 1)))
            .flatten();
        let raise = self.raises.values().min();
        let raise = raise.and_then(|until| self.link.when(*until));
        waiting
            .chain(resumes)
            .chain(turn.into_iter().chain(raise).filter(|at| *at > now))
            .min()
    }

    /// Has limits asked anew whose temporary raise is over: nobody tells of that.
    fn end_raises(&mut self, now: Duration) {
        let Some(time) = self.link.time(now) else {
            return;
        };
        let over = self.raises.extract_if(.., |_, until| *until <= time);
        let over: Vec<LimitId> = over.map(|(limit, _)| limit).collect();
        for limit in over {
            self.outdate(limit);
            self.scan_due = true;
        }
    }

    /// Notices that slots have begun, and has rates renewed that are in use.
    fn turn(&mut self, now: Duration) {
        let Some(time) = self.link.time(now) else {
            return;
        };
        let slot = crate::ring::slot_of(time);
        let before = mem::replace(&mut self.slot, slot);
        // A rate that nobody used for eight slots needs less than the least that counts.
        let begun = slot.saturating_sub(before).clamp(0, 8);
        for rate in self.rates.values_mut() {
            for _ in 0..begun {
                rate.turn();
            }
        }
        if begun > 0 {
            let live = self.link.live();
            self.renew_due = self.rates.values().any(|rate| rate.renews(now, live));
        }
    }

    /// Drops what holds nothing and is not used.
    fn forget(&mut self, now: Duration) {
        if self.link.is_busy() {
            // The call under way may bring something.
            return;
        }
        let idle = self.settings.idle;
        let time = self.link.time(now);
        for budget in self.budgets.values_mut() {
            budget.accounts.retain(|account| {
                // What was overdrawn is remembered to the window's end.
                let is_over = time.is_some_and(|time| !account.window.contains(time));
                let kept = account.excess > 0 && !is_over;
                !account.is_empty() || kept || now.saturating_sub(account.last_used) < idle * 2
            });
        }
        self.budgets.retain(|_, budget| !budget.accounts.is_empty());
        self.rates.retain(|_, rate| !rate.is_idle(now));
        self.permits.retain(|_, permit| {
            !permit.is_empty() || now.saturating_sub(permit.last_used) < idle * 2
        });
    }
}

/// Notes when a limit's temporary raise ends, if it has not yet.
pub(super) fn notice_raise(
    raises: &mut BTreeMap<LimitId, SystemTime>,
    limit: &Limit,
    time: SystemTime,
) {
    if let Some(raise) = limit.raise.filter(|raise| time < raise.until) {
        raises.insert(limit.id, raise.until);
    }
}
