//! Units of one rate (requests or tokens a minute), as far as this instance has leased them.
//!
//! Units are good in one slot of two seconds, by the database's clock. The instance never asks its
//! wall clock: the end of the slot is reckoned from the moment at which the call was sent, before
//! which the database cannot have read its own, so a lease ends here no later than there.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use llmlite_core::{
    limits::Ceiling,
    quota::{RateAnswer, SLOT, SLOTS},
};

use crate::mark::Mark;

/// How much sooner a lease ends here than there: for clocks that run at different speeds. Two
/// seconds of a clock that is off by a thousandth are two milliseconds; ten are plenty, and each
/// one more keeps requests at the end of every slot waiting for the next.
const MARGIN: Duration = Duration::from_millis(10);

/// Slots of the instance's own ring: those of the database's, and the one that has begun since.
const OWN_SLOTS: usize = 32;

#[derive(Debug)]
pub(crate) struct Rate {
    /// The slot of the lease, and when it ends by our clock.
    slot: i64,
    ends: Duration,
    /// Not yet used in it.
    units: i64,
    pub(crate) told: Option<RateAnswer>,
    told_at: Duration,
    /// Units taken without a lease since then.
    free: i64,
    /// The limit has changed since the database last told, or somebody wants to know how it stands.
    pub(crate) outdated: Mark,
    refused: Option<Memory>,
    /// To be booked with the next call: units of past slots, and what exceeded its estimate.
    refunds: Vec<(i64, i64)>,
    extra: i64,
    /// Thousandths of a unit that a slot needs, on average; and what this one has needed so far.
    demand: i64,
    needed: i64,
    own: OwnRing,
    pub(crate) last_used: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Memory {
    /// Until when it is taken for the answer to other requests too: a slot at most, because other
    /// instances may give back what they did not use.
    until: Duration,
    left: i64,
    /// When enough will be free, if ever.
    frees: Option<Duration>,
}

/// How a request took its units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// From the lease of this slot.
    Leased(i64),
    /// Without a lease: this instance's share while the database is away, or a limit that is only
    /// watched.
    Free,
}

impl Rate {
    pub(crate) fn new(now: Duration) -> Self {
        Self {
            slot: i64::MIN,
            ends: Duration::ZERO,
            units: 0,
            told: None,
            told_at: now,
            free: 0,
            outdated: Mark::None,
            refused: None,
            refunds: Vec::new(),
            extra: 0,
            demand: 0,
            needed: 0,
            own: OwnRing::default(),
            last_used: now,
        }
    }

    /// Units that can be taken without asking.
    pub(crate) fn units(&self, now: Duration) -> i64 {
        if now < self.ends { self.units } else { 0 }
    }

    /// Takes units of the lease if it has them, else without one.
    pub(crate) fn take(&mut self, now: Duration, units: i64) -> Taken {
        self.own.add(now, units);
        self.needed = self.needed.saturating_add(units);
        self.last_used = now;
        if units > 0 && self.units(now) >= units {
            self.units -= units;
            Taken::Leased(self.slot)
        } else {
            self.free = self.free.saturating_add(units);
            Taken::Free
        }
    }

    /// Whether `units` fit into this instance's share of the ceiling, by its own count; and, for as
    /// long as what the database counted may be in the ring, of what it last said was left.
    pub(crate) fn fits_share(
        &self,
        now: Duration,
        units: i64,
        ceiling: Ceiling,
        live: i64,
    ) -> bool {
        match self.told.map_or(ceiling, |told| told.ceiling) {
            Ceiling::Unlimited => true,
            Ceiling::At(n) => {
                let ring = SLOT * (OWN_SLOTS as u32);
                let left = self.told.map_or(n, |told| told.left.max(0));
                let fits = now.saturating_sub(self.told_at) > ring
                    || self.free + units <= left / live.max(1);
                fits && self.own.sum(now) + units <= n / live.max(1)
            }
        }
    }

    /// Books what a request really took, or nothing if it was never sent.
    pub(crate) fn correct(&mut self, now: Duration, taken: Taken, estimate: i64, actual: i64) {
        self.own.add(now, (actual - estimate).max(0));
        let back = estimate - actual;
        if back < 0 {
            let here = self.units(now).min(-back);
            self.units -= here;
            self.extra += -back - here;
            return;
        }
        // What was taken without a lease was not counted in any slot.
        let Taken::Leased(slot) = taken else { return };
        if slot == self.slot && now < self.ends {
            self.units += back;
        } else if back > 0 {
            self.refund(slot, back);
        }
    }

    /// Counts units that were taken without a lease.
    pub(crate) fn book(&mut self, units: i64) {
        self.extra += units;
    }

    /// Whether the database is known to have fewer than `units` besides what is here; then, when
    /// it may have them, if ever.
    pub(crate) fn refusal(&self, now: Duration, units: i64) -> Option<Option<Duration>> {
        let memory = self.refused?;
        let short = units - self.units(now) > memory.left;
        let frees = memory.frees.map(|at| at.saturating_sub(now));
        (short && now < memory.until).then_some(frees)
    }

    pub(crate) fn forget_refusal(&mut self) {
        self.refused = None;
    }

    /// What the rest of this slot will probably need, in whole units.
    pub(crate) fn expected(&self) -> i64 {
        let rest = self
            .demand
            .saturating_sub(self.needed.saturating_mul(1_000));
        (rest.max(0) + 999) / 1_000
    }

    /// Whether to take units in advance, now that a slot has begun.
    pub(crate) fn renews(&self, now: Duration, live: i64) -> bool {
        let plenty = self.told.is_some_and(|told| match told.ceiling {
            Ceiling::Unlimited => true,
            Ceiling::At(_) => told.left.saturating_mul(1_000) >= 4 * live * self.demand,
        });
        now >= self.ends && self.demand >= 500 && plenty
    }

