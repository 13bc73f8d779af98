//! Pictures and files that come inside the request.

use std::borrow::Cow;

use super::base64;
use crate::claude::request::Source;

const PDF: &str = "application/pdf";
const PLAIN: &str = "text/plain";
/// The largest picture that Claude takes, in characters of base64.
const LARGEST_IMAGE: usize = 5_242_880;

/// Why a picture or file cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is somewhere else.
    Remote,
    /// It is neither a data URL nor base64.
    Unreadable,
    /// It is of a type that Claude does not read.
    UnknownType,
    /// The same, and the type is this.
    Foreign(&'static str),
    /// It is larger than Claude takes, in bytes of base64.
    TooLarge { bytes: usize, most: usize },
}

/// What a file turned out to be.
#[derive(Debug)]
pub(super) enum File<'a> {
    Pdf(Source<'a>),
    Text(Source<'a>),
    Image(Source<'a>),
    /// Text with nothing in it, which Claude refuses.
    Empty,
}

/// The picture in a data URL, or in bare base64.
///
/// Its first bytes decide about the type, not the label, because Claude refuses a mismatch.
pub(super) fn image(url: &str) -> Result<Source<'_>, Fault> {
    let data = payload(url)?.base64().ok_or(Fault::Unreadable)?;
    picture(data)?.map_err(|_| Fault::UnknownType)
}

/// The file in a data URL or bare base64: a PDF or picture as it is, anything else if it is text.
pub(super) fn file<'a>(data: &'a str, filename: Option<&str>) -> Result<File<'a>, Fault> {
    let payload = payload(data)?;
    if payload.is_blank() {
        return Ok(File::Empty);
    }
    let data = payload.base64().ok_or(Fault::Unreadable)?;
    if base64::head(&data).starts_with(b"%PDF") {
        return Ok(File::Pdf(Source::Base64 {
            media_type: PDF,
            data,
        }));
    }
    let data = match picture(data)? {
        Ok(source) => return Ok(File::Image(source)),
        Err(data) => data,
    };
    if let Some(kind) = foreign(base64::head(&data), filename) {
        return Err(Fault::Foreign(kind));
    }
    let text = String::from_utf8(base64::decode(&data)).map_err(|_| Fault::UnknownType)?;
    let text = match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    };
    plain(Cow::Owned(text))
}

/// A file that is plain text already.
pub(super) fn plain(data: Cow<'_, str>) -> Result<File<'_>, Fault> {
    if data.contains('\0') {
        return Err(Fault::UnknownType);
    }
    if data.trim().is_empty() {
        return Ok(File::Empty);
    }
    Ok(File::Text(Source::Text {
        media_type: PLAIN,
        data,
    }))
}

/// `data` as a picture if it is one, else back as it is.
fn picture(data: Cow<'_, str>) -> Result<Result<Source<'_>, Cow<'_, str>>, Fault> {
    let media_type = match base64::head(&data) {
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [b'G', b'I', b'F', b'8', ..] => "image/gif",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P'] => "image/webp",
        _ => return Ok(Err(data)),
    };
    if data.len() > LARGEST_IMAGE {
        return Err(Fault::TooLarge {
            bytes: data.len(),
            most: LARGEST_IMAGE,
        });
    }
    Ok(Ok(Source::Base64 { media_type, data }))
}

/// The kind of a file of an office program, of which the first bytes tell only the container.
fn foreign(head: [u8; 12], filename: Option<&str>) -> Option<&'static str> {
    let is_container = head.starts_with(b"PK\x03\x04") || head.starts_with(b"\xd0\xcf\x11\xe0");
    let ending = filename.and_then(|name| name.rsplit_once('.'))?.1;
    let kinds = [
        ("Word", &["doc", "docx"][..]),
        ("Excel", &["xls", "xlsx"]),
        ("PowerPoint", &["ppt", "pptx"]),
        ("OpenDocument", &["odt", "ods", "odp"]),
        ("ZIP", &["zip"]),
    ];
    let is_one = |endings: &[&str]| endings.iter().any(|one| ending.eq_ignore_ascii_case(one));
    let kind = kinds.into_iter().find(|(_, endings)| is_one(endings));
    kind.filter(|_| is_container).map(|(kind, _)| kind)
}

/// What a URL or a field for base64 holds.
enum Payload<'a> {
    Base64(&'a str),
    /// Text in which `%41` stands for a byte.
    Escaped(&'a str),
}

/// What follows `data:..,`, or all of it if it is no data URL.
fn payload(url: &str) -> Result<Payload<'_>, Fault> {
    if has_prefix(url, "http://") || has_prefix(url, "https://") {
        return Err(Fault::Remote);
    }
    if !has_prefix(url, "data:") {
        return Ok(Payload::Base64(url));
    }
    let (label, payload) = url.split_once(',').ok_or(Fault::Unreadable)?;
    let mut params = label.split(';').skip(1);
    Ok(
        match params.any(|param| param.trim().eq_ignore_ascii_case("base64")) {
            true => Payload::Base64(payload),
            false => Payload::Escaped(payload),
        },
    )
}

impl<'a> Payload<'a> {
    fn is_blank(&self) -> bool {
        let (Self::Base64(text) | Self::Escaped(text)) = self;
        text.trim().is_empty()
    }

    /// Canonical base64, which is the client's own text where that is canonical.
    fn base64(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Base64(text) if text.contains('%') => {
                let text = String::from_utf8(unescaped(text)?).ok()?;
                base64::canonical(&text).map(|text| Cow::Owned(text.into_owned()))
            }
            Self::Base64(text) => base64::canonical(text),
            Self::Escaped(text) => {
                let bytes = unescaped(text)?;
                (!bytes.is_empty()).then(|| Cow::Owned(base64::encode(&bytes)))
            }
        }
    }
}

/// The bytes that `text` stands for.
fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(rest.next())?, digit(rest.next())?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    Some(bytes)
}

fn has_prefix(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests;
