//! Runs `llmlite-admin` as an operator would.

use std::{
    io::{self, Write},
    process::{Child, Command, Stdio},
};

use llmlite_testkit::build::PEPPER;
use serde_json::Value;

/// An operator's shell: the variables that are set in it, and nothing from the tests' own.
pub(crate) struct Shell {
    variables: Vec<(&'static str, String)>,
}

/// What a command said.
pub(crate) struct Said {
    pub(crate) success: bool,
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Shell {
    pub(crate) fn new() -> Self {
        Self {
            variables: Vec::new(),
        }
    }

    /// With everything set that an operator sets.
    pub(crate) fn at(url: &str) -> Self {
        Self::new()
            .with("DATABASE_URL", url)
            .with("LLMLITE_KEY_PEPPER", PEPPER)
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.retain(|(n, _)| *n != name);
        self.variables.push((name, value.to_owned()));
        self
    }

    /// Runs a command line, its words separated by spaces.
    pub(crate) fn run(&self, line: &str) -> Said {
        self.run_with_input(line, "")
    }

    /// Runs a command line with something on its standard input.
    pub(crate) fn run_with_input(&self, line: &str, input: &str) -> Said {
        let mut child = self
            .command(line)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that refuses before it reads closes its end; that is no failure of ours.
        drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
        said(child)
    }

    /// Runs a command line whose standard output nobody reads any more.
    pub(crate) fn run_without_reader(&self, line: &str) -> Said {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let child = self
            .command(line)
            .stdin(Stdio::null())
            .stdout(writer)
            .spawn();
        said(child.unwrap())
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_llmlite-admin"));
        command
            .args(line.split(' '))
            .env_clear()
            .envs(self.variables.iter().map(|(n, v)| (n, v)))
            .stderr(Stdio::piped());
        command
    }

    /// Runs a command line that must work, and returns its JSON.
    #[track_caller]
    pub(crate) fn json(&self, line: &str) -> Value {
        let said = self.run(&format!("{line} --json"));
        assert!(said.success, "{line}: {}", said.stderr);
        serde_json::from_str(&said.stdout).unwrap()
    }

    /// Runs a command line that must work, and returns its text for people.
    #[track_caller]
    pub(crate) fn text(&self, line: &str) -> String {
        let said = self.run(line);
        assert!(said.success, "{line}: {}", said.stderr);
        said.stdout
    }

    /// Runs a command line that must fail and print nothing but an error, and returns that.
    #[track_caller]
    pub(crate) fn error(&self, line: &str) -> String {
        let said = self.run(line);
        assert!(
            !said.success && said.stdout.is_empty(),
            "{line}: {}",
            said.stdout
        );
        said.stderr
    }
}

fn said(child: Child) -> Said {
    let output = child.wait_with_output().unwrap();
    Said {
        success: output.status.success(),
        status: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
