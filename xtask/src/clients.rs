//! The real client programs that the whole-system tests drive: Python and Node.js packages.
//!
//! They live under `target/clients`, and are installed again only when their list has changed.

use std::{fs, io, path::Path, process::Command};

use crate::{
    packages::ensure,
    process::run as execute,
    workspace::{clients, root},
};

const SOURCES: &str = "crates/llmlite-e2e/clients";

/// Installs both.
///
/// # Errors
///
/// When Python or Node.js is missing and cannot be installed, or a package cannot be had.
pub(crate) fn run() -> io::Result<()> {
    python(
        &root().join(SOURCES).join("python"),
        &clients().join("venv"),
    )?;
    node(&root().join(SOURCES).join("node"), &clients().join("node"))
}

fn python(sources: &Path, venv: &Path) -> io::Result<()> {
    let wanted = fs::read_to_string(sources.join("requirements.txt"))?;
    let stamp = venv.join("installed-requirements.txt");
    if is_installed(&stamp, &wanted) && venv.join("bin/python").exists() {
        return Ok(());
    }
    // Debian keeps what `-m venv` needs in a package of its own.
    ensure(
        &["python3", "-c", "import venv, ensurepip"],
        &["python3", "python3-venv"],
    )?;
    execute(Command::new("python3").args(["-m", "venv"]).arg(venv))?;
    execute(
        Command::new(venv.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--no-input"])
            .args(["--disable-pip-version-check", "--requirement"])
            .arg(sources.join("requirements.txt")),
    )?;
    fs::write(stamp, wanted)
}

fn node(sources: &Path, folder: &Path) -> io::Result<()> {
    let lock = fs::read_to_string(sources.join("package-lock.json"))?;
    let stamp = folder.join("node_modules/installed-package-lock.json");
    if is_installed(&stamp, &lock) {
        return Ok(());
    }
    ensure(&["node", "--version"], &["nodejs"])?;
    ensure(&["npm", "--version"], &["npm"])?;
    fs::create_dir_all(folder)?;
    for file in ["package.json", "package-lock.json", ".npmrc"] {
        fs::copy(sources.join(file), folder.join(file))?;
    }
    execute(
        Command::new("npm")
            .args(["ci", "--silent", "--no-audit", "--no-fund"])
            .current_dir(folder),
    )?;
    fs::write(stamp, lock)
}

fn is_installed(stamp: &Path, wanted: &str) -> bool {
    fs::read_to_string(stamp).is_ok_and(|installed| installed == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_names_no_registry_so_that_any_mirror_can_serve_it() {
        let lock = root().join(SOURCES).join("node/package-lock.json");
        let lock = fs::read_to_string(lock).unwrap();
        assert!(!lock.contains("\"resolved\""));
        assert!(lock.contains("\"integrity\""));
    }

    #[test]
    fn every_python_package_is_pinned() {
        let list = root().join(SOURCES).join("python/requirements.txt");
        for line in fs::read_to_string(list).unwrap().lines() {
            assert!(line.contains("=="), "{line}");
        }
    }
}
