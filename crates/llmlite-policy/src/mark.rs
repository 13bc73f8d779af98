//! What only the database can settle, and only with its answer to a call that was sent since.

/// Whether something has to be heard from the database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Mark {
    #[default]
    None,
    /// A call has to be sent.
    Due,
    /// A call was sent since: its answer settles it, and if it fails, that of the next one does.
    Sent,
}

impl Mark {
    /// Something has happened that the answer to a call under way may not know of.
    pub(crate) fn set(&mut self) {
        *self = Self::Due;
    }

    /// A call about it goes out.
    pub(crate) fn sent(&mut self) {
        if *self == Self::Due {
            *self = Self::Sent;
        }
    }

    /// The call under way was answered.
    pub(crate) fn answered(&mut self) {
        if *self == Self::Sent {
            *self = Self::None;
        }
    }

    pub(crate) fn is_set(self) -> bool {
        self != Self::None
    }
}
