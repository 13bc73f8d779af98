//! A private PostgreSQL that can be killed, frozen and brought back at the same address.

use std::{fs, io, path::Path, time::Duration};

use llmlite_dev_postgres::{DataDir, Options, Server};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, test_kill_process, waitpid};
use tempfile::TempDir;
use tokio::{
    task::{JoinSet, spawn_blocking},
    time::{Instant, sleep},
};
use tokio_postgres::{Client, NoTls};

use crate::{
    Failure,
    wire::{Wire, host_and_port},
};

/// Longer than a server needs to notice that it was killed, or to recover from it.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);

/// The server, and the wire over which gateways reach it, which stays when the server comes back on
/// another port.
#[derive(Debug)]
pub struct Database {
    server: Option<Server>,
    wire: Wire,
    data: TempDir,
}

/// A connection of our own, past the wire.
#[derive(Debug)]
pub struct Connection {
    /// What statements go through.
    pub client: Client,
    _driver: JoinSet<()>,
}

impl Database {
    /// Starts a server with nothing in it, as durable as a real one.
    ///
    /// # Errors
    ///
    /// When PostgreSQL is not found or does not start.
    pub async fn start() -> Result<Self, Failure> {
        let data = tempfile::Builder::new().prefix("llmlite-rig-").tempdir()?;
        let server = open(data.path()).await?;
        let wire = Wire::to(host_and_port(&server.url()))?;
        Ok(Self {
            server: Some(server),
            wire,
            data,
        })
    }

    /// Where gateways connect: through the wire.
    ///
    /// # Errors
    ///
    /// When the server does not run.
    pub fn url(&self) -> Result<String, Failure> {
        let url = self.direct()?;
        Ok(url.replace(host_and_port(&url), self.wire.address()))
    }

    /// The wire that gateways are connected over.
    pub(crate) fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Connects past the wire.
    ///
    /// # Errors
    ///
    /// When the server does not run.
    pub async fn connect(&self) -> Result<Connection, Failure> {
        let (client, connection) = tokio_postgres::connect(&self.direct()?, NoTls).await?;
        let mut driver = JoinSet::new();
        driver.spawn(async {
            // A broken connection shows in the next statement.
            drop(connection.await);
        });
        Ok(Connection {
            client,
            _driver: driver,
        })
    }

    /// Ends the server as a crash would, at once and in the middle of everything.
    ///
    /// # Errors
    ///
    /// When its processes do not end.
    pub async fn kill(&mut self) -> Result<(), Failure> {
        let processes = self.processes()?;
        let main = processes.first().ok_or("the server has no process")?;
        kill_process(*main, Signal::KILL)?;
        // As long as nobody has asked how it ended, it looks to others as if it were still there.
        waitpid(Some(*main), WaitOptions::empty())?;
        // The others notice; until they are gone no server starts on their memory.
        let began = Instant::now();
        while processes.iter().skip(1).any(is_there) {
            if began.elapsed() > PATIENCE {
                return Err("the killed server's processes do not end".into());
            }
            sleep(LOOK).await;
        }
        if let Some(server) = self.server.take() {
            spawn_blocking(|| drop(server)).await?;
        }
        Ok(())
    }

    /// Brings a killed server back, with all that was committed.
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub async fn revive(&mut self) -> Result<(), Failure> {
        if let Some(server) = self.server.take() {
            spawn_blocking(|| drop(server)).await?;
        }
        let server = open(self.data.path()).await?;
        self.wire.lead_to(host_and_port(&server.url()));
        self.server = Some(server);
        Ok(())
    }

    /// Stops every process of the server where it stands: connections stay and nothing answers.
    ///
    /// # Errors
    ///
    /// When they cannot be told.
    pub fn freeze(&self) -> Result<(), Failure> {
        self.tell_all(Signal::STOP)
    }

    /// Lets a frozen server go on.
    ///
    /// # Errors
    ///
    /// When its processes cannot be told.
    pub fn thaw(&self) -> Result<(), Failure> {
        self.tell_all(Signal::CONT)
    }

