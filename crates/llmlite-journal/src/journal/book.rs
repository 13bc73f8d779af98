//! All that is behind the journal's lock: the segments, and what counts in them.

use std::{
    collections::BTreeSet,
    fs::File,
    io, mem,
    path::{Path, PathBuf},
    sync::Arc,
};

use llmlite_core::{
    ids::{EventId, InstanceId},
    ports::journal::Unkept,
};

use super::{
    Config, State, Trouble,
    fill::{Index, Place},
    writer::Writer,
};
use crate::{
    entry::record,
    folder,
    segment::{HEADER_BYTES, Kind, Record},
};

/// What a final record may need beyond its intent's size, and an acknowledgement: in bytes.
const ALLOWANCE: u64 = 192;

#[derive(Debug)]
pub(super) struct Book {
    path: PathBuf,
    instance: InstanceId,
    segment_bytes: u64,
    cap_bytes: u64,
    current: Writer,
    /// The next segment, made ahead.
    ready: Option<Writer>,
    index: Index,
    /// Bytes of all segments.
    bytes: u64,
    /// Requests whose withdrawal could not be written yet, with the segments of their intents.
    owed: Vec<(EventId, u32)>,
    /// Requests that have begun and are not in the segments, and that the ledger does not have.
    missing: BTreeSet<EventId>,
    /// Whether the life's folder says that there are any.
    gap: bool,
    /// Something has changed since the last round.
    pub(super) changed: bool,
    /// Segments that were left with entries that are not on the disk yet.
    unsynced: Vec<Arc<File>>,
    /// A segment's name is not on the disk yet.
    nameless: bool,
    full: bool,
    writing: Option<Arc<io::Error>>,
    syncing: Option<Arc<io::Error>>,
    clearing: Option<Arc<io::Error>>,
}

/// What a round puts on the disk.
#[derive(Debug)]
pub(super) struct Unsynced {
    pub(super) files: Vec<Arc<File>>,
    pub(super) names: bool,
}

