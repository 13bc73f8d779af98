//! The content of messages: text, pictures, files, and the blocks of Anthropic's own dialect.

use llmlite_openai::ChatRequest;
use llmlite_openai::chat::message::{Content, FilePart, Image, Part, PartKind, ToolResult};
use llmlite_openai::chat::reasoning::Thought;
use std::borrow::Cow;

use super::calls::{Answered, Call, Key};
use super::media::{self, Fault, File};
use super::titles::Titles;
use super::{Notes, cache, names};
use crate::claude::request::{Block, BlockKind, CacheControl};
use crate::error::EncodeError;
use crate::model::{Model, Thinking};

/// Who says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    User,
    Tool,
    Assistant,
    System,
}

/// Where it stands in the request, for error messages.
pub(super) type Path<'p> = &'p dyn Fn() -> String;

/// What a message says.
#[derive(Debug, Default)]
pub(super) struct Said<'a> {
    pub(super) blocks: Vec<Block<'a>>,
    pub(super) calls: Vec<Call<'a>>,
    pub(super) results: Vec<Answered<'a>>,
}

impl Said<'_> {
    /// Puts a cache point after the last thing that can bear one; a thought cannot.
    pub(super) fn end(&mut self, point: Option<CacheControl>) {
        let Some(point) = point else { return };
        if let Some(call) = self.calls.last_mut() {
            call.point = Some(point);
        } else if let Some(block) = self.blocks.iter_mut().rfind(|block| !is_thought(block)) {
            block.cache_control = Some(point);
        } else if let Some(result) = self.results.last_mut() {
            result.point = Some(point);
        }
    }
}

/// Reads contents, and names the files in them.
#[derive(Debug)]
pub(super) struct Reader {
    vision: bool,
    pdf: bool,
    thinks: bool,
    /// The cache point that a part asks for in OpenAI's form.
    breakpoint: CacheControl,
    titles: Titles,
}

impl Reader {
    /// A reader of what `model` can read.
    pub(super) fn new(request: &ChatRequest<'_>, model: &Model) -> Self {
        let options = request.prompt_cache_options;
        Self {
            vision: model.vision,
            pdf: model.pdf,
            thinks: model.thinking != Thinking::None,
            breakpoint: cache::lasting(options.and_then(|options| options.ttl)),
            titles: Titles::default(),
        }
    }

    /// What `content` says; blank text is left out, because Claude refuses it.
    pub(super) fn read<'a>(
        &mut self,
        content: Option<&'a Content<'a>>,
        by: By,
        path: Path<'_>,
        notes: &mut Notes,
    ) -> Result<Said<'a>, EncodeError> {
        let mut said = Said::default();
        match content {
            None => {}
            Some(Content::Text(all)) => said.blocks.extend(text(all)),
            Some(Content::Parts(parts)) => {
                for (index, part) in parts.iter().enumerate() {
                    let path = || format!("{}[{index}]", path());
                    self.part(part, by, &path, &mut said, notes)?;
                    said.end(self.point(part));
                }
            }
        }
        Ok(said)
    }

    /// A thought as the model takes it back: unchanged, or not at all.
    pub(super) fn thought<'a>(
        &self,
        thought: &'a Thought<'a>,
        notes: &mut Notes,
    ) -> Option<Block<'a>> {
        if !self.thinks {
            notes.ignore_harmless("messages[].reasoning_details");
            return None;
        }
        let kind = match thought {
            Thought::Signed { text, signature } => BlockKind::Thinking {
                thinking: text.as_ref().into(),
                signature: signature.as_ref().into(),
            },
            Thought::Redacted { data } => BlockKind::RedactedThinking {
                data: data.as_ref().into(),
            },
        };
        Some(kind.into())
    }

    fn point(&self, part: &Part<'_>) -> Option<CacheControl> {
        let breakpoint = part.prompt_cache_breakpoint.then_some(self.breakpoint);
        part.cache_control.map(cache::point).or(breakpoint)
    }

    fn part<'a>(
        &mut self,
        part: &'a Part<'a>,
        by: By,
        path: Path<'_>,
        said: &mut Said<'a>,
        notes: &mut Notes,
    ) -> Result<(), EncodeError> {
        let shows = matches!(by, By::User | By::Tool);
        match &part.kind {
            PartKind::Text(all) => said.blocks.extend(text(all)),
            PartKind::Refusal(all) if by == By::Assistant => said.blocks.extend(text(all)),
            PartKind::Image(image) if shows => said.blocks.push(self.image(image, path)?),
            PartKind::File(file) if shows => said.blocks.push(self.file(file, path)?),
            PartKind::ToolUse(call) if by == By::Assistant => said.calls.push(Call::of(call)),
            PartKind::ToolResult(result) if shows => {
                said.results.push(self.result(result, path, notes)?);
            }
            PartKind::Thought(thought) if by == By::Assistant => match thought {
                Some(thought) => said.blocks.extend(self.thought(thought, notes)),
                None => notes.ignore_harmless("messages[].reasoning_content"),
            },
            // It stands there in every later turn too, which must not end the work.
            PartKind::Image(_) | PartKind::File(_) if by == By::Assistant => {
                notes.ignore("messages[].content[] of the assistant");
            }
            PartKind::Thought(_) if by == By::User => {
                notes.ignore_harmless("messages[].content[].thinking");
            }
            // What a model said elsewhere in a form that no one here knows must not end the work.
            PartKind::Other { kind } if by == By::Assistant => {
                notes.ignore(format!("messages[].content[].{}", names::shown(kind)));
            }
            kind => return Err(misplaced(kind, path)),
        }
        Ok(())
    }

    fn result<'a>(
        &mut self,
        result: &'a ToolResult<'a>,
        path: Path<'_>,
        notes: &mut Notes,
    ) -> Result<Answered<'a>, EncodeError> {
        let path = || format!("{}.content", path());
        let said = self.read(result.content.as_ref(), By::Tool, &path, notes)?;
        let key = Key::Id(&result.tool_use_id);
        Ok(answered(key, said.blocks, result.is_error))
    }

    fn image<'a>(&self, image: &'a Image<'a>, path: Path<'_>) -> Result<Block<'a>, EncodeError> {
        let (data, field) = match image {
            Image::Url(url) => (url, "image_url.url"),
            Image::Base64(data) => (data, "source.data"),
        };
        let param = || format!("{}.{field}", path());
        if !self.vision {
            return Err(EncodeError::VisionUnsupported { param: path() });
        }
        let source = media::image(data).map_err(|fault| image_error(fault, param()))?;
        Ok(BlockKind::Image { source }.into())
    }

    fn file<'a>(
        &mut self,
        file: &'a FilePart<'a>,
        path: Path<'_>,
    ) -> Result<Block<'a>, EncodeError> {
        let param = |field: &str| format!("{}.file.{field}", path());
        let read = match (&file.text, &file.file_data) {
            (Some(all), _) => media::plain(Cow::Borrowed(all)),
            (None, Some(data)) => media::file(data, file.filename.as_deref()),
            (None, None) => {
                let param = param("file_id");
                return Err(EncodeError::FileReference { param });
            }
        };
        let read = read.map_err(|fault| file_error(fault, param("file_data")))?;
        let source = match read {
            File::Empty => return Ok(Block::text("(empty file)")),
            File::Image(_) if !self.vision => {
                return Err(EncodeError::VisionUnsupported { param: path() });
            }
            File::Image(source) => return Ok(BlockKind::Image { source }.into()),
            File::Pdf(_) if !self.pdf => {
                return Err(EncodeError::PdfUnsupported { param: path() });
            }
            File::Pdf(source) | File::Text(source) => source,
        };
        let title = Some(self.titles.give(file.filename.as_deref()));
        Ok(BlockKind::Document { source, title }.into())
    }
}

