//! Reads tools and calls in the forms of all dialects.

use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::value::RawValue;

use super::{Called, CustomTool, Function, FunctionCall, Tool, ToolCall, ToolKind};
use crate::chat::cache::CacheControl;
use crate::read::{self, Fields, Hint, Text};

/// OpenAI's form with the fields under `function` or `custom`; its newer API and Anthropic have
/// them beside `type`.
#[derive(Deserialize)]
struct RawTool<'a> {
    #[serde(borrow)]
    r#type: Option<Text<'a>>,
    #[serde(borrow)]
    function: Option<Fields<RawFunction<'a>>>,
    #[serde(borrow)]
    custom: Option<Fields<RawCustom<'a>>>,
    cache_control: Option<Hint<CacheControl>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    description: Option<Text<'a>>,
    #[serde(borrow)]
    parameters: Option<&'a RawValue>,
    #[serde(borrow)]
    input_schema: Option<&'a RawValue>,
    #[serde(borrow)]
    format: Option<&'a RawValue>,
    strict: Option<bool>,
}

#[derive(Deserialize)]
struct RawFunction<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    description: Option<Text<'a>>,
    #[serde(borrow)]
    parameters: Option<&'a RawValue>,
    strict: Option<bool>,
    cache_control: Option<Hint<CacheControl>>,
}

#[derive(Deserialize)]
struct RawCustom<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    description: Option<Text<'a>>,
    #[serde(borrow)]
    format: Option<&'a RawValue>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Tool<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read::object(deserializer, RawTool::narrow)
    }
}

impl<'a> RawTool<'a> {
    fn narrow(mut self) -> Result<Tool<'a>, String> {
        let mut cache_control = Hint::of(self.cache_control);
        let mut schema_field = "parameters";
        let (kind, place) = if let Some(Fields(function)) = self.function.take() {
            cache_control = cache_control.or(Hint::of(function.cache_control));
            (ToolKind::Function(function.narrow()), "function")
        } else if let Some(Fields(custom)) = self.custom.take() {
            (ToolKind::Custom(custom.narrow()), "custom")
        } else {
            if self.input_schema.is_some() {
                schema_field = "input_schema";
            }
            (self.flat()?, "")
        };
        Ok(Tool {
            kind,
            cache_control,
            place,
            schema_field,
        })
    }

    /// The fields that stand beside `type`; `custom` is also Anthropic's word for a function.
    fn flat(self) -> Result<ToolKind<'a>, String> {
        let kind = self.r#type.as_ref().map(|kind| kind.0.as_ref());
        let is_function = match kind {
            None | Some("function") => true,
            Some("custom") => self.input_schema.is_some(),
            Some(_) => {
                let kind = self.r#type.map(Text::cow).unwrap_or_default();
                return Ok(ToolKind::Other { kind });
            }
        };
        let has_fields = self.description.is_some()
            || self.parameters.is_some()
            || self.input_schema.is_some()
            || self.format.is_some();
        let name = self.name.map(Text::cow).ok_or_else(|| {
            read::missing(match (has_fields, is_function) {
                (true, _) => "name",
                (false, true) => "function",
                (false, false) => "custom",
            })
        })?;
        let description = self.description.map(Text::cow);
        Ok(match is_function {
            true => ToolKind::Function(Function {
                name,
                description,
                parameters: self.input_schema.or(self.parameters),
                strict: self.strict,
            }),
            false => ToolKind::Custom(CustomTool {
                name,
                description,
                format: self.format,
            }),
        })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Function<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read::object(deserializer, |raw: RawFunction<'de>| Ok(raw.narrow()))
    }
}

impl<'a> RawFunction<'a> {
    fn narrow(self) -> Function<'a> {
        Function {
            name: self.name.0,
            description: self.description.map(Text::cow),
            parameters: self.parameters,
            strict: self.strict,
        }
    }
}

impl<'a> RawCustom<'a> {
    fn narrow(self) -> CustomTool<'a> {
        CustomTool {
            name: self.name.0,
            description: self.description.map(Text::cow),
            format: self.format,
        }
    }
}

#[derive(Deserialize)]
struct RawToolCall<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    r#type: Option<Text<'a>>,
    #[serde(borrow)]
    function: Option<FunctionCall<'a>>,
    #[serde(borrow)]
    custom: Option<Fields<RawCustomCall<'a>>>,
    cache_control: Option<Hint<CacheControl>>,
}

#[derive(Deserialize)]
struct RawFunctionCall<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    arguments: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct RawCustomCall<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    input: Option<Text<'a>>,
}

impl<'de: 'a, 'a> Deserialize<'de> for ToolCall<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read::object(deserializer, RawToolCall::narrow)
    }
}

impl<'a> RawToolCall<'a> {
    /// What is there decides, not `type`: clients that join the pieces of a stream have sent
    /// `functionfunction`.
    fn narrow(self) -> Result<ToolCall<'a>, String> {
        let call = match (self.function, self.custom) {
            (Some(function), _) => Called::Function(function),
            (None, Some(Fields(custom))) => Called::Custom {
                name: custom.name.0,
                input: custom.input.map(Text::cow).unwrap_or_default(),
            },
            (None, None) => {
                return Err(match self.r#type.as_ref().map(|kind| kind.0.as_ref()) {
                    None | Some("function") => read::missing("function"),
                    Some("custom") => read::missing("custom"),
                    Some(other) => read::unknown("type", other, "function or custom"),
                });
            }
        };
        Ok(ToolCall {
            id: self.id.0,
            call,
            cache_control: Hint::of(self.cache_control),
        })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for FunctionCall<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read::object(deserializer, |raw: RawFunctionCall<'de>| {
            Ok(Self {
                name: raw.name.0,
                arguments: raw.arguments.map(Text::cow).unwrap_or_default(),
            })
        })
    }
}
