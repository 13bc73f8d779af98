//! Where things are.

use std::{
    io,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// The folder that holds the workspace's `Cargo.toml`.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// A cargo command in that folder.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(root());
    command
}

/// What cargo knows about the workspace and all it depends on.
///
/// # Errors
///
/// When cargo fails, or says something that is not JSON.
pub(crate) fn metadata() -> io::Result<Value> {
    let output = cargo()
        .args(["metadata", "--format-version", "1"])
        .stderr(std::process::Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other("cargo metadata failed"));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Where cargo puts what it builds: `target`, unless the environment says otherwise.
///
/// # Errors
///
/// When cargo cannot say.
pub(crate) fn target() -> io::Result<PathBuf> {
    let output = cargo()
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .output()?;
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    match metadata.get("target_directory").and_then(Value::as_str) {
        Some(folder) => Ok(folder.into()),
        None => Err(io::Error::other("cargo does not name its target folder")),
    }
}

/// Where the client packages are installed, whatever folder cargo builds in.
pub(crate) fn clients() -> PathBuf {
    root().join("target/clients")
}
