use std::{
    env, io,
    path::{Path, PathBuf},
    process::{self, Child, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{account::Account, cluster::Cluster};

/// Reads from a pipe that only its owner holds open, and stops the server when it closes.
const GUARDIAN: &str = r#"read -r _; exec "$0" stop --silent --mode=fast --wait --pgdata "$1""#;

/// How to run a [`Server`].
#[derive(Debug, Clone)]
pub struct Options {
    /// Where its data are.
    pub data_dir: DataDir,
    /// Whether what was written survives a crash of the machine; slower.
    pub durable: bool,
}

/// Where a server's data are.
#[derive(Debug, Clone)]
pub enum DataDir {
    /// In this folder, found again at the next start. As root, in one under `/var/tmp` that is
    /// named after it.
    Kept(PathBuf),
    /// In a folder that is removed when the server stops.
    Ephemeral,
}

/// A PostgreSQL server that stops with its owner, also when that is killed.
///
/// It runs in a process group of its own, so a Ctrl-C in the terminal reaches it only through
/// its owner.
#[derive(Debug)]
pub struct Server {
    cluster: Cluster,
    url: String,
    ephemeral: bool,
    /// The server and its guardian, until they are stopped.
    running: Option<(Child, Child)>,
}

impl Server {
    /// Starts a server, and stops first what an earlier run left behind on the same data.
    ///
    /// # Errors
    ///
    /// When PostgreSQL is not found (the text says what to type), cannot be installed, or does
    /// not start (the text ends with its last log lines).
    pub fn start(options: Options) -> io::Result<Self> {
        let account = Account::choose()?;
        let ephemeral = matches!(options.data_dir, DataDir::Ephemeral);
        let root = match options.data_dir {
            DataDir::Kept(folder) => account.place(&folder),
            DataDir::Ephemeral => ephemeral_root(),
        };
        let cluster = Cluster::open(root, account, options.durable)?;
        let (mut child, port) = cluster.start()?;
        let guardian = match guard(&cluster) {
            Ok(guardian) => guardian,
            Err(e) => {
                cluster.stop()?;
                child.wait()?;
                return Err(e);
            }
        };
        Ok(Self {
            url: cluster.url(port)?,
            cluster,
            ephemeral,
            running: Some((child, guardian)),
        })
    }

    /// Removes the data that [`DataDir::Kept`] with this folder has kept, and stops first what
    /// still runs on them. Nothing happens when there are none.
    ///
    /// # Errors
    ///
    /// When a server does not stop, or the folder cannot be removed.
    pub fn erase(folder: &Path) -> io::Result<()> {
        let account = Account::choose()?;
        Cluster::erase(account.place(folder), account)
    }

    /// Where the superuser connects: `postgres://postgres:PASSWORD@127.0.0.1:PORT/postgres`.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// The folder that holds the data, the password and the log.
    pub fn folder(&self) -> &Path {
        &self.cluster.root
    }

    /// Stops the server at once: connections are cut, committed data are kept.
    ///
    /// # Errors
    ///
    /// When it does not stop.
    pub fn stop(mut self) -> io::Result<()> {
        self.halt()
    }

    fn halt(&mut self) -> io::Result<()> {
        let Some((mut child, mut guardian)) = self.running.take() else {
            return Ok(());
        };
        drop(guardian.stdin.take());
        guardian.wait()?;
        self.cluster.stop()?;
        child.wait()?;
        if self.ephemeral {
            self.cluster.remove()?;
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // There is nobody left to tell; the guardian has been let go in any case.
        drop(self.halt());
    }
}

fn guard(cluster: &Cluster) -> io::Result<Child> {
    cluster
        .account
        .command("/bin/sh")
        .args(["-c", GUARDIAN])
        .arg(cluster.programs.path("pg_ctl"))
        .arg(cluster.data())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

/// A folder of its own for each server of each process.
fn ephemeral_root() -> PathBuf {
    static SERIAL: AtomicU32 = AtomicU32::new(0);
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    env::temp_dir().join(format!("llmlite-postgres-{}-{serial}", process::id()))
}

#[cfg(test)]
mod tests;
