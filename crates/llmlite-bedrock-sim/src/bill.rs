//! What Bedrock charges for.
//!
//! A line is written when the model begins to generate, for the whole answer, because Bedrock
//! goes on generating when the reader hangs up.
//! A stream that a fault breaks off is billed up to the break.
//! Requests that were refused, throttled or never answered have no line.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde_json::Value;

/// One answer on the bill; token counts are those that the answer itself states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BillLine {
    /// Bedrock's id of the request, as in `x-amzn-requestid`.
    pub request_id: String,
    /// The model id as it stood in the path.
    pub model: String,
    /// Labels that the request carried for the bill, a JSON object of texts.
    pub metadata: Option<Value>,
    /// Input tokens at the full price: neither read from the cache nor written to it.
    pub input_tokens: u64,
    /// Output tokens, thinking included.
    pub output_tokens: u64,
    /// Input tokens that came from the cache.
    pub cache_read_tokens: u64,
    /// Input tokens that were written to the cache, for whatever time.
    pub cache_write_tokens: u64,
    /// Those of `cache_write_tokens` that are kept for an hour.
    pub cache_write_1h_tokens: u64,
    /// Whether the answer was streamed.
    pub streamed: bool,
    /// Whether the generation came to its end; false when a fault broke the stream off.
    pub complete: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Bill(Mutex<Vec<BillLine>>);

impl Bill {
    pub(crate) fn add(&self, line: BillLine) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line);
    }

    pub(crate) fn lines(&self) -> Vec<BillLine> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn clear(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}
