//! One gateway process.

use std::{
    fs::File,
    net::SocketAddr,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdout, Command},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{Failure, client};

/// Longer than a start takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// A gateway drains for 110 seconds at most.
const DRAIN: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(10);
const ANNOUNCEMENT: &str = "listening on http://";

/// A gateway that is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Gateway {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    _reader: JoinSet<()>,
}

impl Gateway {
    /// Starts it and waits until it is ready; what it prints goes to the end of the file `log`.
    pub(crate) async fn start(mut command: Command, log: &Path) -> Result<Self, Failure> {
        let file = File::options().create(true).append(true).open(log)?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file.try_clone()?)
            .kill_on_drop(true)
            .spawn()?;
        let printed = child.stdout.take().ok_or("its output is piped")?;
        let mut lines = BufReader::new(printed);
        let mut file = tokio::fs::File::from_std(file);
        let found = timeout(PATIENCE, announcement(&mut lines, &mut file)).await;
        let Ok(Ok(Some(address))) = found else {
            return Err(format!("a gateway does not start\n{}", tail(log)).into());
        };
        let mut reader = JoinSet::new();
        reader.spawn(async move {
            // Its log is of use, but no reason to fail.
            drop(tokio::io::copy_buf(&mut lines, &mut file).await);
        });
        let began = Instant::now();
        while !client::is_ready(address).await {
            if began.elapsed() > PATIENCE || child.try_wait()?.is_some() {
                return Err(format!("a gateway does not become ready\n{}", tail(log)).into());
            }
            sleep(LOOK).await;
        }
        Ok(Self {
            child,
            address,
            _reader: reader,
        })
    }

    /// Ends it as a crash would.
    pub(crate) async fn kill(mut self) -> Result<(), Failure> {
        self.child.kill().await?;
        Ok(())
    }

    /// Asks it to stop, as the platform does before a new release, and waits until it has.
    pub(crate) async fn stop(mut self) -> Result<ExitStatus, Failure> {
        let pid = self
            .child
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(pid) = pid {
            kill_process(pid, Signal::TERM)?;
        }
        let stopped = timeout(DRAIN, self.child.wait()).await;
        Ok(stopped.map_err(|_| "a gateway does not stop at SIGTERM")??)
    }
}

/// Where it says that it listens; everything up to that goes to the log.
async fn announcement(
    lines: &mut BufReader<ChildStdout>,
    log: &mut tokio::fs::File,
) -> Result<Option<SocketAddr>, Failure> {
    let mut line = String::new();
    while lines.read_line(&mut line).await? > 0 {
        log.write_all(line.as_bytes()).await?;
        if let Some(address) = line.trim_end().strip_prefix(ANNOUNCEMENT) {
            return Ok(Some(address.parse()?));
        }
        line.clear();
    }
    Ok(None)
}

/// The last words of a log.
pub(crate) fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.len().saturating_sub(10);
    lines.get(last..).unwrap_or_default().join("\n")
}
