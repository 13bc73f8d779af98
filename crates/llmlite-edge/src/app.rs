//! What the API is made of, and its life from the first connection to the last row.

use std::{fmt, sync::Arc, time::Duration};

use llmlite_core::{
    changes::{Change, ChangeListener},
    ids::InstanceId,
    keys::Pepper,
    ports::{
        alerts::AlertSink, backend::ModelBackend, clock::Clock, intents::Intents,
        journal::UsageJournal, keys::KeyStore, ledger::Ledger, quota::QuotaStore,
        readiness::Dependency,
    },
};
use llmlite_http::{Drained, Limits, Stop};
use llmlite_policy::{PolicyEngine, Settings, estimate::Floor};
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
    failure::{BudgetRefusal, Manner},
    health::Health,
    intents::IntentDesk,
    ledger::{self, JournalFull, Keeping, Shelf, UsageWriter},
    measures::Measures,
    quota::{self, Changes, Inbox, LimitsReady, Office},
    running::Running,
    served::ServedModels,
    watch::Watch,
};

/// How long the first connections may wait for the store of limits.
const FIRST_CONTACT: Duration = Duration::from_secs(1);

/// The settings of the API.
#[derive(Debug, Clone)]
pub struct Config {
    /// The region that is called; it is in answers and usage rows.
    pub region: String,
    /// What one server takes on at most.
    pub limits: Limits,
    /// Whether cache points are placed where a client asks for none; a header can say otherwise.
    pub automatic_cache: bool,
    /// How limits are kept.
    pub quota: Settings,
    /// How few bytes of a request may make a token, for the most that it can cost.
    pub bytes_per_token: Floor,
    /// Whom a refusal by a limit names, for those who need more.
    pub limits_contact: Option<String>,
    /// With which status a request is refused whose budget is used up.
    pub budget_refusal: BudgetRefusal,
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
    /// How long giving back all leases may take after that.
    pub last_return: Duration,
    /// How many usage records are kept in memory alone while the database is away, before requests
    /// are refused.
    pub usage_backlog: usize,
    /// What happens while the journal cannot be written.
    pub journal_full: JournalFull,
}

