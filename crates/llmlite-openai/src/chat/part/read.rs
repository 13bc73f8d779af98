//! Reads content and its parts in the forms of all dialects.

use serde::Deserialize;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserializer, SeqAccess};
use serde_json::value::RawValue;
use std::borrow::Cow;

use super::{Content, FilePart, Image, Part, PartKind, ToolResult};
use crate::chat::cache::CacheControl;
use crate::chat::reasoning::RawThought;
use crate::chat::tool::{Called, FunctionCall, ToolCall};
use crate::read::{self, Fields, Hint, Text, TextOr};
use crate::shallow::{Shallow, Texts};

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read::text_or(deserializer)
    }
}

impl<'de: 'a, 'a> TextOr<'de> for Content<'a> {
    const FORMS: &'static str = "a string or a list of parts";

    fn text(text: Cow<'de, str>) -> Result<Self, String> {
        Ok(Self::Text(text))
    }

    fn list<A: SeqAccess<'de>>(parts: A) -> Result<Self, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(parts)).map(Self::Parts)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Part<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read::object(deserializer, |raw: RawPart<'de>| raw.part(Place::Message))
    }
}

/// What a call gave.
struct ResultContent<'a>(Content<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for ResultContent<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read::text_or(deserializer)
    }
}

impl<'de: 'a, 'a> TextOr<'de> for ResultContent<'a> {
    const FORMS: &'static str = Content::FORMS;

    fn text(text: Cow<'de, str>) -> Result<Self, String> {
        Content::text(text).map(Self)
    }

    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut parts = Vec::new();
        while let Some(part) = list.next_element::<PartOfResult<'de>>()? {
            parts.push(part.0);
        }
        Ok(Self(Content::Parts(parts)))
    }
}

struct PartOfResult<'a>(Part<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for PartOfResult<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read::object(deserializer, |raw: RawPart<'de>| {
            raw.part(Place::Result).map(Self)
        })
    }
}

/// Where a part stands.
///
/// A result within a result is not read: each level would begin to count its nesting anew.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Message,
    Result,
}

/// The fields of all kinds of parts, of which each kind has some.
///
/// All but the text is read without a type until the kind is known: some clients use the names of fields that
/// their kind does not have for something else.
#[derive(Deserialize)]
struct RawPart<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    image_url: Option<Shallow<'a>>,
    #[serde(borrow)]
    file: Option<Shallow<'a>>,
    #[serde(borrow)]
    source: Option<Shallow<'a>>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    cache_control: Option<Hint<CacheControl>>,
    #[serde(borrow)]
    prompt_cache_breakpoint: Option<&'a RawValue>,
    #[serde(borrow)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow)]
    file_data: Option<&'a RawValue>,
    #[serde(borrow)]
    file_url: Option<&'a RawValue>,
    #[serde(borrow)]
    filename: Option<&'a RawValue>,
    #[serde(borrow)]
    file_id: Option<&'a RawValue>,
    #[serde(borrow)]
    title: Option<&'a RawValue>,
    #[serde(borrow)]
    context: Option<&'a RawValue>,
    #[serde(borrow)]
    citations: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_use_id: Option<&'a RawValue>,
    #[serde(borrow)]
    is_error: Option<&'a RawValue>,
    #[serde(borrow)]
    thinking: Option<&'a RawValue>,
    #[serde(borrow)]
    signature: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

