//! The one state machine over money, rates and permits of an instance.
//!
//! It is fed with requests, their ends, the store's answers and the time, and says what to do:
//! it has no I/O, no clock and no randomness of its own.
//! Time is a [`Duration`] since any fixed moment, by a monotonic clock; dates come from the
//! database's clock alone, so no instance's wall clock matters.
//!
//! Whoever owns a `Limiter` (behind a mutex: every call is short)
//! - carries out each [`Command`] that it returns, and hands the store's answer or failure back;
//! - calls [`Limiter::tick`] every second or so, and at [`Limiter::wakes`];
//! - settles every ticket exactly once.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    time::{Duration, SystemTime},
};

use llmlite_core::{
    ids::LimitId,
    limits::{Ceiling, Limit, Measure},
    money::Nanodollars,
    quota::{AccountKey, Announcement, Call},
};

use self::{budget::Budget, ids::ById, link::Link, wait::Waiter};
use crate::{BudgetOutage, RateOutage, Settings, permits::Permit, ring::Rate};

mod budget;
mod compose;
mod hear;
mod ids;
mod link;
mod look;
mod refusal;
mod standing;
mod take;
mod tick;
mod ticket;
mod wait;

pub use budget::Books;
pub use refusal::{Exceeded, Frees, Reason, Refusal};
pub use standing::Standing;
pub use ticket::{Actual, Settled, Ticket};
pub use wait::WaiterId;

/// Admits requests by all limits at once, from leases that are renewed in the background.
#[derive(Debug)]
pub struct Limiter {
    settings: Settings,
    link: Link,
    budgets: ById<Budget>,
    rates: ById<Rate>,
    permits: ById<Permit>,
    /// When temporary raises end, as far as requests have told: then these limits are asked anew.
    raises: BTreeMap<LimitId, SystemTime>,
    waiters: VecDeque<Waiter>,
    last_waiter: u64,
    /// When everything was last looked over, and whether the result is still to be sent.
    scanned: Option<Duration>,
    scan_due: bool,
    /// The slot that has begun last, and whether rates are still to be renewed for it.
    slot: i64,
    renew_due: bool,
    draining: bool,
    underestimates: Underestimates,
}

/// What a request wants.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Every limit that binds it, in the order in which refusals should be reported.
    pub rules: Arc<[Limit]>,
    /// The most that it can cost.
    pub worst: Nanodollars,
    /// What it must be able to cost to be of use, where a budget may clamp it: its input and a
    /// few tokens of output. At most `worst`.
    pub least: Nanodollars,
    /// Tokens that it will probably count towards rates of tokens.
    pub tokens: i64,
}

/// What becomes of a [`Wish`].
#[derive(Debug)]
pub enum Verdict {
    /// It may run.
    Admitted(Admitted),
    /// It may not.
    Refused(Box<Refusal>),
    /// The store has to be asked: the verdict follows as [`Command::Decide`].
    Wait(Need),
}

/// The right to run.
#[derive(Debug)]
pub struct Admitted {
    /// To be settled.
    pub ticket: Ticket,
    /// What was set aside for it in every budget: less than its worst case if a budget clamped it.
    pub amount: Nanodollars,
    /// What limits in shadow would have said.
    pub shadowed: Vec<Refusal>,
}

/// A request waits.
#[derive(Debug)]
pub struct Need {
    /// The name under which the verdict will come.
    pub waiter: WaiterId,
    /// What to ask the store now; nothing if a call is under way already.
    pub ask: Option<Arc<Call>>,
}

/// What the owner has to do.
#[derive(Debug)]
#[must_use = "a command that nobody carries out stalls everything"]
pub enum Command {
    /// Ask the store, and hand in its answer or failure. There is never more than one under way.
    Ask(Arc<Call>),
    /// A request that waited has its verdict. If nobody waits any more, settle the ticket as not
    /// sent.
    Decide(WaiterId, Result<Admitted, Box<Refusal>>),
    /// Claim the right to tell people, and tell them if it was to be had.
    Announce(Announcement),
}

/// Requests that cost more than their worst case. Zero, unless worst cases are reckoned wrongly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Underestimates {
    /// How many.
    pub requests: u64,
    /// By how much in all.
    pub amount: Nanodollars,
}

