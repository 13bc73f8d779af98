//! `cargo xtask dev`: the whole house on this machine, with a first key, until Ctrl-C.
//!
//! Started in the order database, simulator, gateway, and stopped in the reverse order, so that the
//! gateway can finish what it is doing.

mod database;
mod folder;
mod greeting;
mod http;
mod leftovers;
mod seed;
mod service;
mod stop;

use std::{
    io,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use clap::ValueEnum;

use crate::{process, workspace};

use self::{database::Database, folder::Folder, seed::Seeded, service::Service, stop::StopSignal};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which Bedrock to call: the simulator, or AWS with your own credentials (which costs money)
    #[arg(long, value_enum, default_value_t = Bedrock::Sim)]
    bedrock: Bedrock,
    /// Call the Bedrock at this URL instead, such as a VPC endpoint
    #[arg(long, value_name = "URL", conflicts_with = "bedrock")]
    bedrock_endpoint: Option<String>,
    /// A JSON file that adds or overrides models
    #[arg(long, value_name = "FILE")]
    catalogue: Option<PathBuf>,
    /// How far a request may travel: in-region, eu or global [default: in-region]
    #[arg(long)]
    residency: Option<String>,
    /// An exception for one model; may be repeated
    #[arg(long, value_name = "NAME=RESIDENCY")]
    model_residency: Vec<String>,
    /// Where the gateway listens on 127.0.0.1
    #[arg(long, default_value_t = 4000)]
    port: u16,
    /// Build with optimisations
    #[arg(long)]
    release: bool,
    /// Start with empty data
    #[arg(long)]
    fresh: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Bedrock {
    Sim,
    Aws,
}

/// Everything that runs, in the order in which it was started.
#[derive(Default)]
struct House {
    database: Option<Database>,
    simulator: Option<Service>,
    gateway: Option<Service>,
}

/// Runs until it is told to stop.
///
/// # Errors
///
/// When something cannot be built or started, or stops by itself.
pub(crate) fn run(args: &Args) -> io::Result<()> {
    let folder = Folder::open()?;
    leftovers::stop(folder.path())?;
    check_port(args.port)?;
    let programs = build(args.release)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(live(args, &folder, &programs))
}

fn check_port(port: u16) -> io::Result<()> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Ok(()),
        Err(error) => Err(io::Error::new(
            error.kind(),
            format!(
                "cannot listen on 127.0.0.1:{port} ({error}): \
                 stop what listens there, or choose another port with --port"
            ),
        )),
    }
}

/// The folder that holds the programs, once they are built.
fn build(release: bool) -> io::Result<PathBuf> {
    let mut cargo = workspace::cargo();
    cargo.args(["build", "-p", "llmlite-gateway", "-p", "llmlite-admin"]);
    cargo.args(["-p", "llmlite-bedrock-sim"]);
    if release {
        cargo.arg("--release");
    }
    process::run(&mut cargo)?;
    Ok(workspace::target()?.join(if release { "release" } else { "debug" }))
}

async fn live(args: &Args, folder: &Folder, programs: &Path) -> io::Result<()> {
    let mut stop = StopSignal::listen()?;
    let mut house = House::default();
    let outcome = tokio::select! {
        () = stop.wait() => Ok(()),
        outcome = house.run(args, folder, programs) => outcome,
    };
    println!("\nstopping; Ctrl-C again kills");
    house.stop(&mut stop).await;
    println!("stopped");
    outcome
}

impl House {
    /// Starts everything and then waits for something to stop, which nothing should.
    async fn run(&mut self, args: &Args, folder: &Folder, programs: &Path) -> io::Result<()> {
        let since = now();
        let database = Database::start(folder, args.fresh)?;
        let admin = seed::Admin::new(programs, &database, folder)?;
        self.database = Some(database);
        let seeded = admin.seed(folder)?;
        let upstream = self.upstream(args, folder, programs).await?;
        let gateway = self.gateway(
            args,
            folder,
            gateway_command(args, programs, &admin, upstream, &folder.journal()),
        );
        let url = gateway.await?;
        let models = http::models(&url, &seeded.key).await?;
        greeting::print(&greeting::Facts {
            url: &url,
            seeded: &seeded,
            models: &models,
            simulated: self.simulator.is_some(),
            folder,
            programs,
            took: since.elapsed(),
        });
        self.until_one_stops().await
    }

