//! Pictures and documents: what arrives has to be what it says it is.

use base64::{Engine as _, prelude::BASE64_STANDARD};

use crate::{
    conversation::{Conversation, Media},
    error::Refusal,
};

use super::node::Node;

mod pixels;

/// Base64 characters of the largest picture, 3.75 MiB of bytes.
const LARGEST_PICTURE: usize = 5_242_880;
const MOST_PIXELS: u32 = 8_000;
const MOST_PICTURES: usize = 20;
const PDF: &str = "application/pdf";

/// Reads the base64 `data` of a picture that claims to be of type `kind`.
pub(super) fn picture(kind: &Node<'_, '_>, data: &Node<'_, '_>) -> Result<Media, Refusal> {
    let named = kind.text()?;
    if !["image/jpeg", "image/png", "image/gif", "image/webp"].contains(&named) {
        return Err(
            kind.refuse("Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'")
        );
    }
    let (media, bytes) = decode(data, named)?;
    match pixels::kind(&bytes) {
        Some(real) if real == named => {}
        Some(real) => {
            return Err(data.refuse(format_args!(
                "The image was specified using the {named} media type, but the image appears to be a {real} image"
            )));
        }
        None => return Err(data.refuse("Could not process image")),
    }
    if media.coded_bytes > LARGEST_PICTURE {
        return Err(data.refuse(format_args!(
            "image exceeds 5 MB maximum: {} bytes > {LARGEST_PICTURE} bytes",
            media.coded_bytes
        )));
    }
    let (width, height) = pixels::size(&bytes).unwrap_or_default();
    match width.max(height) > MOST_PIXELS {
        true => Err(data.refuse(format_args!(
            "At least one of the image dimensions exceed max allowed size: {MOST_PIXELS} pixels"
        ))),
        false => Ok(media),
    }
}

/// Reads the base64 `data` of a PDF.
pub(super) fn pdf(data: &Node<'_, '_>, title: Option<&str>) -> Result<Media, Refusal> {
    let (mut media, bytes) = decode(data, PDF)?;
    media.title = title.map(str::to_owned);
    match bytes.starts_with(b"%PDF-") {
        true => Ok(media),
        false => Err(data.refuse("The PDF specified was not valid.")),
    }
}

/// Plain text that came as a document.
pub(super) fn text(text: &str, title: Option<&str>) -> Media {
    Media {
        kind: "text/plain".to_owned(),
        title: title.map(str::to_owned),
        coded_bytes: 0,
        bytes: text.len(),
    }
}

/// A request may show so many pictures and no more.
pub(super) fn check(talk: &Conversation) -> Result<(), Refusal> {
    let pictures = talk.media().filter(|seen| seen.kind.starts_with("image/"));
    let pictures = pictures.count();
    match pictures > MOST_PICTURES {
        true => Err(Refusal::validation(format!(
            "messages: too many images: {pictures} > {MOST_PICTURES}"
        ))),
        false => Ok(()),
    }
}

/// Decodes base64 as it has to be: standard alphabet, padded, nothing between.
fn decode(data: &Node<'_, '_>, kind: &str) -> Result<(Media, Vec<u8>), Refusal> {
    let coded = data.text()?;
    let bytes = BASE64_STANDARD
        .decode(coded)
        .map_err(|_| data.refuse("Invalid base64 data"))?;
    let media = Media {
        kind: kind.to_owned(),
        title: None,
        coded_bytes: coded.len(),
        bytes: bytes.len(),
    };
    Ok((media, bytes))
}
