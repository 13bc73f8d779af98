//! Reads a request in the forms of all dialects.

use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::value::RawValue;

use super::{ChatRequest, Given, ResponseFormat, Stop, StreamOptions};
use crate::chat::cache::CacheOptions;
use crate::chat::input::Input;
use crate::chat::message::{Content, Message};
use crate::chat::reasoning::{ReasoningWish, ThinkingWish};
use crate::chat::tool::{Function, Tool};
use crate::chat::tool_choice::{LegacyChoice, ReadChoice};
use crate::read::{self, Fields, Hint, Text};

/// The names of all fields that are known, in any dialect.
pub(super) const FIELDS: &[&str] = RawRequest::FIELDS;

read::collecting_unknown! {
    /// All fields that a request may have, in any dialect.
    RawRequest {
        model: Text<'de>,
        messages: Vec<Message<'de>>,
        stream: bool,
        stream_options: StreamOptions,
        max_completion_tokens: u64,
        max_tokens: u64,
        temperature: f64,
        top_p: f64,
        top_k: i64,
        stop: Stop<'de>,
        tools: Vec<Tool<'de>>,
        tool_choice: ReadChoice<'de>,
        parallel_tool_calls: bool,
        functions: Vec<Function<'de>>,
        function_call: LegacyChoice<'de>,
        response_format: ResponseFormat<'de>,
        n: u64,
        logprobs: bool,
        top_logprobs: u64,
        logit_bias: &'de RawValue,
        frequency_penalty: f64,
        presence_penalty: f64,
        modalities: Vec<String>,
        audio: Given,
        web_search_options: Given,
        moderation: Given,
        reasoning_effort: Text<'de>,
        thinking: ThinkingWish,
        service_tier: Hint<Text<'de>>,
        store: Hint<bool>,
        seed: Given,
        user: Given,
        safety_identifier: Given,
        metadata: Given,
        verbosity: Given,
        prediction: Given,
        prompt_cache_key: Given,
        prompt_cache_retention: Given,
        prompt_cache_options: Hint<CacheOptions>,
        // Anthropic's.
        system: Content<'de>,
        stop_sequences: Stop<'de>,
        output_config: Fields<OutputConfig<'de>>,
        // Those of OpenAI's newer API.
        input: Input<'de>,
        instructions: Text<'de>,
        max_output_tokens: u64,
        reasoning: Fields<ReasoningWish<'de>>,
        text: Fields<TextSettings<'de>>,
        previous_response_id: Given,
        conversation: Given,
        prompt: Given,
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for ChatRequest<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read::object(deserializer, RawRequest::narrow)
    }
}

impl<'a> RawRequest<'a> {
    fn narrow(mut self) -> Result<ChatRequest<'a>, String> {
        let model = self.model.take().ok_or_else(|| read::missing("model"))?.0;
        let (messages, messages_field) = self.conversation()?;
        let (tool_choice, single) = self
            .tool_choice
            .map(|read| (read.choice, read.single))
            .unzip();
        let (effort, format) = self
            .output_config
            .map(|Fields(config)| (config.effort, config.format))
            .unwrap_or_default();
        let (reasoning, budget) = self
            .reasoning
            .map(|Fields(wish)| wish.narrow())
            .unwrap_or_default();
        let Fields(text) = self.text.unwrap_or_default();
        Ok(ChatRequest {
            model,
            instructions: self
                .system
                .or(self.instructions.map(|text| Content::Text(text.0))),
            messages,
            messages_field,
            stream: self.stream,
            stream_options: self.stream_options,
            max_completion_tokens: self.max_completion_tokens,
            max_tokens: self.max_tokens,
            max_output_tokens: self.max_output_tokens,
            temperature: self.temperature,
            top_p: self.top_p,
            top_k: self.top_k,
            stop: self.stop.or(self.stop_sequences),
            tools: self.tools,
            tool_choice,
            parallel_tool_calls: match single {
                Some(true) => Some(false),
                _ => self.parallel_tool_calls,
            },
            functions: self.functions,
            function_call: self.function_call.map(|choice| choice.0),
            response_format: self.response_format.or(text.format).or(format),
            n: self.n,
            logprobs: self.logprobs,
            top_logprobs: self.top_logprobs,
            logit_bias: self.logit_bias.is_some_and(is_filled),
            frequency_penalty: self.frequency_penalty,
            presence_penalty: self.presence_penalty,
            modalities: self.modalities,
            audio: self.audio,
            web_search_options: self.web_search_options,
            moderation: self.moderation,
            reasoning_effort: self
                .reasoning_effort
                .or(effort)
                .map(Text::cow)
                .or(reasoning),
            thinking: self.thinking.or(budget),
            service_tier: Hint::of(self.service_tier).map(Text::cow),
            store: Hint::of(self.store),
            seed: self.seed,
            user: self.user,
            safety_identifier: self.safety_identifier,
            metadata: self.metadata,
            verbosity: self.verbosity.or(text.verbosity),
            prediction: self.prediction,
            prompt_cache_key: self.prompt_cache_key,
            prompt_cache_retention: self.prompt_cache_retention,
            prompt_cache_options: Hint::of(self.prompt_cache_options),
            unknown: self.unknown,
        })
    }
    /// The conversation and the field that held it.
    ///
    /// OpenAI's newer API can refer to one that the provider keeps; nothing is kept here, and an
    /// answer to half a conversation would be a wrong answer.
    fn conversation(&mut self) -> Result<(Vec<Message<'a>>, &'static str), String> {
        let kept = [
            ("previous_response_id", self.previous_response_id),
            ("conversation", self.conversation),
            ("prompt", self.prompt),
        ];
        let mut kept = kept.into_iter().filter(|(_, given)| given.is_some());
        match (self.messages.take(), self.input.take()) {
            (Some(messages), _) => {
                kept.for_each(|(field, _)| read::note_unknown(&mut self.unknown, field));
                Ok((messages, "messages"))
            }
            (None, Some(input)) => match kept.next() {
                None => Ok((input.0, "input")),
                Some((field, _)) => Err(read::wrong(
                    field,
                    "nothing is kept between requests; send the whole conversation",
                )),
            },
            (None, None) => Err(read::missing("messages")),
        }
    }
}

/// Whether a list or object has anything in it.
fn is_filled(raw: &RawValue) -> bool {
    let start: String = raw
        .get()
        .chars()
        .filter(|c| !c.is_whitespace())
        .take(2)
        .collect();
    !matches!(start.as_str(), "{}" | "[]")
}

/// Settings of the answer as Anthropic has them.
#[derive(Default, Deserialize)]
struct OutputConfig<'a> {
    #[serde(borrow)]
    effort: Option<Text<'a>>,
    #[serde(borrow)]
    format: Option<ResponseFormat<'a>>,
}

/// Settings of the answer as OpenAI's newer API has them.
#[derive(Default, Deserialize)]
struct TextSettings<'a> {
    #[serde(borrow)]
    format: Option<ResponseFormat<'a>>,
    verbosity: Option<Given>,
}
