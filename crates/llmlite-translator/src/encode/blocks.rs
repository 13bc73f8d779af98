//! The content of messages: text, pictures and files.

use llmlite_openai::chat::message::{Content, FilePart, Part, PartKind};
use std::borrow::Cow;

use super::media::{self, Fault};
use crate::claude::request::Block;
use crate::error::EncodeError;
use crate::model::Model;

/// Reads contents and counts the pictures in them.
#[derive(Debug)]
pub(super) struct Reader {
    vision: bool,
    pdf: bool,
    images: u32,
}

impl Reader {
    /// A reader of what `model` can read.
    pub(super) fn new(model: &Model) -> Self {
        Self {
            vision: model.vision,
            pdf: model.pdf,
            images: 0,
        }
    }

    /// Pictures read so far.
    pub(super) fn images(&self) -> u32 {
        self.images
    }

    /// What the user says.
    pub(super) fn user<'a>(
        &mut self,
        content: Option<&'a Content>,
        message: usize,
    ) -> Result<Vec<Block<'a>>, EncodeError> {
        self.read(
            content,
            message,
            Allowed {
                media: true,
                refusal: false,
            },
        )
    }

    /// What a tool gave; never empty, because Claude refuses an empty result.
    pub(super) fn result<'a>(
        &mut self,
        content: Option<&'a Content>,
        message: usize,
    ) -> Result<Vec<Block<'a>>, EncodeError> {
        let mut blocks = self.read(
            content,
            message,
            Allowed {
                media: true,
                refusal: false,
            },
        )?;
        if blocks.is_empty() {
            blocks.push(Block::Text {
                text: Cow::Borrowed("(no output)"),
            });
        }
        Ok(blocks)
    }

    /// What the model said.
    pub(super) fn assistant<'a>(
        &mut self,
        content: Option<&'a Content>,
        refusal: Option<&'a str>,
        message: usize,
    ) -> Result<Vec<Block<'a>>, EncodeError> {
        let mut blocks = self.read(
            content,
            message,
            Allowed {
                media: false,
                refusal: true,
            },
        )?;
        blocks.extend(refusal.and_then(text));
        Ok(blocks)
    }

    /// Instructions.
    pub(super) fn system<'a>(
        &mut self,
        content: Option<&'a Content>,
        message: usize,
    ) -> Result<Vec<Block<'a>>, EncodeError> {
        self.read(
            content,
            message,
            Allowed {
                media: false,
                refusal: false,
            },
        )
    }

    fn read<'a>(
        &mut self,
        content: Option<&'a Content>,
        message: usize,
        allowed: Allowed,
    ) -> Result<Vec<Block<'a>>, EncodeError> {
        let parts = match content {
            None => return Ok(Vec::new()),
            Some(Content::Text(all)) => return Ok(text(all).into_iter().collect()),
            Some(Content::Parts(parts)) => parts,
        };
        let mut blocks = Vec::with_capacity(parts.len());
        for (index, part) in parts.iter().enumerate() {
            let path = || format!("messages[{message}].content[{index}]");
            blocks.extend(self.part(part, allowed, &path)?);
        }
        Ok(blocks)
    }

    fn part<'a>(
        &mut self,
        part: &'a Part,
        allowed: Allowed,
        path: &dyn Fn() -> String,
    ) -> Result<Option<Block<'a>>, EncodeError> {
        let kind = match &part.kind {
            PartKind::Text(all) => return Ok(text(all)),
            PartKind::Refusal(all) if allowed.refusal => return Ok(text(all)),
            PartKind::Image { url } if allowed.media => return self.image(url, path).map(Some),
            PartKind::File(file) if allowed.media => return self.file(file, path).map(Some),
            PartKind::Image { .. } => "image_url",
            PartKind::File(_) => "file",
            PartKind::Refusal(_) => "refusal",
            PartKind::Other { kind } => kind,
        };
        Err(EncodeError::UnsupportedPart {
            param: path(),
            kind: kind.to_owned(),
        })
    }

    fn image<'a>(
        &mut self,
        url: &'a str,
        path: &dyn Fn() -> String,
    ) -> Result<Block<'a>, EncodeError> {
        if !self.vision {
            return Err(EncodeError::VisionUnsupported { param: path() });
        }
        let param = || format!("{}.image_url.url", path());
        let source = media::image(url).map_err(|fault| match fault {
            Fault::Remote => EncodeError::RemoteImage { param: param() },
            Fault::Unreadable => EncodeError::UnreadableData { param: param() },
            Fault::UnknownType => EncodeError::UnknownImageType { param: param() },
        })?;
        self.images = self.images.saturating_add(1);
        Ok(Block::Image { source })
    }

    fn file<'a>(
        &mut self,
        file: &'a FilePart,
        path: &dyn Fn() -> String,
    ) -> Result<Block<'a>, EncodeError> {
        let Some(data) = &file.file_data else {
            return Err(EncodeError::FileReference {
                param: format!("{}.file.file_id", path()),
            });
        };
        let param = || format!("{}.file.file_data", path());
        let source = media::file(data).map_err(|fault| match fault {
            Fault::UnknownType => EncodeError::UnknownFileType { param: param() },
            Fault::Remote | Fault::Unreadable => EncodeError::UnreadableData { param: param() },
        })?;
        if !self.pdf && media::is_pdf(&source) {
            return Err(EncodeError::PdfUnsupported { param: path() });
        }
        Ok(Block::Document {
            source,
            title: file.filename.as_deref().and_then(media::title),
        })
    }
}

/// Which parts a speaker may use.
#[derive(Debug, Clone, Copy)]
struct Allowed {
    media: bool,
    refusal: bool,
}

/// A block of `text`; none when it is blank, which Claude refuses.
fn text(text: &str) -> Option<Block<'_>> {
    (!text.trim().is_empty()).then_some(Block::Text {
        text: Cow::Borrowed(text),
    })
}
