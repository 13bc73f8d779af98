//! A database for the gateway: the real schema, one key, and the count of its usage rows.

use std::{
    error::Error,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use llmlite_dev_postgres::{DataDir, Options, Server};
use serde_json::Value;

use crate::process::Recipe;

/// Keys are hashed under this; they live as long as one run.
const PEPPER: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// A private PostgreSQL, and the admin tool that looks after it.
#[derive(Debug)]
pub(super) struct Ledger {
    server: Server,
    admin: PathBuf,
    /// The plaintext of the virtual key.
    pub(super) key: String,
}

impl Ledger {
    /// Starts a database, migrates it and creates a key.
    pub(super) fn open(binaries: &Path) -> Result<Self, Box<dyn Error>> {
        let server = Server::start(Options {
            data_dir: DataDir::Ephemeral,
            // A ledger that a crash could empty would be cheaper than a real one.
            durable: true,
        })?;
        let mut ledger = Self {
            server,
            admin: binaries.join("llmlite-admin"),
            key: String::new(),
        };
        ledger.ask(&["migrate"])?;
        let created = ledger.ask(&["key", "create", "--name", "bench"])?;
        let key = created.get("key").and_then(Value::as_str);
        key.ok_or("the admin tool printed no key")?
            .clone_into(&mut ledger.key);
        Ok(ledger)
    }

    /// How to start the gateway on this database, with `upstream` in the place of Bedrock.
    pub(super) fn gateway(&self, binaries: &Path, scratch: &Path, upstream: SocketAddr) -> Recipe {
        Recipe {
            name: "gateway",
            program: binaries.join("llmlite-gateway"),
            arguments: vec![
                "--development".to_owned(),
                "--region=eu-west-2".to_owned(),
                format!("--journal={}", scratch.join("journal").display()),
                format!("--bedrock-endpoint=http://{upstream}"),
            ],
            environment: vec![
                ("DATABASE_URL", self.server.url()),
                ("LLMLITE_KEY_PEPPER", PEPPER.to_owned()),
                ("AWS_ACCESS_KEY_ID", "AKIDBENCH".to_owned()),
                ("AWS_SECRET_ACCESS_KEY", "bench".to_owned()),
            ],
            log: scratch.join("gateway.log"),
        }
    }

    /// Usage rows in the database, all of which this run wrote.
    pub(super) fn rows(&self) -> Result<u64, Box<dyn Error>> {
        // All days, or a run over midnight at the end of a month would miss its first rows.
        let report = self.ask(&["usage", "report", "--by", "key", "--from", "2020-01-01"])?;
        let requests = report.pointer("/total/requests").and_then(Value::as_u64);
        requests.ok_or_else(|| "the usage report tells no total".into())
    }

    fn ask(&self, arguments: &[&str]) -> Result<Value, Box<dyn Error>> {
        let output = Command::new(&self.admin)
            .args(arguments)
            .arg("--json")
            .env("DATABASE_URL", self.server.url())
            .env("LLMLITE_KEY_PEPPER", PEPPER)
            .output()
            .map_err(|error| format!("cannot run {}: {error}", self.admin.display()))?;
        if output.status.success() {
            return Ok(serde_json::from_slice(&output.stdout)?);
        }
        let what = arguments.join(" ");
        let reason = String::from_utf8_lossy(&output.stderr);
        Err(format!("llmlite-admin {what} failed: {}", reason.trim()).into())
    }
}
