//! The gateway: reads its settings, checks them, serves, and drains.

mod args;
mod catalogue;
mod lives;
mod orphans;
mod telling;

use std::{error::Error, io::Write, process::ExitCode, sync::Arc, time::Duration};

use args::Args;
use catalogue::{Changed, Source};
use clap::Parser;
use llmlite_core::ports::clock::SystemClock;
use llmlite_edge::{Api, Ports, ServedModels, Stop};
use llmlite_store::{CacheConfig, CachedKeys, FeedHealth, Store, StoreConfig};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, info, warn};

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    if let Err(problem) = llmlite_telemetry::init(&args.log, args.log_format) {
        return refuse(&problem);
    }
    let metrics = match telling::metrics(&args) {
        Ok(metrics) => metrics,
        Err(problem) => return refuse(&problem),
    };
    let code = match run(args).await {
        Ok(code) => code,
        Err(problem) => refuse(&*problem),
    };
    if let Some(metrics) = metrics {
        metrics.finish().await;
    }
    code
}

/// Says why there is no gateway: for people on the terminal, and for whoever reads the log.
fn refuse(problem: &dyn Error) -> ExitCode {
    let mut text = problem.to_string();
    let mut cause = problem.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    error!(problem = text, "the gateway does not start");
    ExitCode::FAILURE
}

async fn run(args: Args) -> Result<ExitCode, Box<dyn Error>> {
    let clock = Arc::new(SystemClock);
    let store = Store::connect(StoreConfig {
        application: "llmlite-gateway".to_owned(),
        ca_file: args.database_ca.clone(),
        ..StoreConfig::new(&args.database_url.0)
    })
    .await?;
    store.check_schema().await?;
    store.check_pepper(&args.key_pepper).await?;
    let source = Source {
        store: store.clone(),
        file: args.catalogue.clone(),
        residency: args.residency_policy(),
        region: args.region.clone(),
    };
    let models = source.read().await;
    let models = ServedModels::new(models.map_err(|problem| -> Box<dyn Error> { problem })?);

    let mut bedrock = llmlite_bedrock::Config::new(&args.region);
    bedrock.endpoint.clone_from(&args.bedrock_endpoint);
    bedrock.development = args.development;
    let bedrock = llmlite_bedrock::connect(bedrock, clock.clone()).await?;
    let webhook = telling::webhook(&args)?;

    let journal = args.journal(store.installation().await?);
    let folder = journal.folder.clone().into_boxed_path();
    let (instance, journal) = lives::begin(&store, journal).await?;
    let meter = opentelemetry::global::meter("llmlite-store");
    let health = FeedHealth::measured(clock.clone(), &meter);
    let keys = CachedKeys::with_config(
        Arc::new(store.clone()),
        clock.clone(),
        CacheConfig {
            stale: args.auth_stale_max,
            ..CacheConfig::default()
        },
    );
    let keys = keys.followed_by(Arc::clone(&health)).measured_by(&meter);
    let keys = Arc::new(keys);
    let background = TaskTracker::new();
    let over = CancellationToken::new();
    let alerts = telling::alerts(webhook, &store, &background, over.clone());
    let ports = Ports {
        keys: Arc::clone(&keys) as _,
        pepper: args.key_pepper.clone(),
        catalogue: models.clone(),
        dependencies: vec![Arc::new(store.clone()), Arc::new(bedrock.credentials())],
        backend: Arc::new(bedrock),
        quota: Arc::new(store.clone()),
        instance,
        alerts,
        ledger: Arc::new(store.clone()),
        intents: Arc::new(store.clone()),
        journal: Some(Arc::clone(&journal) as _),
        clock,
    };
    let stop = Stop::new();
    let api = Api::new(args.config(), ports, stop.clone());

    let changed = Arc::new(Changed::default());
    let listeners = vec![keys as _, api.changes(), Arc::clone(&changed) as _];
    store.follow_changes(health, listeners, &background, over.clone());
    background.spawn(source.follow(models, changed, over.clone()));
    background.spawn(keep_partitions(store.clone(), over.clone()));
    let lost = orphans::Settings {
        after: args.orphan_after,
        leases: args.orphan_leases.into(),
        folder: folder.clone(),
    };
    background.spawn(orphans::watch(store.clone(), instance, lost, over.clone()));
    background.spawn(lives::settle(store.clone(), folder, over.clone()));

    listen_to_signals(&stop, &background, over.clone())?;
    let listener = TcpListener::bind(args.listen).await?;
    announce(&listener)?;
    let ended = api.serve(listener).await;

    over.cancel();
    background.close();
    background.wait().await;
    if ended.unwritten == 0 {
        lives::end(&store, instance, journal).await;
    }
    info!(
        cut = ended.cut,
        unwritten = ended.unwritten,
        returned = ended.returned,
        "the gateway has stopped"
    );
    Ok(match ended.unwritten == 0 && !ended.fenced {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Makes the ledger's partitions ahead, at the start and every day.
///
/// Rows outside them are not lost: the default partition takes them.
async fn keep_partitions(store: Store, over: CancellationToken) {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    loop {
        let made = tokio::select! {
            made = store.make_partitions() => made,
            () = over.cancelled() => return,
        };
        match made {
            Ok(0) => {}
            Ok(made) => info!(made, "made partitions of the ledger"),
            Err(error) => warn!(%error, "cannot make partitions of the ledger"),
        }
        tokio::select! {
            () = sleep(DAY) => {}
            () = over.cancelled() => return,
        }
    }
}

/// SIGTERM and SIGINT stop gently, a second one at once.
fn listen_to_signals(
    stop: &Stop,
    background: &TaskTracker,
    over: CancellationToken,
) -> Result<(), Box<dyn Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = stop.clone();
    background.spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                () = over.cancelled() => return,
            }
            if stop.is_stopping() {
                warn!("told to stop at once");
                stop.at_once();
            } else {
                info!("told to stop");
                stop.gently();
            }
        }
    });
    Ok(())
}

/// Tells whoever started the process where it is, which matters when it chose the port.
fn announce(listener: &TcpListener) -> Result<(), Box<dyn Error>> {
    let address = listener.local_addr()?;
    info!(%address, "listening");
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "listening on http://{address}")?;
    stdout.flush()?;
    Ok(())
}
