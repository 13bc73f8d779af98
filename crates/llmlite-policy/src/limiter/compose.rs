use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use llmlite_core::{
    ids::LimitId,
    limits::{Fit, Limit, Measure, Window},
    quota::{AccountKey, BudgetLine, Call, PermitLine, RateLine},
};

use super::{Limiter, budget, budget::Budget, is_free, tick::notice_raise, units, wait::Waiter};
use crate::{permits::Permit, ring::Rate};

/// How long after its window's end an account is given back: a request may have been admitted in
/// the last moment.
const AFTERWARDS: Duration = Duration::from_secs(5);
/// How old what is known of an account in use may get, for thresholds and a lower ceiling to be
/// noticed.
const REFRESH: Duration = Duration::from_secs(10);

/// What all that wait want of one limit: the smallest single need, and the sum.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    least: i64,
    sum: i64,
}

/// A call in the making. Tables by number keep the lines in the order in which rows are locked.
#[derive(Debug, Default)]
struct Draft {
    money: BTreeMap<AccountKey, (Window, Wanted)>,
    units: BTreeMap<LimitId, Wanted>,
    permits: BTreeMap<LimitId, i64>,
}

impl Limiter {
    /// The next call, if one may go out and there is something to say.
    pub(super) fn compose(&mut self, now: Duration) -> Option<Arc<Call>> {
        let asking = self.waiters.iter().any(Waiter::may_ask);
        let due = asking || self.scan_due || self.renew_due;
        if !due || !self.link.is_open(now) {
            return None;
        }
        let number = self.link.next_number();
        let draft = self.gather(now, number);
        let mut call = Call {
            number,
            budgets: self.lines_of_money(now, &draft),
            rates: self.lines_of_units(now, &draft),
            permits: self.lines_of_permits(now, &draft),
        };
        if self.scan_due {
            self.look_over_money(now, &mut call.budgets);
            self.scanned = Some(now);
        }
        call.budgets.sort_unstable_by_key(|line| line.account);
        self.scan_due = false;
        self.renew_due = false;
        for account in self.budgets.values_mut().flat_map(|b| &mut b.accounts) {
            // Every answer tells of all recalls.
            account.recalled.sent();
        }
        for line in &call.budgets {
            if let Some(account) = self.account(line.account) {
                account.sent(line.give);
            }
        }
        for line in &call.permits {
            if let Some(permit) = self.permits.get_mut(&line.limit) {
                permit.sent(line);
            }
        }
        let call = Arc::new(call);
        self.link.send(now, Arc::clone(&call));
        Some(call)
    }

    /// Adds up what all that wait want, and notes that this call asks for them.
    fn gather(&mut self, now: Duration, number: u64) -> Draft {
        let mut draft = Draft::default();
        let Some(time) = self.link.time(now) else {
            // Without the database's time no window is known: this call only asks for that.
            return draft;
        };
        for waiter in self.waiters.iter_mut().filter(|waiter| waiter.may_ask()) {
            waiter.asked = Some(number);
            let wish = &waiter.wish;
            for limit in wish.rules.iter().filter(|limit| !is_free(limit)) {
                notice_raise(&mut self.raises, limit, time);
                match limit.measure {
                    Measure::Budget(period) => {
                        let budget = self
                            .budgets
                            .entry(limit.id)
                            .or_insert_with(|| Budget::new(limit, period, time));
                        budget.learn(limit);
                        let window = budget.window(time);
                        budget.open(now, window).expect(wish.worst.0);
                        draft.money(limit, window, wish.least.0, wish.worst.0);
                    }
                    Measure::RequestsPerMinute | Measure::TokensPerMinute => {
                        add(&mut draft.units, limit.id, units(limit.measure, wish));
                    }
                    Measure::ParallelRequests => {
                        *draft.permits.entry(limit.id).or_default() += 1;
                    }
                }
            }
        }
        draft
    }

    fn lines_of_money(&mut self, now: Duration, draft: &Draft) -> Vec<BudgetLine> {
        let mut lines = Vec::new();
        for (key, (window, wanted)) in &draft.money {
            let Some(budget) = self.budgets.get_mut(&key.limit) else {
                continue;
            };
            let account = budget.open(now, *window);
            if account.is_over() && account.avail > 0 {
                // It goes back before anybody asks for more.
                lines.push(BudgetLine {
                    account: *key,
                    ends: window.ends,
                    least: 0,
                    ask: 0,
                    want: 0,
                    give: if account.doubtful { 0 } else { account.avail },
                });
                continue;
            }
            let ask = wanted.sum.saturating_sub(account.avail);
            if ask > 0 {
                let target = account.target(&self.settings);
                lines.push(BudgetLine {
                    account: *key,
                    ends: window.ends,
                    least: wanted.least.saturating_sub(account.avail).max(1),
                    ask,
                    want: ask.saturating_add(target),
                    give: 0,
                });
            }
        }
        lines
    }

