//! Money of one budget in one window, as far as this instance has leased it.
//!
//! The lease is spent without asking: a request moves its worst case from `avail` to `reserved`,
//! its end moves the cost to `pending`, and the ledger's acknowledgement takes that out.
//! At all times
//!
//! `granted - acked + excess = avail + reserved + pending + returning`
//!
//! where `granted` is the total that the database has told, and the right side is never more than
//! the database counts as leased plus what its ledger has taken without our knowing yet.
//! No clock has a part in that. All amounts are nanodollars.

use std::time::Duration;

use llmlite_core::{
    limits::{Ceiling, Window},
    quota::BudgetAnswer,
};

use crate::{Settings, mark::Mark};

#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) window: Window,
    /// All that the lease was ever granted, less what was given back.
    pub(crate) granted: i64,
    /// All cost that the ledger has acknowledged.
    pub(crate) acked: i64,
    /// The part of `acked` that the budget paid directly, because the lease was used up: known
    /// only after the next answer, and too low until then.
    pub(crate) excess: i64,
    /// Free for the next request. Below zero after a request that cost more than its worst case.
    pub(crate) avail: i64,
    /// Worst cases of the requests under way.
    pub(crate) reserved: i64,
    /// Costs that the ledger has not acknowledged.
    pub(crate) pending: i64,
    /// On its way back to the database.
    pub(crate) returning: i64,
    /// `acked` when the call under way was sent.
    acked_at_send: i64,
    /// Whether the database has ever told of the lease.
    known: bool,
    /// A call ended without our knowing whether it was carried out.
    pub(crate) doubtful: bool,
    /// The limit has changed since the database last told.
    pub(crate) outdated: Mark,
    /// The lease was overdrawn: the budget may have paid what it could not.
    audit: Mark,
    pub(crate) told: Option<Told>,
    refused: Option<Memory>,
    /// Others are short of it.
    pub(crate) recalled: Mark,
    pub(crate) last_used: Duration,
    pub(crate) announced: u8,
    pace: Pace,
}

/// What the database last said.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    pub(crate) at: Duration,
    pub(crate) ceiling: Ceiling,
    pub(crate) overdraft: i64,
    pub(crate) settled: i64,
    pub(crate) others: i64,
    pub(crate) left: i64,
    /// Our own share of what is settled by now.
    acked: i64,
}

/// The database had no more than `left`.
#[derive(Debug, Clone, Copy)]
struct Memory {
    until: Duration,
    left: i64,
}

/// How fast money is spent.
#[derive(Debug, Default)]
struct Pace {
    per_second: i64,
    since_scan: i64,
    scanned: Duration,
    largest: i64,
    largest_before: i64,
    turned: Duration,
}

/// How long the largest worst case is remembered, at least.
const LARGEST: Duration = Duration::from_secs(15);
/// Over about how many seconds the pace is averaged.
const AVERAGE: i128 = 10_000;

impl Account {
    pub(crate) fn new(window: Window, now: Duration) -> Self {
        Self {
            window,
            granted: 0,
            acked: 0,
            excess: 0,
            avail: 0,
            reserved: 0,
            pending: 0,
            returning: 0,
            acked_at_send: 0,
            known: false,
            doubtful: false,
            outdated: Mark::None,
            audit: Mark::None,
            told: None,
            refused: None,
            recalled: Mark::None,
            last_used: now,
            announced: 0,
            pace: Pace {
                scanned: now,
                turned: now,
                ..Pace::default()
            },
        }
    }

    pub(crate) fn reserve(&mut self, now: Duration, amount: i64) {
        self.avail -= amount;
        self.reserved += amount;
        self.last_used = now;
        self.pace.largest = self.pace.largest.max(amount);
        self.notice_debt();
    }

    /// Ends a request, and returns by how much its cost was above what had been reserved.
    pub(crate) fn settle(&mut self, now: Duration, reserved: i64, cost: i64) -> i64 {
        self.reserved -= reserved;
        self.pending += cost;
        self.avail += reserved - cost;
        self.last_used = now;
        self.pace.since_scan = self.pace.since_scan.saturating_add(cost);
        self.notice_debt();
        (cost - reserved).max(0)
    }

    /// The ledger has written down `cost`.
    pub(crate) fn acknowledge(&mut self, cost: i64) {
        self.pending -= cost;
        self.acked += cost;
    }

    /// A request of this size waits.
    pub(crate) fn expect(&mut self, amount: i64) {
        self.pace.largest = self.pace.largest.max(amount);
    }

    /// Whether more was leased than the ceiling allows now, as when it has been lowered. Then what
    /// lies here is not ours to spend: it goes back.
    pub(crate) fn is_over(&self) -> bool {
        self.told.is_some_and(|told| told.left < 0)
    }

    /// What the next request can have of `avail`.
    pub(crate) fn usable(&self) -> i64 {
        if self.is_over() {
            self.avail.min(0)
        } else {
            self.avail
        }
    }

    /// Whether the database is known to have less than `amount` besides what is here.
    pub(crate) fn is_refused(&self, now: Duration, amount: i64) -> bool {
        self.refused
            .is_some_and(|memory| now < memory.until && amount - self.usable() > memory.left)
    }

    /// Spent by everybody, as far as the database has told, and by us since.
    pub(crate) fn spent(&self) -> i64 {
        let told = self.told.map_or(0, |told| told.settled - told.acked);
        told + self.acked + self.pending
    }

