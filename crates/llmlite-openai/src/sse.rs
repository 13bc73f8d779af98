//! Framing of server-sent events: text only, no transport.

use serde::Serialize;

/// Ends a stream of chunks.
pub const DONE: &[u8] = b"data: [DONE]\n\n";

/// Keeps an idle connection open; clients skip it.
///
/// Not `: ping`, which one known client takes for the end of the stream.
pub const KEEP_ALIVE: &[u8] = b": keep-alive\n\n";

/// Appends `value` as one `data:` event.
///
/// # Errors
///
/// When `value` cannot be written as JSON; `out` is then left as it was.
pub fn data<T: Serialize>(out: &mut Vec<u8>, value: &T) -> Result<(), serde_json::Error> {
    let before = out.len();
    out.extend_from_slice(b"data: ");
    if let Err(error) = serde_json::to_writer(&mut *out, value) {
        out.truncate(before);
        return Err(error);
    }
    out.extend_from_slice(b"\n\n");
    Ok(())
}

/// Appends a comment; line breaks in `text` become spaces, so that it stays one.
pub fn comment(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(b": ");
    out.extend(text.bytes().map(|byte| {
        if matches!(byte, b'\r' | b'\n') {
            b' '
        } else {
            byte
        }
    }));
    out.extend_from_slice(b"\n\n");
}
