//! What a life left: the requests that the ledger may not have, and what could not be read.

use std::{
    collections::BTreeMap,
    fmt,
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::Path,
    slice::Chunks,
};

use llmlite_core::{
    ids::{EventId, InstanceId},
    usage::UsageRecord,
};

use crate::{
    folder,
    segment::{HEADER_BYTES, Header, HeaderError, Kind, Piece, Record, scan},
};

/// Requests without an acknowledgement of the ledger, by rising event id.
///
/// For each there is one record: its final one, or that of its intent if it never ended.
#[derive(Debug)]
pub struct Remains {
    segments: Vec<File>,
    found: Vec<Found>,
    open: usize,
    damage: Vec<Damage>,
    ends: Ends,
    gap: bool,
}

/// Records of [`Remains`], so many at a time.
#[derive(Debug)]
pub struct Batches<'a> {
    segments: &'a [File],
    chunks: Chunks<'a, Found>,
}

/// Something in a segment that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The number of the segment.
    pub segment: u32,
    /// Where it begins, in bytes from the beginning of the segment.
    pub offset: u64,
    /// How many bytes could not be read.
    pub bytes: u64,
    /// What it is.
    pub flaw: Flaw,
}

/// Why bytes could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flaw {
    /// The end of the segment is no whole record: power was lost, or the file was cut.
    Torn,
    /// Something in the middle is not what was written.
    Corrupt,
    /// A whole record says something that we do not understand.
    Unintelligible,
    /// The segment is of another version of the format.
    Version(u32),
    /// The segment says that another life wrote it, or that it has another number.
    Foreign(Header),
    /// The segment is empty: power was lost before its header reached the disk, or it was emptied.
    Empty,
    /// There is no such segment, though there are older and younger ones.
    Missing {
        /// The next one that there is.
        next: u32,
    },
    /// The disk does not give the segment back.
    Unreadable(io::ErrorKind),
}

#[derive(Debug, Clone, Copy)]
struct Found {
    /// The place in `Remains::segments`.
    segment: u32,
    offset: u32,
    bytes: u32,
    standing: Standing,
}

/// What is known of a request. The greatest counts, whatever the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Begun,
    Withdrawn,
    Settled,
    Flushed,
}

/// What reading goes through.
#[derive(Default)]
struct Reader {
    segments: Vec<File>,
    requests: BTreeMap<EventId, Found>,
    damage: Vec<Damage>,
    ends: Ends,
}

/// The segments in which a life may have been cut off while it wrote.
#[derive(Debug, Default)]
struct Ends {
    /// The last one that has a sound record.
    written: Option<u32>,
    /// The last one, which may have been made ahead.
    made: Option<u32>,
}

impl Remains {
    pub(crate) fn of(instance: InstanceId, life: &Path) -> io::Result<Self> {
        let mut reader = Reader::default();
        for (number, path) in folder::segments(life)? {
            let next = reader
                .ends
                .made
                .map_or(number, |last: u32| last.saturating_add(1));
            if next < number {
                let flaw = Flaw::Missing { next: number };
                reader.damage.push(Damage::all(next, 0, flaw));
            }
            reader.file(Header { instance, number }, &path);
            reader.ends.made = Some(number);
        }
        Ok(reader.finish(folder::has_gap(life)?))
    }

    /// Whether no request can be missing that had begun.
    ///
    /// It can where something cannot be read, and where the life ended while it could not write
    /// everything down. What was cut off at the very end was being written, and had not begun yet.
    pub fn is_whole(&self) -> bool {
        let ends = [self.ends.written, self.ends.made];
        let is_the_end = |damage: &Damage| {
            matches!(damage.flaw, Flaw::Torn | Flaw::Empty) && ends.contains(&Some(damage.segment))
        };
        !self.gap && self.damage.iter().all(is_the_end)
    }

    /// Whether the life ended while requests were running that it could not write down.
    pub fn has_gap(&self) -> bool {
        self.gap
    }

    /// How many requests have ended.
    pub fn settled(&self) -> usize {
        self.found.len() - self.open
    }

    /// How many requests have begun, and nothing tells of their end.
    pub fn open(&self) -> usize {
        self.open
    }

    /// What could not be read, by rising segment and offset.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// The records, at most `size` at a time; `size` is at least 1.
    ///
    /// A batch fails when the disk does not give back what it gave before.
    pub fn batches(&self, size: usize) -> Batches<'_> {
        Batches {
            segments: &self.segments,
            chunks: self.found.chunks(size.max(1)),
        }
    }
}

impl Iterator for Batches<'_> {
    type Item = io::Result<Vec<UsageRecord>>;

    fn next(&mut self) -> Option<Self::Item> {
        let records = self.chunks.next()?.iter();
        Some(records.map(|found| read(self.segments, found)).collect())
    }
}

