//! What the instances have heard of the limits, and what they must not do after that.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::SystemTime,
};

use llmlite_core::{
    ids::{InstanceId, LimitId},
    limits::{Ceiling, Limit, Measure},
    ports::quota::QuotaFailure,
    quota::{AccountKey, Answer},
};
use llmlite_policy::limiter::Admitted;

use super::{Life, World};
use crate::scenario::{MILLI, SECOND};

/// What an instance knows of a limit whose lease it spends is no older than this, if its calls come
/// through.
const FRESH: u64 = 14 * SECOND;
/// It has asked about a change this long after it was told of it, if its calls come through.
const ASKS: u64 = 1_500 * MILLI;
/// Instances know what others have under way after this, if all calls come through.
const SPREADS: u64 = 2_500 * MILLI;

/// A limit; of a budget, in one of its windows.
type Topic = (LimitId, Option<SystemTime>);

#[derive(Debug, Default)]
pub(super) struct Knowledge {
    /// When the calls were carried out whose answers are on their way.
    carried: BTreeMap<(InstanceId, u64), u64>,
    /// When the last call was carried out that an instance has heard of a limit with.
    heard: BTreeMap<(InstanceId, Topic), u64>,
    /// When a limit was last set, or fell back from a raise.
    set: BTreeMap<LimitId, u64>,
    /// When an instance was told that a limit was set, and when that was.
    told: BTreeMap<(InstanceId, LimitId), (u64, u64)>,
    caps: BTreeMap<AccountKey, Cap>,
    /// Requests under way that limits in shadow count: whose, and since when.
    watched: BTreeMap<LimitId, BTreeMap<u64, (InstanceId, u64)>>,
}

/// How an account stood when all instances had heard of its present ceiling.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cap {
    /// Billed by then, and at worst under way.
    pub(super) worst: i64,
    /// What of it no lease has to cover.
    pub(super) declared: i64,
}

impl Knowledge {
    pub(super) fn carried(&mut self, now: u64, id: InstanceId, number: u64) {
        self.carried.entry((id, number)).or_insert(now);
    }

    pub(super) fn sets(&mut self, now: u64, limit: LimitId) {
        self.set.insert(limit, now);
        self.caps.retain(|key, _| key.limit != limit);
    }

    pub(super) fn is_told(&mut self, now: u64, id: InstanceId, limit: LimitId) {
        if let Some(set) = self.set.get(&limit) {
            self.told.insert((id, limit), (now, *set));
        }
    }

    pub(super) fn caps(&self) -> impl Iterator<Item = (&AccountKey, &Cap)> {
        self.caps.iter()
    }

    pub(super) fn ended(&mut self, request: u64) {
        for under_way in self.watched.values_mut() {
            under_way.remove(&request);
        }
    }

    pub(super) fn began(&mut self, now: u64, request: u64, owner: InstanceId, rules: &[Limit]) {
        for limit in rules.iter().filter(|limit| is_watched(limit)) {
            let under_way = self.watched.entry(limit.id).or_default();
            under_way.insert(request, (owner, now));
        }
    }

    /// An answer reaches an instance. Returns the accounts that it tells of.
    fn hears(&mut self, id: InstanceId, answer: &Answer) -> Vec<AccountKey> {
        let Some(carried) = self.carried.remove(&(id, answer.number)) else {
            return Vec::new();
        };
        let accounts: Vec<AccountKey> = answer.budgets.iter().map(|line| line.account).collect();
        let budgets = accounts.iter().map(|key| (key.limit, Some(key.starts)));
        let permits = answer.permits.iter().map(|line| (line.limit, None));
        for topic in budgets.chain(permits) {
            self.heard.insert((id, topic), carried);
        }
        accounts
    }

    /// Whether an instance has heard of an account since its ceiling was set.
    fn has_heard(&self, id: InstanceId, key: AccountKey, set: u64) -> bool {
        let heard = self.heard.get(&(id, (key.limit, Some(key.starts))));
        heard.is_some_and(|carried| *carried > set)
    }

    /// Whether an instance that had no trouble since then may spend a lease of a limit now.
    fn check_lease(
        &self,
        now: u64,
        (id, untroubled): (InstanceId, u64),
        topic: Topic,
    ) -> Result<(), String> {
        let (limit, _) = topic;
        let carried = self.heard.get(&(id, topic)).copied().unwrap_or(0);
        if untroubled + FRESH < now && carried + FRESH < now {
            return Err(format!("{id:?} has not asked about {limit:?} for long"));
        }
        let (told, set) = self.told.get(&(id, limit)).copied().unwrap_or_default();
        if told.max(untroubled) + ASKS < now && carried < set {
            return Err(format!(
                "{id:?} has not asked about the change of {limit:?}"
            ));
        }
        Ok(())
    }