/// A part that its speaker may not use, or that nobody knows.
fn misplaced(kind: &PartKind<'_>, path: Path<'_>) -> EncodeError {
    let kind = match kind {
        PartKind::Text(_) => "text",
        PartKind::Image(_) => "image_url",
        PartKind::File(_) => "file",
        PartKind::Refusal(_) => "refusal",
        PartKind::ToolUse(_) => "tool_use",
        PartKind::ToolResult(_) => "tool_result",
        PartKind::Thought(_) => "thinking",
        PartKind::Other { kind } => kind,
    };
    EncodeError::UnsupportedPart {
        param: path(),
        kind: kind.to_owned(),
    }
}

fn image_error(fault: Fault, param: String) -> EncodeError {
    match fault {
        Fault::Remote => EncodeError::RemoteImage { param },
        Fault::Unreadable => EncodeError::UnreadableData { param },
        Fault::UnknownType | Fault::Foreign(_) => EncodeError::UnknownImageType { param },
        Fault::TooLarge { bytes, most } => EncodeError::ImageTooLarge { param, bytes, most },
    }
}

fn file_error(fault: Fault, param: String) -> EncodeError {
    match fault {
        Fault::Remote => EncodeError::RemoteFile { param },
        Fault::Unreadable => EncodeError::UnreadableData { param },
        Fault::UnknownType => EncodeError::UnknownFileType { param },
        Fault::Foreign(kind) => EncodeError::ForeignFile { param, kind },
        Fault::TooLarge { bytes, most } => EncodeError::ImageTooLarge { param, bytes, most },
    }
}

/// What a call gave; never empty, because Claude refuses an empty result.
///
/// The result has one cache point, after it, for those that its parts ask for.
pub(super) fn answered<'a>(
    key: Key<'a>,
    mut content: Vec<Block<'a>>,
    is_error: bool,
) -> Answered<'a> {
    let points = content.iter_mut().map(|block| block.cache_control.take());
    let point = points.flatten().last();
    if content.is_empty() {
        content.push(Block::text("(no output)"));
    }
    Answered {
        key,
        content,
        is_error,
        point,
    }
}

/// A block of `text`; none when it is blank, which Claude refuses.
pub(super) fn text(text: &str) -> Option<Block<'_>> {
    (!text.trim().is_empty()).then(|| Block::text(text))
}

/// Whether `block` is a thought.
pub(super) fn is_thought(block: &Block<'_>) -> bool {
    matches!(
        block.kind,
        BlockKind::Thinking { .. } | BlockKind::RedactedThinking { .. }
    )
}
