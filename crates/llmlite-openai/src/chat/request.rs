//! The body of `POST /v1/chat/completions`.

use std::borrow::Cow;

use super::cache::CacheOptions;
pub use super::format::{JsonSchema, ResponseFormat};
use super::message::{Content, Message};
use super::reasoning::ThinkingWish;
pub use super::setting::{Given, Stop, StreamOptions};
use super::tool::{Function, Tool, ToolChoice};
use crate::error::RequestError;

mod forms;
mod read;

/// One chat completion request, as the client wrote it.
///
/// Field names are OpenAI's.
/// Values are checked for their type here; whether a model can honour them is decided by the
/// translator.
/// Text stays in the body's buffer, unless it has escapes.
#[derive(Debug, Clone)]
pub struct ChatRequest<'a> {
    /// The model's name as the client knows it.
    pub model: Cow<'a, str>,
    /// Instructions that stand beside the conversation, as other APIs have them: `system`, then
    /// `instructions`.
    pub instructions: Option<Content<'a>>,
    /// The conversation so far, oldest first.
    pub messages: Vec<Message<'a>>,
    /// The field that held the conversation, for error messages: `messages` or `input`.
    pub messages_field: &'static str,
    /// Whether the answer is to arrive in chunks.
    pub stream: Option<bool>,
    /// What a streamed answer is to contain besides the text.
    pub stream_options: Option<StreamOptions>,
    /// Longest answer in tokens; wins over `max_tokens`.
    pub max_completion_tokens: Option<u64>,
    /// Longest answer in tokens, older name.
    pub max_tokens: Option<u64>,
    /// Longest answer in tokens, the name of another API.
    pub max_output_tokens: Option<u64>,
    /// Randomness, 0 to 2 on this surface.
    pub temperature: Option<f64>,
    /// Nucleus sampling, 0 to 1.
    pub top_p: Option<f64>,
    /// Sample from so many tokens only; not OpenAI's, but sent by many clients, some of which say
    /// `0` or `-1` for all tokens.
    pub top_k: Option<i64>,
    /// Texts at which the answer ends, from `stop` or Anthropic's `stop_sequences`.
    pub stop: Option<Stop<'a>>,
    /// What the model may call.
    pub tools: Option<Vec<Tool<'a>>>,
    /// Which tool the model must, may or must not call.
    pub tool_choice: Option<ToolChoice<'a>>,
    /// Whether several tools may be called in one turn.
    pub parallel_tool_calls: Option<bool>,
    /// Functions in the form that came before `tools`.
    pub functions: Option<Vec<Function<'a>>>,
    /// Choice of function in the form that came before `tool_choice`.
    pub function_call: Option<ToolChoice<'a>>,
    /// Whether the answer must be JSON, from `response_format` or another API's form of it.
    pub response_format: Option<ResponseFormat<'a>>,
    /// How many answers to give.
    pub n: Option<u64>,
    /// Whether to report log probabilities.
    pub logprobs: Option<bool>,
    /// How many alternatives to report per token.
    pub top_logprobs: Option<u64>,
    /// Whether likelihoods are changed by token id.
    pub logit_bias: bool,
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
    /// Settings of the provider's moderation.
    pub moderation: Option<Given>,
    /// How much the model is to think before it answers, from `reasoning_effort` or another API's
    /// form of it.
    pub reasoning_effort: Option<Cow<'a, str>>,
    /// The same in Anthropic's form.
    pub thinking: Option<ThinkingWish>,
    /// Which processing tier to use.
    pub service_tier: Option<Cow<'a, str>>,
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
    /// Hint for the provider's prompt cache.
    pub prompt_cache_key: Option<Given>,
    /// How long the provider's prompt cache is to last.
    pub prompt_cache_retention: Option<Given>,
    /// How the provider's prompt cache is to work.
    pub prompt_cache_options: Option<CacheOptions>,
    /// Names of the fields that have no effect although they are not `null`, each once: those that
    /// this crate does not know in their order, then those of another dialect whose value has a
    /// strange shape or that another form of the same wish wins over, and those within messages
    /// that are not read although the answer depends on them, such as `messages[].tool_calls` of a
    /// user; at most 32 of them, each cut after 64 characters, and then `...`.
    pub unknown: Vec<String>,
}

impl<'a> ChatRequest<'a> {
    /// The names of all fields that are known, in any dialect.
    pub const FIELDS: &'static [&'static str] = read::FIELDS;

    /// Reads a request body.
    ///
    /// # Errors
    ///
    /// When the body is not JSON, nested deeper than 128 levels, lacks `model` or `messages`,
    /// names a field twice, or has a value of the wrong type; [`RequestError::param`] says where.
    /// Beside `messages`, fields of other dialects may have any type.
    pub fn parse(body: &'a [u8]) -> Result<Self, RequestError> {
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
