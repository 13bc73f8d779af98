//! The format of a segment: a header, then records.
//!
//! ```text
//! header   magic 8 | version u32 | instance i64 | number u32 | CRC-32 of these 24 bytes
//! record   marker 4 | CRC-32 of all that follows | length of the payload u32 | kind 1 | payload
//! ```
//!
//! Numbers are little-endian. A payload is a line of JSON, so that an auditor reads a segment with
//! `less` or `grep -a`: the [`UsageRecord`] for kinds `I` (intent) and `S` (settled), an event id
//! for `W` (withdrawn), a list of event ids for `F` (flushed).
//!
//! The marker holds bytes that occur in no UTF-8, and so in no payload: after a damaged record the
//! next one is found by looking for it.
//!
//! [`UsageRecord`]: llmlite_core::usage::UsageRecord

use crc32fast::Hasher;
use llmlite_core::ids::InstanceId;

/// The version of the format that is written, and the only one that is read.
pub const VERSION: u32 = 1;
/// Bytes of a segment's header.
pub const HEADER_BYTES: usize = 28;
/// Bytes before a record's payload.
pub const FRAME_BYTES: usize = 13;
/// No payload is longer than this, in bytes; a reader believes no length beyond it.
pub const LARGEST_PAYLOAD: usize = 64 * 1024;

const MAGIC: [u8; 8] = *b"LLMJRNL\n";
const MARKER: [u8; 4] = [0xF5, b'L', b'J', 0xFA];

/// Whose segment this is, and which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The life that wrote it.
    pub instance: InstanceId,
    /// Counts the segments of that life, from 1.
    pub number: u32,
}

/// Why a header says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderError {
    /// It is not whole, or some of its bits are wrong.
    Damaged,
    /// It is sound, and of a version that we do not know.
    Version(u32),
}

/// What a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// [`Entry::Intent`](crate::Entry::Intent)
    Intent,
    /// [`Entry::Withdrawn`](crate::Entry::Withdrawn)
    Withdrawn,
    /// [`Entry::Settled`](crate::Entry::Settled)
    Settled,
    /// [`Entry::Flushed`](crate::Entry::Flushed)
    Flushed,
}

/// A sound record: its checksum is right, and its payload is UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Where its frame begins, in bytes from the beginning of what is scanned.
    pub offset: usize,
    /// What it says.
    pub kind: Kind,
    /// Frame and payload, as they were written.
    pub bytes: &'a [u8],
}

/// A stretch of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A sound record.
    Record(Record<'a>),
    /// Bytes that are none, up to the next sound record or the end.
    Bad {
        /// Where they begin.
        offset: usize,
        /// How many there are.
        bytes: usize,
    },
}

/// The pieces of a segment from `offset` on, without a gap between them.
#[derive(Debug, Clone)]
pub struct Scan<'a> {
    all: &'a [u8],
    at: usize,
}

impl Header {
    /// The header as it stands at the beginning of a segment.
    pub fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let (said, sum) = bytes.split_at_mut(HEADER_BYTES - 4);
        let fields = MAGIC
            .into_iter()
            .chain(VERSION.to_le_bytes())
            .chain(self.instance.0.to_le_bytes())
            .chain(self.number.to_le_bytes());
        said.iter_mut()
            .zip(fields)
            .for_each(|(to, from)| *to = from);
        sum.copy_from_slice(&crc32fast::hash(said).to_le_bytes());
        bytes
    }

    /// Reads the header of the segment that `bytes` are, or the beginning of.
    ///
    /// # Errors
    ///
    /// When it is damaged, or of another version.
    pub fn read(bytes: &[u8]) -> Result<Self, HeaderError> {
        Self::fields(bytes).unwrap_or(Err(HeaderError::Damaged))
    }

    fn fields(bytes: &[u8]) -> Option<Result<Self, HeaderError>> {
        let (said, rest) = bytes.split_at_checked(HEADER_BYTES - 4)?;
        let (sum, _) = rest.split_first_chunk()?;
        if u32::from_le_bytes(*sum) != crc32fast::hash(said) {
            return None;
        }
        let said = said.strip_prefix(&MAGIC)?;
        let (version, said) = said.split_first_chunk()?;
        let (instance, said) = said.split_first_chunk()?;
        let (number, _) = said.split_first_chunk()?;
        let version = u32::from_le_bytes(*version);
        if version != VERSION {
            return Some(Err(HeaderError::Version(version)));
        }
        Some(Ok(Self {
            instance: InstanceId(i64::from_le_bytes(*instance)),
            number: u32::from_le_bytes(*number),
        }))
    }
}

