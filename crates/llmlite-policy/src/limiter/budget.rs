use std::time::{Duration, SystemTime};

use llmlite_core::{
    ids::LimitId,
    limits::{Ceiling, Limit, Measure, Percent, Period, Window},
    money::Nanodollars,
    quota::AccountKey,
};

use super::Limiter;
use crate::escrow::Account;

/// A budget: the account of the present window, and those of past ones that are not done with.
#[derive(Debug)]
pub(super) struct Budget {
    period: Period,
    window: Window,
    pub(super) thresholds: Vec<Percent>,
    pub(super) accounts: Vec<Account>,
}

impl Budget {
    pub(super) fn new(limit: &Limit, period: Period, time: SystemTime) -> Self {
        Self {
            period,
            window: Window::of(period, time),
            thresholds: limit.thresholds.clone(),
            accounts: Vec::new(),
        }
    }

    pub(super) fn window(&mut self, time: SystemTime) -> Window {
        if !self.window.contains(time) {
            self.window = Window::of(self.period, time);
        }
        self.window
    }

    pub(super) fn find(&self, starts: SystemTime) -> Option<&Account> {
        self.accounts.iter().find(|a| a.window.starts == starts)
    }

    pub(super) fn find_mut(&mut self, starts: SystemTime) -> Option<&mut Account> {
        self.accounts.iter_mut().find(|a| a.window.starts == starts)
    }

    pub(super) fn open(&mut self, now: Duration, window: Window) -> &mut Account {
        let place = self
            .accounts
            .iter()
            .position(|account| account.window.starts == window.starts)
            .unwrap_or_else(|| {
                self.accounts.push(Account::new(window, now));
                self.accounts.len() - 1
            });
        #[expect(
            clippy::indexing_slicing,
            reason = "it was found, or has just been pushed"
        )]
        &mut self.accounts[place]
    }
}

/// What one account holds on this instance, in nanodollars: for metrics and audits.
///
/// `granted` is always `avail + reserved + pending + returning`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Books {
    /// Which account.
    pub account: AccountKey,
    /// What this instance believes to hold.
    pub granted: i64,
    /// Free for the next request; below zero after a request that cost more than its worst case.
    pub avail: i64,
    /// Worst cases of the requests under way.
    pub reserved: i64,
    /// Costs that the ledger has not acknowledged.
    pub pending: i64,
    /// On its way back to the database.
    pub returning: i64,
}

impl Limiter {
    /// What every account holds here, in no particular order.
    pub fn books(&self) -> impl Iterator<Item = Books> {
        self.budgets.iter().flat_map(|(limit, budget)| {
            budget.accounts.iter().map(|account| Books {
                account: AccountKey {
                    limit: *limit,
                    starts: account.window.starts,
                },
                granted: account.granted - account.acked + account.excess,
                avail: account.avail,
                reserved: account.reserved,
                pending: account.pending,
                returning: account.returning,
            })
        })
    }

    pub(super) fn account(&mut self, key: AccountKey) -> Option<&mut Account> {
        self.budgets.get_mut(&key.limit)?.find_mut(key.starts)
    }

    /// The account of a limit at the database's time, opened if need be.
    pub(super) fn open(
        &mut self,
        now: Duration,
        limit: &Limit,
    ) -> Option<(AccountKey, &mut Account)> {
        let Measure::Budget(period) = limit.measure else {
            return None;
        };
        let time = self.link.time(now)?;
        let budget = self
            .budgets
            .entry(limit.id)
            .or_insert_with(|| Budget::new(limit, period, time));
        let window = budget.window(time);
        let key = AccountKey {
            limit: limit.id,
            starts: window.starts,
        };
        Some((key, budget.open(now, window)))
    }

    /// Money overdrawn in all accounts that are not unlimited, which the ledger will book: for
    /// metrics.
    pub fn overdrawn(&self) -> Nanodollars {
        let accounts = self.budgets.values().flat_map(|budget| &budget.accounts);
        let limited = accounts.filter(|account| {
            account
                .told
                .is_none_or(|told| told.ceiling != Ceiling::Unlimited)
        });
        limited
            .map(|account| Nanodollars(account.avail.min(0)))
            .sum()
    }
}

impl Budget {
    /// Takes over what a newer version of the limit says.
    pub(super) fn learn(&mut self, limit: &Limit) {
        if self.thresholds != limit.thresholds {
            self.thresholds.clone_from(&limit.thresholds);
        }
    }
}

/// The number and window of an account.
pub(super) fn key(limit: LimitId, account: &Account) -> AccountKey {
    AccountKey {
        limit,
        starts: account.window.starts,
    }
}
