//! What the API is made of, and its life from the first connection to the last row.

use std::{fmt, sync::Arc, time::Duration};

use llmlite_core::{
    catalogue::ServedCatalogue,
    keys::Pepper,
    ports::{
        backend::ModelBackend, clock::Clock, keys::KeyStore, ledger::Ledger, readiness::Dependency,
    },
};
use llmlite_http::{Drained, Limits, Stop};
use llmlite_policy::PolicyEngine;
use llmlite_translator::CachePoints;
use tokio::{
    net::TcpListener,
    sync::Semaphore,
    time::{Instant, timeout_at},
};
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::{
    aside::Aside,
    health::Health,
    ledger::{self, UsageQueue},
};

/// The settings of the API.
#[derive(Debug, Clone)]
pub struct Config {
    /// The region that is called; it is in answers and usage rows.
    pub region: String,
    /// What one server takes on at most.
    pub limits: Limits,
    /// Whether cache points are placed where a client asks for none; a header can say otherwise.
    pub automatic_cache: bool,
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// How long a request's body may take to arrive.
    pub body_time: Duration,
    /// Requests at a time, those included whose clients have left.
    pub requests: usize,
    /// How long a client may not take a piece of its stream before it counts as gone.
    pub write_stall: Duration,
    /// How long the answer to a client that is gone is read on, for the sake of its usage.
    pub orphan_time: Duration,
    /// How many such answers at a time.
    pub orphans: usize,
    /// How long running requests may take at shutdown.
    pub drain: Duration,
    /// How long writing the last usage may take after that.
    pub last_flush: Duration,
    /// How many usage records are kept while the database is away, before requests are refused.
    pub usage_backlog: usize,
}

impl Config {
    /// The defaults for calls of `region`.
    pub fn new(region: impl Into<String>) -> Self {
        Self {
            region: region.into(),
            limits: Limits::default(),
            automatic_cache: true,
            body_bytes: 32 << 20,
            body_time: Duration::from_secs(60),
            requests: 4_000,
            write_stall: Duration::from_secs(60),
            orphan_time: Duration::from_secs(300),
            orphans: 200,
            drain: Duration::from_secs(110),
            last_flush: Duration::from_secs(8),
            usage_backlog: 50_000,
        }
    }
}

/// The outside world, as the API reaches it.
pub struct Ports {
    /// What keys grant.
    pub keys: Arc<dyn KeyStore>,
    /// The secret that keys are hashed under.
    pub pepper: Pepper,
    /// The models that may be called.
    pub catalogue: Arc<ServedCatalogue>,
    /// The models.
    pub backend: Arc<dyn ModelBackend>,
    /// The book of usage.
    pub ledger: Arc<dyn Ledger>,
    /// What readiness asks.
    pub dependencies: Vec<Arc<dyn Dependency>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports").finish_non_exhaustive()
    }
}

/// How the API came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Connections that were cut because they took too long.
    pub cut: usize,
    /// Usage records that could not be written; they are in the log.
    pub unwritten: usize,
}

/// Serves `listener` until `stop` says so; returns when every request has had its answer and
/// every usage record is in the ledger, or the time for that has run out.
pub async fn serve(config: Config, ports: Ports, listener: TcpListener, stop: Stop) -> Ended {
    let (queue, writer) = ledger::queue(config.usage_backlog, Arc::clone(&ports.ledger));
    let writer = writer.start();
    let work = TaskTracker::new();
    let app = App::new(&config, ports, queue, work.clone(), stop.clone());

    let limits = config.limits.clone();
    let served = llmlite_http::serve(listener, limits, app, stop.clone(), config.drain);
    let (drained, deadline) = tokio::join!(served, async {
        stop.stopping().await;
        info!("no new requests, finishing what is under way");
        Instant::now() + config.drain
    });
    // Answers are still being read for clients that are gone.
    work.close();
    if timeout_at(deadline, work.wait()).await.is_err() {
        warn!(
            requests = work.len(),
            "stopping requests that take too long"
        );
        stop.at_once();
        work.wait().await;
    }
    Ended {
        cut: match drained {
            Drained::Clean => 0,
            Drained::Cut(connections) => connections,
        },
        unwritten: writer.finish(config.last_flush).await,
    }
}

/// What every request can reach.
pub(crate) struct App {
    pub(crate) keys: Arc<dyn KeyStore>,
    pub(crate) pepper: Pepper,
    pub(crate) catalogue: Arc<ServedCatalogue>,
    pub(crate) backend: Arc<dyn ModelBackend>,
    pub(crate) policy: Arc<PolicyEngine>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) health: Health,
    pub(crate) region: Arc<str>,
    pub(crate) cache: CachePoints,
    pub(crate) body_bytes: usize,
    pub(crate) body_time: Duration,
    pub(crate) write_stall: Duration,
    pub(crate) places: Arc<Semaphore>,
    pub(crate) orphan_time: Duration,
    pub(crate) orphans: Arc<Semaphore>,
    /// Where large bodies are translated.
    pub(crate) aside: Aside,
    /// Requests that reached Bedrock, or are about to.
    pub(crate) work: TaskTracker,
    pub(crate) stop: Stop,
}

impl App {
    fn new(
        config: &Config,
        ports: Ports,
        queue: UsageQueue,
        work: TaskTracker,
        stop: Stop,
    ) -> Arc<Self> {
        let region: Arc<str> = config.region.as_str().into();
        Arc::new(Self {
            keys: ports.keys,
            pepper: ports.pepper,
            catalogue: ports.catalogue,
            backend: ports.backend,
            policy: Arc::new(PolicyEngine::new(
                Arc::new(queue),
                Arc::clone(&ports.clock),
                Arc::clone(&region),
            )),
            clock: ports.clock,
            health: Health::new(ports.dependencies, stop.clone()),
            region,
            cache: if config.automatic_cache {
                CachePoints::Automatic
            } else {
                CachePoints::Asked
            },
            body_bytes: config.body_bytes,
            body_time: config.body_time,
            write_stall: config.write_stall,
            places: Arc::new(Semaphore::new(config.requests)),
            orphan_time: config.orphan_time,
            orphans: Arc::new(Semaphore::new(config.orphans)),
            aside: Aside::new(work.clone()),
            work,
            stop,
        })
    }
}
