//! Carries the errands of the limits to the store, and ticks for them.
//!
//! No request waits for anything here but its verdict, and no lock is held while the store is
//! asked.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use llmlite_core::{
    changes::{Change, ChangeListener},
    ids::{InstanceId, LimitId},
    ports::{
        alerts::AlertSink,
        quota::{QuotaFailure, QuotaStore},
        readiness::Dependency,
    },
    quota::{AccountKey, Announcement, Answer, Call},
};
use llmlite_http::Stop;
use llmlite_policy::{Errand, Messenger, PolicyEngine};
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
    time::{Instant, sleep, sleep_until, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, info, warn};

use crate::measures::Measures;

/// How often leases are looked over, in milliseconds: not all instances at once.
const TICK: std::ops::RangeInclusive<u64> = 900..=1_100;
/// The least time between two ticks, whatever the limits say.
const BREATH: Duration = Duration::from_millis(1);
/// When a call is given up that the store itself does not give up.
const LONGEST: Duration = Duration::from_secs(2);
/// How often an announcement is tried that the store does not take, and the longest pause.
const TRIES: u32 = 20;
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// At the beginning and the end, how often it is looked how far things are.
const LOOK: Duration = Duration::from_millis(50);

/// The limits' side.
pub(crate) struct Outbox(mpsc::UnboundedSender<Errand>);

/// The driver's side.
pub(crate) type Inbox = mpsc::UnboundedReceiver<Errand>;

/// Where the limits leave their errands, and where those are found.
pub(crate) fn errands() -> (Outbox, Inbox) {
    let (sender, inbox) = mpsc::unbounded_channel();
    (Outbox(sender), inbox)
}

impl Messenger for Outbox {
    fn carry(&self, errand: Errand) {
        // Once the driver has ended there are no requests that could want anything.
        drop(self.0.send(errand));
    }
}

/// What the driver has to do with.
pub(crate) struct Office {
    pub(crate) engine: Arc<PolicyEngine>,
    pub(crate) store: Arc<dyn QuotaStore>,
    pub(crate) instance: InstanceId,
    pub(crate) alerts: Arc<dyn AlertSink>,
    pub(crate) measures: Arc<Measures>,
}

impl Office {
    /// Begins to carry errands. When this instance's leases were closed by somebody else, it tells
    /// `stop` to stop gently: whatever started the process has to start it again.
    pub(crate) fn open(self, inbox: Inbox, stop: Stop) -> Driver {
        let clerk = Arc::new(Clerk {
            office: self,
            tasks: TaskTracker::new(),
            over: CancellationToken::new(),
            heard: Notify::new(),
            silent: AtomicBool::new(false),
        });
        let task = TaskTracker::new().spawn(Arc::clone(&clerk).run(inbox, stop));
        Driver { clerk, task }
    }
}

/// The driver at work.
pub(crate) struct Driver {
    clerk: Arc<Clerk>,
    task: JoinHandle<()>,
}

impl Driver {
    /// Waits until the store was heard for the first time, for at most `within`.
    pub(crate) async fn heard(&self, within: Duration) {
        let deadline = Instant::now() + within;
        let engine = &self.clerk.office.engine;
        while !engine.is_ready() && Instant::now() < deadline {
            let heard = self.clerk.heard.notified();
            // Whether it was heard or not, the next look tells.
            drop(timeout_at(deadline.min(Instant::now() + LOOK), heard).await);
        }
    }

    /// Gives everything back, trying for at most `within`, and stops; returns whether the store
    /// has it all.
    ///
    /// Call it when no request is under way and no usage is unwritten any more.
    pub(crate) async fn finish(self, within: Duration) -> bool {
        let engine = &self.clerk.office.engine;
        let deadline = Instant::now() + within;
        while !engine.is_drained() && !engine.is_fenced() && Instant::now() < deadline {
            let heard = self.clerk.heard.notified();
            engine.drain();
            // Whether it was heard or not, the next look tells.
            drop(timeout_at(deadline.min(Instant::now() + LOOK), heard).await);
        }
        self.clerk.over.cancel();
        if let Err(error) = self.task.await {
            error!(%error, "the driver of the limits ended badly");
        }
        self.clerk.tasks.close();
        self.clerk.tasks.wait().await;
        engine.is_drained()
    }
}

struct Clerk {
    office: Office,
    tasks: TaskTracker,
    over: CancellationToken,
    /// The store has answered, or not.
    heard: Notify,
    /// Whether the last call was in vain.
    silent: AtomicBool,
}

