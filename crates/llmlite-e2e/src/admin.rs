//! The admin program, as an operator uses it.

use std::process::Output;

use serde_json::Value;
use tokio::process::Command;

use crate::programs::program;

/// Runs commands against one database.
#[derive(Debug, Clone)]
pub struct Admin {
    url: String,
    pepper: String,
}

impl Admin {
    pub(crate) fn new(url: &str, pepper: &str) -> Self {
        Self {
            url: url.to_owned(),
            pepper: pepper.to_owned(),
        }
    }

    /// Runs a command and reads its JSON.
    ///
    /// # Panics
    ///
    /// When it fails; the message shows what it said.
    pub async fn json(&self, args: &[&str]) -> Value {
        let mut args = args.to_vec();
        args.push("--json");
        let output = self.output(&args).await;
        assert!(
            output.status.success(),
            "{args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).expect("--json prints JSON")
    }

    /// Runs a command and hands back all that it said.
    pub async fn output(&self, args: &[&str]) -> Output {
        Command::new(program("llmlite-admin"))
            .args(args)
            .env_clear()
            .env("DATABASE_URL", &self.url)
            .env("LLMLITE_KEY_PEPPER", &self.pepper)
            .output()
            .await
            .expect("the admin program starts")
    }

    /// Makes a key with these further arguments and returns it in plain text with its number.
    pub async fn key(&self, args: &[&str]) -> (String, i64) {
        let mut all = vec!["key", "create"];
        if !args.contains(&"--name") {
            all.extend(["--name", "test"]);
        }
        all.extend(args);
        let made = self.json(&all).await;
        let key = made["key"].as_str().expect("a new key is shown").to_owned();
        (key, made["id"].as_i64().expect("a new key has a number"))
    }
}