impl Kind {
    fn letter(self) -> u8 {
        match self {
            Self::Intent => b'I',
            Self::Withdrawn => b'W',
            Self::Settled => b'S',
            Self::Flushed => b'F',
        }
    }

    fn of(letter: u8) -> Option<Self> {
        [Self::Intent, Self::Withdrawn, Self::Settled, Self::Flushed]
            .into_iter()
            .find(|kind| kind.letter() == letter)
    }
}

impl<'a> Record<'a> {
    /// The line of JSON.
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(FRAME_BYTES..).unwrap_or_default()
    }

    /// The sound record that begins at `offset`, if one does.
    pub fn at(all: &'a [u8], offset: usize) -> Option<Self> {
        let from = all.get(offset..)?;
        let (marker, rest) = from.split_first_chunk()?;
        let (sum, said) = rest.split_first_chunk()?;
        let (length, after) = said.split_first_chunk()?;
        let (letter, payload) = after.split_first()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        if *marker != MARKER || length > LARGEST_PAYLOAD || length > payload.len() {
            return None;
        }
        let bytes = from.get(..FRAME_BYTES + length)?;
        let (_, said) = bytes.split_at_checked(8)?;
        if crc32fast::hash(said) != u32::from_le_bytes(*sum) {
            return None;
        }
        let kind = Kind::of(*letter)?;
        // So that none can reach into the next one, whose marker is no UTF-8.
        str::from_utf8(payload.get(..length)?).ok()?;
        Some(Self {
            offset,
            kind,
            bytes,
        })
    }
}

/// Looks through `all` from `offset` on. A sound record is found whatever bytes stand before it.
///
/// That is [`HEADER_BYTES`] for a segment with a sound header, and 0 for one without.
pub fn scan(all: &[u8], offset: usize) -> Scan<'_> {
    Scan { all, at: offset }
}

impl<'a> Iterator for Scan<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if self.at >= self.all.len() {
            return None;
        }
        if let Some(record) = Record::at(self.all, self.at) {
            self.at += record.bytes.len();
            return Some(Piece::Record(record));
        }
        let offset = self.at;
        self.at = next_sound(self.all, offset + 1);
        let bytes = self.at - offset;
        Some(Piece::Bad { offset, bytes })
    }
}

/// Where the first sound record at or after `from` begins; the end of `all` if there is none.
fn next_sound(all: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(rest) = all.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(skip) = rest.windows(MARKER.len()).position(|w| w == MARKER) else {
            break;
        };
        at += skip;
        if Record::at(all, at).is_some() {
            return at;
        }
        at += 1;
    }
    all.len()
}

/// Fills in the frame of a record whose payload stands behind [`FRAME_BYTES`] free bytes.
pub(crate) fn seal(kind: Kind, record: &mut [u8]) {
    let (frame, payload) = record.split_at_mut(FRAME_BYTES);
    let length = u32::try_from(payload.len()).expect("a payload is no longer than the largest");
    let (head, said) = frame.split_at_mut(8);
    let fields = length.to_le_bytes().into_iter().chain([kind.letter()]);
    said.iter_mut()
        .zip(fields)
        .for_each(|(to, from)| *to = from);
    let mut sum = Hasher::new();
    sum.update(said);
    sum.update(payload);
    let fields = MARKER.into_iter().chain(sum.finalize().to_le_bytes());
    head.iter_mut()
        .zip(fields)
        .for_each(|(to, from)| *to = from);
}
