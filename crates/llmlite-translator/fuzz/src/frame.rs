//! The frames that leave us.

use llmlite_openai::sse;
use serde::Serialize;
use serde_json::Value;

/// Frames `value` and reads the frame again, as a client would: one line, whatever is in it.
pub(super) fn through<T: Serialize>(value: &T) -> Value {
    let mut frame = Vec::new();
    sse::data(&mut frame, value).expect("answers have only string keys");
    let inside = frame
        .strip_prefix(b"data: ")
        .and_then(|rest| rest.strip_suffix(b"\n\n"))
        .expect("a frame begins with its field and ends with a blank line");
    assert!(is_one_line(inside), "a line break would end the event");
    serde_json::from_slice(inside).expect("a frame holds JSON")
}

/// Makes a comment, which stays one line, whatever is in it.
pub(super) fn comment(text: &str) {
    let mut frame = Vec::new();
    sse::comment(&mut frame, text);
    let inside = frame
        .strip_prefix(b": ")
        .and_then(|rest| rest.strip_suffix(b"\n\n"))
        .expect("a comment begins with a colon and ends with a blank line");
    assert!(is_one_line(inside), "a line break would end the comment");
}

fn is_one_line(bytes: &[u8]) -> bool {
    !bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n'))
}
