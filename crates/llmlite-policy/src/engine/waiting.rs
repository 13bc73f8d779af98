use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use super::{Admission, Denial, PolicyEngine, State, admission::Draft};
use crate::limiter::{Actual, Admitted, Refusal, WaiterId};

/// What becomes of a request that nothing speaks against yet.
#[derive(Debug)]
pub enum Entry {
    /// It may run.
    Admitted(Admission),
    /// The store has to be asked.
    Waits(Waiting),
}

impl Entry {
    /// The verdict, as soon as there is one.
    ///
    /// # Errors
    ///
    /// When the request may not run.
    pub async fn verdict(self) -> Result<Admission, Denial> {
        match self {
            Self::Admitted(admission) => Ok(admission),
            Self::Waits(waiting) => waiting.await,
        }
    }
}

/// A request that waits for its verdict; it comes within [`Settings::patience`], or a little more
/// where others have to give money back first.
///
/// Dropped before that, as when the client has left, it takes nothing.
///
/// [`Settings::patience`]: crate::Settings::patience
#[must_use = "the verdict is lost if nobody waits for it"]
pub struct Waiting {
    engine: Arc<PolicyEngine>,
    waiter: WaiterId,
    draft: Option<Draft>,
}

impl Waiting {
    pub(super) fn new(engine: Arc<PolicyEngine>, waiter: WaiterId, draft: Draft) -> Self {
        Self {
            engine,
            waiter,
            draft: Some(draft),
        }
    }
}

impl Future for Waiting {
    type Output = Result<Admission, Denial>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let waiter = self.waiter;
        let verdict = self.engine.state().collect(waiter, context.waker());
        let Some(verdict) = verdict else {
            return Poll::Pending;
        };
        let draft = self.draft.take();
        let draft = draft.expect("a future that has ended is not polled again");
        Poll::Ready(match verdict {
            Ok(admitted) => self.engine.begin(draft, admitted),
            Err(refusal) => Err(Denial::Limited(refusal)),
        })
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.draft.is_some() {
            let now = self.engine.time();
            self.engine.state().abandon(now, self.waiter);
        }
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting")
            .field("waiter", &self.waiter)
            .finish_non_exhaustive()
    }
}

type Decision = Result<Admitted, Box<Refusal>>;

/// Where a request that waits finds its verdict.
#[derive(Debug)]
pub(super) enum Seat {
    /// There is none yet; this wakes the request's task, once it has gone to sleep.
    Empty(Option<Waker>),
    Decided(Decision),
}

impl State {
    /// Leaves the verdict for whoever waits, and returns what wakes them.
    pub(super) fn decide(
        &mut self,
        now: Duration,
        waiter: WaiterId,
        decision: Decision,
    ) -> Option<Waker> {
        let Some(seat) = self.seats.get_mut(&waiter) else {
            self.decline(now, decision);
            return None;
        };
        match mem::replace(seat, Seat::Decided(decision)) {
            Seat::Empty(waker) => waker,
            Seat::Decided(_) => None,
        }
    }

    /// Takes the verdict if there is one, or has the task woken when there will be.
    fn collect(&mut self, waiter: WaiterId, waker: &Waker) -> Option<Decision> {
        if let Some(Seat::Empty(sleeper)) = self.seats.get_mut(&waiter) {
            *sleeper = Some(waker.clone());
            return None;
        }
        match self.seats.remove(&waiter) {
            Some(Seat::Decided(decision)) => Some(decision),
            _ => None,
        }
    }

    fn abandon(&mut self, now: Duration, waiter: WaiterId) {
        match self.seats.remove(&waiter) {
            Some(Seat::Decided(decision)) => self.decline(now, decision),
            _ => self.limiter.gave_up(waiter),
        }
    }

    /// Gives back what was granted to a request that does not wait any more.
    fn decline(&mut self, now: Duration, decision: Decision) {
        if let Ok(admitted) = decision {
            self.limiter.settle(now, admitted.ticket, Actual::NotSent);
        }
    }
}