    /// Stops the processes that serve the connections on which gateways listen for notifications,
    /// and says how many those are. They go on when the server is thawed.
    ///
    /// # Errors
    ///
    /// When they cannot be found or told.
    pub(crate) async fn freeze_listeners(&self) -> Result<usize, Failure> {
        let ports: Vec<i32> = self.wire.listeners().into_iter().map(i32::from).collect();
        let connection = self.connect().await?;
        let found = "SELECT pid FROM pg_stat_activity WHERE client_port = ANY ($1)";
        let rows = connection.client.query(found, &[&ports]).await?;
        for row in &rows {
            kill_process(pid(row.try_get(0)?)?, Signal::STOP)?;
        }
        Ok(rows.len())
    }

    fn tell_all(&self, signal: Signal) -> Result<(), Failure> {
        for process in self.processes()? {
            match kill_process(process, signal) {
                // A backend may end between our look and this.
                Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn direct(&self) -> Result<String, Failure> {
        let server = self.server.as_ref().ok_or("the server does not run")?;
        Ok(server.url())
    }

    /// The main process and then its children.
    fn processes(&self) -> Result<Vec<Pid>, Failure> {
        let server = self.server.as_ref().ok_or("the server does not run")?;
        let file = fs::read_to_string(server.folder().join("data/postmaster.pid"))?;
        let main: i32 = file.lines().next().unwrap_or_default().trim().parse()?;
        let mut found = vec![pid(main)?];
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(number) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else {
                continue;
            };
            if parent_of(number) == Some(main) {
                found.push(pid(number)?);
            }
        }
        Ok(found)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A frozen server would not stop. Nobody is left to tell when that does not work either.
        drop(self.thaw());
        self.server = None;
        drop(Server::erase(self.data.path()));
    }
}

async fn open(data: &Path) -> Result<Server, Failure> {
    let options = Options {
        data_dir: DataDir::Kept(data.to_owned()),
        // A ledger that a crash could empty would prove nothing.
        durable: true,
    };
    Ok(spawn_blocking(|| Server::start(options)).await??)
}

fn pid(number: i32) -> io::Result<Pid> {
    Pid::from_raw(number).ok_or_else(|| io::Error::other("process 0 is nobody's"))
}

fn is_there(process: &Pid) -> bool {
    test_kill_process(*process).is_ok()
}

/// The fourth field of `/proc/PID/stat`, counted behind the name, which may hold spaces.
fn parent_of(process: i32) -> Option<i32> {
    parent_in(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
}

fn parent_in(stat: &str) -> Option<i32> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_read_behind_a_name_with_spaces_and_brackets() {
        assert_eq!(parent_in("7 (a) b) c) S 12 7 7 0"), Some(12));
        assert_eq!(parent_in("7 (a) S"), None);
    }

    #[tokio::test]
    async fn a_killed_server_comes_back_at_the_same_address_with_what_was_committed() {
        let mut database = Database::start().await.unwrap();
        let url = database.url().unwrap();
        let made = database.connect().await.unwrap();
        let make = "CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)";
        made.client.batch_execute(make).await.unwrap();
        database.kill().await.unwrap();
        assert!(tokio_postgres::connect(&url, NoTls).await.is_err());
        database.revive().await.unwrap();
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        let mut driver = JoinSet::new();
        driver.spawn(async { drop(connection.await) });
        let kept: i32 = client
            .query_one("SELECT n FROM kept", &[])
            .await
            .unwrap()
            .get(0);
        assert_eq!(kept, 7);
    }

    #[tokio::test]
    async fn a_frozen_server_answers_again_when_it_is_thawed() {
        let database = Database::start().await.unwrap();
        let connection = database.connect().await.unwrap();
        let ask = || connection.client.query_one("SELECT 1", &[]);
        database.freeze().unwrap();
        let waited = tokio::time::timeout(Duration::from_millis(300), ask()).await;
        database.thaw().unwrap();
        assert!(waited.is_err());
        ask().await.unwrap();
    }
}
