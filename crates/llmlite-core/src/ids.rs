//! Identifiers that must never be swapped, each a type of its own.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use uuid::{NoContext, Timestamp, Uuid};

macro_rules! surrogate {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

surrogate! {
    /// The database's number of a virtual key.
    KeyId
}
surrogate! {
    /// The database's number of a user.
    UserId
}
surrogate! {
    /// The database's number of a team.
    TeamId
}
surrogate! {
    /// The database's number of a limit: one measure of one subject, overall or for one model.
    ///
    /// What is counted against a limit is filed under this number, so a limit that changes its
    /// value keeps it, and one that changes its subject, model or measure is another limit.
    LimitId
}
surrogate! {
    /// The database's number of one life of a gateway process.
    ///
    /// A process that starts takes a new one: no two lives ever share a lease.
    InstanceId
}

/// Names one request that was admitted: a UUIDv7, made at admission.
///
/// It is the idempotency key of the usage row, and carries the time that the row is filed under,
/// so that a batch sent twice lands in the same partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(pub Uuid);

impl EventId {
    /// Makes a new id for a request admitted at `now`, to the millisecond.
    pub fn new(now: SystemTime) -> Self {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(Uuid::new_v7(Timestamp::from_unix(
            NoContext,
            since.as_secs(),
            since.subsec_nanos(),
        )))
    }

    /// When the request was admitted, to the millisecond.
    pub fn admitted_at(&self) -> SystemTime {
        let (secs, nanos) = self.0.get_timestamp().map_or((0, 0), |t| t.to_unix());
        UNIX_EPOCH + Duration::new(secs, nanos)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_id_carries_its_time_of_admission() {
        let now = UNIX_EPOCH + Duration::from_millis(1_763_900_000_123);
        assert_eq!(EventId::new(now).admitted_at(), now);
        assert_ne!(EventId::new(now), EventId::new(now));
    }
}
