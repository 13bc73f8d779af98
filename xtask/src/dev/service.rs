//! A program of ours that runs beside us, with its output in a file.

use std::{
    fs::File,
    io::{self, Write},
    path::PathBuf,
    process::Stdio,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::oneshot,
    task::JoinSet,
    time::timeout,
};

use super::{PATIENCE, folder::Folder, leftovers};

/// One of them.
pub(crate) struct Service {
    name: &'static str,
    child: Child,
    log: PathBuf,
    announcement: Option<oneshot::Receiver<String>>,
    readers: JoinSet<()>,
}

impl Service {
    /// Starts it in a process group of its own, so that a Ctrl-C in the terminal reaches only us.
    ///
    /// # Errors
    ///
    /// When the program cannot be started or its log cannot be written.
    pub(crate) fn start(
        name: &'static str,
        command: std::process::Command,
        folder: &Folder,
    ) -> io::Result<Self> {
        let log = folder.log(name);
        let file = File::create(&log)?;
        let mut command = Command::from(command);
        command
            .process_group(0)
            .kill_on_drop(true)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("the {name}: {error}")))?;
        if let Some(number) = child.id() {
            leftovers::remember(folder.path(), name, number)?;
        }
        let (announce, announcement) = oneshot::channel();
        let mut readers = JoinSet::new();
        if let Some(output) = child.stdout.take() {
            readers.spawn(keep(name, output, file.try_clone()?, Some(announce)));
        }
        if let Some(output) = child.stderr.take() {
            readers.spawn(keep(name, output, file, None));
        }
        Ok(Self {
            name,
            child,
            log,
            announcement: Some(announcement),
            readers,
        })
    }

    /// The URL in the line that it prints when it listens.
    ///
    /// # Errors
    ///
    /// When it stops or stays silent instead; the message shows the end of its log.
    pub(crate) async fn announced_url(&mut self) -> io::Result<String> {
        let name = self.name;
        let Some(announcement) = self.announcement.take() else {
            return Err(io::Error::other(format!(
                "the {name} has been asked before"
            )));
        };
        match timeout(PATIENCE, announcement).await {
            Ok(Ok(url)) => Ok(url),
            Ok(Err(_)) => Err(self.stopped().await),
            Err(_) => Err(io::Error::other(format!(
                "the {name} does not say where it listens; its log is {}",
                self.log.display()
            ))),
        }
    }

    /// Waits until it has stopped by itself, and says so. Cancel-safe.
    pub(crate) async fn stopped(&mut self) -> io::Error {
        let ending = match self.child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        while self.readers.join_next().await.is_some() {}
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines
            .get(lines.len().saturating_sub(8)..)
            .unwrap_or_default();
        io::Error::other(format!(
            "the {} stopped ({ending}); read {}, which ends:\n{}",
            self.name,
            self.log.display(),
            last.join("\n")
        ))
    }

    /// Asks it to stop and waits until it has.
    pub(crate) async fn finish(&mut self) {
        if let Some(pid) = self
            .child
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()))
        {
            // It may be gone already, which is what we want.
            _ = kill_process(pid, Signal::TERM);
        }
        _ = self.child.wait().await;
        while self.readers.join_next().await.is_some() {}
    }

    /// Stops it at once.
    pub(crate) async fn kill(&mut self) {
        _ = self.child.kill().await;
    }
}

/// Copies a service's output to its log, shows what needs attention, and passes on the URL of the
/// first line that has one.
async fn keep(
    name: &'static str,
    output: impl AsyncRead + Unpin,
    mut log: File,
    mut announce: Option<oneshot::Sender<String>>,
) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let kept = writeln!(log, "{line}").is_ok();
        if !kept || needs_attention(&line) {
            println!("{name}: {}", readable(&line));
        }
        if let Some(url) = line.find("http://").and_then(|at| line.get(at..))
            && let Some(announce) = announce.take()
        {
            let url = url.split_whitespace().next().unwrap_or(url);
            // Nobody waits any more when the start was interrupted.
            _ = announce.send(url.to_owned());
        }
    }
}

/// Warnings and errors, in either form of the gateway's log.
fn needs_attention(line: &str) -> bool {
    ["WARN", "ERROR"].iter().any(|level| {
        line.contains(&format!("\"level\":\"{level}\"")) || line.contains(&format!(" {level} "))
    })
}

/// A JSON log line as a sentence; any other line as it is.
fn readable(line: &str) -> String {
    let Ok(Value::Object(mut fields)) = serde_json::from_str(line) else {
        return line.to_owned();
    };
    for uninteresting in ["timestamp", "target"] {
        fields.remove(uninteresting);
    }
    let mut text = String::new();
    for name in ["level", "message"] {
        if let Some(Value::String(value)) = fields.remove(name) {
            text.push_str(&value);
            text.push(' ');
        }
    }
    let rest: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    text + &rest.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn warnings_and_errors_are_shown_and_the_rest_is_not() {
        for (line, shown) in [
            (r#"{"timestamp":"2026-11-23T21:00:00Z","level":"WARN","message":"a"}"#, true),
            (r#"{"timestamp":"2026-11-23T21:00:00Z","level":"ERROR","message":"a"}"#, true),
            (r#"{"timestamp":"2026-11-23T21:00:00Z","level":"INFO","message":"a"}"#, false),
            ("2026-11-23T21:00:00Z  WARN llmlite_edge: a", true),
            ("2026-11-23T21:00:00Z  INFO llmlite_edge: a", false),
            ("listening on http://127.0.0.1:4000", false),
        ] {
            assert_eq!(needs_attention(line), shown, "{line}");
        }
    }

    #[test]
    fn a_json_log_line_is_shown_as_a_sentence() {
        let line =
            r#"{"timestamp":"t","level":"WARN","message":"no answer","after_ms":7,"target":"a"}"#;
        assert_eq!(readable(line), "WARN no answer after_ms=7");
        assert_eq!(readable("plain text"), "plain text");
    }
}