impl Config {
    /// The defaults for calls of `region`.
    pub fn new(region: impl Into<String>) -> Self {
        Self {
            region: region.into(),
            limits: Limits::default(),
            automatic_cache: true,
            quota: Settings::default(),
            bytes_per_token: Floor::default(),
            limits_contact: None,
            budget_refusal: BudgetRefusal::default(),
            body_bytes: 32 << 20,
            body_time: Duration::from_secs(60),
            requests: 4_000,
            write_stall: Duration::from_secs(60),
            orphan_time: Duration::from_secs(300),
            orphans: 200,
            drain: Duration::from_secs(110),
            last_flush: Duration::from_secs(6),
            last_return: Duration::from_secs(1),
            usage_backlog: 50_000,
            journal_full: JournalFull::default(),
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
    pub catalogue: ServedModels,
    /// The models.
    pub backend: Arc<dyn ModelBackend>,
    /// Where limits are leased from.
    pub quota: Arc<dyn QuotaStore>,
    /// The number of this life of the process, in whose name leases are taken and usage is written.
    pub instance: InstanceId,
    /// Who hears of budgets that cross a threshold.
    pub alerts: Arc<dyn AlertSink>,
    /// The book of usage.
    pub ledger: Arc<dyn Ledger>,
    /// The list of requests under way.
    pub intents: Arc<dyn Intents>,
    /// What keeps usage on disk until it is in that book.
    pub journal: Option<Arc<dyn UsageJournal>>,
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
    /// Whether all leases have gone back.
    pub returned: bool,
    /// Whether another has closed this instance's leases, so that it had to stop.
    pub fenced: bool,
}

/// The API, before it is served.
pub struct Api {
    config: Config,
    app: Arc<App>,
    shelf: Arc<Shelf>,
    writer: UsageWriter,
    list: Arc<dyn Intents>,
    instance: InstanceId,
    office: Office,
    inbox: Inbox,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Api {
    /// Puts together what serves until `stop` says so.
    pub fn new(config: Config, mut ports: Ports, stop: Stop) -> Self {
        let measures = Arc::new(Measures::of_this_process());
        let keeping = Keeping {
            journal: ports.journal.take(),
            when_full: config.journal_full,
            room: config.usage_backlog,
            measures: Arc::clone(&measures),
        };
        let (queue, writer) = ledger::queue(keeping, Arc::clone(&ports.ledger), ports.instance);
        let shelf = queue.shelf();
        let (list, instance) = (Arc::clone(&ports.intents), ports.instance);
        let (outbox, inbox) = quota::errands();
        let engine = Arc::new(PolicyEngine::new(
            config.quota.clone(),
            Arc::new(queue),
            Arc::new(outbox),
            Arc::clone(&ports.clock),
            config.region.as_str().into(),
        ));
        let office = Office {
            engine: Arc::clone(&engine),
            store: Arc::clone(&ports.quota),
            instance: ports.instance,
            alerts: Arc::clone(&ports.alerts),
            measures: Arc::clone(&measures),
        };
        Self {
            app: App::new(&config, ports, engine, &shelf, measures, stop),
            config,
            shelf,
            writer,
            list,
            instance,
            office,
            inbox,
        }
    }

    /// What has to be told of changes, for limits to follow them and for answers to be cut whose
    /// key was taken back. Whatever remembers what keys grant has to be told before.
    pub fn changes(&self) -> Arc<dyn ChangeListener> {
        Arc::new(Followers {
            limits: Changes(Arc::clone(&self.office.engine)),
            running: Arc::clone(&self.app.running),
        })
    }

    /// Serves `listener`; returns when every request has had its answer, every usage record is in
    /// the ledger and every lease has gone back, or the time for that has run out.
    pub async fn serve(self, listener: TcpListener) -> Ended {
        let Self { config, app, .. } = self;
        let (stop, work) = (app.stop.clone(), app.work.clone());
        let engine = Arc::clone(&app.policy);
        app.measures.watch(Arc::new(Watch {
            engine: Arc::downgrade(&engine),
            shelf: Arc::downgrade(&self.shelf),
        }));
        let driver = self.office.open(self.inbox, stop.clone());
        let writer = self.writer.start(Arc::clone(&engine));
        let intents = Arc::clone(self.shelf.intents());
        let clerk = intents.start(self.list, self.instance);
        let running = Arc::clone(&app.running);
        let watch = TaskTracker::new().spawn(running.watch(Arc::clone(&app.keys)));

        // Until the store was heard, no request with a limit could be admitted.
        driver.heard(FIRST_CONTACT).await;
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
        watch.abort();
        let unwritten = writer.finish(config.last_flush).await;
        clerk.finish().await;
        Ended {
            cut: match drained {
                Drained::Clean => 0,
                Drained::Cut(connections) => connections,
            },
            unwritten,
            returned: driver.finish(config.last_return).await,
            fenced: engine.is_fenced(),
        }
    }
}

/// All that follow changes.
struct Followers {
    limits: Changes,
    running: Arc<Running>,
}

impl ChangeListener for Followers {
    fn changed(&self, changes: &[Change]) {
        self.running.changed(changes);
        self.limits.changed(changes);
    }
}

/// What every request can reach.
pub(crate) struct App {
    pub(crate) keys: Arc<dyn KeyStore>,
    pub(crate) pepper: Pepper,
    pub(crate) catalogue: ServedModels,
    pub(crate) backend: Arc<dyn ModelBackend>,
    pub(crate) policy: Arc<PolicyEngine>,
    /// Where requests under way are noted.
    pub(crate) intents: Arc<IntentDesk>,
    pub(crate) measures: Arc<Measures>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) health: Health,
    pub(crate) region: Arc<str>,
    pub(crate) cache: CachePoints,
    pub(crate) bytes_per_token: Floor,
    /// How refusals by limits are told.
    pub(crate) manner: Arc<Manner>,
    pub(crate) body_bytes: usize,
    pub(crate) body_time: Duration,
    pub(crate) write_stall: Duration,
    pub(crate) places: Arc<Semaphore>,
    pub(crate) orphan_time: Duration,
    pub(crate) orphans: Arc<Semaphore>,
    /// Where large bodies are translated.
    pub(crate) aside: Aside,
    /// Whose requests are under way.
    pub(crate) running: Arc<Running>,
    /// Requests that reached Bedrock, or are about to.
    pub(crate) work: TaskTracker,
    pub(crate) stop: Stop,
}

impl App {
    fn new(
        config: &Config,
        mut ports: Ports,
        policy: Arc<PolicyEngine>,
        shelf: &Shelf,
        measures: Arc<Measures>,
        stop: Stop,
    ) -> Arc<Self> {
        let work = TaskTracker::new();
        let ready = Arc::new(LimitsReady(Arc::clone(&policy)));
        ports.dependencies.push(ready);
        Arc::new(Self {
            keys: ports.keys,
            pepper: ports.pepper,
            catalogue: ports.catalogue,
            backend: ports.backend,
            policy,
            intents: Arc::clone(shelf.intents()),
            measures,
            clock: ports.clock,
            health: Health::new(ports.dependencies, stop.clone()),
            region: config.region.as_str().into(),
            cache: if config.automatic_cache {
                CachePoints::Automatic
            } else {
                CachePoints::Asked
            },
            bytes_per_token: config.bytes_per_token,
            manner: Arc::new(Manner {
                contact: config.limits_contact.as_deref().map(Arc::from),
                budgets: config.budget_refusal,
            }),
            body_bytes: config.body_bytes,
            body_time: config.body_time,
            write_stall: config.write_stall,
            places: Arc::new(Semaphore::new(config.requests)),
            orphan_time: config.orphan_time,
            orphans: Arc::new(Semaphore::new(config.orphans)),
            aside: Aside::new(work.clone()),
            running: Arc::default(),
            work,
            stop,
        })
    }
}
