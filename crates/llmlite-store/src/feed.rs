//! Hears of changes from the database: a log that is read by number, and a connection that is told
//! when there is something to read.

mod health;
mod listener;
mod log;
mod probe;

use std::{sync::Arc, time::Duration};

use llmlite_core::changes::ChangeListener;
use tokio::time::sleep;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};

use crate::store::Store;

pub use self::health::FeedHealth;
use self::log::Log;

/// How often the log is read whatever is heard, at most; less by a part, so that instances that
/// started together do not go on in step.
const POLL_EVERY: Duration = Duration::from_secs(3);
/// The pause after a poll that failed.
const POLL_AGAIN: Duration = Duration::from_secs(1);

impl Store {
    /// Tells `listeners` of every change, in the order of the commits, until `stop` is cancelled.
    ///
    /// Changes are read from a log in which they are numbered, so that none is missed: at once
    /// when a notification says that there are some, every three seconds in any case, and after a
    /// connection was lost before the new one is trusted. The first that the listeners hear, when
    /// the database has answered once, is [`Change::Anything`]; they hear it again whenever the
    /// log does not tell all that has happened since.
    ///
    /// A connection that is lost is made again, after a pause that grows to five seconds; one that
    /// is silently deaf is found by a notification that it sends itself every ten seconds.
    ///
    /// [`Change::Anything`]: llmlite_core::changes::Change::Anything
    pub fn follow_changes(
        &self,
        health: Arc<FeedHealth>,
        listeners: Vec<Arc<dyn ChangeListener>>,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) {
        let log = Log::new(self.clone(), health, listeners);
        let database = self.listener().clone();
        tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = listener::follow(&database, &log) => {}
                () = poll(&log) => {}
            }
        });
    }
}

/// Reads the log every few seconds, on connections that have nothing to do with the listener's.
async fn poll(log: &Log) {
    let mut failing = false;
    loop {
        let outcome = log.read().await;
        match &outcome {
            Err(error) if !failing => {
                warn!(reason = %error, cause = cause(error), "changes cannot be read");
            }
            Ok(()) if failing => info!("changes can be read again"),
            _ => {}
        }
        failing = outcome.is_err();
        sleep(if failing {
            POLL_AGAIN
        } else {
            jittered(POLL_EVERY)
        })
        .await;
    }
}

fn cause(error: &dyn std::error::Error) -> String {
    error.source().map(ToString::to_string).unwrap_or_default()
}

/// Between 80 and 100 of a hundred.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.8..1.0))
}
