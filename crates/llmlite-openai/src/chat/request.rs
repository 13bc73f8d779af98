//! The body of `POST /v1/chat/completions`.

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

use super::message::Message;
use super::tool::{Tool, ToolChoice};
use crate::error::RequestError;
use crate::read;

/// One chat completion request, as the client wrote it.
///
/// Field names are OpenAI's.
/// Values are checked for their type here; whether a model can honour them is decided by the
/// translator.
#[derive(Debug, Clone, Deserialize)]
#[serde(expecting = "an object")]
pub struct ChatRequest {
    /// The model's name as the client knows it.
    pub model: String,
    /// The conversation so far, oldest first.
    pub messages: Vec<Message>,
    /// Whether the answer is to arrive in chunks.
    pub stream: Option<bool>,
    /// What a streamed answer is to contain besides the text.
    pub stream_options: Option<StreamOptions>,
    /// Longest answer in tokens; wins over `max_tokens`.
    pub max_completion_tokens: Option<u64>,
    /// Longest answer in tokens, older name.
    pub max_tokens: Option<u64>,
    /// Randomness, 0 to 2 on this surface.
    pub temperature: Option<f64>,
    /// Nucleus sampling, 0 to 1.
    pub top_p: Option<f64>,
    /// Sample from so many tokens only; not OpenAI's, but sent by many clients, some of which say
    /// `0` or `-1` for all tokens.
    pub top_k: Option<i64>,
    /// Texts at which the answer ends.
    pub stop: Option<Stop>,
    /// Functions that the model may call.
    pub tools: Option<Vec<Tool>>,
    /// Which function the model must, may or must not call.
    pub tool_choice: Option<ToolChoice>,
    /// Whether several functions may be called in one turn.
    pub parallel_tool_calls: Option<bool>,
    /// Whether the answer must be JSON.
    pub response_format: Option<ResponseFormat>,
    /// How many answers to give.
    pub n: Option<u64>,
    /// Whether to report log probabilities.
    pub logprobs: Option<bool>,
    /// How many alternatives to report per token.
    pub top_logprobs: Option<u64>,
    /// Likelihood changes by token id.
    pub logit_bias: Option<serde_json::Map<String, serde_json::Value>>,
    /// Penalty on repeated tokens, -2 to 2.
    pub frequency_penalty: Option<f64>,
    /// Penalty on tokens already present, -2 to 2.
    pub presence_penalty: Option<f64>,
    /// Kinds of output wanted, such as `text` or `audio`.
    pub modalities: Option<Vec<String>>,
    /// Settings of spoken output.
    pub audio: Option<Given>,
    /// Settings of a web search by the provider.
    pub web_search_options: Option<Given>,
    /// Functions in the form that came before `tools`.
    pub functions: Option<Vec<IgnoredAny>>,
    /// Choice of function in the form that came before `tool_choice`.
    pub function_call: Option<Given>,
    /// How much the model is to think before it answers.
    pub reasoning_effort: Option<String>,
    /// Which processing tier to use.
    pub service_tier: Option<String>,
    /// Whether the provider is to keep the answer.
    pub store: Option<bool>,
    /// Wish for repeatable sampling.
    pub seed: Option<Given>,
    /// The client's name for its user.
    pub user: Option<Given>,
    /// The client's hashed name for its user.
    pub safety_identifier: Option<Given>,
    /// Labels for the provider's records.
    pub metadata: Option<Given>,
    /// How wordy the answer is to be.
    pub verbosity: Option<Given>,
    /// Text that the answer will probably contain, as a hint for speed.
    pub prediction: Option<Given>,
    /// Thinking settings in Anthropic's form.
    pub thinking: Option<Given>,
    /// Hint for the provider's prompt cache.
    pub prompt_cache_key: Option<Given>,
    /// How long the provider's prompt cache is to last.
    pub prompt_cache_retention: Option<Given>,
    /// How the provider's prompt cache is to work.
    pub prompt_cache_options: Option<Given>,
}

impl ChatRequest {
    /// Reads a request body.
    ///
    /// # Errors
    ///
    /// When the body is not JSON, nested deeper than 128 levels, lacks `model` or `messages`,
    /// names a field twice, or has a value of the wrong type; [`RequestError::param`] says where.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        serde_json::from_slice(body).map_err(|error| RequestError::at(body, &error))
    }

    /// Whether the answer is to arrive in chunks.
    pub fn streams(&self) -> bool {
        self.stream == Some(true)
    }

    /// Whether the stream is to end with a chunk that carries the usage.
    pub fn wants_usage(&self) -> bool {
        let options = self.stream_options.as_ref();
        options.is_some_and(|options| options.include_usage == Some(true))
    }
}

/// What a streamed answer is to contain besides the text.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(expecting = "an object")]
pub struct StreamOptions {
    /// Whether the last chunk carries the usage.
    pub include_usage: Option<bool>,
}

/// Texts at which the answer ends: one, or a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop(pub Vec<String>);

/// A field whose value is never looked at, only whether the client gave one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Given;

/// Whether and how the answer must be JSON; exhaustive like [`super::message::Role`].
#[derive(Debug, Clone)]
pub enum ResponseFormat {
    /// Free text.
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON that fits a schema.
    JsonSchema(JsonSchema),
}

/// A schema for the answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(expecting = "an object")]
pub struct JsonSchema {
    /// The schema's name.
    pub name: Option<String>,
    /// What the answer is for.
    pub description: Option<String>,
    /// The JSON Schema, as the client wrote it.
    pub schema: Option<Box<RawValue>>,
    /// Whether the answer must fit without exception.
    pub strict: Option<bool>,
}

impl<'de> Deserialize<'de> for Stop {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = Stop;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of strings")
            }

            fn visit_str<E>(self, text: &str) -> Result<Stop, E> {
                Ok(Stop(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Stop, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = items.next_element()? {
                    texts.push(text);
                }
                Ok(Stop(texts))
            }
        }
        deserializer.deserialize_any(Texts)
    }
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

#[derive(Deserialize)]
struct RawResponseFormat {
    r#type: String,
    json_schema: Option<JsonSchema>,
}

impl<'de> Deserialize<'de> for ResponseFormat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read::object(deserializer, |raw: RawResponseFormat| {
            match raw.r#type.as_str() {
                "text" => Ok(Self::Text),
                "json_object" => Ok(Self::JsonObject),
                "json_schema" => {
                    let schema = raw
                        .json_schema
                        .ok_or_else(|| read::missing("json_schema"))?;
                    Ok(Self::JsonSchema(schema))
                }
                other => Err(read::unknown(
                    "type",
                    other,
                    "text, json_object or json_schema",
                )),
            }
        })
    }
}
