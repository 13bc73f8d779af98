//! The id of a request, in its answer, its log lines and its usage row.

use std::{fmt, sync::Arc};

use uuid::Uuid;

/// The header that carries the id in an answer.
pub const HEADER: &str = "x-request-id";

/// `req_` and 32 hexadecimal digits, in the order in which requests came.
///
/// Always made here: an id that a client sends could be repeated, or forged into the log.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// Makes a new id.
    pub fn new() -> Self {
        Self(format!("req_{}", Uuid::now_v7().simple()).into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, to keep.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl Default for RequestId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
