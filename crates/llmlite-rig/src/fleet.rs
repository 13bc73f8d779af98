//! Several gateways, each on a journal folder of its own that outlives its process.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use tokio::{
    process::Command,
    sync::{Mutex, watch},
    task::JoinSet,
};

use crate::{
    Failure, Programs,
    gateway::{self, Gateway},
};

/// Gateways that can be killed and started again while others use them.
#[derive(Debug, Clone)]
pub struct Fleet {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    recipe: Recipe,
    members: Vec<Member>,
    kills: AtomicU32,
}

/// How each of them is started.
#[derive(Debug)]
pub(crate) struct Recipe {
    pub(crate) programs: Programs,
    pub(crate) database: String,
    pub(crate) upstream: String,
    /// Where journals and logs go.
    pub(crate) folder: PathBuf,
    /// Further arguments.
    pub(crate) arguments: Vec<String>,
}

#[derive(Debug)]
struct Member {
    gateway: Mutex<Option<Gateway>>,
    /// Where it listens, while it does.
    address: watch::Sender<Option<SocketAddr>>,
    log: PathBuf,
}

impl Fleet {
    /// Starts so many gateways and waits until all of them are ready.
    pub(crate) async fn start(recipe: Recipe, size: usize) -> Result<Self, Failure> {
        let members = (0..size).map(|index| Member {
            gateway: Mutex::new(None),
            address: watch::Sender::new(None),
            log: recipe.folder.join(format!("gateway-{index}.log")),
        });
        let shared = Shared {
            members: members.collect(),
            recipe,
            kills: AtomicU32::new(0),
        };
        let fleet = Self {
            shared: Arc::new(shared),
        };
        let starts = (0..size).map(|index| {
            let fleet = fleet.clone();
            async move { fleet.begin(index).await }
        });
        for started in JoinSet::from_iter(starts).join_all().await {
            started?;
        }
        Ok(fleet)
    }

    /// How many there are.
    pub fn size(&self) -> usize {
        self.shared.members.len()
    }

    /// How often one of them was killed.
    pub fn kills(&self) -> u32 {
        self.shared.kills.load(Relaxed)
    }

    /// Kills one as a crash would; its journal stays.
    ///
    /// # Errors
    ///
    /// When it cannot be killed.
    pub async fn kill(&self, index: usize) -> Result<(), Failure> {
        let member = self.member(index)?;
        member.address.send_replace(None);
        let gateway = member.gateway.lock().await.take();
        if let Some(gateway) = gateway {
            gateway.kill().await?;
            self.shared.kills.fetch_add(1, Relaxed);
        }
        Ok(())
    }

    /// Starts one that does not run, on the journal that it left.
    ///
    /// # Errors
    ///
    /// When it does not start; with the end of its log.
    pub async fn begin(&self, index: usize) -> Result<(), Failure> {
        let member = self.member(index)?;
        let mut place = member.gateway.lock().await;
        let gateway = Gateway::start(self.shared.recipe.command(index), &member.log).await?;
        member.address.send_replace(Some(gateway.address));
        *place = Some(gateway);
        Ok(())
    }

    /// Asks all of them to stop, and waits.
    ///
    /// # Errors
    ///
    /// When one does not, or says by its exit status that it left something undone.
    pub async fn stop(&self) -> Result<(), Failure> {
        let mut stops = JoinSet::new();
        for member in &self.shared.members {
            member.address.send_replace(None);
            let Some(gateway) = member.gateway.lock().await.take() else {
                continue;
            };
            let log = member.log.clone();
            stops.spawn(async move { (gateway.stop().await, log) });
        }
        for (stopped, log) in stops.join_all().await {
            let status = stopped?;
            if !status.success() {
                let last = gateway::tail(&log);
                return Err(format!("a gateway ended with {status} at SIGTERM\n{last}").into());
            }
        }
        Ok(())
    }

    /// Where one listens now.
    pub(crate) fn address(&self, index: usize) -> Option<SocketAddr> {
        let member = self.shared.members.get(index)?;
        *member.address.borrow()
    }

    fn member(&self, index: usize) -> Result<&Member, Failure> {
        let member = self.shared.members.get(index);
        member.ok_or_else(|| format!("there is no gateway {index}").into())
    }
}

impl Recipe {
    fn command(&self, index: usize) -> Command {
        let mut command = self.programs.gateway(&self.database);
        command
            .args(["--listen", "127.0.0.1:0", "--region", "eu-west-2"])
            .args(["--development", "--log", "warn"])
            .args(["--bedrock-endpoint", &self.upstream])
            .arg("--journal")
            .arg(self.journal(index))
            .args(&self.arguments);
        command
    }

    fn journal(&self, index: usize) -> PathBuf {
        Path::new(&self.folder).join(format!("journal-{index}"))
    }
}
