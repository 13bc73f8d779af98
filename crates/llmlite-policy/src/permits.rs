//! Permits of one limit of parallel requests, as far as this instance has leased them.
//!
//! A permit is a count, not a thing: the lease is set to a number, and requests under way are
//! counted against it.

use std::time::Duration;

use llmlite_core::{
    ids::LimitId,
    limits::Ceiling,
    quota::{PermitAnswer, PermitLine},
};

use crate::{Settings, mark::Mark};

/// How old what is known of a pool in use may get, for a lower ceiling to be noticed.
const REFRESH: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Permit {
    /// What the lease allows. It can be less than what is under way, after others have taken over
    /// the permits of an instance that was cut off: then nothing starts until enough has ended.
    pub(crate) held: i64,
    /// Requests under way, the shares of an outage among them.
    pub(crate) in_use: i64,
    pub(crate) told: Option<PermitAnswer>,
    /// What the database counts as ours: more than `held` where more was, or might have been, in
    /// use when it was told.
    pub(crate) booked: i64,
    /// What the call under way says is in use.
    busy: i64,
    /// The lease in the database may be other than we think.
    pub(crate) doubtful: bool,
    /// The limit has changed since the database last told.
    pub(crate) outdated: Mark,
    /// The limit is in shadow: the lease tells others what is under way here, and stops nobody.
    pub(crate) watched: bool,
    told_at: Duration,
    refused_until: Duration,
    /// The most that was under way lately, and since when that has been counted.
    peak: i64,
    peak_before: i64,
    turned: Duration,
    pub(crate) last_used: Duration,
}

impl Permit {
    pub(crate) fn new(now: Duration) -> Self {
        Self {
            held: 0,
            in_use: 0,
            told: None,
            booked: 0,
            busy: 0,
            doubtful: false,
            outdated: Mark::None,
            watched: false,
            told_at: now,
            refused_until: Duration::ZERO,
            peak: 0,
            peak_before: 0,
            turned: now,
            last_used: now,
        }
    }

    pub(crate) fn is_free(&self) -> bool {
        self.in_use < self.held
    }

    pub(crate) fn take(&mut self, now: Duration) {
        self.in_use += 1;
        self.peak = self.peak.max(self.in_use);
        self.last_used = now;
    }

    pub(crate) fn finish(&mut self, now: Duration) {
        self.in_use -= 1;
        self.last_used = now;
    }

    /// Whether one more fits into this instance's share of the ceiling.
    pub(crate) fn fits_share(&self, ceiling: Ceiling, live: i64) -> bool {
        match self.told.map_or(ceiling, |told| told.ceiling) {
            Ceiling::Unlimited => true,
            Ceiling::At(n) => self.in_use < n / live.max(1),
        }
    }

    pub(crate) fn is_refused(&self, now: Duration) -> bool {
        now < self.refused_until
    }

    pub(crate) fn forget_refusal(&mut self) {
        self.refused_until = Duration::ZERO;
    }

    /// How many to hold now: what was needed lately, or only what is needed now when others are
    /// short of permits.
    pub(crate) fn wanted(&self) -> i64 {
        if self.watched {
            return self.in_use;
        }
        let tight = self.told.is_some_and(|told| match told.ceiling {
            Ceiling::Unlimited => false,
            Ceiling::At(n) => n - told.others - told.held <= 0,
        });
        if tight {
            self.in_use
        } else {
            self.in_use.max(self.peak).max(self.peak_before)
        }
    }

    /// Forgets peaks that are older than permits may lie idle.
    pub(crate) fn scan(&mut self, now: Duration, settings: &Settings) {
        if now.saturating_sub(self.turned) >= settings.idle_permit / 2 {
            self.peak_before = self.peak;
            self.peak = self.in_use;
            self.turned = now;
        }
    }

    /// Whether what is known of the ceiling and the others is too old to go by.
    pub(crate) fn is_old(&self, now: Duration) -> bool {
        self.held > 0 && now.saturating_sub(self.told_at) > REFRESH
    }

    /// What to say to have the lease set to `hold`.
    pub(crate) fn line(&self, limit: LimitId, hold: i64) -> PermitLine {
        PermitLine {
            limit,
            hold,
            // Until the answer is here, what is held now may be taken into use.
            busy: self.in_use.max(self.held.min(hold)),
        }
    }

    /// A call goes out with that line. What goes back must not be used any more.
    pub(crate) fn sent(&mut self, line: &PermitLine) {
        self.held = self.held.min(line.hold);
        self.busy = line.busy;
        self.outdated.sent();
    }

    pub(crate) fn answered(
        &mut self,
        now: Duration,
        answer: &PermitAnswer,
        asked: i64,
        settings: &Settings,
    ) {
        self.held = answer.held;
        self.booked = answer.held.max(self.busy);
        self.told = Some(*answer);
        self.told_at = now;
        self.doubtful = false;
        self.outdated.answered();
        // What was refused before the limit was changed no longer holds.
        if answer.held < asked && !self.outdated.is_set() {
            self.refused_until = now + settings.refusal_memory;
        }
    }

    /// Nobody knows whether the lease was set. It is no smaller than what we hold: what was to go
    /// back is out of use already, and nobody takes permits from an instance that is heard.
    pub(crate) fn unknown(&mut self) {
        self.doubtful = true;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.booked == 0 && self.in_use == 0 && !self.doubtful && !self.outdated.is_set()
    }
}