    /// The URL to call instead of AWS, if any.
    async fn upstream(
        &mut self,
        args: &Args,
        folder: &Folder,
        programs: &Path,
    ) -> io::Result<Option<String>> {
        if let Some(url) = &args.bedrock_endpoint {
            return Ok(Some(url.clone()));
        }
        if args.bedrock == Bedrock::Aws {
            return Ok(None);
        }
        let mut command = Command::new(programs.join("llmlite-bedrock-sim"));
        command.args(["--port", "0"]);
        for glob in ["anthropic.*", "eu.anthropic.*", "global.anthropic.*"] {
            command.args(["--model", glob]);
        }
        for id in seed::bedrock_ids(args.catalogue.as_deref())? {
            command.args(["--model", &id]);
        }
        let simulator = self
            .simulator
            .insert(Service::start("simulator", command, folder)?);
        simulator.announced_url().await.map(Some)
    }

    /// Starts the gateway and waits until it is ready to serve.
    async fn gateway(
        &mut self,
        args: &Args,
        folder: &Folder,
        command: Command,
    ) -> io::Result<String> {
        let gateway = self
            .gateway
            .insert(Service::start("gateway", command, folder)?);
        gateway.announced_url().await?;
        let url = format!("http://127.0.0.1:{}", args.port);
        tokio::select! {
            ready = http::until_ready(&url) => ready?,
            error = gateway.stopped() => return Err(error),
        }
        Ok(url)
    }

    async fn until_one_stops(&mut self) -> io::Result<()> {
        let gateway = async {
            match &mut self.gateway {
                Some(gateway) => gateway.stopped().await,
                None => std::future::pending().await,
            }
        };
        let simulator = async {
            match &mut self.simulator {
                Some(simulator) => simulator.stopped().await,
                None => std::future::pending().await,
            }
        };
        let database = async {
            match &self.database {
                Some(database) => database.stopped().await,
                None => std::future::pending().await,
            }
        };
        Err(tokio::select! {
            error = gateway => error,
            error = simulator => error,
            error = database => error,
        })
    }

    async fn stop(self, again: &mut StopSignal) {
        for mut service in [self.gateway, self.simulator].into_iter().flatten() {
            tokio::select! {
                () = service.finish() => {}
                () = again.wait() => service.kill().await,
            }
        }
        if let Some(database) = self.database {
            database.stop();
        }
    }
}

fn gateway_command(
    args: &Args,
    programs: &Path,
    admin: &seed::Admin,
    upstream: Option<String>,
    journal: &Path,
) -> Command {
    let mut command = Command::new(programs.join("llmlite-gateway"));
    command
        .arg("--listen")
        .arg(format!("127.0.0.1:{}", args.port))
        .arg("--journal")
        .arg(journal)
        .envs(admin.environment());
    if let Some(residency) = &args.residency {
        command.args(["--residency", residency]);
    }
    for exception in &args.model_residency {
        command.args(["--model-residency", exception]);
    }
    if let Some(file) = &args.catalogue {
        command.arg("--catalogue").arg(file);
    }
    if let Some(url) = upstream {
        command.args(["--bedrock-endpoint", &url]);
        if url.starts_with("http://") {
            // A Bedrock of our own checks that requests are signed, not by whom.
            command
                .arg("--development")
                .env("AWS_ACCESS_KEY_ID", "development")
                .env("AWS_SECRET_ACCESS_KEY", "development")
                .env_remove("AWS_SESSION_TOKEN")
                .env_remove("AWS_PROFILE");
        }
    }
    command
}

#[expect(
    clippy::disallowed_methods,
    reason = "tells the user how long the start took; nothing depends on it"
)]
fn now() -> Instant {
    Instant::now()
}

/// How long a service may take to come up.
const PATIENCE: Duration = Duration::from_secs(30);
