//! Which tool the model must, may or must not call.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess};
use std::borrow::Cow;

use crate::read::{self, Fields, Text, TextOr};

/// Which tool the model must, may or must not call; exhaustive like [`super::message::Role`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChoice<'a> {
    /// The model decides.
    Auto,
    /// No tool.
    None,
    /// At least one tool.
    Required,
    /// This tool.
    Function {
        /// The tool's name.
        name: Cow<'a, str>,
    },
    /// Only some of the tools.
    Allowed {
        /// Whether one of them must be called.
        required: bool,
        /// Their names.
        names: Vec<Cow<'a, str>>,
    },
}

/// `tool_choice` as it is read: Anthropic's form also says whether several tools may be called.
#[derive(Debug)]
pub(crate) struct ReadChoice<'a> {
    pub(crate) choice: ToolChoice<'a>,
    pub(crate) single: bool,
}

/// `function_call` of a request: `"auto"`, `"none"` or `{"name": ".."}`.
#[derive(Debug)]
pub(crate) struct LegacyChoice<'a>(pub(crate) ToolChoice<'a>);

/// A name under `function` or `custom`, or beside `type`.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    function: Option<Fields<Name<'a>>>,
    #[serde(borrow)]
    custom: Option<Fields<Name<'a>>>,
}

#[derive(Deserialize)]
struct Name<'a> {
    #[serde(borrow)]
    name: Text<'a>,
}

impl<'a> Named<'a> {
    fn name(self) -> Option<Cow<'a, str>> {
        let nested = self.function.or(self.custom).map(|named| named.0.name);
        nested.or(self.name).map(Text::cow)
    }
}

#[derive(Deserialize)]
struct RawAllowed<'a> {
    #[serde(borrow)]
    mode: Option<Text<'a>>,
    #[serde(borrow)]
    tools: Vec<Fields<Named<'a>>>,
}

#[derive(Deserialize)]
struct RawChoice<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    function: Option<Fields<Name<'a>>>,
    #[serde(borrow)]
    custom: Option<Fields<Name<'a>>>,
    #[serde(borrow)]
    allowed_tools: Option<Fields<RawAllowed<'a>>>,
    #[serde(borrow)]
    mode: Option<Text<'a>>,
    #[serde(borrow)]
    tools: Option<Vec<Fields<Named<'a>>>>,
    disable_parallel_tool_use: Option<bool>,
}

impl<'a> RawChoice<'a> {
    fn narrow(self) -> Result<ReadChoice<'a>, String> {
        let single = self.disable_parallel_tool_use == Some(true);
        let named = Named {
            name: self.name,
            function: self.function,
            custom: self.custom,
        };
        let choice = match self.r#type.0.as_ref() {
            "auto" => ToolChoice::Auto,
            "none" => ToolChoice::None,
            "any" | "required" => ToolChoice::Required,
            kind @ ("function" | "custom" | "tool") => ToolChoice::Function {
                name: named
                    .name()
                    .ok_or_else(|| read::missing(if kind == "tool" { "name" } else { kind }))?,
            },
            "allowed_tools" => {
                let allowed = match (self.allowed_tools, self.tools) {
                    (Some(allowed), _) => allowed.0,
                    (None, Some(tools)) => RawAllowed {
                        mode: self.mode,
                        tools,
                    },
                    (None, None) => return Err(read::missing("allowed_tools")),
                };
                let names = allowed.tools.into_iter();
                ToolChoice::Allowed {
                    required: allowed.mode.is_some_and(|mode| mode.0 == "required"),
                    names: names.filter_map(|tool| tool.0.name()).collect(),
                }
            }
            other => return Err(read::unknown("type", other, "function or allowed_tools")),
        };
        Ok(ReadChoice { choice, single })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for ReadChoice<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read::text_or(deserializer)
    }
}

impl<'de: 'a, 'a> TextOr<'de> for ReadChoice<'a> {
    const FORMS: &'static str = "`auto`, `none`, `required` or an object";

    fn text(mode: Cow<'de, str>) -> Result<Self, String> {
        let choice = match mode.as_ref() {
            "auto" => ToolChoice::Auto,
            "none" => ToolChoice::None,
            "required" | "any" => ToolChoice::Required,
            _ => {
                let message = "unknown value, expected auto, none, required or an object";
                return Err(message.to_owned());
            }
        };
        Ok(Self {
            choice,
            single: false,
        })
    }

    fn object<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        read::narrowed(map, RawChoice::narrow)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for LegacyChoice<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read::text_or(deserializer)
    }
}

impl<'de: 'a, 'a> TextOr<'de> for LegacyChoice<'a> {
    const FORMS: &'static str = "`auto`, `none` or an object with `name`";

    fn text(mode: Cow<'de, str>) -> Result<Self, String> {
        match mode.as_ref() {
            "auto" => Ok(Self(ToolChoice::Auto)),
            "none" => Ok(Self(ToolChoice::None)),
            _ => Err("unknown value, expected auto, none or an object".to_owned()),
        }
    }

    fn object<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        read::narrowed(map, |named: Name<'de>| {
            Ok(Self(ToolChoice::Function { name: named.name.0 }))
        })
    }
}
