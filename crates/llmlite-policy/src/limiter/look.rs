use std::time::Duration;

use llmlite_core::{
    limits::{Ceiling, Fit, Limit, Measure},
    quota::SLOT,
};

use super::{BudgetOutage, Limiter, RateOutage, Refusal, Wish, is_free, refusal::Frees, units};

/// What all limits together say to a wish.
#[derive(Debug)]
pub(super) struct Look {
    /// The first limit that refuses.
    pub(super) refusal: Option<Box<Refusal>>,
    /// Whether what was refused is held by other instances, and may lie idle there.
    pub(super) elsewhere: bool,
    /// The place of the first limit of which the store has to be asked.
    pub(super) short: Option<usize>,
    /// What can be set aside in every budget: the worst case, unless a budget clamps it.
    pub(super) amount: i64,
    pub(super) shadowed: Vec<Refusal>,
}

/// What one limit says.
enum Say {
    Fits,
    /// It fits if no more than this is set aside.
    Clamps(i64),
    Short,
    Refuses(Refusal),
    /// It refuses, but other instances hold enough.
    Elsewhere(Refusal),
}

impl Limiter {
    /// Asks every limit, and takes nothing. While the store is away nothing is short: it fits into
    /// what an outage allows, or is refused.
    pub(super) fn look(&mut self, now: Duration, wish: &Wish, away: bool) -> Look {
        let mut look = Look {
            refusal: None,
            elsewhere: false,
            short: None,
            amount: wish.worst.0,
            shadowed: Vec::new(),
        };
        for (place, limit) in wish.rules.iter().enumerate() {
            if is_free(limit) && self.can_charge(now, limit) {
                continue;
            }
            if limit.shadow {
                look.shadowed.extend(self.would_refuse(now, limit, wish));
                continue;
            }
            let say = match limit.measure {
                Measure::Budget(_) => self.look_at_budget(now, limit, wish, away),
                Measure::RequestsPerMinute | Measure::TokensPerMinute => {
                    self.look_at_rate(now, limit, units(limit.measure, wish), away)
                }
                Measure::ParallelRequests => self.look_at_permits(now, limit, away),
            };
            match say {
                Say::Fits => {}
                Say::Clamps(amount) => look.amount = look.amount.min(amount),
                Say::Short => look.short = look.short.or(Some(place)),
                Say::Refuses(refusal) => {
                    look.refusal = Some(Box::new(refusal));
                    look.elsewhere = false;
                    return look;
                }
                Say::Elsewhere(refusal) => {
                    look.elsewhere = true;
                    look.refusal.get_or_insert_with(|| Box::new(refusal));
                }
            }
        }
        look
    }

    fn look_at_budget(&mut self, now: Duration, limit: &Limit, wish: &Wish, away: bool) -> Say {
        let worst = wish.worst.0;
        let least = match limit.fit {
            Fit::Clamp => wish.least.0.min(worst),
            Fit::Deny => worst,
        };
        let allowance = match self.settings.budget_outage {
            BudgetOutage::AllowUpTo(amount) if away => amount.0,
            _ => 0,
        };
        let nobody_knows = if away {
            Say::Refuses(Refusal::away())
        } else {
            Say::Short
        };
        let Some(time) = self.link.time(now) else {
            return nobody_knows;
        };
        let account = self.budgets.get_mut(&limit.id).and_then(|budget| {
            let starts = budget.window(time).starts;
            budget.find(starts)
        });
        let avail = account.map_or(0, |account| account.usable());
        // What was overdrawn before, and paid by the budget itself, counts towards the allowance.
        let overdrawn = account.map_or(0, |account| account.excess);
        if avail + (allowance - overdrawn).max(0) >= worst {
            return Say::Fits;
        }
        let Some(account) = account else {
            return nobody_knows;
        };
        let is_unlimited = account
            .told
            .is_some_and(|t| t.ceiling == Ceiling::Unlimited);
        if away && is_unlimited {
            return Say::Fits;
        }
        let refused = account.is_refused(now, worst);
        if (refused || away) && least < worst && avail >= least {
            return Say::Clamps(avail);
        }
        if !refused || (!away && !account.is_refused(now, least)) {
            return nobody_knows;
        }
        let refusal = self.budget_refusal(now, limit, worst);
        match self.open(now, limit) {
            Some((_, account)) if account.is_elsewhere(least) => Say::Elsewhere(refusal),
            _ => Say::Refuses(refusal),
        }
    }

    fn look_at_rate(&self, now: Duration, limit: &Limit, units: i64, away: bool) -> Say {
        let rate = self.rates.get(&limit.id);
        if units == 0 || rate.is_some_and(|rate| rate.units(now) >= units) {
            return Say::Fits;
        }
        if !away {
            return match rate.and_then(|rate| rate.refusal(now, units)) {
                Some(frees) => Say::Refuses(self.rate_refusal(now, limit, units, frees)),
                None => Say::Short,
            };
        }
        let fits = match rate {
            Some(rate) => rate.fits_share(now, units, limit.ceiling, self.link.live()),
            None => match limit.ceiling {
                Ceiling::Unlimited => true,
                Ceiling::At(n) => units <= n / self.link.live(),
            },
        };
        match self.settings.rate_outage {
            RateOutage::Share if self.shares() && fits => Say::Fits,
            _ => Say::Refuses(Refusal::away()),
        }
    }

