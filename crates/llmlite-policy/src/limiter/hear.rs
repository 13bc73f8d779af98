use std::time::Duration;

use llmlite_core::{
    limits::{Ceiling, Percent},
    money::Nanodollars,
    ports::quota::QuotaFailure,
    quota::{Announcement, Answer, BudgetAnswer, Call},
};

use super::{Command, Limiter};

impl Limiter {
    /// The store has answered a call. An answer to a call that was given up changes nothing.
    pub fn answered(&mut self, now: Duration, answer: &Answer) -> Vec<Command> {
        let mut out = Vec::new();
        let Some((call, sent)) = self.link.end(answer.number) else {
            return out;
        };
        self.link.hear(now, sent, answer);
        self.hear_budgets(now, &call, answer, &mut out);
        for (line, told) in call.rates.iter().zip(&answer.rates) {
            if let Some(rate) = self.rates.get_mut(&line.limit) {
                rate.answered(now, sent, answer.clock, told, line.ask);
            }
        }
        for (line, told) in call.permits.iter().zip(&answer.permits) {
            if let Some(permit) = self.permits.get_mut(&line.limit) {
                permit.answered(now, told, line.hold, &self.settings);
            }
        }
        self.resolve(now, Some(answer.number), &mut out);
        out.extend(self.compose(now).map(Command::Ask));
        out
    }

    /// A call was in vain.
    pub fn failed(&mut self, now: Duration, number: u64, failure: QuotaFailure) -> Vec<Command> {
        let mut out = Vec::new();
        let Some((call, _)) = self.link.end(number) else {
            return out;
        };
        self.link.fail(now);
        match failure {
            QuotaFailure::NotDone => self.not_done(&call),
            QuotaFailure::Unknown => self.unknown(&call),
            QuotaFailure::Fenced => {
                self.link.fence();
                return self.send_away();
            }
        }
        self.resolve(now, None, &mut out);
        out.extend(self.compose(now).map(Command::Ask));
        out
    }

    fn hear_budgets(
        &mut self,
        now: Duration,
        call: &Call,
        answer: &Answer,
        out: &mut Vec<Command>,
    ) {
        for account in self.budgets.values_mut().flat_map(|b| &mut b.accounts) {
            account.recalled.answered();
        }
        for key in &answer.recalled {
            if let Some(account) = self.account(*key) {
                account.recalled.set();
                self.scan_due |= self.account(*key).is_some_and(|account| account.avail > 0);
            }
        }
        for (line, told) in call.budgets.iter().zip(&answer.budgets) {
            let Some(budget) = self.budgets.get_mut(&line.account.limit) else {
                continue;
            };
            let thresholds = budget.thresholds.clone();
            let Some(account) = budget.find_mut(line.account.starts) else {
                continue;
            };
            account.answered(now, told, line.ask, &self.settings);
            self.scan_due |= account.is_over() && account.avail > 0;
            let crossed = thresholds
                .iter()
                .filter(|percent| u8::from(**percent) > account.announced)
                .filter_map(|percent| announcement(told, *percent));
            let crossed: Vec<Announcement> = crossed.collect();
            for announcement in &crossed {
                account.announced = account.announced.max(announcement.threshold.into());
            }
            out.extend(crossed.into_iter().map(Command::Announce));
        }
    }

    fn not_done(&mut self, call: &Call) {
        for line in &call.budgets {
            if let Some(account) = self.account(line.account) {
                account.not_done();
            }
        }
        for line in &call.rates {
            if let Some(rate) = self.rates.get_mut(&line.limit) {
                rate.not_done(&line.refunds, line.extra);
            }
        }
        // Permits that were to go back stay out of use; the next look over them says so again.
        for line in &call.permits {
            if let Some(permit) = self.permits.get_mut(&line.limit) {
                permit.outdated.set();
            }
        }
        self.scan_due = true;
    }

    fn unknown(&mut self, call: &Call) {
        for line in &call.budgets {
            if let Some(account) = self.account(line.account) {
                account.doubtful = true;
            }
        }
        for line in &call.rates {
            if let Some(rate) = self.rates.get_mut(&line.limit) {
                rate.unknown(line.extra);
            }
        }
        for line in &call.permits {
            if let Some(permit) = self.permits.get_mut(&line.limit) {
                permit.unknown();
            }
        }
        self.scan_due = true;
    }
}

/// What to tell if `percent` of the budget is spent.
fn announcement(told: &BudgetAnswer, percent: Percent) -> Option<Announcement> {
    let Ceiling::At(ceiling) = told.ceiling else {
        return None;
    };
    let ceiling = Nanodollars(ceiling);
    (told.settled >= percent.of(ceiling).0).then_some(Announcement {
        account: told.account,
        threshold: percent,
        settled: Nanodollars(told.settled),
        ceiling,
    })
}
