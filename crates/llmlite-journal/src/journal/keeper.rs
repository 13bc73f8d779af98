//! Puts the journal on the disk in rounds, and gives back the space that it does not need.

use std::{
    fs, io,
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use llmlite_core::ids::InstanceId;

use super::{book::Book, writer::Writer};
use crate::{
    entry::Named,
    folder,
    segment::{HEADER_BYTES, Kind, Piece, scan},
};

/// The book and its lock. Nothing that waits for the disk happens under it.
#[derive(Debug)]
pub(super) struct Keeper {
    path: PathBuf,
    instance: InstanceId,
    every: Duration,
    desk: Mutex<Desk>,
    wake: Condvar,
    /// Held by whoever does a round, and tells whether the last attempt to carry a segment forward
    /// left something behind.
    round: Mutex<Round>,
}

#[derive(Debug)]
struct Desk {
    book: Book,
    over: bool,
}

#[derive(Debug, Default)]
struct Round {
    /// Its records cannot be read any more: it stays until the ledger has them.
    unreadable: Option<u32>,
}

impl Keeper {
    /// What is there already is put on the disk at once.
    pub(super) fn new(book: Book, every: Duration) -> io::Result<Self> {
        let keeper = Self {
            path: book.path().to_owned(),
            instance: book.instance(),
            every,
            desk: Mutex::new(Desk { book, over: false }),
            wake: Condvar::new(),
            round: Mutex::default(),
        };
        keeper.round()?;
        Ok(keeper)
    }

    pub(super) fn look<T>(&self, look: impl FnOnce(&Book) -> T) -> T {
        look(&self.desk().book)
    }

    /// Changes the book, and wakes the thread if it sleeps.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Book) -> T) -> T {
        let mut desk = self.desk();
        let slept = !desk.book.changed;
        let changed = change(&mut desk.book);
        if slept && desk.book.changed {
            self.wake.notify_one();
        }
        changed
    }

    /// Does a round after each change, but waits for more changes first; until [`Self::stop`].
    pub(super) fn work(&self) {
        loop {
            let idle = |desk: &mut Desk| !desk.over && !desk.book.changed;
            let desk = self.wake.wait_while(self.desk(), idle);
            let desk = desk.unwrap_or_else(PoisonError::into_inner);
            let woken = self
                .wake
                .wait_timeout_while(desk, self.every, |desk| !desk.over);
            let over = woken.unwrap_or_else(PoisonError::into_inner).0.over;
            // What went wrong is in the book, for whoever asks how the journal does.
            drop(self.round());
            if over {
                return;
            }
        }
    }

    pub(super) fn stop(&self) {
        self.desk().over = true;
        self.wake.notify_all();
    }

    /// Carries stragglers forward, puts everything on the disk, deletes what is needed no more,
    /// and makes the next segment ahead.
    pub(super) fn round(&self) -> io::Result<()> {
        let mut round = self.round.lock().unwrap_or_else(PoisonError::into_inner);
        let carried = self.carry(&mut round);
        // What replaces a record has to be on the disk before the record goes.
        let dead = self.look(Book::dead);
        let synced = self.sync();
        let cleared = match &synced {
            Ok(()) => carried
                .and(self.clear(&dead))
                .and(self.desk().book.close_gap()),
            Err(_) => carried,
        };
        self.desk().book.cleared(cleared);
        // If this fails, whoever needs the segment tries again, and says so.
        drop(self.make_ahead());
        synced.map_err(|error| io::Error::new(error.kind(), error.to_string()))
    }

    fn sync(&self) -> Result<(), Arc<io::Error>> {
        let unsynced = self.desk().book.unsynced();
        let files = unsynced.files.iter();
        // All are tried: one that fails must not keep the others from the disk.
        let written = files.map(|file| file.sync_data()).fold(Ok(()), Result::and);
        let named = match unsynced.names {
            true => folder::sync(&self.path),
            false => Ok(()),
        };
        let outcome = written.and(named).map_err(Arc::new);
        self.desk().book.synced(outcome.clone());
        outcome
    }

    fn clear(&self, dead: &[u32]) -> io::Result<()> {
        for number in dead {
            match fs::remove_file(folder::segment(&self.path, *number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => self.desk().book.forget(*number),
            }
            // One by one, so that the disk too never has a younger one go first.
            folder::sync(&self.path)?;
        }
        Ok(())
    }

    /// Writes what still counts in the oldest segment once more, if it is little.
    fn carry(&self, round: &mut Round) -> io::Result<()> {
        let Some(number) = self.look(Book::straggler) else {
            return Ok(());
        };
        if round.unreadable == Some(number) {
            return Err(lost(number));
        }
        let bytes = fs::read(folder::segment(&self.path, number))?;
        for piece in scan(&bytes, HEADER_BYTES) {
            if let Piece::Record(record) = piece
                && matches!(record.kind, Kind::Intent | Kind::Settled)
            {
                let Named { event_id } = serde_json::from_slice(record.payload())?;
                self.desk().book.carry(number, &record, event_id)?;
            }
        }
        if self.look(Book::straggler) == Some(number) {
            round.unreadable = Some(number);
            return Err(lost(number));
        }
        Ok(())
    }

    fn make_ahead(&self) -> io::Result<()> {
        let Some(number) = self.look(Book::wanted) else {
            return Ok(());
        };
        let draft = folder::draft(&self.path, "ahead");
        let segment = Writer::draft(&draft, self.instance, number)?;
        segment.file.sync_all()?;
        self.desk().book.offer(segment, &draft)
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lost(segment: u32) -> io::Error {
    let what = format!("segment {segment} has lost records that are still needed");
    io::Error::new(io::ErrorKind::InvalidData, what)
}
