//! Pictures and files that come as data URLs.

use super::base64;
use crate::claude::request::Source;

const PDF: &str = "application/pdf";
const LONGEST_TITLE: usize = 200;

/// Why a picture or file cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is somewhere else.
    Remote,
    /// It is not a data URL with base64 content.
    Unreadable,
    /// It is of a type that Claude does not read.
    UnknownType,
}

/// The picture in a data URL.
///
/// Its first bytes decide about the type, not the label, because Claude refuses a mismatch.
pub(super) fn image(url: &str) -> Result<Source<'_>, Fault> {
    if has_prefix(url, "http://") || has_prefix(url, "https://") {
        return Err(Fault::Remote);
    }
    let data =
        base64::canonical(payload(url).ok_or(Fault::Unreadable)?).ok_or(Fault::Unreadable)?;
    let media_type = match base64::head(&data) {
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [b'G', b'I', b'F', b'8', ..] => "image/gif",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P'] => "image/webp",
        _ => return Err(Fault::UnknownType),
    };
    Ok(Source::Base64 { media_type, data })
}

/// The file in a data URL or bare base64: PDF as it is, anything else if it is text.
pub(super) fn file(data: &str) -> Result<Source<'_>, Fault> {
    let payload = if has_prefix(data, "data:") {
        payload(data)
    } else {
        Some(data)
    };
    let data = base64::canonical(payload.ok_or(Fault::Unreadable)?).ok_or(Fault::Unreadable)?;
    if base64::head(&data).starts_with(b"%PDF") {
        return Ok(Source::Base64 {
            media_type: PDF,
            data,
        });
    }
    let text = String::from_utf8(base64::decode(&data)).map_err(|_| Fault::UnknownType)?;
    if text.trim().is_empty() || text.contains('\0') {
        return Err(Fault::UnknownType);
    }
    Ok(Source::Text {
        media_type: "text/plain",
        data: text,
    })
}

pub(super) fn is_pdf(source: &Source<'_>) -> bool {
    matches!(
        source,
        Source::Base64 {
            media_type: PDF,
            ..
        }
    )
}

/// A file's name as a title, without control characters and not too long.
pub(super) fn title(filename: &str) -> Option<String> {
    let clean = filename
        .chars()
        .filter(|char| !char.is_control())
        .take(LONGEST_TITLE);
    let clean: String = clean.collect();
    let trimmed = clean.trim();
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}

/// What follows `data:..;base64,`.
fn payload(url: &str) -> Option<&str> {
    let (label, payload) = url.split_once(',')?;
    let encoded = label.len() >= 7
        && label
            .get(label.len() - 7..)?
            .eq_ignore_ascii_case(";base64");
    (encoded && has_prefix(label, "data:")).then_some(payload)
}

fn has_prefix(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests;
