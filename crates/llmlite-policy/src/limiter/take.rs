use std::{sync::Arc, time::Duration};

use llmlite_core::{limits::Measure, money::Nanodollars};

use super::{
    Actual, Admitted, Limiter, Refusal, Settled, Ticket, Wish, is_free, tick::notice_raise,
    ticket::Hold, units,
};
use crate::{
    permits::Permit,
    ring::{Rate, Taken},
};

impl Limiter {
    /// Takes from every limit, after all have allowed it.
    pub(super) fn take(
        &mut self,
        now: Duration,
        wish: &Wish,
        amount: i64,
        away: bool,
        shadowed: Vec<Refusal>,
    ) -> Admitted {
        let mut holds = Vec::with_capacity(wish.rules.len());
        for limit in wish.rules.iter() {
            if limit.raise.is_some()
                && let Some(time) = self.link.time(now)
            {
                notice_raise(&mut self.raises, limit, time);
            }
            match limit.measure {
                Measure::Budget(_) => {
                    if let Some((key, account)) = self.open(now, limit) {
                        holds.push(Hold::Money(key, account.usable() >= amount));
                        account.reserve(now, amount);
                    }
                }
                _ if is_free(limit) => {}
                Measure::RequestsPerMinute | Measure::TokensPerMinute => {
                    let units = units(limit.measure, wish);
                    let rate = self.rates.entry(limit.id).or_insert_with(|| Rate::new(now));
                    let taken = rate.take(now, units);
                    if taken == Taken::Free && !away {
                        rate.book(units);
                    }
                    holds.push(match limit.measure {
                        Measure::TokensPerMinute => Hold::Tokens(limit.id, taken),
                        _ => Hold::Requests(limit.id, taken),
                    });
                }
                Measure::ParallelRequests => {
                    let good = self.permits_are_good(now);
                    let permits = self.permits.entry(limit.id);
                    let permit = permits.or_insert_with(|| Permit::new(now));
                    holds.push(Hold::Permit(limit.id, good && permit.is_free()));
                    permit.watched = limit.shadow;
                    permit.take(now);
                }
            }
        }
        Admitted {
            ticket: Ticket {
                rules: Arc::clone(&wish.rules),
                amount,
                tokens: wish.tokens.max(0),
                holds,
            },
            amount: Nanodollars(amount),
            shadowed,
        }
    }

    /// Gives back what a request has not used.
    pub(super) fn put_back(&mut self, now: Duration, ticket: Ticket, actual: Actual) -> Settled {
        let (requests, tokens, cost) = match actual {
            Actual::NotSent => (0, 0, 0),
            Actual::Used { cost, tokens } => (1, tokens.max(0), cost.0.max(0)),
        };
        let mut accounts = Vec::with_capacity(ticket.holds.len());
        let mut underestimate = 0;
        for hold in &ticket.holds {
            match *hold {
                Hold::Money(key, _) => {
                    if let Some(account) = self.account(key) {
                        underestimate = account.settle(now, ticket.amount, cost);
                    }
                    accounts.push(key);
                }
                Hold::Requests(id, taken) => {
                    let rate = self.rates.entry(id).or_insert_with(|| Rate::new(now));
                    rate.correct(now, taken, 1, requests);
                }
                Hold::Tokens(id, taken) => {
                    let rate = self.rates.entry(id).or_insert_with(|| Rate::new(now));
                    rate.correct(now, taken, ticket.tokens, tokens);
                }
                Hold::Permit(id, _) => {
                    if let Some(permit) = self.permits.get_mut(&id) {
                        permit.finish(now);
                    }
                }
            }
        }
        if actual == Actual::NotSent {
            accounts.clear();
        }
        Settled {
            accounts,
            underestimate: Nanodollars(underestimate),
        }
    }
}
