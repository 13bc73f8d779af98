//! The promises about money.

use std::collections::BTreeMap;

use llmlite_core::{ids::InstanceId, quota::AccountKey};

use super::checks::Promises;
use crate::database::Database;

/// Only "unlimited" is higher.
const OPEN: i64 = i64::MAX / 8;

#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Money {
    /// What Bedrock has billed.
    pub(super) billed: i64,
    /// The worst that is under way.
    pub(super) worst: i64,
    /// What was billed above the worst case.
    pub(super) underestimated: i64,
    /// What was let through without a lease.
    pub(super) unleased: i64,
    /// What was leased to running instances whose leases were closed.
    closed: i64,
    /// What a lost disk took with it.
    pub(super) lost: i64,
    /// Settled and granted, and the part that no lease covered, after the last step.
    before: (i64, i64),
}

impl Money {
    /// What was let through without a lease that covered it.
    fn declared(&self) -> i64 {
        self.underestimated + self.unleased + self.closed
    }
}

impl Promises {
    /// The leases of an instance that runs are about to be closed: what it spends of them until it
    /// hears of that is nobody's.
    pub(super) fn closes(&mut self, id: InstanceId, database: &Database) {
        let leases = database.leases.iter();
        for ((key, _), lease) in leases.filter(|((_, owner), _)| *owner == id) {
            self.money.entry(*key).or_default().closed += lease.held;
        }
    }

    /// What is billed of an account and at worst under way, and what of it no lease has to cover.
    pub(super) fn stands(&self, key: AccountKey) -> (i64, i64) {
        let money = self.money.get(&key).copied().unwrap_or_default();
        (money.billed + money.worst, money.declared())
    }

    pub(super) fn check_money(&mut self, database: &Database, lives: i64) -> Result<(), String> {
        let mut leased: BTreeMap<AccountKey, i64> = BTreeMap::new();
        for ((key, _), lease) in &database.leases {
            *leased.entry(*key).or_default() += lease.held;
        }
        for (key, account) in &database.accounts {
            let held = leased.get(key).copied().unwrap_or(0);
            if held != account.granted {
                return Err(format!(
                    "{key:?}: granted {} of which {held} leased",
                    account.granted
                ));
            }
            let taken = account.settled + account.granted;
            let money = self.money.entry(*key).or_default();
            let (before, uncovered) = money.before;
            let allowed = database.ceiling(key.limit).max(before) + account.uncovered - uncovered;
            money.before = (taken, account.uncovered);
            if taken > allowed {
                return Err(format!("{key:?}: {taken} taken of {allowed}"));
            }
        }
        for (key, money) in &self.money {
            if self.limits.get(&key.limit).is_none_or(|limit| limit.shadow) {
                continue;
            }
            let account = database.accounts.get(key);
            let taken = account.map_or(0, |account| account.settled + account.granted);
            // Without a ceiling there is no need to wait for the database.
            let was_open = self.former.get(&key.limit).into_iter().flatten();
            let was_open = was_open.map(|(_, ceiling)| *ceiling).max() > Some(OPEN)
                || database.ceiling(key.limit) > OPEN;
            let allowed = if was_open {
                money.unleased
            } else {
                self.allowance * lives
            };
            let declared = money.underestimated + money.closed + allowed;
            let true_worst = money.billed + money.worst;
            if true_worst > taken + declared + money.lost {
                return Err(format!(
                    "{key:?}: billed {} and at worst {} more, but only {taken} taken",
                    money.billed, money.worst
                ));
            }
            let uncovered = account.map_or(0, |account| account.uncovered);
            if uncovered > declared {
                return Err(format!(
                    "{key:?}: {uncovered} uncovered, {declared} declared"
                ));
            }
        }
        Ok(())
    }

    /// After all have heard of a ceiling, no more is let through than it allows, or than was let
    /// through before that.
    pub(super) fn check_caps(&self, database: &Database) -> Result<(), String> {
        for (key, cap) in self.knowledge.caps() {
            if self.limits.get(&key.limit).is_none_or(|limit| limit.shadow) {
                continue;
            }
            let money = self.money.get(key).copied().unwrap_or_default();
            let worst = money.billed + money.worst;
            let fits = database.ceiling(key.limit) + money.declared() + money.lost;
            let before = cap.worst + money.declared() - cap.declared;
            if worst > fits.max(before) {
                return Err(format!(
                    "{key:?}: {worst} let through, though everybody had heard of {fits} at {before}"
                ));
            }
        }
        Ok(())
    }
}