fn read(segments: &[File], found: &Found) -> io::Result<UsageRecord> {
    let lost = || io::Error::new(io::ErrorKind::InvalidData, "a record has changed meanwhile");
    let place = usize::try_from(found.segment).ok();
    let file = place
        .and_then(|place| segments.get(place))
        .ok_or_else(lost)?;
    let mut bytes = vec![0; usize::try_from(found.bytes).map_err(|_| lost())?];
    file.read_exact_at(&mut bytes, found.offset.into())?;
    let record = Record::at(&bytes, 0).ok_or_else(lost)?;
    Ok(serde_json::from_slice(record.payload())?)
}

impl Reader {
    /// Reads a segment as far as it is sound.
    fn file(&mut self, expected: Header, path: &Path) {
        let number = expected.number;
        let opened = File::open(path).and_then(|file| Ok((file, fs::read(path)?)));
        match opened {
            Ok((file, bytes)) => {
                self.segments.push(file);
                self.segment(expected, &bytes);
            }
            Err(error) => {
                let flaw = Flaw::Unreadable(error.kind());
                self.damage.push(Damage::all(number, 0, flaw));
            }
        }
    }

    fn segment(&mut self, expected: Header, bytes: &[u8]) {
        let number = expected.number;
        let all = bytes.len() as u64;
        let from = match Header::read(bytes) {
            _ if bytes.is_empty() => {
                return self.damage.push(Damage::all(number, 0, Flaw::Empty));
            }
            Ok(header) if header == expected => HEADER_BYTES,
            Ok(header) => {
                let flaw = Flaw::Foreign(header);
                return self.damage.push(Damage::all(number, all, flaw));
            }
            Err(HeaderError::Version(version)) => {
                let flaw = Flaw::Version(version);
                return self.damage.push(Damage::all(number, all, flaw));
            }
            // The folder says whose it is, and each record has a checksum of its own.
            Err(HeaderError::Damaged) => 0,
        };
        for piece in scan(bytes, from) {
            let (offset, length, flaw) = match piece {
                Piece::Record(record) => match self.record(&record) {
                    Some(()) => {
                        self.ends.written = Some(number);
                        continue;
                    }
                    None => (record.offset, record.bytes.len(), Flaw::Unintelligible),
                },
                Piece::Bad { offset, bytes: bad } if offset + bad == bytes.len() => {
                    (offset, bad, Flaw::Torn)
                }
                Piece::Bad { offset, bytes } => (offset, bytes, Flaw::Corrupt),
            };
            self.damage.push(Damage {
                segment: number,
                offset: offset as u64,
                bytes: length as u64,
                flaw,
            });
        }
    }

    /// Takes note of a record, if it can be understood.
    fn record(&mut self, record: &Record<'_>) -> Option<()> {
        let payload = record.payload();
        let standing = match record.kind {
            Kind::Intent => Standing::Begun,
            Kind::Settled => Standing::Settled,
            Kind::Withdrawn => {
                let event = serde_json::from_slice(payload).ok()?;
                return self.note(event, Standing::Withdrawn, record);
            }
            Kind::Flushed => {
                let events: Vec<EventId> = serde_json::from_slice(payload).ok()?;
                let mut events = events.into_iter();
                return events.try_for_each(|event| self.note(event, Standing::Flushed, record));
            }
        };
        let usage: UsageRecord = serde_json::from_slice(payload).ok()?;
        self.note(usage.event_id, standing, record)
    }

    fn note(&mut self, event: EventId, standing: Standing, record: &Record<'_>) -> Option<()> {
        let found = Found {
            segment: u32::try_from(self.segments.len().checked_sub(1)?).ok()?,
            offset: u32::try_from(record.offset).ok()?,
            bytes: u32::try_from(record.bytes.len()).ok()?,
            standing,
        };
        let known = self.requests.entry(event).or_insert(found);
        if known.standing <= standing {
            *known = found;
        }
        Some(())
    }

    fn finish(self, gap: bool) -> Remains {
        let left = |found: &Found| matches!(found.standing, Standing::Begun | Standing::Settled);
        let found: Vec<Found> = self.requests.into_values().filter(left).collect();
        let open = found
            .iter()
            .filter(|found| found.standing == Standing::Begun);
        Remains {
            open: open.count(),
            segments: self.segments,
            damage: self.damage,
            ends: self.ends,
            gap,
            found,
        }
    }
}

impl Damage {
    fn all(segment: u32, bytes: u64, flaw: Flaw) -> Self {
        Self {
            segment,
            offset: 0,
            bytes,
            flaw,
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, offset) = (self.bytes, self.offset);
        write!(
            f,
            "segment {}: {bytes} bytes from {offset} on: {}",
            self.segment, self.flaw
        )
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Torn => f.write_str("the end is torn off"),
            Self::Corrupt => f.write_str("not what was written"),
            Self::Unintelligible => f.write_str("a sound record that we do not understand"),
            Self::Version(version) => write!(f, "written in version {version} of the format"),
            Self::Foreign(Header { instance, number }) => {
                write!(f, "this is segment {number} of instance {instance}")
            }
            Self::Empty => f.write_str("the file is empty"),
            Self::Missing { next } => write!(f, "all before segment {next} are missing"),
            Self::Unreadable(kind) => write!(f, "the file cannot be read: {kind}"),
        }
    }
}
