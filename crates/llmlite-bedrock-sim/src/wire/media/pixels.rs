//! What the first bytes of a picture tell: its type and its size.

/// The media type by the file's own mark.
pub(super) fn kind(bytes: &[u8]) -> Option<&'static str> {
    let at = |start: usize, mark: &[u8]| bytes.get(start..).is_some_and(|b| b.starts_with(mark));
    [
        ("image/png", at(0, b"\x89PNG\r\n\x1a\n")),
        ("image/jpeg", at(0, b"\xff\xd8\xff")),
        ("image/gif", at(0, b"GIF87a") || at(0, b"GIF89a")),
        ("image/webp", at(0, b"RIFF") && at(8, b"WEBP")),
    ]
    .into_iter()
    .find_map(|(name, fits)| fits.then_some(name))
}

/// Width and height, where the file is long enough to tell.
pub(super) fn size(bytes: &[u8]) -> Option<(u32, u32)> {
    match kind(bytes)? {
        "image/png" => Some((big(bytes, 16, 4)?, big(bytes, 20, 4)?)),
        "image/gif" => Some((little(bytes, 6, 2)?, little(bytes, 8, 2)?)),
        "image/jpeg" => jpeg(bytes),
        _ => webp(bytes),
    }
}

/// Goes from segment to segment up to the one that starts the frame.
fn jpeg(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    loop {
        let [mark, kind] = *bytes.get(at..)?.first_chunk()?;
        if mark != 0xff {
            return None;
        }
        if matches!(kind, 0xc0..=0xcf) && !matches!(kind, 0xc4 | 0xc8 | 0xcc) {
            return Some((big(bytes, at + 7, 2)?, big(bytes, at + 5, 2)?));
        }
        at += 2 + usize::try_from(big(bytes, at + 2, 2)?).ok()?;
    }
}

/// The three forms of the first chunk: extended, lossless, lossy.
fn webp(bytes: &[u8]) -> Option<(u32, u32)> {
    match bytes.get(12..16)? {
        b"VP8X" => Some((little(bytes, 24, 3)? + 1, little(bytes, 27, 3)? + 1)),
        b"VP8L" => {
            let bits = little(bytes, 21, 4)?;
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        b"VP8 " => Some((
            little(bytes, 26, 2)? & 0x3fff,
            little(bytes, 28, 2)? & 0x3fff,
        )),
        _ => None,
    }
}

fn big(bytes: &[u8], at: usize, length: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + length)?.iter();
    Some(bytes.fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
}

fn little(bytes: &[u8], at: usize, length: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + length)?.iter();
    Some(bytes.rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn a_picture_tells_its_type_and_size() {
        //   bytes                                                                type                size
        check(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x1f\x41\0\0\0\x02",             Some("image/png"),  Some((8_001, 2)));
        check(b"GIF89a\x03\0\x04\x01",                                            Some("image/gif"),  Some((3, 260)));
        check(b"GIF89a",                                                          Some("image/gif"),  None);
        check(b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x11\x08\0\x05\0\x07\x03",      Some("image/jpeg"), Some((7, 5)));
        check(b"\xff\xd8\xff\xe0\0\x04ab\xff\xc4\0\x02\xff\xc2\0\x11\x08\0\x05\0\x07", Some("image/jpeg"), Some((7, 5)));
        check(b"\xff\xd8\xff\xe0\0\x04ab\0",                                      Some("image/jpeg"), None);
        check(b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0\0\0\0\0\x40\x1f\0\0\0\0",            Some("image/webp"), Some((8_001, 1)));
        check(b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f\x01\x80\0\0",                    Some("image/webp"), Some((2, 3)));
        check(b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a\x09\0\x08\0",      Some("image/webp"), Some((9, 8)));
        check(b"RIFF\0\0\0\0WAVE",                                                None,               None);
        check(b"<svg/>",                                                          None,               None);
    }

    #[track_caller]
    fn check(bytes: &[u8], want_kind: Option<&str>, want_size: Option<(u32, u32)>) {
        assert_eq!((kind(bytes), size(bytes)), (want_kind, want_size));
    }
}
