use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::Path,
    process::Stdio,
};

use crate::{account::Account, cluster::Cluster};

/// Waits until nobody uses the server, then a little longer, because one test process follows
/// another; stops it when still nobody does. Whoever comes while it stops waits for the lock.
const GUARDIAN: &str = r#"
exec 9<"$2" 8<"$3"
flock -x -n 8 || exit
while :; do
    flock -x 9; flock -u 9
    sleep 5
    if flock -x -n 9; then
        "$0" stop --silent --mode=fast --wait --pgdata "$1"
        exit
    fi
done"#;

/// A server that all processes of a test run use together.
///
/// The first one starts it, without durability; it stops about five seconds after the last one
/// is gone, however that ended. The data folder stays, since making one takes longer than
/// starting a server on it.
#[derive(Debug)]
pub struct Shared {
    url: String,
    started: bool,
    /// Locked as long as we use the server.
    _user: File,
}

impl Shared {
    /// Joins the server in `folder`, or starts it. Blocks while another process does.
    ///
    /// # Errors
    ///
    /// As [`crate::Server::start`], and when the program `flock` is missing.
    pub fn join(folder: &Path) -> io::Result<Self> {
        let account = Account::choose()?;
        let root = account.place(folder);
        account.make_folder(&root)?;
        let user = lock_file(&root.join("users.lock"), account)?;
        user.lock_shared()?;
        let starter = lock_file(&root.join("start.lock"), account)?;
        starter.lock()?;
        let cluster = Cluster::open(root, account, false)?;
        let (port, started) = match cluster.running() {
            Some(port) => (port, false),
            None => (start(&cluster)?, true),
        };
        // Also when the server runs: whoever started it may have been killed before this.
        guard(&cluster)?;
        Ok(Self {
            url: cluster.url(port)?,
            started,
            _user: user,
        })
    }

    /// Where the superuser connects.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Whether this call started the server; if not, another process of the run did.
    pub fn started(&self) -> bool {
        self.started
    }
}

fn start(cluster: &Cluster) -> io::Result<u16> {
    if !has_flock() {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "the program flock is needed to share a test database (Linux: package util-linux; \
             macOS: brew install flock)",
        ));
    }
    // Nobody waits for it as its parent: the guardian stops it, most often after our end.
    let (_server, port) = cluster.start()?;
    Ok(port)
}

/// Starts a guardian, unless there is one. Two would do no harm: the second one leaves at once.
fn guard(cluster: &Cluster) -> io::Result<()> {
    let lock = cluster.root.join("guardian.lock");
    match lock_file(&lock, cluster.account)?.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(()),
        Err(TryLockError::Error(e)) => return Err(e),
    }
    cluster
        .account
        .command("/bin/sh")
        .args(["-c", GUARDIAN])
        .arg(cluster.programs.path("pg_ctl"))
        .arg(cluster.data())
        .arg(cluster.root.join("users.lock"))
        .arg(lock)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    Ok(())
}

fn has_flock() -> bool {
    std::process::Command::new("flock")
        .arg("--version")
        .output()
        .is_ok_and(|said| said.status.success())
}

/// The guardian runs as the server's account and must be able to open it.
fn lock_file(path: &Path, account: Account) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    account.give(path)?;
    Ok(file)
}

#[cfg(test)]
mod tests;
