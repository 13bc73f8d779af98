//! A database in memory that carries out lines by the rules of [`llmlite_core::quota`]: every
//! statement is one atomic step, as row locks make it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

use llmlite_core::{
    ids::{InstanceId, LimitId},
    limits::Ceiling,
    ports::quota::QuotaFailure,
    quota::{
        AccountKey, Answer, BudgetAnswer, BudgetLine, Call, PermitAnswer, PermitLine, RateAnswer,
        RateLine, SLOT, SLOTS,
    },
};

use crate::Planted;

/// An instance that was not heard of for this long is not counted.
const SILENT: Duration = Duration::from_secs(30);
/// How long a recall lasts.
const RECALL: Duration = Duration::from_secs(3);
/// After how long a planted mistake takes leases back.
const PLANTED_TIMEOUT: Duration = Duration::from_secs(8);
/// More than anybody asks for.
const UNLIMITED: i64 = i64::MAX / 4;

#[derive(Debug, Default)]
pub(crate) struct Database {
    pub(crate) planted: Option<Planted>,
    pub(crate) ceilings: BTreeMap<LimitId, Ceiling>,
    pub(crate) accounts: BTreeMap<AccountKey, Account>,
    pub(crate) leases: BTreeMap<(AccountKey, InstanceId), Lease>,
    pub(crate) rings: BTreeMap<LimitId, Ring>,
    pub(crate) permits: BTreeMap<(LimitId, InstanceId), PermitLease>,
    pub(crate) instances: BTreeMap<InstanceId, Instance>,
    pub(crate) events: BTreeSet<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) settled: i64,
    pub(crate) granted: i64,
    /// What the ledger charged beyond a lease.
    pub(crate) uncovered: i64,
    recall_until: Option<SystemTime>,
}

#[derive(Debug, Default)]
pub(crate) struct Lease {
    pub(crate) held: i64,
    drawn: i64,
}

#[derive(Debug, Default)]
pub(crate) struct Ring {
    head: i64,
    used: BTreeMap<i64, i64>,
}

#[derive(Debug, Default)]
pub(crate) struct PermitLease {
    pub(crate) permits: i64,
}

#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) live: bool,
    pub(crate) heard: SystemTime,
    /// The last call that was carried out for it.
    number: u64,
}

/// A request's cost, as the ledger gets it.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) id: u64,
    pub(crate) accounts: Vec<AccountKey>,
    pub(crate) cost: i64,
}

/// What a careless statement read before it waited for a lock.
pub(crate) type Snapshot = BTreeMap<LimitId, i64>;

impl Database {
    pub(crate) fn register(&mut self, instance: InstanceId, clock: SystemTime) {
        self.instances.insert(
            instance,
            Instance {
                live: true,
                heard: clock,
                number: 0,
            },
        );
    }

    /// What the permit statement of [`Planted::SumAfterSnapshot`] reads too early.
    pub(crate) fn snapshot(&self, me: InstanceId, call: &Call, clock: SystemTime) -> Snapshot {
        let lines = call.permits.iter();
        lines
            .map(|line| (line.limit, self.others(line.limit, me, clock)))
            .collect()
    }

    pub(crate) fn exchange(
        &mut self,
        me: InstanceId,
        call: &Call,
        clock: SystemTime,
        snapshot: &Snapshot,
    ) -> Result<Answer, QuotaFailure> {
        match self.instances.get_mut(&me) {
            Some(instance) if !instance.live => return Err(QuotaFailure::Fenced),
            Some(instance) if call.number > instance.number => {
                instance.number = call.number;
                instance.heard = instance.heard.max(clock);
            }
            Some(_) => return Err(QuotaFailure::Unknown),
            None => return Err(QuotaFailure::Fenced),
        }
        if self.planted == Some(Planted::LeaseByTimeOut) {
            self.take_back_by_time_out(clock);
        }
        let live = self.live(clock);
        let budgets = call.budgets.iter();
        let budgets = budgets
            .map(|line| self.budget(me, line, live, clock))
            .collect();
        let rates = call.rates.iter();
        let rates = rates.map(|line| self.rate(line, live, clock)).collect();
        let permits = call.permits.iter();
        let permits = permits
            .map(|line| self.permit(me, line, clock, snapshot))
            .collect();
        let leases = self.leases.iter();
        let recalled = leases
            .filter(|((_, owner), lease)| *owner == me && lease.held > 0)
            .map(|((account, _), _)| *account)
            .filter(|key| {
                let account = self.accounts.get(key);
                account.is_some_and(|account| account.recall_until.is_some_and(|at| at > clock))
            })
            .collect();
        Ok(Answer {
            number: call.number,
            clock,
            live,
            budgets,
            rates,
            permits,
            recalled,
        })
    }