    /// What is to be taken in advance, given back or looked up, besides what is in `lines`.
    fn look_over_money(&mut self, now: Duration, lines: &mut Vec<BudgetLine>) {
        let Some(time) = self.link.time(now) else {
            return;
        };
        let asked = lines.len();
        for (limit, budget) in &mut self.budgets {
            for account in &mut budget.accounts {
                account.scan(now);
                let key = budget::key(*limit, account);
                let is_asked = lines
                    .get(..asked)
                    .is_some_and(|lines| lines.binary_search_by_key(&key, |l| l.account).is_ok());
                if is_asked {
                    continue;
                }
                let over = self.draining || is_over(account.window, time);
                let give = account.surplus(now, over, &self.settings);
                let want = if over {
                    0
                } else {
                    account.deficit(now, &self.settings)
                };
                let mut line = BudgetLine {
                    account: key,
                    ends: account.window.ends,
                    least: 0,
                    ask: 0,
                    want,
                    give: 0,
                };
                // Nothing more goes back while it is in doubt whether an earlier return arrived.
                if !account.doubtful && give > 0 {
                    line.give = give;
                    line.want = 0;
                }
                let old = account
                    .told
                    .is_none_or(|told| now.saturating_sub(told.at) > REFRESH);
                // A request under way may leave something to spend when it ends.
                let used = now.saturating_sub(account.last_used) < self.settings.idle
                    || account.reserved > 0;
                let look_up = account.needs_telling() || (old && used);
                if line.give > 0 || line.want > 0 || look_up {
                    lines.push(line);
                }
            }
        }
    }

    fn lines_of_units(&mut self, now: Duration, draft: &Draft) -> Vec<RateLine> {
        for id in draft.units.keys() {
            self.rates.entry(*id).or_insert_with(|| Rate::new(now));
        }
        let live = self.link.live();
        let mut lines = Vec::new();
        for (id, rate) in &mut self.rates {
            let wanted = draft.units.get(id);
            let here = rate.units(now);
            let ask = wanted.map_or(0, |wanted| wanted.sum - here).max(0);
            let renews = self.renew_due && rate.renews(now, live);
            let corrects = self.scan_due && rate.has_corrections(now);
            let look_up = self.scan_due && rate.outdated.is_set();
            if ask > 0 || renews || corrects || look_up {
                let (refunds, extra) = rate.sent(now);
                let least = wanted.map_or(0, |wanted| wanted.least - here);
                let ahead = if ask > 0 || renews {
                    rate.expected()
                } else {
                    0
                };
                lines.push(RateLine {
                    limit: *id,
                    least: least.clamp(ask.min(1), ask),
                    ask,
                    want: ask + ahead,
                    refunds,
                    extra,
                });
            }
        }
        lines.sort_unstable_by_key(|line| line.limit);
        lines
    }

    fn lines_of_permits(&mut self, now: Duration, draft: &Draft) -> Vec<PermitLine> {
        for id in draft.permits.keys() {
            self.permits.entry(*id).or_insert_with(|| Permit::new(now));
        }
        let mut lines = Vec::new();
        for (id, permit) in &mut self.permits {
            let waiting = draft.permits.get(id).copied().unwrap_or(0);
            let needed = permit.in_use + waiting;
            if waiting > 0 && (needed > permit.held || permit.doubtful) {
                let hold = needed.max(permit.wanted());
                lines.push(permit.line(*id, hold));
                continue;
            }
            if !self.scan_due {
                continue;
            }
            permit.scan(now, &self.settings);
            let wanted = match self.draining {
                true => permit.in_use,
                false => permit.wanted().max(needed),
            };
            let look_up = permit.doubtful || permit.outdated.is_set() || permit.is_old(now);
            let reports = permit.watched && (wanted != permit.held || wanted > 0);
            if wanted < permit.booked || look_up || reports {
                // A look-up that would take more permits is none: only requests ask for those.
                let hold = if permit.doubtful || permit.watched {
                    wanted
                } else {
                    wanted.min(permit.held)
                };
                lines.push(permit.line(*id, hold));
            }
        }
        lines.sort_unstable_by_key(|line| line.limit);
        lines
    }
}

impl Draft {
    fn money(&mut self, limit: &Limit, window: Window, least: i64, worst: i64) {
        let key = AccountKey {
            limit: limit.id,
            starts: window.starts,
        };
        let least = match limit.fit {
            Fit::Clamp => least.min(worst),
            Fit::Deny => worst,
        };
        let nothing_yet = Wanted {
            least: i64::MAX,
            sum: 0,
        };
        let (_, wanted) = self.money.entry(key).or_insert((window, nothing_yet));
        wanted.least = wanted.least.min(least);
        wanted.sum = wanted.sum.saturating_add(worst);
    }
}

fn add(units: &mut BTreeMap<LimitId, Wanted>, limit: LimitId, n: i64) {
    let wanted = units.entry(limit).or_insert(Wanted {
        least: i64::MAX,
        sum: 0,
    });
    wanted.least = wanted.least.min(n);
    wanted.sum = wanted.sum.saturating_add(n);
}

fn is_over(window: Window, time: SystemTime) -> bool {
    window.ends.is_some_and(|ends| ends + AFTERWARDS <= time)
}
