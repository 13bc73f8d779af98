use std::sync::Arc;

use llmlite_core::money::Nanodollars;
use llmlite_policy::limiter::{Actual, Admitted, Reason, Refusal, Verdict, WaiterId, Wish};

use super::{Life, Request, Step, World};
use crate::{database::Event, scenario::SECOND};

/// No request waits longer for its verdict while its process runs.
const PATIENCE: u64 = 2 * SECOND;

impl World {
    /// A client sends a request to some instance, and another one comes after it.
    pub(super) fn arrive(&mut self) -> Result<Option<usize>, String> {
        if self.calm {
            return Ok(None);
        }
        let pause = self.scenario.pause;
        let burst = self.random.chance(100);
        let next = if burst {
            100
        } else {
            self.between((1, 2 * pause))
        };
        self.after(next, Step::Arrive);
        let place = self.between((0, i64::try_from(self.instances.len()).unwrap_or(1)));
        let place = usize::try_from(place).unwrap_or(0);
        self.ask(place)?;
        Ok(Some(place))
    }

    /// Sends a request with a key to an instance, if that is running.
    pub(super) fn ask(&mut self, place: usize) -> Result<(), String> {
        let key = self.between((0, i64::try_from(self.scenario.rules.len()).unwrap_or(1)));
        let key = usize::try_from(key).unwrap_or(0);
        let worst = self
            .random
            .range(self.scenario.worst.0, self.scenario.worst.1);
        let tokens = self
            .random
            .range(self.scenario.tokens.0, self.scenario.tokens.1);
        let now = self.now;
        let Some(instance) = self.instances.get_mut(place) else {
            return Ok(());
        };
        let Some(rules) = instance.rules.get(key) else {
            return Ok(());
        };
        let wish = Wish {
            rules: Arc::clone(rules),
            worst: Nanodollars(worst),
            least: Nanodollars(worst / 3 + 1),
            tokens,
        };
        if !instance.running || instance.asleep_until > now {
            return Ok(());
        }
        let life = (place, instance.life);
        match instance.limiter.admit(instance.clock(now), wish) {
            Verdict::Admitted(admitted) => self.begin(life, admitted),
            Verdict::Refused(refusal) => {
                self.refused(&refusal);
                Ok(())
            }
            Verdict::Wait(need) => {
                self.figures.waited += 1;
                instance.waiting.insert(need.waiter, (now, worst));
                if let Some(call) = need.ask {
                    self.send(life, call);
                }
                self.set_timer_for_limiter(life);
                Ok(())
            }
        }
    }

    pub(super) fn decided(
        &mut self,
        life: Life,
        waiter: WaiterId,
        verdict: Result<Admitted, Box<Refusal>>,
    ) -> Result<(), String> {
        let now = self.now;
        let Some(instance) = self.living(life) else {
            return Ok(());
        };
        let Some((since, _)) = instance.waiting.remove(&waiter) else {
            return Err(format!("{waiter:?} has two verdicts"));
        };
        let slept = instance.asleep_until > since;
        if now - since > PATIENCE && !slept {
            return Err(format!("{waiter:?} waited for {} us", now - since));
        }
        let [_, before] = instance.answered;
        let answers = before >= since && instance.troubled < since;
        let is_blamed = matches!(&verdict, Err(refusal) if refusal.reason == Reason::StoreAway);
        if is_blamed && answers {
            return Err(format!(
                "{waiter:?} was refused for a database that answered"
            ));
        }
        match verdict {
            Ok(admitted) => self.begin(life, admitted),
            Err(refusal) => {
                self.refused(&refusal);
                Ok(())
            }
        }
    }

    fn refused(&mut self, refusal: &Refusal) {
        self.note(|| format!("{refusal:?}"));
        match refusal.reason {
            Reason::StoreAway | Reason::Draining => self.figures.away += 1,
            Reason::Exhausted | Reason::TooLarge => self.figures.refused += 1,
        }
    }

    /// Bedrock gets a request. What it will bill is at most what was set aside, or a little more
    /// where worst cases are reckoned wrongly.
    fn begin(&mut self, life: Life, admitted: Admitted) -> Result<(), String> {
        self.figures.admitted += 1;
        let amount = admitted.amount.0;
        let cost = if self.random.chance(self.scenario.underestimated) {
            amount + amount / 5 + 1
        } else {
            self.random.range(0, amount + 1)
        };
        let sent = !self.random.chance(self.scenario.unsent);
        let tokens = self.random.range(0, 2 * self.scenario.tokens.1);
        let takes = self.between(self.scenario.takes);
        self.last_request += 1;
        let id = self.last_request;
        let now = self.now;
        let Some(instance) = self.living(life) else {
            return Err("a request without an instance".to_owned());
        };
        let owner = instance.id;
        if instance.fenced {
            return Err(format!("{owner:?} admits a request on closed leases"));
        }
        let accounts: Vec<_> = admitted.ticket.accounts().collect();
        let request = Request {
            life,
            owner,
            accounts,
            amount,
            cost: if sent { cost } else { 0 },
            tokens: if sent { tokens } else { 0 },
            admitted: now,
            sent,
        };
        self.note(|| format!("{owner:?} admits request {id}: {request:?}"));
        let clock = self.clock();
        self.check_knowledge(life, &admitted)?;
        self.promises
            .began((now, clock), id, &request, admitted.ticket, &self.database)?;
        self.requests.insert(id, request);
        self.after(takes, Step::End(id));
        Ok(())
    }

    /// A request ends: its instance settles it, if that still runs.
    pub(super) fn end(&mut self, id: u64) -> Option<usize> {
        let life = self.requests.get(&id)?.life;
        let asleep = self.living(life).map(|i| i.asleep_until);
        if let Some(until) = asleep.filter(|until| *until > self.now) {
            self.after(until - self.now, Step::End(id));
            return None;
        }
        let request = self.requests.remove(&id)?;
        let now = self.now;
        let ticket = self.promises.ended(id, &request)?;
        let instance = self.living(life)?;
        let clock = instance.clock(now);
        let actual = if request.sent {
            Actual::Used {
                cost: Nanodollars(request.cost),
                tokens: request.tokens,
            }
        } else {
            Actual::NotSent
        };
        let settled = instance.limiter.settle(clock, ticket, actual);
        if !settled.accounts.is_empty() {
            instance.unwritten.push(Event {
                id,
                accounts: settled.accounts,
                cost: request.cost,
            });
        }
        Some(life.0)
    }
}