    /// A slot has begun: averages what the last one needed.
    pub(crate) fn turn(&mut self) {
        self.demand = (self.demand + self.needed.saturating_mul(1_000)) / 2;
        self.needed = 0;
    }

    /// A call goes out that tells the database what is returned: refunds, and what is to be added.
    pub(crate) fn sent(&mut self, now: Duration) -> (Vec<(i64, i64)>, i64) {
        self.expire(now);
        self.outdated.sent();
        (
            std::mem::take(&mut self.refunds),
            std::mem::take(&mut self.extra),
        )
    }

    pub(crate) fn has_corrections(&self, now: Duration) -> bool {
        !self.refunds.is_empty() || self.extra > 0 || (now >= self.ends && self.units > 0)
    }

    /// Corrections that were certainly not booked wait for the next call.
    pub(crate) fn not_done(&mut self, refunds: &[(i64, i64)], extra: i64) {
        for (slot, units) in refunds {
            self.refund(*slot, *units);
        }
        self.extra += extra;
    }

    /// Corrections that may have been booked. A refund booked twice would let too many through, so
    /// it is given up; an addition booked twice costs a minute's patience, so it is made again.
    pub(crate) fn unknown(&mut self, extra: i64) {
        self.extra += extra;
    }

    pub(crate) fn answered(
        &mut self,
        now: Duration,
        sent: Duration,
        clock: SystemTime,
        answer: &RateAnswer,
        asked: i64,
    ) {
        if answer.slot == self.slot {
            self.units += answer.granted;
        } else {
            self.give_up_units();
            self.slot = answer.slot;
            self.units = answer.granted;
        }
        let lasts = time_of(answer.slot + 1)
            .duration_since(clock)
            .unwrap_or_default();
        self.ends = (sent + lasts).saturating_sub(MARGIN);
        self.told = Some(*answer);
        self.told_at = now;
        self.free = 0;
        self.outdated.answered();
        if self.outdated.is_set() {
            // It was carried out before the limit was changed, and refused by what no longer holds.
            self.refused = None;
        } else if asked > 0 {
            let frees = answer.frees.map(|slot| {
                let free = time_of(slot.max(answer.slot + 1));
                now + free.duration_since(clock).unwrap_or_default()
            });
            self.refused = (answer.granted < asked).then_some(Memory {
                until: frees.map_or(now + SLOT, |at| at.min(now + SLOT)),
                left: answer.left.max(0),
                frees,
            });
        }
    }

    /// Whether it can be forgotten: nothing to tell, and nobody has used it for a whole ring.
    pub(crate) fn is_idle(&self, now: Duration) -> bool {
        let ring = SLOT * (OWN_SLOTS as u32);
        !self.has_corrections(now) && now >= self.ends && now.saturating_sub(self.last_used) > ring
    }

    /// What this instance has counted in the last minute.
    pub(crate) fn own(&self, now: Duration) -> i64 {
        self.own.sum(now)
    }

    fn expire(&mut self, now: Duration) {
        if now >= self.ends {
            self.give_up_units();
        }
    }

    /// Units of a slot that is over were not used, and others may have them.
    fn give_up_units(&mut self) {
        let units = std::mem::take(&mut self.units);
        if units > 0 {
            self.refund(self.slot, units);
        }
    }

    fn refund(&mut self, slot: i64, units: i64) {
        if slot <= self.slot.saturating_sub(SLOTS) {
            return;
        }
        match self.refunds.iter_mut().find(|(s, _)| *s == slot) {
            Some((_, sum)) => *sum += units,
            None => self.refunds.push((slot, units)),
        }
    }
}

/// When a slot begins, by the database's clock.
pub(crate) fn time_of(slot: i64) -> SystemTime {
    let seconds = u64::try_from(slot)
        .unwrap_or(0)
        .saturating_mul(SLOT.as_secs());
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// What this instance took in the last minute, however it came by it; by its own clock.
#[derive(Debug)]
struct OwnRing {
    head: u64,
    used: [i64; OWN_SLOTS],
}

impl Default for OwnRing {
    fn default() -> Self {
        Self {
            head: 0,
            used: [0; OWN_SLOTS],
        }
    }
}

impl OwnRing {
    fn add(&mut self, now: Duration, units: i64) {
        let slot = now.as_secs() / SLOT.as_secs();
        let gone = slot.saturating_sub(self.head).min(OWN_SLOTS as u64);
        for step in 1..=gone {
            *self.at(self.head + step) = 0;
        }
        self.head = self.head.max(slot);
        let head = self.head;
        *self.at(head) += units;
    }

    fn sum(&self, now: Duration) -> i64 {
        let slot = now.as_secs() / SLOT.as_secs();
        let gone = usize::try_from(slot.saturating_sub(self.head)).unwrap_or(OWN_SLOTS);
        let kept = OWN_SLOTS.saturating_sub(gone);
        let newest_first = (0..kept as u64).map(|age| self.head.wrapping_sub(age));
        newest_first
            .filter_map(|slot| self.used.get(slot as usize % OWN_SLOTS))
            .sum()
    }

    fn at(&mut self, slot: u64) -> &mut i64 {
        #[expect(clippy::indexing_slicing, reason = "the remainder is below the length")]
        &mut self.used[slot as usize % OWN_SLOTS]
    }
}

/// The slot that a moment of the database's clock lies in.
pub(crate) fn slot_of(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs() / SLOT.as_secs()).unwrap_or(i64::MAX)
}
