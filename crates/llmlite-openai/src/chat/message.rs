//! The messages of a conversation.

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

use super::request::Given;
use super::tool::ToolCall;
use crate::read;

/// One message.
#[derive(Debug, Clone)]
pub struct Message {
    /// Who speaks, and what only this speaker can say.
    pub role: Role,
    /// What is said; absent, `null` and `""` all occur.
    pub content: Option<Content>,
    /// The speaker's name among several of the same role.
    pub name: Option<String>,
    /// Wish for a prompt cache breakpoint after this message, in Anthropic's form.
    pub cache_control: Option<Given>,
    /// The model's signed thoughts of an earlier turn, as some gateways give them.
    pub thinking_blocks: Option<Given>,
    /// The same in the form of other gateways.
    pub reasoning_details: Option<Given>,
}

/// Who speaks.
///
/// Exhaustive on purpose: whoever translates a conversation has to decide about a new speaker.
#[derive(Debug, Clone)]
pub enum Role {
    /// Instructions, whether sent as `system` or `developer`.
    System,
    /// The person.
    User,
    /// The model, in an earlier turn.
    Assistant {
        /// Why the model declined, if it did.
        refusal: Option<String>,
        /// The functions that it called.
        tool_calls: Vec<ToolCall>,
    },
    /// The result of a function.
    Tool {
        /// The call that this answers.
        tool_call_id: String,
    },
}

/// What a message says.
#[derive(Debug, Clone)]
pub enum Content {
    /// Plain text.
    Text(String),
    /// Text, pictures and files in order.
    Parts(Vec<Part>),
}

/// One part of a message.
#[derive(Debug, Clone)]
pub struct Part {
    /// What the part holds.
    pub kind: PartKind,
    /// Wish for a prompt cache breakpoint after this part, in Anthropic's form.
    pub cache_control: Option<Given>,
    /// The same wish in OpenAI's form.
    pub prompt_cache_breakpoint: Option<Given>,
}

/// What a part holds; exhaustive like [`Role`].
#[derive(Debug, Clone)]
pub enum PartKind {
    /// Text.
    Text(String),
    /// A picture, by data URL or remote URL.
    Image {
        /// The URL.
        url: String,
    },
    /// A file, inline or by reference.
    File(FilePart),
    /// The model's reason to decline, in an earlier turn.
    Refusal(String),
    /// A part that this crate has no type for, such as `input_audio`.
    Other {
        /// The `type` that the client gave.
        kind: String,
    },
}

/// A file in a message.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(expecting = "an object")]
pub struct FilePart {
    /// The content, as data URL or bare base64.
    pub file_data: Option<String>,
    /// The file's name.
    pub filename: Option<String>,
    /// A reference to a file stored with the provider.
    pub file_id: Option<String>,
}

#[derive(Deserialize)]
struct RawMessage {
    role: String,
    content: Option<Content>,
    name: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Vec<ToolCall>>,
    tool_call_id: Option<String>,
    function_call: Option<Given>,
    cache_control: Option<Given>,
    thinking_blocks: Option<Given>,
    reasoning_details: Option<Given>,
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read::object(deserializer, |raw: RawMessage| {
            Ok(Self {
                role: role(
                    &raw.role,
                    raw.refusal,
                    raw.tool_calls,
                    raw.tool_call_id,
                    raw.function_call,
                )?,
                content: raw.content,
                name: raw.name,
                cache_control: raw.cache_control,
                thinking_blocks: raw.thinking_blocks,
                reasoning_details: raw.reasoning_details,
            })
        })
    }
}

fn role(
    role: &str,
    refusal: Option<String>,
    tool_calls: Option<Vec<ToolCall>>,
    tool_call_id: Option<String>,
    function_call: Option<Given>,
) -> Result<Role, String> {
    match role {
        "system" | "developer" => Ok(Role::System),
        "user" => Ok(Role::User),
        "assistant" if function_call.is_some() => {
            Err("field `function_call`: not supported, use `tool_calls`".to_owned())
        }
        "assistant" => Ok(Role::Assistant {
            refusal,
            tool_calls: tool_calls.unwrap_or_default(),
        }),
        "tool" => {
            let tool_call_id = tool_call_id.ok_or_else(|| read::missing("tool_call_id"))?;
            Ok(Role::Tool { tool_call_id })
        }
        "function" => Err("field `role`: `function` is not supported, use `tool`".to_owned()),
        other => Err(read::unknown(
            "role",
            other,
            "system, developer, user, assistant or tool",
        )),
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrParts;
        impl<'de> Visitor<'de> for TextOrParts {
            type Value = Content;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of parts")
            }

            fn visit_str<E>(self, text: &str) -> Result<Content, E> {
                Ok(Content::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, parts: A) -> Result<Content, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(parts)).map(Content::Parts)
            }
        }
        deserializer.deserialize_any(TextOrParts)
    }
}

#[derive(Deserialize)]
struct RawPart {
    r#type: String,
    text: Option<String>,
    image_url: Option<ImageUrl>,
    file: Option<FilePart>,
    refusal: Option<String>,
    cache_control: Option<Given>,
    prompt_cache_breakpoint: Option<Given>,
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read::object(deserializer, |raw: RawPart| {
            let kind = match raw.r#type.as_str() {
                "text" => PartKind::Text(raw.text.ok_or_else(|| read::missing("text"))?),
                "image_url" => {
                    let image = raw.image_url.ok_or_else(|| read::missing("image_url"))?;
                    PartKind::Image { url: image.0 }
                }
                "file" => PartKind::File(raw.file.ok_or_else(|| read::missing("file"))?),
                "refusal" => {
                    PartKind::Refusal(raw.refusal.ok_or_else(|| read::missing("refusal"))?)
                }
                _ => PartKind::Other { kind: raw.r#type },
            };
            Ok(Self {
                kind,
                cache_control: raw.cache_control,
                prompt_cache_breakpoint: raw.prompt_cache_breakpoint,
            })
        })
    }
}

/// `{"url": ".."}`, or the bare string that some clients send.
struct ImageUrl(String);

impl<'de> Deserialize<'de> for ImageUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Wrapped {
            url: String,
        }

        struct Url;
        impl<'de> Visitor<'de> for Url {
            type Value = ImageUrl;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with `url`")
            }

            fn visit_str<E>(self, url: &str) -> Result<ImageUrl, E> {
                Ok(ImageUrl(url.to_owned()))
            }

            fn visit_string<E>(self, url: String) -> Result<ImageUrl, E> {
                Ok(ImageUrl(url))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ImageUrl, A::Error> {
                let wrapped = Wrapped::deserialize(MapAccessDeserializer::new(map))?;
                Ok(ImageUrl(wrapped.url))
            }
        }
        deserializer.deserialize_any(Url)
    }
}
