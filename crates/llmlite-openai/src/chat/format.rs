//! Whether and how the answer must be JSON.

use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::value::RawValue;
use std::borrow::Cow;

use crate::read::{self, Fields, Text};

/// Whether and how the answer must be JSON; exhaustive like [`super::message::Role`].
#[derive(Debug, Clone)]
pub enum ResponseFormat<'a> {
    /// Free text.
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON that fits a schema.
    JsonSchema(JsonSchema<'a>),
}

/// A schema for the answer.
#[derive(Debug, Clone, Default)]
pub struct JsonSchema<'a> {
    /// The schema's name.
    pub name: Option<Cow<'a, str>>,
    /// What the answer is for.
    pub description: Option<Cow<'a, str>>,
    /// The JSON Schema, as the client wrote it.
    pub schema: Option<&'a RawValue>,
    /// Whether the answer must fit without exception.
    pub strict: Option<bool>,
}

/// The kind of format and a schema, which is under `json_schema`, or flat beside `type` as in
/// OpenAI's newer API.
///
/// What is under `json_schema` has the fields of a schema too, and a `type` at most by mistake.
#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow)]
    json_schema: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    description: Option<Text<'a>>,
    #[serde(borrow)]
    schema: Option<&'a RawValue>,
    strict: Option<bool>,
}

impl<'de: 'a, 'a> Deserialize<'de> for ResponseFormat<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read::object(deserializer, Raw::narrow)
    }
}

impl<'a> Raw<'a> {
    fn narrow(self) -> Result<ResponseFormat<'a>, String> {
        Ok(match read::text(self.r#type, "type")?.as_ref() {
            "text" => ResponseFormat::Text,
            "json_object" => ResponseFormat::JsonObject,
            "json_schema" => {
                let nested: Option<Fields<Self>> = read::typed(self.json_schema, "json_schema")?;
                ResponseFormat::JsonSchema(match nested {
                    Some(Fields(nested)) => nested.schema(),
                    None if self.schema.is_some() => self.schema(),
                    None if self.name.is_some() => return Err(read::missing("schema")),
                    None => return Err(read::missing("json_schema")),
                })
            }
            other => {
                let known = "text, json_object or json_schema";
                return Err(read::unknown("type", other, known));
            }
        })
    }

    fn schema(self) -> JsonSchema<'a> {
        JsonSchema {
            name: self.name.map(Text::cow),
            description: self.description.map(Text::cow),
            schema: self.schema,
            strict: self.strict,
        }
    }
}
