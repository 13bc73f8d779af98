//! Lives that ended without removing their journal.

use std::{
    fmt,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use llmlite_core::ids::InstanceId;

use crate::{folder, remains::Remains};

/// The earlier lives in `folder` that nobody leads any more, by rising instance.
///
/// Each is locked by what is returned: two processes never get the same one.
///
/// # Errors
///
/// When the folder cannot be listed or a lock cannot be asked for. A folder that is not there
/// holds none.
pub fn left_behind(folder: &Path) -> io::Result<Vec<Life>> {
    let abandoned = folder::abandoned(folder)?.into_iter();
    let lives = abandoned.map(|(instance, path, lock)| Life {
        instance,
        path,
        lock,
    });
    Ok(lives.collect())
}

/// An earlier life, and the right to deal with what it left.
pub struct Life {
    instance: InstanceId,
    path: PathBuf,
    lock: File,
}

impl Life {
    /// Under which number it spent: what it left has to be charged to this one's leases.
    pub fn instance(&self) -> InstanceId {
        self.instance
    }

    /// Looks through all that it wrote. However often that is done, it finds the same.
    ///
    /// Damage is passed over, as little as possible, and told in the answer. Memory: about 50
    /// bytes for each request; the records stay on the disk.
    ///
    /// # Errors
    ///
    /// When the folder cannot be listed.
    pub fn read(&self) -> io::Result<Remains> {
        Remains::of(self.instance, &self.path)
    }

    /// Removes all of it. To be called when the ledger has everything.
    ///
    /// # Errors
    ///
    /// When the disk fails; the rest is left behind once more.
    pub fn remove(self) -> io::Result<()> {
        folder::remove(&self.path)
    }

    /// Keeps all of it where nobody looks for it, for an operator to find out what the ledger
    /// lacks: its folder is renamed to `17.aside`. Returns the new place.
    ///
    /// # Errors
    ///
    /// When the disk fails; it is left behind once more.
    pub fn set_aside(self) -> io::Result<PathBuf> {
        let aside = self.path.with_file_name(format!("{}.aside", self.instance));
        fs::rename(&self.path, &aside)?;
        Ok(aside)
    }
}

impl fmt::Debug for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Life")
            .field("instance", &self.instance)
            .field("lock", &self.lock)
            .finish_non_exhaustive()
    }
}