    fn look_at_permits(&self, now: Duration, limit: &Limit, away: bool) -> Say {
        let permit = self.permits.get(&limit.id);
        if self.permits_are_good(now) && permit.is_some_and(|permit| permit.is_free()) {
            return Say::Fits;
        }
        if !away {
            return match permit {
                Some(permit) if permit.is_refused(now) => Say::Refuses(self.permit_refusal(limit)),
                _ => Say::Short,
            };
        }
        let fits = match permit {
            Some(permit) => permit.fits_share(limit.ceiling, self.link.live()),
            None => match limit.ceiling {
                Ceiling::Unlimited => true,
                Ceiling::At(n) => n / self.link.live() > 0,
            },
        };
        match self.settings.rate_outage {
            RateOutage::Share if self.shares() && fits => Say::Fits,
            _ => Say::Refuses(Refusal::away()),
        }
    }

    /// Whether this instance's share stands in for the database: not because of one call in vain.
    fn shares(&self) -> bool {
        self.link.is_away() && self.link.was_heard()
    }

    /// Whether the database still counts our permits as taken.
    pub(super) fn permits_are_good(&self, now: Duration) -> bool {
        self.link.silent_for(now) < self.settings.heartbeat
    }

    /// Whether a request's cost can be charged: the window of a budget has to be known for that.
    fn can_charge(&self, now: Duration, limit: &Limit) -> bool {
        !matches!(limit.measure, Measure::Budget(_)) || self.link.time(now).is_some()
    }

    /// What a limit in shadow would say, as far as the database has told.
    fn would_refuse(&mut self, now: Duration, limit: &Limit, wish: &Wish) -> Option<Refusal> {
        let units = units(limit.measure, wish);
        let short = match limit.measure {
            Measure::Budget(_) => {
                let (_, account) = self.open(now, limit)?;
                let told = account.told?;
                told.ceiling != Ceiling::Unlimited && told.left < wish.worst.0 - account.avail
            }
            Measure::RequestsPerMinute | Measure::TokensPerMinute => {
                let rate = self.rates.get(&limit.id)?;
                let told = rate.told?;
                told.ceiling != Ceiling::Unlimited && told.left < units - rate.units(now)
            }
            Measure::ParallelRequests => {
                let permit = self.permits.get(&limit.id)?;
                let told = permit.told?;
                matches!(told.ceiling, Ceiling::At(n) if permit.in_use + told.others >= n)
            }
        };
        short.then(|| self.refusal(now, limit, wish))
    }

    /// What is to be said when `limit` does not allow a wish, as far as the database has told.
    pub(super) fn refusal(&mut self, now: Duration, limit: &Limit, wish: &Wish) -> Refusal {
        match limit.measure {
            Measure::Budget(_) => self.budget_refusal(now, limit, wish.worst.0),
            Measure::RequestsPerMinute | Measure::TokensPerMinute => {
                let units = units(limit.measure, wish);
                self.rate_refusal(now, limit, units, Some(SLOT))
            }
            Measure::ParallelRequests => self.permit_refusal(limit),
        }
    }

    fn budget_refusal(&mut self, now: Duration, limit: &Limit, asked: i64) -> Refusal {
        let Some((_, account)) = self.open(now, limit) else {
            return Refusal::away();
        };
        let frees = account.window.ends.map_or(Frees::Never, Frees::At);
        let Some(told) = account.told else {
            return Refusal::away();
        };
        let ceiling = match told.ceiling {
            Ceiling::At(n) => n.saturating_add(told.overdraft),
            Ceiling::Unlimited => i64::MAX,
        };
        let used = account.spent();
        let under_way = (ceiling - told.left - account.avail - used).max(0);
        Refusal::by(limit, asked, (ceiling, used, under_way), frees)
    }

    fn rate_refusal(
        &self,
        now: Duration,
        limit: &Limit,
        asked: i64,
        frees: Option<Duration>,
    ) -> Refusal {
        let rate = self.rates.get(&limit.id);
        let told = rate.and_then(|rate| rate.told);
        let Some(Ceiling::At(ceiling)) = told.map(|told| told.ceiling) else {
            return Refusal::away();
        };
        let here = rate.map_or(0, |rate| rate.units(now));
        let left = told.map_or(0, |told| told.left);
        let frees = frees.map_or(Frees::Never, Frees::In);
        Refusal::by(limit, asked, (ceiling, ceiling - left - here, 0), frees)
    }

    fn permit_refusal(&self, limit: &Limit) -> Refusal {
        let permit = self.permits.get(&limit.id);
        let told = permit.and_then(|permit| permit.told);
        let Some(Ceiling::At(ceiling)) = told.map(|told| told.ceiling) else {
            return Refusal::away();
        };
        let others = told.map_or(0, |told| told.others);
        let here = permit.map_or(0, |permit| permit.in_use);
        Refusal::by(limit, 1, (ceiling, here + others, 0), Frees::PARALLEL)
    }
}
