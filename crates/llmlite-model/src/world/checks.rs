use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::SystemTime,
};

use llmlite_core::{
    ids::{InstanceId, LimitId},
    limits::{Ceiling, Limit, Measure},
    quota::{AccountKey, Announcement},
};
use llmlite_policy::{BudgetOutage, Ticket};

use super::{Request, World, knowledge::Knowledge, money::Money};
use crate::{
    database::{Database, slot_of},
    scenario::{SECOND, Scenario},
};

/// Any interval of this length must be within a rate's ceiling.
const MINUTE: u64 = 60 * SECOND;
/// Ceilings are obeyed by the ring after all of it has passed under them.
const RING: u64 = 64 * SECOND;
/// Permits are leased under a ceiling for as long as an instance may be cut off or not hear of
/// changes.
const PERMITS: u64 = 40 * SECOND;

/// What was promised, and the books that tell whether it was kept: kept by the model itself, out
/// of what the clients and Bedrock see.
#[derive(Debug)]
pub(super) struct Promises {
    pub(super) limits: BTreeMap<LimitId, Limit>,
    /// How far each life of an instance may overdraw each account while the database is away.
    pub(super) allowance: i64,
    /// Whether the database's clock is too wrong for anything to be promised of rates and permits.
    leaps: bool,
    tickets: BTreeMap<u64, Ticket>,
    pub(super) money: BTreeMap<AccountKey, Money>,
    minutes: BTreeMap<LimitId, VecDeque<Use>>,
    under_way: BTreeMap<LimitId, BTreeMap<u64, InstanceId>>,
    /// Former ceilings of each limit, and until when they were in force.
    pub(super) former: BTreeMap<LimitId, Vec<(u64, i64)>>,
    pub(super) knowledge: Knowledge,
}

#[derive(Debug)]
struct Use {
    at: u64,
    request: u64,
    units: i64,
}