    /// Writes down events once each, and moves their cost out of the lease.
    pub(crate) fn flush(&mut self, me: InstanceId, batch: &[Event]) {
        for event in batch {
            if !self.events.insert(event.id) {
                continue;
            }
            for key in &event.accounts {
                let lease = self.leases.entry((*key, me)).or_default();
                let take = event.cost.clamp(0, lease.held);
                lease.held -= take;
                lease.drawn += take;
                let account = self.accounts.entry(*key).or_default();
                account.settled += event.cost;
                account.granted -= take;
                account.uncovered += (event.cost - take).max(0);
            }
        }
    }

    /// Ends a life for good: nothing is leased to it any more, and its calls are refused.
    pub(crate) fn close(&mut self, me: InstanceId) {
        if let Some(instance) = self.instances.get_mut(&me) {
            instance.live = false;
        }
        self.release(me);
        self.permits.retain(|(_, owner), _| *owner != me);
    }

    /// Whether the ceiling leaves room for so many units now.
    pub(crate) fn rate_left(&mut self, limit: LimitId, clock: SystemTime) -> i64 {
        let ceiling = self.ceiling(limit);
        let ring = self.rings.entry(limit).or_default();
        ring.rotate(slot_of(clock));
        ceiling - ring.sum()
    }

    pub(crate) fn money_left(&self, key: AccountKey) -> i64 {
        let account = self.accounts.get(&key);
        let taken = account.map_or(0, |account| account.settled + account.granted);
        self.ceiling(key.limit) - taken
    }

    pub(crate) fn ceiling(&self, limit: LimitId) -> i64 {
        match self.ceilings.get(&limit) {
            Some(Ceiling::At(n)) => *n,
            Some(Ceiling::Unlimited) | None => UNLIMITED,
        }
    }

    fn release(&mut self, me: InstanceId) {
        for ((key, owner), lease) in &mut self.leases {
            if *owner == me {
                if let Some(account) = self.accounts.get_mut(key) {
                    account.granted -= lease.held;
                }
                lease.held = 0;
            }
        }
        self.leases.retain(|(_, owner), _| *owner != me);
    }

    /// The mistake of [`Planted::LeaseByTimeOut`].
    fn take_back_by_time_out(&mut self, clock: SystemTime) {
        let silent: Vec<InstanceId> = self
            .instances
            .iter()
            .filter(|(_, instance)| since(clock, instance.heard) > PLANTED_TIMEOUT)
            .map(|(id, _)| *id)
            .collect();
        for id in silent {
            self.release(id);
        }
    }

    fn live(&self, clock: SystemTime) -> i64 {
        let live = self.instances.values().filter(|i| i.is_heard(clock));
        i64::try_from(live.count()).unwrap_or(1).max(1)
    }

    fn budget(
        &mut self,
        me: InstanceId,
        line: &BudgetLine,
        live: i64,
        clock: SystemTime,
    ) -> BudgetAnswer {
        let ceiling = self.ceiling(line.account.limit);
        let account = self.accounts.entry(line.account).or_default();
        let lease = self.leases.entry((line.account, me)).or_default();
        let give = line.give.clamp(0, lease.held);
        let left = ceiling - account.settled - account.granted;
        let grows = if line.give > 0 {
            0
        } else {
            grant(left, (line.least, line.ask, line.want), live)
        };
        lease.held += grows - give;
        account.granted += grows - give;
        if line.ask > 0 && left < 4 * live * line.ask {
            account.recall_until = Some(clock + RECALL);
        }
        BudgetAnswer {
            account: line.account,
            ceiling: self
                .ceilings
                .get(&line.account.limit)
                .copied()
                .unwrap_or(Ceiling::Unlimited),
            overdraft: 0,
            settled: account.settled,
            others: account.granted - lease.held,
            left: ceiling - account.settled - account.granted,
            granted: lease.held + lease.drawn,
            drawn: lease.drawn,
        }
    }

