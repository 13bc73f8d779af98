//! Where `dev` keeps its files: logs and a lock in `target/dev`, secrets beside the data.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::workspace::root;

/// `target/dev`, locked for as long as this value lives.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Opens or creates it.
    ///
    /// # Errors
    ///
    /// When another `cargo xtask dev` uses it, or it cannot be written.
    pub(crate) fn open() -> io::Result<Self> {
        Self::open_at(&root().join("target/dev"))
    }

    fn open_at(path: &Path) -> io::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)?;
        let lock = File::create(path.join("lock"))?;
        lock.try_lock().map_err(|_| {
            io::Error::other(format!(
                "another `cargo xtask dev` runs in {}: stop it first",
                path.display()
            ))
        })?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the output of that service goes.
    pub(crate) fn log(&self, service: &str) -> PathBuf {
        self.path.join(format!("{service}.log"))
    }

    /// Where the private database keeps its data, if it may choose no better place.
    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("postgres")
    }

    /// Where the gateway keeps usage that the database does not have yet.
    pub(crate) fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }

    /// Lines for a shell that make the admin program work.
    pub(crate) fn environment_file(&self) -> PathBuf {
        self.path.join("env")
    }
}

/// What belongs to the data of one database and is of no use without it.
#[derive(Debug)]
pub(crate) struct Secrets {
    path: PathBuf,
}

impl Secrets {
    /// Those in this folder.
    pub(crate) fn in_folder(path: PathBuf) -> Self {
        Self { path }
    }

    /// What the first key was, since the database knows only its hash.
    pub(crate) fn key_file(&self) -> PathBuf {
        self.path.join("demo-key.json")
    }

    /// The secret that keys are hashed under: 64 hexadecimal digits, made at the first start.
    ///
    /// # Errors
    ///
    /// When it can be neither read nor made.
    pub(crate) fn pepper(&self) -> io::Result<String> {
        let file = self.path.join("key-pepper");
        if file.exists() {
            return Ok(fs::read_to_string(file)?.trim().to_owned());
        }
        let mut bytes = [0; 32];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        let pepper: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        write_private(&file, &pepper)?;
        Ok(pepper)
    }
}

/// Writes a file that only its owner can read.
///
/// # Errors
///
/// When it cannot be written.
pub(crate) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_pepper_is_random_private_and_kept() {
        let place = tempfile::tempdir().unwrap();
        let secrets = || Secrets::in_folder(place.path().to_owned());
        let first = secrets().pepper().unwrap();
        assert_eq!(first.len(), 64);
        assert_eq!(secrets().pepper().unwrap(), first);
        let file = fs::metadata(place.path().join("key-pepper")).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600);

        let other = tempfile::tempdir().unwrap();
        let other = Secrets::in_folder(other.path().to_owned());
        assert_ne!(other.pepper().unwrap(), first);
    }

    #[test]
    fn two_at_once_are_refused() {
        let place = tempfile::tempdir().unwrap();
        let _first = Folder::open_at(place.path()).unwrap();
        let second = Folder::open_at(place.path()).unwrap_err().to_string();
        assert!(
            second.contains("another `cargo xtask dev` runs"),
            "{second}"
        );
    }
}