impl Clerk {
    async fn run(self: Arc<Self>, mut inbox: Inbox, stop: Stop) {
        let engine = &self.office.engine;
        let mut regular = Instant::now();
        let mut ticked = regular - BREATH;
        loop {
            let wakes = engine.wakes().map_or(regular, Instant::from_std);
            let next = wakes.min(regular).max(ticked + BREATH);
            tokio::select! {
                biased;
                () = self.over.cancelled() => return,
                errand = inbox.recv() => match errand {
                    Some(errand) => self.carry(errand),
                    None => return,
                },
                () = sleep_until(next) => {
                    ticked = Instant::now();
                    if regular <= ticked {
                        regular = ticked + Duration::from_millis(rand::random_range(TICK));
                    }
                    engine.tick();
                }
            }
            if engine.is_fenced() && !stop.is_stopping() {
                error!(instance = %self.office.instance,
                    "this instance's leases were closed; it has to be started again");
                stop.gently();
            }
        }
    }

    fn carry(self: &Arc<Self>, errand: Errand) {
        let clerk = Arc::clone(self);
        match errand {
            Errand::Ask(call) => drop(self.tasks.spawn(clerk.ask(call))),
            Errand::Announce(announcement) => {
                drop(self.tasks.spawn(async move {
                    tokio::select! {
                        () = clerk.announce(&announcement) => {}
                        () = clerk.over.cancelled() => {}
                    }
                }));
            }
            // The next wake is looked up after every errand.
            Errand::Hurry => {}
        }
    }

    async fn ask(self: Arc<Self>, call: Arc<Call>) {
        let office = &self.office;
        let mut unheard = Unheard {
            engine: &office.engine,
            number: Some(call.number),
        };
        let began = Instant::now();
        let exchange = office.store.exchange(office.instance, &call);
        let outcome = match timeout(LONGEST, exchange).await {
            Ok(Ok(answer)) if answer.number == call.number => Ok(answer),
            Ok(Err(failure)) => Err(failure),
            // An answer to another call tells nothing of this one.
            Ok(Ok(_)) | Err(_) => Err(QuotaFailure::Unknown),
        };
        unheard.number = None;
        office.measures.exchanged(&outcome, began.elapsed());
        self.note(&outcome);
        match outcome {
            Ok(answer) => office.engine.answered(&answer),
            Err(failure) => office.engine.failed(call.number, failure),
        }
        self.heard.notify_waiters();
    }

    /// Logs when the store falls silent, and when it is back.
    fn note(&self, outcome: &Result<Answer, QuotaFailure>) {
        let was_silent = self.silent.swap(outcome.is_err(), Ordering::Relaxed);
        match outcome {
            Err(reason) if !was_silent => {
                warn!(%reason, "the store of limits does not answer, running on what is leased");
            }
            Ok(_) if was_silent => info!("the store of limits answers again"),
            _ => {}
        }
    }

    async fn announce(&self, announcement: &Announcement) {
        let mut pause = Duration::from_millis(250);
        for _ in 0..TRIES {
            match self.office.store.announce(announcement).await {
                Ok(true) => return self.office.alerts.budget_crossed(announcement),
                Ok(false) => return,
                Err(_) => sleep(pause).await,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        let (limit, threshold) = (announcement.account.limit, u8::from(announcement.threshold));
        warn!(%limit, threshold, "a threshold was crossed, and the store does not take it");
    }
}

/// A call that ends without a word, because its task panicked, was in vain: others wait for it.
struct Unheard<'a> {
    engine: &'a PolicyEngine,
    number: Option<u64>,
}

impl Drop for Unheard<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.engine.failed(number, QuotaFailure::Unknown);
        }
    }
}

/// Tells the limits of what an administrator has changed.
pub(crate) struct Changes(pub(crate) Arc<PolicyEngine>);

impl ChangeListener for Changes {
    fn changed(&self, changes: &[Change]) {
        if changes.contains(&Change::Anything) {
            self.0.all_changed();
        }
        let limits = changes.iter().filter_map(|change| match change {
            Change::Limit { id, .. } => Some(*id),
            _ => None,
        });
        let limits: Vec<LimitId> = limits.collect();
        if !limits.is_empty() {
            self.0.changed(&limits);
        }
        let recalled = changes.iter().filter_map(|change| match change {
            Change::Recall(account) => Some(*account),
            _ => None,
        });
        let recalled: Vec<AccountKey> = recalled.collect();
        if !recalled.is_empty() {
            self.0.recalled(&recalled);
        }
    }
}

/// Requests with limits can be served once the store was heard.
pub(crate) struct LimitsReady(pub(crate) Arc<PolicyEngine>);

#[async_trait]
impl Dependency for LimitsReady {
    fn name(&self) -> &'static str {
        "limits"
    }

    async fn check(&self) -> Result<(), String> {
        if self.0.is_fenced() {
            return Err("this instance's leases were closed".to_owned());
        }
        match self.0.is_ready() {
            true => Ok(()),
            false => Err("the store of limits was not heard yet".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests;
