//! Reads content and its parts in the forms of all dialects.

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

use super::{Content, FilePart, Image, Part, PartKind, ToolResult};
use crate::chat::cache::CacheControl;
use crate::chat::reasoning::RawThought;
use crate::chat::tool::{Called, FunctionCall, ToolCall};
use crate::read::{self, Fields, Hint, Text};

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrParts;
        impl<'de> Visitor<'de> for TextOrParts {
            type Value = Content<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of parts")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Content<'de>, E> {
                Ok(Content::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Content<'de>, E> {
                Ok(Content::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, parts: A) -> Result<Content<'de>, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(parts)).map(Content::Parts)
            }
        }
        deserializer.deserialize_any(TextOrParts)
    }
}

/// The fields of all kinds of parts, of which each kind has some.
///
/// Those that several kinds understand differently stay raw until the kind is known.
#[derive(Deserialize)]
struct RawPart<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    image_url: Option<ImageUrl<'a>>,
    #[serde(borrow)]
    file: Option<Fields<RawFile<'a>>>,
    #[serde(borrow)]
    source: Option<Source<'a>>,
    #[serde(borrow)]
    content: Option<Content<'a>>,
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

impl<'de: 'a, 'a> Deserialize<'de> for Part<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read::object(deserializer, |mut raw: RawPart<'de>| {
            let cache_control = Hint::of(raw.cache_control.take());
            let prompt_cache_breakpoint = raw
                .prompt_cache_breakpoint
                .is_some_and(|wish| wish.get().starts_with('{'));
            Ok(Self {
                kind: raw.narrow(cache_control)?,
                cache_control,
                prompt_cache_breakpoint,
            })
        })
    }
}

impl<'a> RawPart<'a> {
    fn narrow(self, cache_control: Option<CacheControl>) -> Result<PartKind<'a>, String> {
        Ok(match self.r#type.0.as_ref() {
            "text" | "input_text" | "output_text" => {
                let text = self.text.ok_or_else(|| read::missing("text"))?;
                PartKind::Text(text.0)
            }
            "refusal" => PartKind::Refusal(read::text(self.refusal, "refusal")?),
            "image_url" | "input_image" => match (self.image_url, self.file_id) {
                (Some(url), _) => PartKind::Image(Image::Url(url.0)),
                (None, Some(_)) => PartKind::File(FilePart {
                    file_id: Some(read::text(self.file_id, "file_id")?),
                    ..FilePart::default()
                }),
                (None, None) => return Err(read::missing("image_url")),
            },
            "file" => {
                let file = self.file.ok_or_else(|| read::missing("file"))?;
                PartKind::File(file.0.narrow())
            }
            "input_file" => PartKind::File(self.input_file()?),
            kind @ ("image" | "document") => {
                let is_image = kind == "image";
                let source = self.source.ok_or_else(|| read::missing("source"))?;
                source.narrow(is_image, self.title)?
            }
            "tool_use" => PartKind::ToolUse(ToolCall {
                id: read::text(self.id, "id")?,
                call: Called::Function(FunctionCall {
                    name: read::text(self.name, "name")?,
                    arguments: self.input.map_or("{}", RawValue::get).into(),
                }),
                cache_control,
            }),
            "tool_result" => PartKind::ToolResult(ToolResult {
                tool_use_id: read::text(self.tool_use_id, "tool_use_id")?,
                content: self.content,
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
#[derive(Deserialize)]
struct RawFile<'a> {
    #[serde(borrow)]
    file_data: Option<Text<'a>>,
    #[serde(borrow)]
    filename: Option<Text<'a>>,
    #[serde(borrow)]
    file_id: Option<Text<'a>>,
}

impl<'a> RawFile<'a> {
    fn narrow(self) -> FilePart<'a> {
        FilePart {
            file_data: self.file_data.map(Text::cow),
            text: None,
            filename: self.filename.map(Text::cow),
            file_id: self.file_id.map(Text::cow),
        }
    }
}

/// Where Anthropic's pictures and documents are.
struct Source<'a>(RawSource<'a>);

#[derive(Default, Deserialize)]
struct RawSource<'a> {
    #[serde(borrow)]
    r#type: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<Text<'a>>,
    #[serde(borrow)]
    url: Option<Text<'a>>,
    #[serde(borrow)]
    file_id: Option<Text<'a>>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Source<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Place;
        impl<'de> Visitor<'de> for Place {
            type Value = Source<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            /// A search result's source, which nobody here reads.
            fn visit_str<E>(self, _: &str) -> Result<Source<'de>, E> {
                Ok(Source(RawSource::default()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Source<'de>, A::Error> {
                Err(read::no_list(list, &self))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Source<'de>, A::Error> {
                RawSource::deserialize(MapAccessDeserializer::new(map)).map(Source)
            }
        }
        deserializer.deserialize_any(Place)
    }
}

impl<'a> Source<'a> {
    fn narrow(self, is_image: bool, title: Option<&'a RawValue>) -> Result<PartKind<'a>, String> {
        let need =
            |text: Option<Text<'a>>, field| text.map(Text::cow).ok_or_else(|| read::missing(field));
        let Self(raw) = self;
        let kind = need(raw.r#type, "source.type")?;
        let mut file = FilePart {
            filename: read::loose(title).map(Text::cow),
            ..FilePart::default()
        };
        match (kind.as_ref(), is_image) {
            ("base64", true) => {
                return Ok(PartKind::Image(Image::Base64(need(
                    raw.data,
                    "source.data",
                )?)));
            }
            ("url", true) => {
                return Ok(PartKind::Image(Image::Url(need(raw.url, "source.url")?)));
            }
            ("base64", false) => file.file_data = Some(need(raw.data, "source.data")?),
            ("text", false) => file.text = Some(need(raw.data, "source.data")?),
            ("url", false) => file.file_data = Some(need(raw.url, "source.url")?),
            ("file", _) => file.file_id = Some(need(raw.file_id, "source.file_id")?),
            (other, true) => return Err(read::unknown("source.type", other, "base64 or url")),
            (other, false) => {
                return Err(read::unknown("source.type", other, "base64, text or url"));
            }
        }
        Ok(PartKind::File(file))
    }
}

/// `{"url": ".."}`, or the bare string that some clients send.
struct ImageUrl<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for ImageUrl<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Url;
        impl<'de> Visitor<'de> for Url {
            type Value = ImageUrl<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with `url`")
            }

            fn visit_borrowed_str<E>(self, url: &'de str) -> Result<ImageUrl<'de>, E> {
                Ok(ImageUrl(Cow::Borrowed(url)))
            }

            fn visit_str<E>(self, url: &str) -> Result<ImageUrl<'de>, E> {
                Ok(ImageUrl(Cow::Owned(url.to_owned())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<ImageUrl<'de>, A::Error> {
                Err(read::no_list(list, &self))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ImageUrl<'de>, A::Error> {
                let wrapped = Wrapped::deserialize(MapAccessDeserializer::new(map))?;
                Ok(ImageUrl(wrapped.url.0))
            }
        }
        deserializer.deserialize_any(Url)
    }
}

#[derive(Deserialize)]
struct Wrapped<'a> {
    #[serde(borrow)]
    url: Text<'a>,
}