impl Promises {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let limits = scenario.rules.iter().flat_map(|rules| rules.iter());
        let allowance = match scenario.settings.budget_outage {
            BudgetOutage::Deny => 0,
            BudgetOutage::AllowUpTo(amount) => amount.0,
        };
        Self {
            limits: limits.map(|limit| (limit.id, limit.clone())).collect(),
            allowance,
            leaps: scenario.leaps,
            tickets: BTreeMap::new(),
            money: BTreeMap::new(),
            minutes: BTreeMap::new(),
            under_way: BTreeMap::new(),
            former: BTreeMap::new(),
            knowledge: Knowledge::default(),
        }
    }

    pub(super) fn began(
        &mut self,
        (now, clock): (u64, SystemTime),
        id: u64,
        request: &Request,
        ticket: Ticket,
        database: &Database,
    ) -> Result<(), String> {
        let rules = ticket.rules();
        let budgets = rules
            .iter()
            .filter(|l| matches!(l.measure, Measure::Budget(_)));
        if budgets.count() != request.accounts.len() {
            return Err(format!("request {id} is not charged to every budget"));
        }
        self.knowledge.began(now, id, request.owner, rules);
        for key in &request.accounts {
            self.money.entry(*key).or_default().worst += request.amount;
        }
        let unleased: BTreeSet<LimitId> = ticket.unleased().collect();
        let overdrawn = request.accounts.iter();
        for key in overdrawn.filter(|key| unleased.contains(&key.limit)) {
            self.money.entry(*key).or_default().unleased += request.amount;
        }
        if !self.leaps {
            self.check_leases((now, clock), id, (request, &ticket), &unleased, database)?;
        }
        self.tickets.insert(id, ticket);
        Ok(())
    }

    /// Whether the units and permits of a request may be used now.
    fn check_leases(
        &mut self,
        (now, clock): (u64, SystemTime),
        id: u64,
        (request, ticket): (&Request, &Ticket),
        unleased: &BTreeSet<LimitId>,
        database: &Database,
    ) -> Result<(), String> {
        let begun = slot_of(clock);
        if let Some((limit, slot)) = ticket.slots().find(|(_, slot)| *slot < begun) {
            return Err(format!(
                "{limit:?}: a unit of slot {slot} was used in slot {begun}"
            ));
        }
        let bound = ticket.rules().iter();
        let bound = bound.filter(|l| l.ceiling != Ceiling::Unlimited && !unleased.contains(&l.id));
        for limit in bound {
            let units = match limit.measure {
                Measure::RequestsPerMinute => 1,
                Measure::TokensPerMinute => ticket.tokens(),
                Measure::ParallelRequests => {
                    let owner = database.instances.get(&request.owner);
                    if owner.is_some_and(|owner| !owner.live) {
                        // It does not know yet that its leases were closed.
                        continue;
                    }
                    if owner.is_none_or(|owner| !owner.is_heard(clock)) {
                        let id = limit.id;
                        return Err(format!("{id:?}: a permit was used that counts as free"));
                    }
                    let of_limit = self.under_way.entry(limit.id).or_default();
                    of_limit.insert(id, request.owner);
                    self.check_permits((now, clock), limit.id, database)?;
                    continue;
                }
                Measure::Budget(_) => continue,
            };
            let used = Use {
                at: now,
                request: id,
                units,
            };
            self.minutes.entry(limit.id).or_default().push_back(used);
            self.check_minute(now, limit.id, database)?;
        }
        Ok(())
    }

    /// Bedrock bills a request, and its ticket is free to be settled.
    pub(super) fn ended(&mut self, id: u64, request: &Request) -> Option<Ticket> {
        for key in &request.accounts {
            let money = self.money.entry(*key).or_default();
            money.worst -= request.amount;
            money.billed += request.cost;
            money.underestimated += (request.cost - request.amount).max(0);
        }
        for under_way in self.under_way.values_mut() {
            under_way.remove(&id);
        }
        self.knowledge.ended(id);
        let ticket = self.tickets.remove(&id)?;
        for limit in ticket.rules().iter() {
            let actual = match limit.measure {
                Measure::RequestsPerMinute if !request.sent => 0,
                Measure::TokensPerMinute => request.tokens,
                _ => continue,
            };
            let uses = self.minutes.entry(limit.id).or_default();
            if let Some(used) = uses.iter_mut().rev().find(|used| used.request == id) {
                used.units = used.units.min(actual);
            }
        }
        Some(ticket)
    }

    pub(super) fn lost(&mut self, accounts: &[AccountKey], cost: i64) {
        for key in accounts {
            self.money.entry(*key).or_default().lost += cost;
        }
    }

    /// A limit is about to be set anew.
    pub(super) fn sets(&mut self, now: u64, limit: LimitId, database: &Database) {
        let former = self.former.entry(limit).or_default();
        former.push((now, database.ceiling(limit)));
        self.knowledge.sets(now, limit);
    }

    /// Permits of an instance that was silent for too long count as free: what it has under way is
    /// beyond the promise.
    pub(super) fn may_excuse(&mut self, id: InstanceId, database: &Database, clock: SystemTime) {
        let instance = database.instances.get(&id);
        if instance.is_none_or(|instance| !instance.is_heard(clock)) {
            for under_way in self.under_way.values_mut() {
                under_way.retain(|_, owner| *owner != id);
            }
        }
    }

    pub(super) fn announced(&self, told: &Announcement) -> Result<(), String> {
        if told.settled < told.threshold.of(told.ceiling) {
            return Err(format!("announced too early: {told:?}"));
        }
        Ok(())
    }

    fn check_minute(&mut self, now: u64, limit: LimitId, db: &Database) -> Result<(), String> {
        let ceiling = self.ceiling(now, RING, limit, db);
        let Some(uses) = self.minutes.get_mut(&limit) else {
            return Ok(());
        };
        while uses.front().is_some_and(|used| used.at + MINUTE <= now) {
            uses.pop_front();
        }
        let sum: i64 = uses.iter().map(|used| used.units).sum();
        if sum > ceiling {
            return Err(format!(
                "{limit:?}: {sum} units in 60 seconds, the ceiling is {ceiling}"
            ));
        }
        Ok(())
    }

    fn check_permits(
        &mut self,
        (now, clock): (u64, SystemTime),
        limit: LimitId,
        database: &Database,
    ) -> Result<(), String> {
        let owners: BTreeSet<InstanceId> = self
            .under_way
            .get(&limit)
            .into_iter()
            .flat_map(|under_way| under_way.values().copied())
            .collect();
        for owner in owners {
            self.may_excuse(owner, database, clock);
        }
        let ceiling = self.ceiling(now, PERMITS, limit, database);
        let count = self.under_way.get(&limit).map_or(0, BTreeMap::len);
        if i64::try_from(count).unwrap_or(i64::MAX) > ceiling {
            return Err(format!(
                "{limit:?}: {count} requests at a time, the ceiling is {ceiling}"
            ));
        }
        Ok(())
    }

    /// The highest ceiling that was in force in the last `while_ago`.
    fn ceiling(&self, now: u64, while_ago: u64, limit: LimitId, database: &Database) -> i64 {
        let former = self.former.get(&limit).into_iter().flatten();
        let recent = former.filter(|(until, _)| until + while_ago > now);
        let highest = recent.map(|(_, ceiling)| *ceiling).max();
        highest.unwrap_or(0).max(database.ceiling(limit))
    }
}

impl World {
    /// Looks whether all promises are kept, and whether the books of one instance are in order.
    pub(super) fn check(&mut self, who: Option<usize>) -> Result<(), String> {
        if let Some(place) = who {
            self.check_books(place)?;
        }
        self.promises
            .check_money(&self.database, self.last_instance)?;
        self.promises.check_caps(&self.database)
    }

    fn check_books(&self, place: usize) -> Result<(), String> {
        let Some(instance) = self.instances.get(place).filter(|i| i.running) else {
            return Ok(());
        };
        let (id, life) = (instance.id, (place, instance.life));
        for books in instance.limiter.books() {
            let key = books.account;
            let sum = books.avail + books.reserved + books.pending + books.returning;
            let reserved: i64 = self
                .requests
                .values()
                .filter(|request| request.life == life && request.accounts.contains(&key))
                .map(|request| request.amount)
                .sum();
            let of_account = |events: &[crate::database::Event], written: bool| -> i64 {
                events
                    .iter()
                    .filter(|event| event.accounts.contains(&key))
                    .filter(|event| !written || self.database.events.contains(&event.id))
                    .map(|event| event.cost)
                    .sum()
            };
            let pending = of_account(&instance.unwritten, false);
            let unheard = of_account(&instance.unwritten, true);
            if (books.granted, books.reserved, books.pending) != (sum, reserved, pending) {
                return Err(format!(
                    "{id:?}: {books:?}, but {reserved} reserved and {pending} pending"
                ));
            }
            let lease = self
                .database
                .leases
                .get(&(key, id))
                .map_or(0, |lease| lease.held);
            if !instance.closed && books.granted - books.returning - unheard > lease {
                return Err(format!("{id:?}: {books:?}, but the lease is {lease}"));
            }
        }
        Ok(())
    }
}
