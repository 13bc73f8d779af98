//! Finding PostgreSQL's programs, and installing them where that is possible.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::account::Account;

/// `UNIQUE NULLS NOT DISTINCT`, which our schema needs, came with this one.
const OLDEST: u32 = 15;

/// A folder that holds both `initdb` and `postgres`, and what is asked of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Programs {
    folder: PathBuf,
    version: u32,
}

impl Programs {
    /// Looks on the `PATH` and in the distribution's usual folders, and installs PostgreSQL when
    /// there is none and we may.
    pub(crate) fn find() -> io::Result<Self> {
        if let Some(found) = Self::search(&candidates()) {
            return Ok(found);
        }
        install()?;
        Self::search(&candidates()).ok_or_else(|| {
            io::Error::other("PostgreSQL was installed, and its programs are still not found")
        })
    }

    pub(crate) fn path(&self, program: &str) -> PathBuf {
        self.folder.join(program)
    }

    /// The major version, such as 15.
    pub(crate) fn version(&self) -> u32 {
        self.version
    }

    fn search(folders: &[PathBuf]) -> Option<Self> {
        folders
            .iter()
            .filter_map(|folder| {
                // A PATH folder often holds links; `initdb` wants its neighbours beside it.
                let real = fs::canonicalize(folder.join("postgres")).ok()?;
                Self::in_folder(real.parent()?)
            })
            .find(|programs| programs.version >= OLDEST)
    }

    fn in_folder(folder: &Path) -> Option<Self> {
        let complete = ["initdb", "postgres", "pg_ctl"]
            .iter()
            .all(|program| folder.join(program).is_file());
        let said = complete.then(|| {
            Command::new(folder.join("postgres"))
                .arg("--version")
                .output()
        })?;
        Some(Self {
            folder: folder.to_owned(),
            version: major(&String::from_utf8_lossy(&said.ok()?.stdout))?,
        })
    }
}

/// The server says `postgres (PostgreSQL) 15.4 (Debian ...)` of itself.
fn major(said: &str) -> Option<u32> {
    let number = said.split_whitespace().nth(2)?;
    number.split(['.', 'd', 'b', 'r']).next()?.parse().ok()
}

/// The folders of the `PATH`, then the distributions' own, the newest version first.
fn candidates() -> Vec<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "finding programs is what the PATH is for"
    )]
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    folders.extend(versioned("/usr/lib/postgresql", "bin"));
    folders.extend(versioned("/usr", "bin").into_iter().filter(|f| {
        f.parent()
            .and_then(Path::file_name)
            .is_some_and(|name| name.to_string_lossy().starts_with("pgsql-"))
    }));
    for prefix in ["/opt/homebrew/opt", "/usr/local/opt"] {
        folders.extend(versioned(prefix, "bin").into_iter().filter(|f| {
            f.parent()
                .and_then(Path::file_name)
                .is_some_and(|name| name.to_string_lossy().starts_with("postgresql"))
        }));
    }
    folders
}

/// `parent/<version>/inner` for all versions there are, the newest first.
fn versioned(parent: &str, inner: &str) -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir(parent)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let digits: String = name.chars().filter(char::is_ascii_digit).collect();
            (digits.parse().unwrap_or(0), entry.path().join(inner))
        })
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, path)| path).collect()
}

/// Installs the distribution's package, when we are root on a system that has `apt-get`.
#[expect(
    clippy::print_stderr,
    reason = "whoever waits for an installation wants to know"
)]
fn install() -> io::Result<()> {
    if !Account::we_are_root() || !Path::new("/usr/bin/apt-get").is_file() {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!(
                "PostgreSQL {OLDEST} or newer is needed and was not found; install it (Debian and \
                 Ubuntu: sudo apt-get install postgresql; Fedora: sudo dnf install \
                 postgresql-server; macOS: brew install postgresql@17), or set DATABASE_URL to a \
                 server of your own"
            ),
        ));
    }
    eprintln!("installing PostgreSQL: apt-get install postgresql");
    for arguments in [&["update"][..], &["install", "--yes", "postgresql"]] {
        let said = Command::new("/usr/bin/apt-get")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .output()?;
        if !said.status.success() {
            return Err(io::Error::other(format!(
                "apt-get {} failed: {}",
                arguments.join(" "),
                String::from_utf8_lossy(&said.stderr).trim()
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(said: &str, want: Option<u32>) {
        assert_eq!(major(said), want, "{said}");
    }

    #[test]
    fn the_major_version_is_read_from_what_the_program_says() {
        check(
            "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)",
            Some(15),
        );
        check("postgres (PostgreSQL) 18beta2", Some(18));
        check("postgres (PostgreSQL) 19devel", Some(19));
        check("command not found", None);
    }

    #[test]
    fn a_folder_without_initdb_is_passed_over() {
        assert_eq!(Programs::search(&[PathBuf::from("/nonexistent")]), None);
        let real = Programs::search(&candidates()).expect("PostgreSQL is on this machine");
        assert!(real.path("initdb").is_file());
    }
}