    fn rate(&mut self, line: &RateLine, live: i64, clock: SystemTime) -> RateAnswer {
        let ceiling = self.ceiling(line.limit);
        let ring = self.rings.entry(line.limit).or_default();
        ring.rotate(slot_of(clock));
        for (slot, units) in &line.refunds {
            if let Some(used) = ring.used.get_mut(slot) {
                *used = (*used - units).max(0);
            }
        }
        *ring.used.entry(ring.head).or_default() += line.extra;
        let left = ceiling - ring.sum();
        let granted = grant(left, (line.least, line.ask, line.want), live);
        let frees = ring.frees(line.least - left);
        *ring.used.entry(ring.head).or_default() += granted;
        RateAnswer {
            limit: line.limit,
            ceiling: self
                .ceilings
                .get(&line.limit)
                .copied()
                .unwrap_or(Ceiling::Unlimited),
            granted,
            slot: ring.head,
            left: left - granted,
            frees,
        }
    }

    fn permit(
        &mut self,
        me: InstanceId,
        line: &PermitLine,
        clock: SystemTime,
        snapshot: &Snapshot,
    ) -> PermitAnswer {
        let others = match (self.planted, snapshot.get(&line.limit)) {
            (Some(Planted::SumAfterSnapshot), Some(stale)) => *stale,
            _ => self.others(line.limit, me, clock),
        };
        let ceiling = self.ceiling(line.limit);
        let lease = self.permits.entry((line.limit, me)).or_default();
        let held = line.hold.min(ceiling - others).max(0);
        lease.permits = held.max(line.busy);
        PermitAnswer {
            limit: line.limit,
            ceiling: self
                .ceilings
                .get(&line.limit)
                .copied()
                .unwrap_or(Ceiling::Unlimited),
            held,
            others,
        }
    }

    /// Permits of all other instances that count.
    fn others(&self, limit: LimitId, me: InstanceId, clock: SystemTime) -> i64 {
        let leases = self.permits.iter();
        leases
            .filter(|((l, owner), _)| *l == limit && *owner != me)
            .filter(|((_, owner), _)| {
                let instance = self.instances.get(owner);
                instance.is_some_and(|instance| instance.is_heard(clock))
            })
            .map(|(_, lease)| lease.permits)
            .sum()
    }
}

impl Instance {
    pub(crate) fn is_heard(&self, clock: SystemTime) -> bool {
        self.live && since(clock, self.heard) <= SILENT
    }
}

impl Ring {
    fn rotate(&mut self, slot: i64) {
        self.head = self.head.max(slot);
        self.used = self.used.split_off(&(self.head - SLOTS + 1));
    }

    fn sum(&self) -> i64 {
        self.used.values().sum()
    }

    /// The slot at whose beginning `missing` units will have left the ring, and one at least; the
    /// present one if none has to leave, and none is there.
    fn frees(&self, missing: i64) -> Option<i64> {
        let mut freed = 0;
        for (slot, units) in &self.used {
            freed += units;
            if freed >= missing.max(1) {
                return Some(slot + SLOTS);
            }
        }
        (missing <= 0).then_some(self.head)
    }
}

/// The rule by which a lease grows.
fn grant(left: i64, (least, ask, want): (i64, i64, i64), live: i64) -> i64 {
    if left < least || left <= 0 {
        return 0;
    }
    ask.min(left).max(want.min(left / (2 * live))).max(0)
}

pub(crate) fn slot_of(clock: SystemTime) -> i64 {
    let since = since(clock, SystemTime::UNIX_EPOCH);
    i64::try_from(since.as_secs() / SLOT.as_secs()).unwrap_or(i64::MAX)
}

fn since(later: SystemTime, earlier: SystemTime) -> Duration {
    later.duration_since(earlier).unwrap_or_default()
}
