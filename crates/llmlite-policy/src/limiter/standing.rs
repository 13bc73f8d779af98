use std::time::Duration;

use llmlite_core::{
    ids::LimitId,
    limits::{Ceiling, Limit, Measure},
};

use super::{Command, Frees, Limiter, is_free};
use crate::{permits::Permit, ring::Rate};

/// How a limit stands, as far as this instance knows: for headers, for the key's holder, and to
/// explain. In the units of the measure: nanodollars, requests or tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Which limit.
    pub limit: LimitId,
    /// How high it is, without overdraft.
    pub ceiling: Ceiling,
    /// Used for good.
    pub used: i64,
    /// Set aside for requests under way, or lying ready in leases.
    pub under_way: i64,
    /// What a request can still have. None if there is no ceiling, or the database has not told.
    pub left: Option<i64>,
    /// When more will be left, at the latest.
    pub frees: Frees,
    /// How old the database's word is. None if it has not told.
    pub age: Option<Duration>,
}

impl Limiter {
    /// How these limits stand.
    pub fn standings<'a>(
        &mut self,
        now: Duration,
        rules: impl IntoIterator<Item = &'a Limit>,
    ) -> Vec<Standing> {
        rules
            .into_iter()
            .map(|limit| self.standing(now, limit))
            .collect()
    }

    /// Has the store told how these limits stand, for somebody who only wants to know.
    pub fn look_up<'a>(
        &mut self,
        now: Duration,
        rules: impl IntoIterator<Item = &'a Limit>,
    ) -> Vec<Command> {
        for limit in rules.into_iter().filter(|limit| !is_free(limit)) {
            match limit.measure {
                Measure::Budget(_) => {
                    if let Some((_, account)) = self.open(now, limit) {
                        account.outdated.set();
                    }
                }
                Measure::RequestsPerMinute | Measure::TokensPerMinute => {
                    let rate = self.rates.entry(limit.id);
                    rate.or_insert_with(|| Rate::new(now)).outdated.set();
                }
                Measure::ParallelRequests => {
                    let permit = self.permits.entry(limit.id);
                    permit.or_insert_with(|| Permit::new(now)).outdated.set();
                }
            }
        }
        self.scan_due = true;
        self.compose(now).map(Command::Ask).into_iter().collect()
    }

    /// Whether the store has told of each of these limits, and no longer ago than `age`.
    pub fn are_known<'a>(
        &mut self,
        now: Duration,
        rules: impl IntoIterator<Item = &'a Limit>,
        age: Duration,
    ) -> bool {
        let mut rules = rules.into_iter().filter(|limit| !is_free(limit));
        rules.all(|limit| {
            let standing = self.standing(now, limit);
            match limit.measure {
                Measure::ParallelRequests => self
                    .permits
                    .get(&limit.id)
                    .is_some_and(|permit| permit.told.is_some() && !permit.outdated.is_set()),
                _ => standing.age.is_some_and(|known| known <= age),
            }
        })
    }

    fn standing(&mut self, now: Duration, limit: &Limit) -> Standing {
        let known = match limit.measure {
            Measure::Budget(_) => self.money_of(now, limit),
            Measure::RequestsPerMinute | Measure::TokensPerMinute => self.units_of(now, limit),
            Measure::ParallelRequests => self.permits_of(limit),
        };
        known.unwrap_or(Standing {
            limit: limit.id,
            ceiling: limit.ceiling,
            used: 0,
            under_way: 0,
            left: None,
            frees: Frees::Never,
            age: None,
        })
    }

    fn money_of(&mut self, now: Duration, limit: &Limit) -> Option<Standing> {
        let (_, account) = self.open(now, limit)?;
        let told = account.told?;
        let used = account.spent();
        let left = (told.left + account.avail.max(0)).max(0);
        let all = match told.ceiling {
            Ceiling::At(n) => Some(n.saturating_add(told.overdraft)),
            Ceiling::Unlimited => None,
        };
        Some(Standing {
            limit: limit.id,
            ceiling: told.ceiling,
            used,
            under_way: all.map_or(account.reserved, |all| (all - left - used).max(0)),
            left: all.map(|_| left),
            frees: account.window.ends.map_or(Frees::Never, Frees::At),
            age: Some(now.saturating_sub(told.at)),
        })
    }

    fn units_of(&self, now: Duration, limit: &Limit) -> Option<Standing> {
        let rate = self.rates.get(&limit.id)?;
        let told = rate.told?;
        let here = rate.units(now);
        let left = told.left.max(0) + here;
        let (used, left) = match told.ceiling {
            Ceiling::At(n) => ((n - left).max(0), Some(left)),
            Ceiling::Unlimited => (rate.own(now), None),
        };
        let begins = self.link.when(crate::ring::time_of(told.slot));
        let wait = rate
            .refusal(now, left.unwrap_or(0).saturating_add(1))
            .flatten();
        let ring = llmlite_core::quota::SLOT * 31;
        Some(Standing {
            limit: limit.id,
            ceiling: told.ceiling,
            used,
            under_way: 0,
            left,
            frees: Frees::In(wait.unwrap_or_else(|| match begins {
                Some(begins) => (begins + ring).saturating_sub(now).min(ring),
                None => ring,
            })),
            age: begins.map(|begins| now.saturating_sub(begins)),
        })
    }

    fn permits_of(&self, limit: &Limit) -> Option<Standing> {
        let permit = self.permits.get(&limit.id)?;
        let told = permit.told?;
        let left = match told.ceiling {
            Ceiling::At(n) => Some((n - told.others - permit.in_use).max(0)),
            Ceiling::Unlimited => None,
        };
        Some(Standing {
            limit: limit.id,
            ceiling: told.ceiling,
            used: permit.in_use,
            under_way: told.others,
            left,
            frees: Frees::PARALLEL,
            age: None,
        })
    }
}
