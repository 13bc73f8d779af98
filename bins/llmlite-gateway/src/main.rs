//! The gateway: reads its settings, checks them, serves, and drains.

mod args;

use std::{error::Error, fs, io::Write, process::ExitCode, sync::Arc, time::Duration};

use args::{Args, PromptCache};
use clap::Parser;
use llmlite_core::{
    catalogue::{Catalogue, ServedCatalogue},
    ports::clock::SystemClock,
};
use llmlite_edge::{Config, Ports, Stop};
use llmlite_store::{CachedKeys, Store, StoreConfig};
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
    match run(args).await {
        Ok(code) => code,
        Err(problem) => refuse(&*problem),
    }
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
    let catalogue = Arc::new(catalogue(&args, &store).await?);

    let mut bedrock = llmlite_bedrock::Config::new(&args.region);
    bedrock.endpoint.clone_from(&args.bedrock_endpoint);
    bedrock.development = args.development;
    let bedrock = llmlite_bedrock::connect(bedrock, clock.clone()).await?;

    let keys = Arc::new(CachedKeys::new(Arc::new(store.clone()), clock.clone()));
    let background = TaskTracker::new();
    let no_more_changes = CancellationToken::new();
    store.follow_changes(Arc::clone(&keys), &background, no_more_changes.clone());
    background.spawn(keep_partitions(store.clone(), no_more_changes.clone()));

    let mut config = Config::new(&args.region);
    config.automatic_cache = args.prompt_cache == PromptCache::Auto;
    config.body_bytes = args.body_bytes;
    config.drain = args.drain_seconds;
    let ports = Ports {
        keys,
        pepper: args.key_pepper,
        catalogue,
        dependencies: vec![Arc::new(store.clone()), Arc::new(bedrock.credentials())],
        backend: Arc::new(bedrock),
        ledger: Arc::new(store),
        clock,
    };

    let stop = Stop::new();
    listen_to_signals(&stop, &background, no_more_changes.clone())?;
    let listener = TcpListener::bind(args.listen).await?;
    announce(&listener)?;
    let ended = llmlite_edge::serve(config, ports, listener, stop).await;

    no_more_changes.cancel();
    background.close();
    background.wait().await;
    info!(
        cut = ended.cut,
        unwritten = ended.unwritten,
        "the gateway has stopped"
    );
    Ok(if ended.unwritten == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The catalogue of the program, changed by the database's rows, changed by the operator's file,
/// and cut to what the residency allows.
async fn catalogue(args: &Args, store: &Store) -> Result<ServedCatalogue, Box<dyn Error>> {
    let mut catalogue = Catalogue::embedded().overlaid_with(store.model_overrides().await?);
    if let Some(path) = &args.catalogue {
        let text = fs::read_to_string(path)
            .map_err(|e| format!("the catalogue {} cannot be read: {e}", path.display()))?;
        catalogue = catalogue.overlaid_with(Catalogue::parse(&text)?);
    }
    let served = ServedCatalogue::new(&catalogue, &args.residency_policy(), &args.region)?;
    info!(
        models = served.listed().len(),
        residency = %args.residency,
        region = %args.region,
        "the catalogue is read"
    );
    Ok(served)
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
