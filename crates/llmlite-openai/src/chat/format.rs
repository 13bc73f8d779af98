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

#[derive(Deserialize)]
struct RawSchema<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    description: Option<Text<'a>>,
    #[serde(borrow)]
    schema: Option<&'a RawValue>,
    strict: Option<bool>,
}

impl<'a> RawSchema<'a> {
    fn narrow(self) -> JsonSchema<'a> {
        JsonSchema {
            name: self.name.map(Text::cow),
            description: self.description.map(Text::cow),
            schema: self.schema,
            strict: self.strict,
        }
    }
}

/// The schema under `json_schema`, or flat beside `type` as in OpenAI's newer API.
#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
    #[serde(borrow)]
    json_schema: Option<Fields<RawSchema<'a>>>,
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
        read::object(deserializer, |raw: Raw<'de>| match raw.r#type.0.as_ref() {
            "text" => Ok(Self::Text),
            "json_object" => Ok(Self::JsonObject),
            "json_schema" => match (raw.json_schema, raw.schema) {
                (Some(nested), _) => Ok(Self::JsonSchema(nested.0.narrow())),
                (None, Some(schema)) => Ok(Self::JsonSchema(JsonSchema {
                    name: raw.name.map(Text::cow),
                    description: raw.description.map(Text::cow),
                    schema: Some(schema),
                    strict: raw.strict,
                })),
                (None, None) if raw.name.is_some() => Err(read::missing("schema")),
                (None, None) => Err(read::missing("json_schema")),
            },
            other => Err(read::unknown(
                "type",
                other,
                "text, json_object or json_schema",
            )),
        })
    }
}