    /// Whether others hold enough for `amount`, so that a recall might bring it.
    pub(crate) fn is_elsewhere(&self, amount: i64) -> bool {
        self.told
            .is_some_and(|told| told.left + told.others >= amount - self.avail)
    }

    /// What to hold: half of what is under way, the largest recent request, and what will be spent
    /// until the database may be back from an outage.
    pub(crate) fn target(&self, settings: &Settings) -> i64 {
        let seconds = i64::try_from(settings.horizon.as_secs()).unwrap_or(i64::MAX);
        let largest = self.pace.largest.max(self.pace.largest_before);
        (self.reserved / 2)
            .saturating_add(largest)
            .saturating_add(self.pace.per_second.saturating_mul(seconds))
    }

    /// Brings the averages up to date; about once a second.
    pub(crate) fn scan(&mut self, now: Duration) {
        let pace = &mut self.pace;
        let millis = i128::try_from(now.saturating_sub(pace.scanned).as_millis()).unwrap_or(0);
        if millis > 0 {
            let step = millis.min(AVERAGE);
            let measured = i128::from(pace.since_scan) * 1_000 / millis;
            let before = i128::from(pace.per_second);
            let after = before + (measured - before) * step / AVERAGE;
            pace.per_second = i64::try_from(after).unwrap_or(i64::MAX);
            pace.since_scan = 0;
            pace.scanned = now;
        }
        if now.saturating_sub(pace.turned) >= LARGEST {
            pace.largest_before = pace.largest;
            pace.largest = 0;
            pace.turned = now;
        }
    }

    /// What should go back to the database now.
    pub(crate) fn surplus(&self, now: Duration, over: bool, settings: &Settings) -> i64 {
        let target = self.target(settings);
        let idle = now.saturating_sub(self.last_used) >= settings.idle;
        let surplus = if over || idle || self.recalled.is_set() || self.is_over() {
            self.avail
        } else if self.avail > target.saturating_mul(2) {
            self.avail - target
        } else {
            0
        };
        surplus.max(0)
    }

    /// What should be taken in advance now.
    pub(crate) fn deficit(&self, now: Duration, settings: &Settings) -> i64 {
        let idle = now.saturating_sub(self.last_used) >= settings.idle;
        let remembered = self.refused.is_some_and(|memory| now < memory.until);
        let taken_up = self.recalled.is_set() || self.is_over() || remembered;
        let target = self.target(settings);
        if idle || taken_up || self.avail >= target / 2 {
            return 0;
        }
        target.saturating_sub(self.avail)
    }

    /// A call about this account goes out that gives back `give`.
    pub(crate) fn sent(&mut self, give: i64) {
        self.avail -= give;
        self.returning += give;
        self.acked_at_send = self.acked;
        self.outdated.sent();
        if self.audit.is_set() {
            self.audit.set();
        }
        if self.pending == 0 {
            self.audit.sent();
        }
    }

    /// The database has carried out a call that asked for `asked`.
    pub(crate) fn answered(
        &mut self,
        now: Duration,
        answer: &BudgetAnswer,
        asked: i64,
        settings: &Settings,
    ) {
        let mut short = asked > 0;
        let since_sent = self.acked - self.acked_at_send;
        if self.known {
            let grown = answer.granted - self.granted;
            short &= grown < asked;
            self.excess = self.excess.max(self.acked_at_send - answer.drawn);
        } else {
            // Our count begins where the ledger's count of this lease stands. What was overdrawn
            // before we knew of it, the budget has paid.
            self.acked += answer.drawn;
            self.excess += self.acked_at_send;
            self.known = true;
            short &= answer.granted - answer.drawn < asked;
        }
        self.granted = answer.granted;
        self.returning = 0;
        self.doubtful = false;
        self.outdated.answered();
        self.audit.answered();
        self.avail = self.granted - self.acked + self.excess - self.reserved - self.pending;
        self.told = Some(Told {
            at: now,
            ceiling: answer.ceiling,
            overdraft: answer.overdraft,
            settled: answer.settled,
            others: answer.others,
            left: answer.left,
            acked: self.acked - since_sent,
        });
        if self.outdated.is_set() {
            // It was carried out before the limit was changed, and refused by what no longer holds.
            self.refused = None;
        } else if asked > 0 {
            self.refused = short.then_some(Memory {
                until: now + settings.refusal_memory,
                left: answer.left.max(0),
            });
        }
    }

    /// The call was certainly not carried out.
    pub(crate) fn not_done(&mut self) {
        // What an earlier call left in doubt stays in doubt.
        if !self.doubtful {
            self.avail += self.returning;
            self.returning = 0;
        }
    }

    pub(crate) fn forget_refusal(&mut self) {
        self.refused = None;
    }

    /// Whether only the database can tell how it stands.
    pub(crate) fn needs_telling(&self) -> bool {
        let overdrawn = self.audit.is_set() && self.pending == 0;
        self.doubtful || self.outdated.is_set() || overdrawn
    }

    /// Whether nothing of it is left, here or in the database's lease.
    pub(crate) fn is_empty(&self) -> bool {
        self.avail == 0
            && self.reserved == 0
            && self.pending == 0
            && self.returning == 0
            && !self.doubtful
            && !self.audit.is_set()
    }

    fn notice_debt(&mut self) {
        if self.avail < 0 {
            self.audit.set();
        }
    }
}