impl Limiter {
    /// A limiter of a new instance, which holds nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            link: Link::default(),
            budgets: HashMap::default(),
            rates: HashMap::default(),
            permits: HashMap::default(),
            raises: BTreeMap::new(),
            waiters: VecDeque::new(),
            last_waiter: 0,
            scanned: None,
            scan_due: true,
            slot: i64::MIN,
            renew_due: false,
            draining: false,
            underestimates: Underestimates::default(),
        }
    }

    /// Lets a request through if all its limits allow it, and takes from all of them or none.
    pub fn admit(&mut self, now: Duration, wish: Wish) -> Verdict {
        if self.is_stopping() {
            return Verdict::Refused(Box::new(Refusal::draining()));
        }
        let away = self.link.is_away();
        let look = self.look(now, &wish, away);
        if let Some(refusal) = look.refusal {
            return Verdict::Refused(refusal);
        }
        if look.short.is_none() {
            let admitted = self.take(now, &wish, look.amount, away, look.shadowed);
            return Verdict::Admitted(admitted);
        }
        let waiter = self.wait(now, wish);
        let ask = self.compose(now);
        Verdict::Wait(Need { waiter, ask })
    }

    /// Why nothing at all would be let through by these rules now, as far as that is known here.
    /// Takes and asks nothing.
    pub fn peek(&mut self, now: Duration, rules: &Arc<[Limit]>) -> Option<Box<Refusal>> {
        if self.is_stopping() {
            return Some(Box::new(Refusal::draining()));
        }
        let smallest = Wish {
            rules: Arc::clone(rules),
            worst: Nanodollars(1),
            least: Nanodollars(1),
            tokens: 1,
        };
        let away = self.link.is_away();
        let look = self.look(now, &smallest, away);
        look.refusal.filter(|_| !look.elsewhere)
    }

    /// Why this would be refused now, as far as that is known here. Takes and asks nothing.
    pub fn explain(&mut self, now: Duration, wish: &Wish) -> Option<Box<Refusal>> {
        let away = self.link.is_away();
        self.look(now, wish, away).refusal
    }

    /// Takes back the right of a request that has ended, and says what it is charged to.
    pub fn settle(&mut self, now: Duration, ticket: Ticket, actual: Actual) -> Settled {
        let settled = self.put_back(now, ticket, actual);
        if settled.underestimate > Nanodollars::ZERO {
            self.underestimates.requests += 1;
            self.underestimates.amount = self.underestimates.amount + settled.underestimate;
        }
        settled
    }

    /// The ledger has written down these costs for good.
    pub fn acknowledged(&mut self, costs: &[(AccountKey, Nanodollars)]) {
        for (key, cost) in costs {
            if let Some(account) = self.account(*key) {
                account.acknowledge(cost.0);
            }
        }
    }

    /// These limits were set, changed or taken away: what is remembered of them is asked anew.
    pub fn changed(&mut self, now: Duration, limits: &[LimitId]) -> Vec<Command> {
        for id in limits {
            self.outdate(*id);
        }
        self.scan_due = true;
        self.compose(now).map(Command::Ask).into_iter().collect()
    }

    /// Changes may have been missed: every limit that is known here is asked anew.
    pub fn all_changed(&mut self, now: Duration) -> Vec<Command> {
        let budgets = self.budgets.keys();
        let known = budgets.chain(self.rates.keys()).chain(self.permits.keys());
        let known: Vec<LimitId> = known.copied().collect();
        self.changed(now, &known)
    }

    /// Others are short of money in these budgets: what lies idle goes back at once.
    pub fn recalled(&mut self, now: Duration, accounts: &[AccountKey]) -> Vec<Command> {
        for key in accounts {
            if let Some(account) = self.account(*key) {
                account.recalled.set();
            }
        }
        self.scan_due = true;
        self.compose(now).map(Command::Ask).into_iter().collect()
    }

    /// Admits nothing more, and gives everything back as requests end.
    pub fn drain(&mut self, now: Duration) -> Vec<Command> {
        self.draining = true;
        self.scan_due = true;
        let mut commands = self.send_away();
        commands.extend(self.compose(now).map(Command::Ask));
        commands
    }

    /// Whether, after [`Limiter::drain`], nothing is under way, unwritten or leased any more.
    pub fn is_drained(&self) -> bool {
        let accounts = self.budgets.values().flat_map(|budget| &budget.accounts);
        self.draining
            && !self.link.is_busy()
            && accounts.into_iter().all(|account| account.is_empty())
            && self.permits.values().all(Permit::is_empty)
    }

    /// Whether the store was ever heard. Before that nothing with a limit can be admitted.
    pub fn is_ready(&self) -> bool {
        self.link.was_heard()
    }

    /// Whether the store is away, so that requests run on what is leased.
    pub fn is_degraded(&self) -> bool {
        self.link.is_away()
    }

    /// Whether the leases were closed by somebody else: the process must start anew.
    pub fn is_fenced(&self) -> bool {
        self.link.is_fenced()
    }

    /// The database's time, as well as it is known.
    pub fn time(&self, now: Duration) -> Option<SystemTime> {
        self.link.time(now)
    }

    /// What has cost more than its worst case.
    pub fn underestimates(&self) -> Underestimates {
        self.underestimates
    }

    fn is_stopping(&self) -> bool {
        self.draining || self.link.is_fenced()
    }

    /// What is remembered of a limit is asked anew with the next call.
    fn outdate(&mut self, limit: LimitId) {
        if let Some(budget) = self.budgets.get_mut(&limit) {
            for account in &mut budget.accounts {
                account.outdated.set();
                account.forget_refusal();
            }
        }
        if let Some(rate) = self.rates.get_mut(&limit) {
            rate.outdated.set();
            rate.forget_refusal();
        }
        if let Some(permit) = self.permits.get_mut(&limit) {
            permit.outdated.set();
            permit.forget_refusal();
        }
    }
}

/// What a measure of a wish asks for, apart from money.
fn units(measure: Measure, wish: &Wish) -> i64 {
    match measure {
        Measure::TokensPerMinute => wish.tokens.max(0),
        Measure::RequestsPerMinute | Measure::ParallelRequests | Measure::Budget(_) => 1,
    }
}

/// Whether a rule can never stand in anybody's way. A budget is charged all the same, because it
/// may get a ceiling before its window ends.
fn is_free(limit: &Limit) -> bool {
    limit.ceiling == Ceiling::Unlimited && limit.raise.is_none()
}

#[cfg(test)]
mod tests;
