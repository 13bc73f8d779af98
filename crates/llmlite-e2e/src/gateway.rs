//! The gateway program.

use std::{
    path::Path,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::oneshot,
    task::JoinSet,
    time::timeout,
};

use crate::programs::program;

/// A gateway that runs until it is dropped.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    url: String,
    output: Output,
    readers: JoinSet<()>,
}

type Output = Arc<Mutex<Vec<String>>>;

impl Gateway {
    /// The command that starts one, for tests that change it.
    pub(crate) fn command(database: &str, pepper: &str, upstream: &str, journal: &Path) -> Command {
        let mut command = Command::new(program("llmlite-gateway"));
        command
            .args([
                "--listen",
                "127.0.0.1:0",
                "--region",
                "eu-west-2",
                "--development",
            ])
            .args(["--bedrock-endpoint", upstream])
            .arg("--journal")
            .arg(journal)
            .env_clear()
            .env("DATABASE_URL", database)
            .env("LLMLITE_KEY_PEPPER", pepper)
            .env("AWS_ACCESS_KEY_ID", "AKIDTEST")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    /// Starts it and waits until it says where it listens.
    ///
    /// # Errors
    ///
    /// When it stops instead: its exit status and all that it printed.
    pub(crate) async fn start(mut command: Command) -> Result<Self, (ExitStatus, String)> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the gateway program starts");
        let output = Output::default();
        let (announce, announced) = oneshot::channel();
        let mut readers = JoinSet::new();
        let stdout = child.stdout.take().expect("it is piped");
        let stderr = child.stderr.take().expect("it is piped");
        readers.spawn(keep(stdout, Arc::clone(&output), Some(announce)));
        readers.spawn(keep(stderr, Arc::clone(&output), None));
        let mut gateway = Self {
            child,
            url: String::new(),
            output,
            readers,
        };
        match timeout(Duration::from_secs(30), announced).await {
            Ok(Ok(url)) => gateway.url = url,
            _ => {
                // Silence is a failure to start as well.
                drop(gateway.child.start_kill());
                return Err((gateway.stopped().await, gateway.printed()));
            }
        }
        Ok(gateway)
    }

    /// Where it listens: `http://127.0.0.1:port`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Everything that it has printed so far.
    pub fn printed(&self) -> String {
        self.output
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .join("\n")
    }

    /// Takes nothing of what it prints any more, as when whatever collects its log has died.
    pub async fn stop_listening(&mut self) {
        self.readers.shutdown().await;
    }

    /// Asks it to stop, as the platform does before a new release.
    pub fn terminate(&self) {
        let pid = self
            .child
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()));
        kill_process(pid.expect("it runs"), Signal::TERM).expect("it can be told");
    }

    /// Ends it at once, as when the machine runs out of memory.
    ///
    /// # Panics
    ///
    /// When it has stopped before.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("it runs");
    }

    /// Waits until it has stopped.
    ///
    /// # Panics
    ///
    /// When it has not after two minutes, the most that it may take.
    pub async fn stopped(&mut self) -> ExitStatus {
        let status = timeout(Duration::from_secs(120), self.child.wait())
            .await
            .expect("it stops within its drain limit")
            .expect("it can be waited for");
        while self.readers.join_next().await.is_some() {}
        status
    }
}

impl Drop for Gateway {
    /// Shows what it printed when the test has failed.
    #[expect(
        clippy::print_stderr,
        reason = "the test runner shows it with the failure"
    )]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the gateway printed:\n{}", self.printed());
        }
    }
}

async fn keep(
    stream: impl AsyncRead + Unpin,
    output: Output,
    mut announce: Option<oneshot::Sender<String>>,
) {
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(url) = line.strip_prefix("listening on ")
            && let Some(announce) = announce.take()
        {
            // Nobody waits any more when the start took too long.
            drop(announce.send(url.to_owned()));
        }
        output
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line);
    }
}
