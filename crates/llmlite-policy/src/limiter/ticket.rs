use std::sync::Arc;

use llmlite_core::{ids::LimitId, limits::Limit, money::Nanodollars, quota::AccountKey};

use crate::ring::Taken;

/// What was taken for one request. It has to be settled, and can be only once.
#[derive(Debug)]
#[must_use = "what it holds stays taken until it is settled"]
pub struct Ticket {
    pub(super) rules: Arc<[Limit]>,
    pub(super) amount: i64,
    pub(super) tokens: i64,
    pub(super) holds: Vec<Hold>,
}

/// What was taken of one limit.
#[derive(Debug, Clone, Copy)]
pub(super) enum Hold {
    /// Whether the lease covered all of it.
    Money(AccountKey, bool),
    Requests(LimitId, Taken),
    Tokens(LimitId, Taken),
    /// Whether the lease allowed it.
    Permit(LimitId, bool),
}

impl Ticket {
    /// The limits by which the request was admitted.
    pub fn rules(&self) -> &Arc<[Limit]> {
        &self.rules
    }

    /// What was set aside for it in every budget.
    pub fn amount(&self) -> Nanodollars {
        Nanodollars(self.amount)
    }

    /// Tokens that it was counted as.
    pub fn tokens(&self) -> i64 {
        self.tokens
    }

    /// The limits that it passed without a lease: by what is allowed while the database is away, or
    /// in shadow.
    pub fn unleased(&self) -> impl Iterator<Item = LimitId> {
        self.holds.iter().filter_map(|hold| match *hold {
            Hold::Requests(id, Taken::Free) | Hold::Tokens(id, Taken::Free) => Some(id),
            Hold::Money(key, false) => Some(key.limit),
            Hold::Permit(id, false) => Some(id),
            _ => None,
        })
    }

    /// The slots of the leases that its units were taken from: those in which it was admitted.
    pub fn slots(&self) -> impl Iterator<Item = (LimitId, i64)> {
        self.holds.iter().filter_map(|hold| match *hold {
            Hold::Requests(id, Taken::Leased(slot)) | Hold::Tokens(id, Taken::Leased(slot)) => {
                Some((id, slot))
            }
            _ => None,
        })
    }

    /// The accounts that will be charged.
    pub fn accounts(&self) -> impl Iterator<Item = AccountKey> {
        self.holds.iter().filter_map(|hold| match *hold {
            Hold::Money(key, _) => Some(key),
            _ => None,
        })
    }
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actual {
    /// It never reached Bedrock: nothing is charged or counted.
    NotSent,
    /// It did.
    Used {
        /// What it costs.
        cost: Nanodollars,
        /// The tokens that count towards rates.
        tokens: i64,
    },
}

/// Where a request's cost belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The accounts that the ledger has to charge with the whole cost, each.
    pub accounts: Vec<AccountKey>,
    /// By how much the cost is above what was set aside.
    pub underestimate: Nanodollars,
}
