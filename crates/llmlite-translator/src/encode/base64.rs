//! Base64 as clients send it, made canonical.

use std::borrow::Cow;

/// The standard alphabet with padding: unchanged if it is that already.
///
/// Accepts line breaks and blanks, the alphabet for URLs and missing padding.
/// `None` when a character or the length makes no sense, or nothing is left.
pub(super) fn canonical(text: &str) -> Option<Cow<'_, str>> {
    let unpadded = text.trim_end_matches('=');
    if is_standard(unpadded) && text.len().is_multiple_of(4) && text.len() - unpadded.len() <= 2 {
        return (!unpadded.is_empty()).then_some(Cow::Borrowed(text));
    }
    let mut clean = String::with_capacity(text.len() + 2);
    for char in text
        .chars()
        .filter(|char| !char.is_ascii_whitespace() && *char != '=')
    {
        clean.push(match char {
            '-' => '+',
            '_' => '/',
            char if value(u8::try_from(char).ok()?).is_some() => char,
            _ => return None,
        });
    }
    match clean.len() % 4 {
        0 if clean.is_empty() => return None,
        1 => return None,
        2 => clean.push_str("=="),
        3 => clean.push('='),
        _ => {}
    }
    Some(Cow::Owned(clean))
}

/// Whether all of `text` is of the standard alphabet.
///
/// No early end inside a chunk, so that the compiler looks at many bytes at once: pictures are
/// most of the bytes of the requests that have them.
fn is_standard(text: &str) -> bool {
    let is_sign = |byte: &u8| byte.is_ascii_alphanumeric() | (*byte == b'+') | (*byte == b'/');
    let all = |chunk: &[u8]| chunk.iter().fold(true, |all, byte| all & is_sign(byte));
    text.as_bytes().chunks(64).all(all)
}

/// The first twelve bytes of what `canonical` stands for, filled up with zeros.
pub(super) fn head(canonical: &str) -> [u8; 12] {
    let mut head = [0; 12];
    let start = canonical.get(..16).unwrap_or(canonical);
    for (to, byte) in head.iter_mut().zip(decode(start)) {
        *to = byte;
    }
    head
}

/// What `canonical` stands for.
pub(super) fn decode(canonical: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(canonical.len() / 4 * 3);
    let (mut bits, mut have) = (0_u32, 0);
    for six in canonical.bytes().filter_map(value) {
        bits = (bits << 6) | u32::from(six);
        have += 6;
        if have >= 8 {
            have -= 8;
            bytes.push((bits >> have).to_le_bytes()[0]);
        }
    }
    bytes
}

/// The standard alphabet with padding.
pub(super) fn encode(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let six = usize::try_from(bits >> (18 - 6 * at) & 63).unwrap_or_default();
            let sign = ALPHABET.get(six).copied().unwrap_or_default();
            text.push(if at > chunk.len() {
                '='
            } else {
                char::from(sign)
            });
        }
    }
    text
}

fn value(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}