impl<'a> RawPart<'a> {
    fn part(mut self, place: Place) -> Result<Part<'a>, String> {
        let cache_control = Hint::of(self.cache_control.take());
        let prompt_cache_breakpoint = self
            .prompt_cache_breakpoint
            .is_some_and(|wish| wish.get().starts_with('{'));
        Ok(Part {
            cache_control,
            prompt_cache_breakpoint,
            unread: self.unread(),
            kind: self.narrow(cache_control, place)?,
        })
    }

    /// The settings of a document that it is translated without.
    fn unread(&self) -> Vec<&'static str> {
        if self.r#type.0 != "document" {
            return Vec::new();
        }
        let citations: Option<Fields<Citations>> = read::loose(self.citations);
        let given = [
            (self.context.is_some_and(read::is_filled), "context"),
            (citations.is_some_and(|wish| wish.0.enabled), "citations"),
        ];
        given
            .into_iter()
            .filter_map(|(given, name)| given.then_some(name))
            .collect()
    }

    fn narrow(
        self,
        cache_control: Option<CacheControl>,
        place: Place,
    ) -> Result<PartKind<'a>, String> {
        Ok(match self.r#type.0.as_ref() {
            "text" | "input_text" | "output_text" => {
                let text = self.text.ok_or_else(|| read::missing("text"))?;
                PartKind::Text(text.0)
            }
            "refusal" => PartKind::Refusal(read::text(self.refusal, "refusal")?),
            "image_url" | "input_image" => match (self.image_url, self.file_id) {
                (None, Some(_)) => PartKind::File(FilePart {
                    file_id: Some(read::text(self.file_id, "file_id")?),
                    ..FilePart::default()
                }),
                (None, None) => return Err(read::missing("image_url")),
                (Some(url), _) => PartKind::Image(Image::Url(image_url(url)?)),
            },
            "file" => {
                let file = self.file.ok_or_else(|| read::missing("file"))?;
                PartKind::File(file_part(file.texts("file")?)?)
            }
            "input_file" => PartKind::File(self.input_file()?),
            kind @ ("image" | "document") => {
                let is_image = kind == "image";
                let source = self.source.ok_or_else(|| read::missing("source"))?;
                sourced(source.texts("source")?, is_image, self.title)?
            }
            "tool_use" => PartKind::ToolUse(ToolCall {
                id: read::text(self.id, "id")?,
                call: Called::Function(FunctionCall {
                    name: read::text(self.name, "name")?,
                    arguments: self.input.map_or("{}", RawValue::get).into(),
                }),
                cache_control,
            }),
            "tool_result" if place == Place::Message => PartKind::ToolResult(ToolResult {
                tool_use_id: read::text(self.tool_use_id, "tool_use_id")?,
                content: read::typed(self.content, "content")?.map(|ResultContent(all)| all),
                is_error: read::typed(self.is_error, "is_error")?.unwrap_or(false),
            }),
            "thinking" | "redacted_thinking" => PartKind::Thought(
                RawThought::of_part(self.r#type, self.thinking, self.signature, self.data).narrow(),
            ),
            _ => PartKind::Other {
                kind: self.r#type.0,
            },
        })
    }

    fn input_file(&self) -> Result<FilePart<'a>, String> {
        let text = |raw, field| Ok::<_, String>(read::typed(raw, field)?.map(Text::cow));
        let data = text(self.file_data, "file_data")?;
        Ok(FilePart {
            file_data: match data {
                None => text(self.file_url, "file_url")?,
                given => given,
            },
            text: None,
            filename: text(self.filename, "filename")?,
            file_id: text(self.file_id, "file_id")?,
        })
    }
}

/// OpenAI's file, under `file`.
fn file_part(mut file: Texts<'_>) -> Result<FilePart<'_>, String> {
    Ok(FilePart {
        file_data: file.take("file_data")?,
        text: None,
        filename: file.take("filename")?,
        file_id: file.take("file_id")?,
    })
}

/// Where Anthropic's pictures and documents are.
fn sourced<'a>(
    mut source: Texts<'a>,
    is_image: bool,
    title: Option<&'a RawValue>,
) -> Result<PartKind<'a>, String> {
    let kind = source.need("type")?;
    let mut file = FilePart {
        filename: read::loose(title).map(Text::cow),
        ..FilePart::default()
    };
    match (kind.as_ref(), is_image) {
        ("base64", true) => return Ok(PartKind::Image(Image::Base64(source.need("data")?))),
        ("url", true) => return Ok(PartKind::Image(Image::Url(source.need("url")?))),
        ("base64", false) => file.file_data = Some(source.need("data")?),
        ("text", false) => file.text = Some(source.need("data")?),
        ("url", false) => file.file_data = Some(source.need("url")?),
        ("file", _) => file.file_id = Some(source.need("file_id")?),
        (other, true) => return Err(read::unknown("source.type", other, "base64 or url")),
        (other, false) => {
            return Err(read::unknown("source.type", other, "base64, text or url"));
        }
    }
    Ok(PartKind::File(file))
}

/// `{"url": ".."}`, or the bare string that some clients send.
fn image_url(value: Shallow<'_>) -> Result<Cow<'_, str>, String> {
    match value {
        Shallow::Text(url) => Ok(url),
        Shallow::Object(_) => value.texts("image_url")?.need("url"),
        Shallow::Other(got) => {
            let message = format!("expected an object with `url`, got {got}");
            Err(read::wrong("image_url", &message))
        }
    }
}

/// Whether Claude is to say where in a document it found something.
#[derive(Deserialize)]
struct Citations {
    enabled: bool,
}
