use std::{mem, time::Duration};

use super::{Command, Limiter, Refusal, Wish};

/// For how many times its patience a request waits at most for a store that answers every time,
/// but never settles it.
const ROUNDS: u32 = 4;

/// Names a request that waits for its verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WaiterId(pub u64);

#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) id: WaiterId,
    pub(super) wish: Wish,
    began: Duration,
    /// When it gets what is to be had without the store.
    pub(super) deadline: Duration,
    /// The call that asked for it last.
    pub(super) asked: Option<u64>,
    /// Whether the store has answered such a call.
    pub(super) was_answered: bool,
    /// What the store's answer meant, until the last try is answered.
    refusal: Option<Box<Refusal>>,
    pub(super) recall: Recall,
}

/// How far a request is that may be served with money that others hold idle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recall {
    /// Nothing was refused yet.
    NotYet,
    /// Others have been told; they are asked again at that time.
    Until(Duration),
    /// This is the last try.
    LastTry,
}

impl Waiter {
    pub(super) fn may_ask(&self) -> bool {
        !matches!(self.recall, Recall::Until(_))
    }
}

impl Limiter {
    /// Nobody waits for this verdict any more.
    pub fn gave_up(&mut self, waiter: WaiterId) {
        self.waiters.retain(|other| other.id != waiter);
    }

    pub(super) fn wait(&mut self, now: Duration, wish: Wish) -> WaiterId {
        self.last_waiter += 1;
        let id = WaiterId(self.last_waiter);
        self.waiters.push_back(Waiter {
            id,
            wish,
            began: now,
            deadline: now + self.settings.patience,
            asked: None,
            was_answered: false,
            refusal: None,
            recall: Recall::NotYet,
        });
        id
    }

    /// Refuses all that wait, because nothing will be admitted any more.
    pub(super) fn send_away(&mut self) -> Vec<Command> {
        let refused = self
            .waiters
            .drain(..)
            .map(|waiter| Command::Decide(waiter.id, Err(Box::new(Refusal::draining()))));
        refused.collect()
    }

    /// Gives everybody who waits a verdict that can have one. `answered` is the number of the call
    /// that the store has just answered, if it has. After a call in vain the others ask again in
    /// the next one, as long as they have patience and the store does not count as away.
    pub(super) fn resolve(&mut self, now: Duration, answered: Option<u64>, out: &mut Vec<Command>) {
        for waiter in mem::take(&mut self.waiters) {
            if let Some(waiter) = self.judge(now, waiter, answered, out) {
                self.waiters.push_back(waiter);
            }
        }
    }

    /// Returns the waiter if it has to wait on.
    fn judge(
        &mut self,
        now: Duration,
        mut waiter: Waiter,
        answered: Option<u64>,
        out: &mut Vec<Command>,
    ) -> Option<Waiter> {
        let was_asked = waiter.asked.is_some() && waiter.asked == answered;
        waiter.was_answered |= was_asked;
        let in_vain = now >= waiter.deadline && !waiter.was_answered;
        let away = in_vain || self.link.is_away();
        let look = self.look(now, &waiter.wish, away);
        if let Some(refusal) = look.refusal {
            if !away && waiter.recall == Recall::NotYet && was_asked && look.elsewhere {
                let retry = now + self.settings.recall_wait;
                waiter.recall = Recall::Until(retry);
                waiter.deadline = retry + self.settings.patience;
                waiter.refusal = Some(refusal);
                return Some(waiter);
            }
            // Until the last try has been answered, the old refusal does not count.
            let hopes = match waiter.recall {
                Recall::NotYet => false,
                Recall::Until(_) => true,
                Recall::LastTry => !was_asked,
            };
            if hopes && !away && now < waiter.deadline {
                return Some(waiter);
            }
            out.push(Command::Decide(waiter.id, Err(refusal)));
            return None;
        }
        if let Some(place) = look.short {
            if was_asked {
                // The answer did not settle it, as when a window has ended meanwhile: it asks
                // again, and a store that answers is waited for.
                let latest = waiter.began + self.settings.patience * ROUNDS;
                let again = now + self.settings.patience;
                waiter.deadline = waiter.deadline.max(again.min(latest));
            }
            if now < waiter.deadline {
                return Some(waiter);
            }
            // Where the store has answered, and it still was not enough, the limit is to blame.
            let limit = waiter.wish.rules.get(place).filter(|_| waiter.was_answered);
            let refusal = match (waiter.refusal, limit) {
                (Some(refusal), _) => refusal,
                (None, Some(limit)) => Box::new(self.refusal(now, limit, &waiter.wish)),
                (None, None) => Box::new(Refusal::away()),
            };
            out.push(Command::Decide(waiter.id, Err(refusal)));
            return None;
        }
        let admitted = self.take(now, &waiter.wish, look.amount, away, look.shadowed);
        out.push(Command::Decide(waiter.id, Ok(admitted)));
        None
    }
}
