use std::{error::Error, fmt, iter, sync::Arc, time::Duration};

use llmlite_core::ports::{
    StoreError,
    alerts::{AlertOutbox, DueAlert},
    clock::Clock,
};
use opentelemetry::{KeyValue, metrics::Counter};
use tokio::{sync::Notify, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    sink::Alerts,
    webhook::{NotDelivered, TIMEOUT, Webhook},
};

/// The pauses after each attempt that failed. When they are used up, the alert is given up: after
/// ten attempts, within a day.
#[rustfmt::skip]
pub const PAUSES: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(3_600),
    Duration::from_secs(2 * 3_600),
    Duration::from_secs(4 * 3_600),
    Duration::from_secs(8 * 3_600),
];

/// How often the outbox is looked into: other instances may have died over what they filed.
const LOOK: Duration = Duration::from_secs(5);
/// Alerts claimed at a time. They are sent one after the other.
const BATCH: u32 = 4;
/// How long a claim lasts: more than sending all of a batch can take.
const HOLD: Duration = Duration::from_secs(60);
const _: () = assert!(BATCH as u64 * TIMEOUT.as_secs() < HOLD.as_secs());

/// Empties the outbox into a webhook.
pub struct Deliveries {
    outbox: Arc<dyn AlertOutbox>,
    webhook: Webhook,
    clock: Arc<dyn Clock>,
    fresh: Arc<Notify>,
    attempts: Counter<u64>,
}

impl Deliveries {
    /// Delivers what is in `outbox`, at once where `alerts` has just heard of it.
    pub fn new(
        outbox: Arc<dyn AlertOutbox>,
        webhook: Webhook,
        clock: Arc<dyn Clock>,
        alerts: &Alerts,
    ) -> Self {
        Self {
            outbox,
            webhook,
            clock,
            fresh: alerts.fresh(),
            attempts: alerts.attempts(),
        }
    }

    /// Delivers until `over`. An attempt that has begun by then is brought to its end, which takes
    /// ten seconds at most.
    pub async fn run(self, over: CancellationToken) {
        while !over.is_cancelled() {
            if let Err(error) = self.round(&over).await {
                warn!(error = %in_full(&error), "cannot look for alerts to deliver");
            }
            tokio::select! {
                () = self.fresh.notified() => {}
                () = sleep(LOOK) => {}
                () = over.cancelled() => {}
            }
        }
    }

    /// Makes one attempt at each alert that is due now, and returns how many that were.
    ///
    /// # Errors
    ///
    /// When the outbox cannot be looked into.
    pub async fn round(&self, over: &CancellationToken) -> Result<usize, StoreError> {
        let mut tried = 0;
        loop {
            let batch = self.outbox.claim(BATCH, HOLD).await?;
            let last = batch.len() < BATCH as usize;
            for due in batch {
                // What is not sent now is another's when the claim has passed.
                if over.is_cancelled() {
                    return Ok(tried);
                }
                self.attempt(&due).await;
                tried += 1;
            }
            if last {
                return Ok(tried);
            }
        }
    }

    async fn attempt(&self, due: &DueAlert) {
        let sent = self
            .webhook
            .send(due.id, &due.alert, self.clock.now())
            .await;
        let noted = match sent {
            Ok(()) => {
                self.count("delivered");
                info!(alert.id = %due.id, attempt = due.attempt, "delivered an alert");
                self.outbox.delivered(due.id).await
            }
            Err(why) => {
                let pause = self.failed(due, &why);
                self.outbox.failed(due.id, due.attempt, pause).await
            }
        };
        if let Err(error) = noted {
            warn!(alert.id = %due.id, error = %in_full(&error),
                "cannot note what became of an alert; it will be sent again");
        }
    }

    /// Returns the pause before the next attempt, if there is to be one.
    fn failed(&self, due: &DueAlert, why: &NotDelivered) -> Option<Duration> {
        let past = usize::try_from(due.attempt).unwrap_or(usize::MAX);
        let pause = PAUSES.get(past.saturating_sub(1)).copied();
        let host = self.webhook.host();
        let why = in_full(why);
        match pause {
            Some(pause) => {
                self.count("failed");
                warn!(alert.id = %due.id, attempt = due.attempt, host, error = why,
                    pause_seconds = pause.as_secs(), "cannot deliver an alert yet");
            }
            None => {
                self.count("given_up");
                error!(alert.id = %due.id, attempt = due.attempt, host, error = why,
                    limit.id = due.alert.limit.0, "gave up an alert: nobody was told");
            }
        }
        pause
    }

    fn count(&self, outcome: &'static str) {
        self.attempts.add(1, &[KeyValue::new("outcome", outcome)]);
    }
}

impl fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliveries")
            .field("webhook", &self.webhook)
            .finish_non_exhaustive()
    }
}

/// The error and its causes, in one line.
fn in_full(error: &dyn Error) -> String {
    let causes = iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
