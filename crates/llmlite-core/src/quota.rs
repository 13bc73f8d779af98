//! What an instance asks of the database about limits, and what it hears: plain data.
//!
//! The database holds the truth about every limit's ceiling; a call only names limits.
//! A call is one transaction. It first locks the instance's row, and goes on only if the instance
//! is not closed ([`QuotaFailure::Fenced`]) and the call's number is higher than that of the last
//! one that was carried out for it; it then notes the number and the time.
//! So a statement that was delayed for long cannot undo what a later one has settled, and one that
//! arrives twice counts once: then the caller cannot tell what the first one did
//! ([`QuotaFailure::Unknown`]), and learns it with its next call, because an answer tells totals
//! and not differences.
//! After that the lines are carried out, each under the lock of the account, window or pool that
//! it names, in their order.
//!
//! [`QuotaFailure::Fenced`]: crate::ports::quota::QuotaFailure::Fenced
//! [`QuotaFailure::Unknown`]: crate::ports::quota::QuotaFailure::Unknown

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::{
    ids::LimitId,
    limits::{Ceiling, Percent},
    money::Nanodollars,
};

/// Length of a slot of the ring that rates are counted in. Slot `n` begins at `n` times this after
/// the beginning of 1970, by the database's clock.
pub const SLOT: Duration = Duration::from_secs(2);

/// Slots that a rate is summed over: any 60 seconds lie inside 31 of them.
pub const SLOTS: i64 = 31;

/// A budget in one of its windows: what money is counted against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AccountKey {
    /// The budget.
    pub limit: LimitId,
    /// When the window begins, a whole second; the beginning of 1970 for a lifetime. In JSON the
    /// seconds since then.
    #[serde(with = "seconds")]
    pub starts: SystemTime,
}

/// One round trip. It also tells the database that the instance is alive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Call {
    /// Counts the calls of this life of the instance, from 1.
    pub number: u64,
    /// By rising account.
    pub budgets: Vec<BudgetLine>,
    /// By rising limit.
    pub rates: Vec<RateLine>,
    /// By rising limit.
    pub permits: Vec<PermitLine>,
}

/// Takes money of a budget into this instance's lease, or gives some back. In nanodollars.
///
/// With `left` = ceiling + overdraft - settled - granted to all instances, and `n` live instances,
/// the lease grows by nothing if `left` < `least` or `left` <= 0, else by the larger of
/// `least..=ask` as far as `left` goes, and `want` as far as `left / 2n` goes. A lease never grows
/// in a call that gives back. If `ask` > 0 and `left` < 4 * n * `ask`, the account is under recall
/// for three seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetLine {
    /// Whose money. An account that is not there yet is opened.
    pub account: AccountKey,
    /// When the window ends, if ever: for an account that has to be opened.
    pub ends: Option<SystemTime>,
    /// Less than this is of no use to anybody who waits.
    pub least: i64,
    /// What all that wait could use.
    pub ask: i64,
    /// What would be good to have besides, for the next minutes.
    pub want: i64,
    /// What goes back.
    pub give: i64,
}

/// Takes units of a rate for the current slot, and corrects what was taken.
///
/// The ring of the limit holds [`SLOTS`] slots up to the current one, which never moves back.
/// Corrections come first; then, with `left` = ceiling - sum of the ring, units are granted by the
/// rule of [`BudgetLine`], counted in the current slot, and good in that slot alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLine {
    /// Which rate.
    pub limit: LimitId,
    /// Fewer than this are of no use to anybody who waits.
    pub least: i64,
    /// What all that wait could use.
    pub ask: i64,
    /// What the rest of the slot will probably need.
    pub want: i64,
    /// Units to take out of slots in which this instance was granted them; a slot that has left
    /// the ring is passed over, and none falls below nothing.
    pub refunds: Vec<(i64, i64)>,
    /// Units to add to the current slot whatever the ceiling: requests that took more than was
    /// estimated.
    pub extra: i64,
}

/// Sets how many permits this instance holds.
///
/// It may use the smaller of `hold` and ceiling - permits of the other instances that were heard of
/// in the last 30 seconds, and never less than nothing. Its lease becomes that, but not less than
/// `busy`: what is under way counts, also after the ceiling was lowered. The pool's row has to be
/// locked before the others' leases are read, by a statement of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PermitLine {
    /// Which limit.
    pub limit: LimitId,
    /// How many it wants to hold in all.
    pub hold: i64,
    /// How many it has in use, or may have when the answer arrives.
    pub busy: i64,
}

/// What the database says to a [`Call`]: a line for each of its lines, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The call's number.
    pub number: u64,
    /// The database's clock when it was carried out.
    pub clock: SystemTime,
    /// Instances that were heard of in the last 30 seconds, this one included: at least 1.
    pub live: i64,
    /// The accounts, in the order of the call.
    pub budgets: Vec<BudgetAnswer>,
    /// The rates, in the order of the call.
    pub rates: Vec<RateAnswer>,
    /// The permits, in the order of the call.
    pub permits: Vec<PermitAnswer>,
    /// All accounts under recall in which this instance has a lease.
    pub recalled: Vec<AccountKey>,
}

/// The state of an account after a line was carried out. In nanodollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetAnswer {
    /// Which one.
    pub account: AccountKey,
    /// The ceiling now, without the overdraft.
    pub ceiling: Ceiling,
    /// The overdraft.
    pub overdraft: i64,
    /// Spent for good, by everybody.
    pub settled: i64,
    /// Leased to other instances.
    pub others: i64,
    /// Not yet spent or leased.
    pub left: i64,
    /// All that this instance's lease was ever granted, less what it gave back: what the lease
    /// holds plus `drawn`.
    pub granted: i64,
    /// All that the ledger ever took out of this lease to settle requests.
    pub drawn: i64,
}

/// The state of a rate after a line was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateAnswer {
    /// Which one.
    pub limit: LimitId,
    /// The ceiling now.
    pub ceiling: Ceiling,
    /// Units granted, good in `slot` alone.
    pub granted: i64,
    /// The current slot.
    pub slot: i64,
    /// Units that are still to be had.
    pub left: i64,
    /// The slot at whose beginning `least` units will fit if nobody takes any until then; where they
    /// fit already, the one at whose beginning the next units come free, or the present one if all
    /// are. None if they never will.
    pub frees: Option<i64>,
}

/// The state of a pool of permits after a line was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PermitAnswer {
    /// Which limit.
    pub limit: LimitId,
    /// The ceiling now.
    pub ceiling: Ceiling,
    /// What this instance may use.
    pub held: i64,
    /// What others hold.
    pub others: i64,
}

/// A budget has crossed one of its thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announcement {
    /// Which budget, in which window.
    pub account: AccountKey,
    /// The threshold.
    pub threshold: Percent,
    /// What was spent when that was noticed.
    pub settled: Nanodollars,
    /// The ceiling at that time.
    pub ceiling: Nanodollars,
}

/// A moment as whole seconds since the beginning of 1970.
mod seconds {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        to.serialize_u64(since.as_secs())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SystemTime, D::Error> {
        Ok(UNIX_EPOCH + Duration::from_secs(u64::deserialize(from)?))
    }
}
