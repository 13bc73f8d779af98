//! Pictures and documents: what arrives has to be what it says it is.

use base64::{Engine as _, prelude::BASE64_STANDARD};

use crate::{conversation::Media, error::Refusal};

use super::node::Node;

/// The types that Claude looks at, each with the bytes that its files begin with.
const TYPES: [(&str, &[u8]); 5] = [
    ("image/png", b"\x89PNG\r\n\x1a\n"),
    ("image/jpeg", b"\xff\xd8\xff"),
    ("image/gif", b"GIF8"),
    ("image/webp", b"RIFF"),
    ("application/pdf", b"%PDF-"),
];

/// Reads base64 `data` that claims to be of type `kind`.
pub(crate) fn read(data: &Node<'_, '_>, kind: &str, title: Option<&str>) -> Result<Media, Refusal> {
    let known = TYPES.iter().find(|(name, _)| *name == kind);
    let Some((_, magic)) = known else {
        let message = format_args!("The media type {kind} is not supported");
        return Err(data.refuse(message));
    };
    let coded = data.text()?;
    let bytes = BASE64_STANDARD
        .decode(coded)
        .map_err(|_| data.refuse("Invalid base64 data"))?;
    if !bytes.starts_with(magic) {
        let message = format_args!("The file does not match the provided media type {kind}");
        return Err(data.refuse(message));
    }
    Ok(Media {
        kind: kind.to_owned(),
        title: title.map(str::to_owned),
        coded_bytes: coded.len(),
        bytes: bytes.len(),
    })
}

/// Plain text that came as a document.
pub(crate) fn text(text: &str, title: Option<&str>) -> Media {
    Media {
        kind: "text/plain".to_owned(),
        title: title.map(str::to_owned),
        coded_bytes: 0,
        bytes: text.len(),
    }
}