impl Book {
    /// Begins the first segment.
    pub(super) fn open(config: &Config, path: PathBuf, instance: InstanceId) -> io::Result<Self> {
        let current = begin(&path, instance, 1)?;
        let mut book = Self {
            path,
            instance,
            segment_bytes: config.segment_bytes,
            cap_bytes: config.cap_bytes,
            index: Index::default(),
            bytes: 0,
            current,
            ready: None,
            owed: Vec::new(),
            missing: BTreeSet::new(),
            gap: false,
            changed: true,
            unsynced: Vec::new(),
            nameless: true,
            full: false,
            writing: None,
            syncing: None,
            clearing: None,
        };
        book.enter();
        Ok(book)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn state(&self) -> State {
        let writing = self.writing.clone().map(Trouble::Writing);
        let syncing = self.syncing.clone().map(Trouble::Syncing);
        let clearing = self.clearing.clone().map(Trouble::Clearing);
        State {
            bytes: self.bytes,
            cap_bytes: self.cap_bytes,
            segments: self.index.segments.len(),
            open: self.index.open(),
            settled: self.index.settled(),
            missing: self.missing.len(),
            trouble: writing
                .or(syncing)
                .or(clearing)
                .or(self.full.then_some(Trouble::Full)),
        }
    }

    /// Writes the record of an intent or of a request that has ended.
    pub(super) fn keep(&mut self, kind: Kind, event: EventId, bytes: &[u8]) -> Result<(), Unkept> {
        let kept = self.enter_record(kind, event, bytes);
        kept.map_err(|why| match kind {
            Kind::Intent => self.miss(event, why),
            _ => why,
        })
    }

    fn enter_record(&mut self, kind: Kind, event: EventId, bytes: &[u8]) -> Result<(), Unkept> {
        let settled = kind == Kind::Settled;
        let begun = self.index.place(event);
        if !settled && begun.is_some_and(|place| place.settled) {
            return Ok(());
        }
        // Room for this was set aside when the request began.
        let granted = settled && begun.is_some();
        if !granted && !self.has_room(settled, bytes.len() as u64) {
            self.full = true;
            // A round may find space.
            self.changed = true;
            return Err(Unkept::Full);
        }
        let offset = self.write(bytes).map_err(Unkept::Disk)?;
        self.full = false;
        self.put(event, offset, bytes, settled);
        self.miss_no_more(&[event]);
        Ok(())
    }

    /// A request begins of which no record could be kept: `why`, unless it is worse than that.
    ///
    /// A reader has to know of it before it runs, and so before this returns.
    pub(super) fn miss(&mut self, event: EventId, why: Unkept) -> Unkept {
        self.missing.insert(event);
        if self.gap {
            return why;
        }
        match folder::mark_gap(&self.path) {
            Ok(()) => {
                self.gap = true;
                self.nameless = true;
                self.changed = true;
                why
            }
            Err(error) => Unkept::Untold(error),
        }
    }

    /// Of these nothing is missing any more.
    pub(super) fn miss_no_more(&mut self, events: &[EventId]) {
        for event in events {
            // A round takes the mark away.
            self.changed |= self.missing.remove(event);
        }
    }

    /// Takes the mark away that requests are missing, if none are.
    pub(super) fn close_gap(&mut self) -> io::Result<()> {
        if self.gap && self.missing.is_empty() {
            folder::unmark_gap(&self.path)?;
            self.gap = false;
            self.nameless = true;
            self.changed = true;
        }
        Ok(())
    }

    /// Takes an intent back. A request that has ended cannot be.
    pub(super) fn withdraw(&mut self, event: EventId) -> io::Result<()> {
        self.miss_no_more(&[event]);
        let Some(intent) = self.index.place(event).filter(|place| !place.settled) else {
            return Ok(());
        };
        self.index.clear(event);
        self.changed = true;
        let bytes = record(Kind::Withdrawn, &event)?;
        let written = self.write(&bytes);
        if written.is_err() {
            self.owed.push((event, intent.segment));
        }
        written.map(|_| ())
    }

    /// Those of `events` that are not acknowledged yet.
    pub(super) fn known(&self, events: &[EventId]) -> Vec<EventId> {
        let known = |event: &&EventId| self.index.place(**event).is_some();
        events.iter().filter(known).copied().collect()
    }

    /// The ledger has these; `bytes` is the record that says so.
    ///
    /// If it cannot be written they are handed to the ledger once more some day, which changes
    /// nothing; but the space of a full disk has to be given back.
    pub(super) fn acknowledge(&mut self, events: &[EventId], bytes: &[u8]) -> io::Result<()> {
        for event in events {
            self.index.clear(*event);
        }
        self.changed = true;
        self.write(bytes).map(|_| ())
    }

    /// Writes a record of the segment `from` once more, if it is the one that counts.
    pub(super) fn carry(
        &mut self,
        segment: u32,
        record: &Record<'_>,
        event: EventId,
    ) -> io::Result<()> {
        let counts = |place: &Place| {
            place.segment == segment && usize::try_from(place.offset) == Ok(record.offset)
        };
        let Some(place) = self.index.place(event).filter(counts) else {
            return Ok(());
        };
        let offset = self.write(record.bytes)?;
        self.put(event, offset, record.bytes, place.settled);
        Ok(())
    }

    /// The segments that can be deleted once everything written so far is on the disk.
    pub(super) fn dead(&self) -> Vec<u32> {
        self.index.dead(self.current.number)
    }

    pub(super) fn straggler(&self) -> Option<u32> {
        self.index.straggler(self.bytes > self.cap_bytes / 4 * 3)
    }

    /// A segment has been deleted.
    pub(super) fn forget(&mut self, number: u32) {
        if let Some(fill) = self.index.segments.remove(&number) {
            self.bytes -= fill.bytes;
            self.full = false;
        }
        self.owed.retain(|(_, segment)| *segment != number);
    }

    /// What has to be put on the disk; the caller does so, and reports with [`Self::synced`].
    pub(super) fn unsynced(&mut self) -> Unsynced {
        let mut files = mem::take(&mut self.unsynced);
        if mem::take(&mut self.changed) {
            files.push(Arc::clone(&self.current.file));
        }
        let names = mem::take(&mut self.nameless);
        Unsynced { files, names }
    }

    /// How it went. After a failure the kernel may have dropped what it could not write, and would
    /// report success the next time: so nothing more goes into that segment.
    pub(super) fn synced(&mut self, outcome: Result<(), Arc<io::Error>>) {
        self.syncing = outcome.err();
        self.current.spoilt |= self.syncing.is_some();
        self.nameless |= self.syncing.is_some();
    }

    pub(super) fn cleared(&mut self, outcome: io::Result<()>) {
        self.clearing = outcome.err().map(Arc::new);
    }

    /// The number of the segment that should be made ahead, if it is time.
    pub(super) fn wanted(&self) -> Option<u32> {
        let wanted = self.ready.is_none() && self.current.end * 2 > self.segment_bytes;
        wanted.then_some(self.current.number + 1)
    }

    /// A segment has been made ahead. Somebody may have needed it sooner.
    pub(super) fn offer(&mut self, segment: Writer, draft: &Path) -> io::Result<()> {
        if self.ready.is_none() && segment.number == self.current.number + 1 {
            segment.publish(draft, &self.path)?;
            self.nameless = true;
            self.ready = Some(segment);
        }
        Ok(())
    }

    pub(super) fn instance(&self) -> InstanceId {
        self.instance
    }

    /// Whether a record of so many bytes fits, with all that the open requests may still need.
    fn has_room(&self, settled: bool, bytes: u64) -> bool {
        let open = self.index.open() as u64;
        let reserved = self.index.open_bytes() + open * ALLOWANCE;
        let later = if settled { 0 } else { bytes + ALLOWANCE };
        self.bytes + reserved + bytes + later <= self.cap_bytes
    }

    /// The record of the current segment at `offset` is the one that counts.
    fn put(&mut self, event: EventId, offset: u64, bytes: &[u8], settled: bool) {
        let small = "a segment is far smaller than 4 GiB";
        let place = Place {
            segment: self.current.number,
            offset: u32::try_from(offset).expect(small),
            bytes: u32::try_from(bytes.len()).expect(small),
            settled,
        };
        self.index.set(event, place);
    }

    /// Appends a record, and before it what is owed. Says where in the segment it begins.
    fn write(&mut self, bytes: &[u8]) -> io::Result<u64> {
        let written = self.pay().and_then(|()| self.write_one(bytes));
        match &written {
            Ok(_) => self.writing = None,
            // The cause is told twice: to the caller now, and to whoever asks how we do.
            Err(error) => {
                let error = io::Error::new(error.kind(), error.to_string());
                self.writing = Some(Arc::new(error));
            }
        }
        written
    }

    fn pay(&mut self) -> io::Result<()> {
        while let Some((event, _)) = self.owed.last().copied() {
            self.write_one(&record(Kind::Withdrawn, &event)?)?;
            self.owed.pop();
        }
        Ok(())
    }

    fn write_one(&mut self, bytes: &[u8]) -> io::Result<u64> {
        let grown = bytes.len() as u64;
        let overflows = self.current.end + grown > self.segment_bytes;
        if self.current.spoilt || (overflows && self.current.end > HEADER_BYTES as u64) {
            self.turn()?;
        }
        self.changed = true;
        let offset = self.current.end;
        self.current.append(bytes)?;
        self.bytes += grown;
        let fill = self.index.segments.entry(self.current.number);
        fill.or_default().bytes += grown;
        Ok(offset)
    }

    /// Goes on in the next segment.
    fn turn(&mut self) -> io::Result<()> {
        let next = match self.ready.take() {
            Some(ready) => ready,
            None => {
                self.nameless = true;
                begin(&self.path, self.instance, self.current.number + 1)?
            }
        };
        let last = mem::replace(&mut self.current, next);
        self.unsynced.push(last.file);
        self.enter();
        Ok(())
    }

    fn enter(&mut self) {
        let fill = self.index.segments.entry(self.current.number).or_default();
        fill.bytes = self.current.end;
        self.bytes += self.current.end;
    }
}

/// A segment that is needed now.
fn begin(path: &Path, instance: InstanceId, number: u32) -> io::Result<Writer> {
    let draft = folder::draft(path, "next");
    let segment = Writer::draft(&draft, instance, number)?;
    segment.publish(&draft, path)?;
    Ok(segment)
}
