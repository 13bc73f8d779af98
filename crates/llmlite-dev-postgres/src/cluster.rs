//! A folder with a PostgreSQL in it: made once, started and stopped many times.
//!
//! ```text
//! <root>/data      what initdb makes
//! <root>/password  of the user postgres
//! <root>/log       what the server says
//! ```

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    process::{Child, Stdio},
    thread,
    time::Duration,
};

use crate::{account::Account, locate::Programs};

const START_LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    pub(crate) root: PathBuf,
    pub(crate) account: Account,
    pub(crate) programs: Programs,
    /// Whether what was written survives a crash of the machine.
    pub(crate) durable: bool,
}

impl Cluster {
    /// Opens the cluster in `root`, and makes it first if it is not there or was left half made.
    pub(crate) fn open(root: PathBuf, account: Account, durable: bool) -> io::Result<Self> {
        let cluster = Self {
            root,
            account,
            programs: Programs::find()?,
            durable,
        };
        account.make_folder(&cluster.root)?;
        let made_by = fs::read_to_string(cluster.data().join("PG_VERSION")).unwrap_or_default();
        let ours = cluster.programs.version().to_string();
        if durable && !made_by.is_empty() && made_by.trim() != ours {
            return Err(io::Error::other(format!(
                "the data in {} were made by PostgreSQL {}, and this machine has {ours}; remove \
                 that folder to begin anew",
                cluster.root.display(),
                made_by.trim(),
            )));
        }
        if made_by.trim() != ours || !cluster.password_file().is_file() {
            cluster.make()?;
        }
        Ok(cluster)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    pub(crate) fn url(&self, port: u16) -> io::Result<String> {
        let password = fs::read_to_string(self.password_file())?;
        Ok(format!(
            "postgres://postgres:{}@127.0.0.1:{port}/postgres",
            password.trim()
        ))
    }

    /// The port of the server that runs on this data folder, if one does and answers.
    pub(crate) fn running(&self) -> Option<u16> {
        let port = self.announced()?;
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
        Some(port)
    }

    /// Starts the server on a free port and waits until it takes connections.
    pub(crate) fn start(&self) -> io::Result<(Child, u16)> {
        self.stop()?;
        let mut last = io::Error::other("the server was not started");
        // Between picking a port and using it, somebody else may take it.
        for _ in 0..3 {
            let port = free_port()?;
            let mut child = self.spawn(port)?;
            match self.wait_for(&mut child, port) {
                Ok(()) => return Ok((child, port)),
                Err(e) => last = e,
            }
        }
        Err(last)
    }

    /// Stops whatever server runs on this data folder, such as one of a run that was killed.
    pub(crate) fn stop(&self) -> io::Result<()> {
        // A file that names a server which does not answer is a leftover, and its process number
        // may be somebody else's by now: PostgreSQL itself finds that out when it starts.
        if self.running().is_none() {
            return Ok(());
        }
        self.account
            .command(self.programs.path("pg_ctl"))
            .args(["stop", "--silent", "--mode=fast", "--wait", "--pgdata"])
            .arg(self.data())
            .stdin(Stdio::null())
            .output()?;
        if self.running().is_some() {
            return Err(io::Error::other(format!(
                "the PostgreSQL that runs in {} does not stop",
                self.root.display()
            )));
        }
        Ok(())
    }

    /// Removes the cluster in `root` with all its data, if there is one.
    pub(crate) fn erase(root: PathBuf, account: Account) -> io::Result<()> {
        if !root.join("data").exists() {
            return Ok(());
        }
        let cluster = Self {
            root,
            account,
            programs: Programs::find()?,
            durable: false,
        };
        cluster.stop()?;
        cluster.remove()
    }

    pub(crate) fn remove(&self) -> io::Result<()> {
        fs::remove_dir_all(&self.root)
    }

    fn make(&self) -> io::Result<()> {
        if self.data().exists() {
            fs::remove_dir_all(self.data())?;
        }
        self.write_password()?;
        let said = self
            .account
            .command(self.programs.path("initdb"))
            .args(["--username=postgres", "--auth=password", "--no-sync"])
            .args(["--encoding=UTF8", "--locale=C", "--no-instructions"])
            .arg(format!("--pwfile={}", self.password_file().display()))
            .arg("--pgdata")
            .arg(self.data())
            .stdin(Stdio::null())
            .output()?;
        if said.status.success() {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "initdb failed: {}",
            String::from_utf8_lossy(&said.stderr).trim()
        )))
    }

    fn write_password(&self) -> io::Result<()> {
        let mut bytes = [0; 16];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        let password: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(self.password_file())?;
        writeln!(file, "{password}")?;
        self.account.give(&self.password_file())
    }

    fn spawn(&self, port: u16) -> io::Result<Child> {
        let log = File::create(self.log_file())?;
        self.account.give(&self.log_file())?;
        let mut server = self.account.command(self.programs.path("postgres"));
        server.arg("-D").arg(self.data());
        for setting in self.settings(port) {
            server.arg("-c").arg(setting);
        }
        server
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
    }

    fn settings(&self, port: u16) -> Vec<String> {
        let mut settings = vec![
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={port}"),
            format!("unix_socket_directories={}", self.socket_folder()),
            "max_connections=200".to_owned(),
            "shared_buffers=64MB".to_owned(),
            "timezone=UTC".to_owned(),
        ];
        if !self.durable {
            let fast = [
                "fsync=off",
                "synchronous_commit=off",
                "full_page_writes=off",
                // One client that dies while it logs in holds up every DROP DATABASE for so long.
                "authentication_timeout=5s",
            ];
            settings.extend(fast.map(str::to_owned));
        }
        settings
    }

    /// A Unix socket's path has room for about a hundred bytes; where the folder's is longer,
    /// TCP has to do.
    fn socket_folder(&self) -> String {
        let folder = self.root.display().to_string();
        if folder.len() > 80 || folder.contains([',', '"']) {
            String::new()
        } else {
            folder
        }
    }

    fn wait_for(&self, child: &mut Child, port: u16) -> io::Result<()> {
        let mut waited = Duration::ZERO;
        while waited < START_LIMIT {
            if let Some(status) = child.try_wait()? {
                return Err(io::Error::other(format!(
                    "PostgreSQL did not start ({status}): {}",
                    self.last_words()
                )));
            }
            if self.announced() == Some(port)
                && TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
            {
                return Ok(());
            }
            thread::sleep(POLL);
            waited += POLL;
        }
        child.kill()?;
        child.wait()?;
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("PostgreSQL was not ready in 30 s: {}", self.last_words()),
        ))
    }

    /// The port of a server that calls itself ready: lines 4 and 8 of `postmaster.pid`.
    fn announced(&self) -> Option<u16> {
        let file = fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        announced_port(&file)
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(self.log_file()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines.len().saturating_sub(5);
        lines.get(last..).unwrap_or_default().join("; ")
    }

    fn password_file(&self) -> PathBuf {
        self.root.join("password")
    }

    fn log_file(&self) -> PathBuf {
        self.root.join("log")
    }
}

fn announced_port(postmaster_pid: &str) -> Option<u16> {
    let lines: Vec<&str> = postmaster_pid.lines().map(str::trim).collect();
    match (lines.get(3), lines.get(7)) {
        (Some(port), Some(&"ready")) => port.parse().ok(),
        _ => None,
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(file: &str, want: Option<u16>) {
        assert_eq!(announced_port(file), want);
    }

    #[test]
    fn a_port_counts_when_its_server_calls_itself_ready() {
        let file = "71\n/d\n1763900000\n5433\n/s\n127.0.0.1\n 1 2\n";
        check(&format!("{file}ready   \n"), Some(5433));
        check(&format!("{file}starting\n"), None);
        check(file, None);
        check("", None);
    }
}
