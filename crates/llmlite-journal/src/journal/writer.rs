//! A segment that is being written.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::Path,
    sync::Arc,
};

use llmlite_core::ids::InstanceId;

use crate::{
    folder,
    segment::{HEADER_BYTES, Header},
};

/// The file and where its last sound record ends.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) number: u32,
    pub(super) file: Arc<File>,
    pub(super) end: u64,
    /// What follows `end` could not be cut off: nothing may be appended any more.
    pub(super) spoilt: bool,
}

impl Writer {
    /// Makes a segment without a record, under a name that no reader looks at.
    pub(super) fn draft(draft: &Path, instance: InstanceId, number: u32) -> io::Result<Self> {
        let file = folder::open(draft)?;
        file.set_len(0)?;
        let header = Header { instance, number }.to_bytes();
        file.write_all_at(&header, 0)?;
        Ok(Self {
            number,
            file: Arc::new(file),
            end: HEADER_BYTES as u64,
            spoilt: false,
        })
    }

    /// Gives it its name: a reader finds it with its header, or not at all.
    pub(super) fn publish(&self, draft: &Path, life: &Path) -> io::Result<()> {
        fs::rename(draft, folder::segment(life, self.number))
    }

    /// Writes a record behind the last one.
    ///
    /// A part of a record is cut off again. If even that fails, its checksum gives it away.
    pub(super) fn append(&mut self, record: &[u8]) -> io::Result<()> {
        let written = self.file.write_all_at(record, self.end);
        match &written {
            Ok(()) => self.end += record.len() as u64,
            Err(_) => self.spoilt = self.file.set_len(self.end).is_err(),
        }
        written
    }
}
