//! The programs under test: where they are, and the admin program as an operator uses it.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::Value;
use tokio::process::Command;

use crate::Failure;

/// Keys are hashed under this; they live as long as one run.
const PEPPER: &str = "8d1f0c6a52e94b7c93a0e1f2d3c4b5a69788796a5b4c3d2e1f00112233445566";

/// The folder that holds `llmlite-gateway` and `llmlite-admin`.
#[derive(Debug, Clone)]
pub struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// Those in this folder.
    ///
    /// # Errors
    ///
    /// When one of them is not there.
    pub fn in_folder(folder: &Path) -> Result<Self, Failure> {
        for name in ["llmlite-gateway", "llmlite-admin"] {
            let program = folder.join(name);
            if !program.is_file() {
                return Err(format!(
                    "{} is missing: run `cargo build -p {name}`",
                    program.display()
                )
                .into());
            }
        }
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// Those that cargo has built beside the program or the test that is running.
    ///
    /// # Errors
    ///
    /// When one of them is not there.
    pub fn beside_us() -> Result<Self, Failure> {
        let own = std::env::current_exe()?;
        let folder = own.parent().ok_or("a program lies in a folder")?;
        // Tests lie one folder deeper.
        let folder = match folder.file_name().is_some_and(|name| name == "deps") {
            true => folder.parent().ok_or("a folder of tests lies in another")?,
            false => folder,
        };
        Self::in_folder(folder)
    }

    /// The command that runs the gateway on this database, without further arguments.
    pub(crate) fn gateway(&self, database: &str) -> Command {
        self.command("llmlite-gateway", database)
    }

    /// Runs a command of the admin program and reads its JSON.
    pub(crate) async fn admin(&self, database: &str, args: &[&str]) -> Result<Value, Failure> {
        let output = self
            .command("llmlite-admin", database)
            .args(args)
            .arg("--json")
            .stdin(Stdio::null())
            .output()
            .await?;
        if output.status.success() {
            return Ok(serde_json::from_slice(&output.stdout)?);
        }
        let what = args.join(" ");
        let reason = String::from_utf8_lossy(&output.stderr);
        Err(format!("llmlite-admin {what} failed: {}", reason.trim()).into())
    }

    fn command(&self, name: &str, database: &str) -> Command {
        let mut command = Command::new(self.folder.join(name));
        command
            .env_clear()
            .env("DATABASE_URL", database)
            .env("LLMLITE_KEY_PEPPER", PEPPER)
            .env("AWS_ACCESS_KEY_ID", "AKIDRIG")
            .env("AWS_SECRET_ACCESS_KEY", "rig")
            .env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }
}
