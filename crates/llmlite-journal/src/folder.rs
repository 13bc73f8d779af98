//! How lives and their segments lie in the folder, and the lock that says whose life goes on.
//!
//! ```text
//! FOLDER/17/lock                    held by flock(2) for as long as life 17 goes on
//! FOLDER/17/00000001.segment
//! FOLDER/17/ahead.draft             the next segment before it has its header
//! FOLDER/17/gap                     requests are running that are not in the segments
//! FOLDER/17/gap.draft               while there are none: giving it its name needs no space
//! FOLDER/.17.new/                   life 17 before it holds its lock; nobody looks at it
//! ```

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use llmlite_core::ids::InstanceId;

const LOCK: &str = "lock";
const SEGMENT: &str = "segment";
const DRAFT: &str = "draft";
const GAP: &str = "gap";

/// Makes the folder of a new life, and takes its lock.
///
/// It gets its name when the lock is held: whoever looks for lives that were left behind never
/// finds one that has only just begun.
pub(crate) fn begin(folder: &Path, life: InstanceId) -> io::Result<(PathBuf, File)> {
    make(folder)?;
    let named = folder.join(life.to_string());
    if named.try_exists()? {
        let what = format!("instance {life} has a journal already");
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
    }
    let unnamed = folder.join(format!(".{life}.new"));
    make(&unnamed)?;
    let lock = open(&unnamed.join(LOCK))?;
    lock.try_lock()?;
    open(&draft(&unnamed, GAP))?;
    fs::rename(&unnamed, &named)?;
    sync(folder)?;
    Ok((named, lock))
}

/// The lives in `folder` that nobody leads any more, by rising number, each with its lock.
pub(crate) fn abandoned(folder: &Path) -> io::Result<Vec<(InstanceId, PathBuf, File)>> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        let Some(instance) = number(path.file_name()) else {
            continue;
        };
        if let Some(lock) = take_over(&path)? {
            found.push((InstanceId(instance), path, lock));
        }
    }
    found.sort_unstable_by_key(|(instance, ..)| *instance);
    Ok(found)
}

/// The lock of the life in `path`, unless somebody holds it or the life is being removed.
fn take_over(path: &Path) -> io::Result<Option<File>> {
    let file = path.join(LOCK);
    let lock = match open(&file) {
        Err(error) if is_gone(&error) => return Ok(None),
        lock => lock?,
    };
    match lock.try_lock() {
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
        // Its last holder may have removed it before letting go.
        Ok(()) => Ok(file.try_exists()?.then_some(lock)),
    }
}

/// It vanished, or is no folder.
fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotADirectory | NotFound)
}

/// The segments in the folder of a life, by rising number.
pub(crate) fn segments(life: &Path) -> io::Result<Vec<(u32, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(life)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == SEGMENT)
            && let Some(number) = number(path.file_stem())
        {
            found.push((number, path));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Where the segment with this number lies.
pub(crate) fn segment(life: &Path, number: u32) -> PathBuf {
    life.join(format!("{number:08}.{SEGMENT}"))
}

/// Notes in the folder of a life that requests are running which are not in its segments.
pub(crate) fn mark_gap(life: &Path) -> io::Result<()> {
    fs::rename(draft(life, GAP), life.join(GAP))
}

/// Takes that back.
pub(crate) fn unmark_gap(life: &Path) -> io::Result<()> {
    fs::rename(life.join(GAP), draft(life, GAP))
}

/// Whether a life ended while such requests were running.
pub(crate) fn has_gap(life: &Path) -> io::Result<bool> {
    life.join(GAP).try_exists()
}

/// Where a segment lies until it has its header. Two that are made at once have names of their own.
pub(crate) fn draft(life: &Path, name: &str) -> PathBuf {
    life.join(name).with_extension(DRAFT)
}

/// Removes a life and all that it wrote.
///
/// From the oldest segment on: an intent must not outlast the record that it was withdrawn.
pub(crate) fn remove(life: &Path) -> io::Result<()> {
    for (_, path) in segments(life)? {
        fs::remove_file(path)?;
    }
    for entry in fs::read_dir(life)? {
        let path = entry?.path();
        let is_gap = path.file_name().is_some_and(|name| name == GAP);
        if is_gap || path.extension().is_some_and(|ending| ending == DRAFT) {
            fs::remove_file(path)?;
        }
    }
    fs::remove_file(life.join(LOCK))?;
    fs::remove_dir(life)
}

/// Puts names that were made, changed or removed in `folder` on the disk.
pub(crate) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Opens a file for writing, and makes it if it is not there. For nobody else's eyes.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o600)
        .open(path)
}

fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn number<N: std::str::FromStr>(name: Option<&std::ffi::OsStr>) -> Option<N> {
    name?.to_str()?.parse().ok()
}
