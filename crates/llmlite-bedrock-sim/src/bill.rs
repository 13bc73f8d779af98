//! What Bedrock charges for.
//!
//! A line is written when the model begins to generate, for the whole answer, because Bedrock
//! goes on generating when the reader hangs up.
//! A stream that a fault breaks off is billed up to the break.
//! Requests that were refused, throttled or never answered have no line.
//! A line says by itself whose request it was: the id that the caller gave it, and a tag that the
//! prompt carries, so that it can be held against the books of whoever called.

use std::{
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use memchr::memmem;
use serde::Serialize;
use serde_json::Value;

use crate::conversation::Conversation;

const TAG_OPENS: &str = "[bill:";
const TAG_CLOSES: char = ']';

/// One answer on the bill; token counts are those that the answer itself states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BillLine {
    /// Bedrock's id of the request, as in `x-amzn-requestid`.
    pub request_id: String,
    /// When the generation began: milliseconds since the beginning of 1970.
    pub begun_at_ms: u64,
    /// The model id as it stood in the path.
    pub model: String,
    /// Labels that the request carried for the bill, a JSON object of texts.
    pub metadata: Option<Value>,
    /// What stands in the newest `[bill:...]` of a user's text.
    pub tag: Option<String>,
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

impl BillLine {
    /// The id that the caller gave the request, if it labels its requests with `event_id`.
    pub fn event_id(&self) -> Option<&str> {
        self.metadata.as_ref()?.get("event_id")?.as_str()
    }
}

/// The tag for the bill in the newest text of the user that has one.
pub(crate) fn tag(talk: &Conversation) -> Option<String> {
    talk.user_turns().find_map(|(_, turn)| {
        let mut texts = turn.blocks.iter().rev().filter_map(|block| block.text());
        texts.find_map(tag_in).map(str::to_owned)
    })
}

/// Now, as a line tells it.
#[expect(
    clippy::disallowed_methods,
    reason = "a bill is held against the books of other programs, which go by the real time"
)]
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
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

fn tag_in(text: &str) -> Option<&str> {
    let at = memmem::rfind(text.as_bytes(), TAG_OPENS.as_bytes())?;
    let inside = text.get(at + TAG_OPENS.len()..)?;
    inside.split_once(TAG_CLOSES).map(|(tag, _)| tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_the_last_one_that_stands_whole_in_a_text() {
        for (text, want) in [
            ("[bill:team-07/key-123] hello", Some("team-07/key-123")),
            ("first [bill:a] then [bill:b] and more", Some("b")),
            ("[bill:]", Some("")),
            ("[bill:never closed", None),
            ("the bill: please", None),
            ("", None),
        ] {
            assert_eq!(tag_in(text), want, "{text}");
        }
    }
}
