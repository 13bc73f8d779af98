//! Functions that the model may call, and its calls.

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::fmt;

use super::request::Given;
use crate::read;

/// Something that the model may call.
#[derive(Debug, Clone)]
pub struct Tool {
    /// What kind of thing.
    pub kind: ToolKind,
    /// Wish for a prompt cache breakpoint after this tool, in Anthropic's form.
    pub cache_control: Option<Given>,
}

/// What kind of tool; exhaustive like [`super::message::Role`].
#[derive(Debug, Clone)]
pub enum ToolKind {
    /// A function with JSON arguments.
    Function(Function),
    /// A tool that this crate has no type for, such as `custom`.
    Other {
        /// The `type` that the client gave.
        kind: String,
    },
}

/// A function with JSON arguments.
#[derive(Debug, Clone, Deserialize)]
#[serde(expecting = "an object")]
pub struct Function {
    /// The function's name.
    pub name: String,
    /// What it does and when to call it.
    pub description: Option<String>,
    /// JSON Schema of the arguments, as the client wrote it.
    pub parameters: Option<Box<RawValue>>,
    /// Whether the arguments must fit the schema without exception.
    pub strict: Option<bool>,
}

/// Which function the model must, may or must not call; exhaustive like
/// [`super::message::Role`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChoice {
    /// The model decides.
    Auto,
    /// No function.
    None,
    /// At least one function.
    Required,
    /// This function.
    Function {
        /// The function's name.
        name: String,
    },
    /// Only some of the functions.
    Allowed {
        /// Whether one of them must be called.
        required: bool,
        /// Their names.
        names: Vec<String>,
    },
}

/// A call that the model made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToolCall {
    /// The call's id, repeated by its result.
    pub id: String,
    /// Always `function`.
    pub r#type: FunctionTag,
    /// What was called.
    pub function: FunctionCall,
    /// In a request: wish for a prompt cache breakpoint after this call, in Anthropic's form.
    #[serde(skip)]
    pub cache_control: Option<Given>,
}

/// The word `function`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub enum FunctionTag {
    /// The only value.
    #[default]
    #[serde(rename = "function")]
    Function,
}

/// The called function and its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "an object")]
pub struct FunctionCall {
    /// The function's name.
    pub name: String,
    /// The arguments as JSON text, which a model may have left incomplete.
    #[serde(default, deserialize_with = "text_or_null")]
    pub arguments: String,
}

fn text_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[derive(Deserialize)]
struct RawTool {
    r#type: Option<String>,
    function: Option<Function>,
    cache_control: Option<Given>,
}

impl<'de> Deserialize<'de> for Tool {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read::object(deserializer, |raw: RawTool| {
            let kind = match raw.r#type.as_deref() {
                None | Some("function") => {
                    ToolKind::Function(raw.function.ok_or_else(|| read::missing("function"))?)
                }
                Some(other) => ToolKind::Other {
                    kind: other.to_owned(),
                },
            };
            Ok(Self {
                kind,
                cache_control: raw.cache_control,
            })
        })
    }
}

#[derive(Deserialize)]
struct RawToolCall {
    id: String,
    r#type: Option<String>,
    function: Option<FunctionCall>,
    cache_control: Option<Given>,
}

impl<'de> Deserialize<'de> for ToolCall {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read::object(deserializer, |raw: RawToolCall| {
            if let Some(other) = raw.r#type.as_deref().filter(|kind| *kind != "function") {
                return Err(read::unknown("type", other, "function"));
            }
            let function = raw.function.ok_or_else(|| read::missing("function"))?;
            Ok(Self {
                id: raw.id,
                r#type: FunctionTag::Function,
                function,
                cache_control: raw.cache_control,
            })
        })
    }
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct NamedFunction {
    function: Named,
}

#[derive(Deserialize)]
struct RawAllowed {
    mode: Option<String>,
    tools: Vec<NamedFunction>,
}

#[derive(Deserialize)]
struct RawChoice {
    r#type: String,
    function: Option<Named>,
    allowed_tools: Option<RawAllowed>,
}

impl RawChoice {
    fn narrow(self) -> Result<ToolChoice, String> {
        match self.r#type.as_str() {
            "function" => {
                let function = self.function.ok_or_else(|| read::missing("function"))?;
                Ok(ToolChoice::Function {
                    name: function.name,
                })
            }
            "allowed_tools" => {
                let allowed = self
                    .allowed_tools
                    .ok_or_else(|| read::missing("allowed_tools"))?;
                Ok(ToolChoice::Allowed {
                    required: allowed.mode.as_deref() == Some("required"),
                    names: allowed
                        .tools
                        .into_iter()
                        .map(|tool| tool.function.name)
                        .collect(),
                })
            }
            other => Err(read::unknown("type", other, "function or allowed_tools")),
        }
    }
}

impl<'de> Deserialize<'de> for ToolChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Choice;
        impl<'de> Visitor<'de> for Choice {
            type Value = ToolChoice;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`auto`, `none`, `required` or an object")
            }

            fn visit_str<E: Error>(self, mode: &str) -> Result<ToolChoice, E> {
                match mode {
                    "auto" => Ok(ToolChoice::Auto),
                    "none" => Ok(ToolChoice::None),
                    "required" => Ok(ToolChoice::Required),
                    _ => Err(E::custom(
                        "unknown value, expected auto, none, required or an object",
                    )),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ToolChoice, A::Error> {
                let raw = RawChoice::deserialize(MapAccessDeserializer::new(map))?;
                raw.narrow().map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_any(Choice)
    }
}
