//! Which segment holds the record that counts for each request. In memory: about 50 bytes each.

use std::collections::BTreeMap;

use llmlite_core::ids::EventId;

/// Where a request's last record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) segment: u32,
    /// From the beginning of the segment.
    pub(super) offset: u32,
    pub(super) bytes: u32,
    pub(super) settled: bool,
}

/// What a segment holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Fill {
    /// Bytes in all.
    pub(super) bytes: u64,
    /// Bytes of records that still count.
    pub(super) live_bytes: u64,
    /// Records that still count.
    pub(super) live: usize,
}

/// All segments, and all requests that the ledger does not have.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) segments: BTreeMap<u32, Fill>,
    /// A tree: a hash table would stop everybody now and then to grow.
    places: BTreeMap<EventId, Place>,
    open: usize,
    open_bytes: u64,
}

impl Index {
    pub(super) fn place(&self, event: EventId) -> Option<Place> {
        self.places.get(&event).copied()
    }

    pub(super) fn open(&self) -> usize {
        self.open
    }

    pub(super) fn settled(&self) -> usize {
        self.places.len() - self.open
    }

    /// Bytes of the records of open requests.
    pub(super) fn open_bytes(&self) -> u64 {
        self.open_bytes
    }

    /// The record at `place` is the one that counts from now on.
    pub(super) fn set(&mut self, event: EventId, place: Place) {
        self.clear(event);
        self.places.insert(event, place);
        let fill = self.segments.entry(place.segment).or_default();
        fill.live += 1;
        fill.live_bytes += u64::from(place.bytes);
        if !place.settled {
            self.open += 1;
            self.open_bytes += u64::from(place.bytes);
        }
    }

    /// Nothing of this request counts any more. Says where its record was.
    pub(super) fn clear(&mut self, event: EventId) -> Option<Place> {
        let place = self.places.remove(&event)?;
        if let Some(fill) = self.segments.get_mut(&place.segment) {
            fill.live -= 1;
            fill.live_bytes -= u64::from(place.bytes);
        }
        if !place.settled {
            self.open -= 1;
            self.open_bytes -= u64::from(place.bytes);
        }
        Some(place)
    }

    /// The segments before `current` that hold nothing that counts, from the oldest up to the
    /// first that does: a younger one may say that a request of an older one was withdrawn.
    pub(super) fn dead(&self, current: u32) -> Vec<u32> {
        let dead = self.segments.iter();
        dead.take_while(|(number, fill)| **number < current && fill.live == 0)
            .map(|(number, _)| *number)
            .collect()
    }

    /// The oldest segment, if it holds others up for little: no more than a quarter of it counts,
    /// or three quarters where space is short, and two or more have followed it.
    pub(super) fn straggler(&self, short: bool) -> Option<u32> {
        let (number, fill) = self.segments.first_key_value()?;
        let quarters = if short { 3 } else { 1 };
        let little = fill.live > 0 && fill.live_bytes * 4 <= fill.bytes * quarters;
        (little && self.segments.len() > 2).then_some(*number)
    }
}
