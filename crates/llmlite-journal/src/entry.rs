//! What can be written down, and how it becomes a record of a segment.

use std::io;

use llmlite_core::{ids::EventId, usage::UsageRecord};
use serde::{Deserialize, Serialize};

use crate::segment::{FRAME_BYTES, Kind, LARGEST_PAYLOAD, seal};

/// What happened to a request.
#[derive(Debug, Clone, Copy)]
pub enum Entry<'a> {
    /// It is about to reach Bedrock. The record is what has to be written down if nothing more is
    /// heard of it: its worst case, marked as estimated.
    Intent(&'a UsageRecord),
    /// It never reached Bedrock.
    Withdrawn(EventId),
    /// Its final record.
    Settled(&'a UsageRecord),
    /// The ledger has these. Ids that the journal does not know are passed over.
    Flushed(&'a [EventId]),
}

/// The one field that is needed to tell which request a record is of.
#[derive(Debug, Deserialize)]
pub(crate) struct Named {
    pub(crate) event_id: EventId,
}

/// A record of a segment: its frame, then `payload` as a line of JSON.
pub(crate) fn record<T: Serialize + ?Sized>(kind: Kind, payload: &T) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(1024);
    bytes.resize(FRAME_BYTES, 0);
    serde_json::to_writer(&mut bytes, payload)?;
    bytes.push(b'\n');
    if bytes.len() > FRAME_BYTES + LARGEST_PAYLOAD {
        let what = format!("a record of {} bytes is too large", bytes.len());
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    seal(kind, &mut bytes);
    Ok(bytes)
}