    /// How many requests a limit in shadow counts that everybody knows of, if the instance has one
    /// of them.
    fn known_under_way(&self, now: u64, id: InstanceId, limit: LimitId) -> Option<i64> {
        let all = self.watched.get(&limit)?.values();
        let known: Vec<_> = all.filter(|(_, since)| since + SPREADS < now).collect();
        let counts = known.iter().any(|(owner, _)| *owner == id);
        counts.then(|| i64::try_from(known.len()).unwrap_or(i64::MAX))
    }

    fn was_set_lately(&self, now: u64, limit: LimitId) -> bool {
        let set = self.set.get(&limit);
        set.is_some_and(|set| set + SPREADS > now)
    }
}

impl World {
    /// An answer or failure is about to reach an instance.
    pub(super) fn note_hearing(
        &mut self,
        life: Life,
        number: u64,
        told: &Result<Answer, QuotaFailure>,
    ) {
        let now = self.now;
        let Some(instance) = self.living(life) else {
            return;
        };
        let Some((_, sent)) = instance.call.take_if(|(called, _)| *called == number) else {
            return;
        };
        let id = instance.id;
        match told {
            Ok(answer) => {
                let [last, _] = instance.answered;
                instance.answered = [sent, last];
                let accounts = self.promises.knowledge.hears(id, answer);
                for key in accounts {
                    self.cap(key);
                }
            }
            Err(failure) => {
                instance.troubled = instance.troubled.max(now);
                instance.fenced |= *failure == QuotaFailure::Fenced;
            }
        }
    }

    /// Notes how an account stands, if all instances that may have something of it have now heard
    /// of its ceiling.
    fn cap(&mut self, key: AccountKey) {
        let knowledge = &self.promises.knowledge;
        let Some(set) = knowledge.set.get(&key.limit).copied() else {
            return;
        };
        if knowledge.caps.contains_key(&key) {
            return;
        }
        let mut running = self.instances.iter().filter(|i| i.running && !i.fenced);
        let all = running.all(|instance| {
            let concerned = instance.limiter.books().any(|books| books.account == key);
            !concerned || knowledge.has_heard(instance.id, key, set)
        });
        if all {
            let (worst, declared) = self.promises.stands(key);
            let cap = Cap { worst, declared };
            self.note(|| format!("everybody has heard of {key:?}: {cap:?}"));
            self.promises.knowledge.caps.insert(key, cap);
        }
    }

    /// Whether an instance that admits a request had to know better.
    pub(super) fn check_knowledge(
        &mut self,
        life: Life,
        admitted: &Admitted,
    ) -> Result<(), String> {
        let now = self.now;
        let Some(instance) = self.living(life) else {
            return Ok(());
        };
        let (id, untroubled) = (instance.id, instance.troubled);
        let nobody_was_troubled = self.instances.iter().all(|i| i.troubled + SPREADS < now);
        let ticket = &admitted.ticket;
        let unleased: BTreeSet<LimitId> = ticket.unleased().collect();
        for key in ticket
            .accounts()
            .filter(|key| !unleased.contains(&key.limit))
        {
            let topic = (key.limit, Some(key.starts));
            let knowledge = &self.promises.knowledge;
            knowledge.check_lease(now, (id, untroubled), topic)?;
        }
        for limit in ticket.rules().iter() {
            let knowledge = &self.promises.knowledge;
            if limit.measure != Measure::ParallelRequests || limit.ceiling == Ceiling::Unlimited {
                continue;
            }
            if !limit.shadow && !unleased.contains(&limit.id) {
                knowledge.check_lease(now, (id, untroubled), (limit.id, None))?;
            }
            // A database whose clock leaps ahead takes everybody for gone until it hears of them.
            let settled = nobody_was_troubled
                && !knowledge.was_set_lately(now, limit.id)
                && !self.scenario.leaps;
            let known = knowledge.known_under_way(now, id, limit.id);
            let full = known.is_some_and(|known| known >= self.database.ceiling(limit.id));
            let mut told = admitted
                .shadowed
                .iter()
                .filter_map(|told| told.limit.as_ref());
            if limit.shadow && settled && full && !told.any(|told| told.id == limit.id) {
                return Err(format!("{id:?} does not tell that {:?} is full", limit.id));
            }
        }
        Ok(())
    }
}

/// Whether requests are counted towards a limit in shadow: not while it has no ceiling.
fn is_watched(limit: &Limit) -> bool {
    let counts = limit.ceiling != Ceiling::Unlimited;
    limit.shadow && counts && limit.measure == Measure::ParallelRequests
}
