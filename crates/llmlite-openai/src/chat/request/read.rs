//! Reads a request in the forms of all dialects.

use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::mem;

use super::forms::Forms;
use super::{ChatRequest, Given, ResponseFormat, Stop, StreamOptions};
use crate::chat::cache::CacheOptions;
use crate::chat::input::Input;
use crate::chat::message::{Content, Message};
use crate::chat::reasoning::{RawReasoning, ThinkingWish};
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
        // Anthropic's; those of other dialects stay raw until it is known which dialect this is.
        thinking: &'de RawValue,
        system: &'de RawValue,
        stop_sequences: &'de RawValue,
        output_config: &'de RawValue,
        // Those of OpenAI's newer API.
        input: &'de RawValue,
        instructions: &'de RawValue,
        max_output_tokens: &'de RawValue,
        reasoning: &'de RawValue,
        text: &'de RawValue,
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
        let mut forms = Forms {
            unread: mem::take(&mut self.unknown),
            is_chat: messages_field == "messages",
        };
        let others = self.others(&mut forms)?;
        let (tool_choice, single) = self
            .tool_choice
            .map(|read| (read.choice, read.single))
            .unzip();
        let single = single == Some(true);
        if single && self.parallel_tool_calls == Some(true) {
            forms.note("parallel_tool_calls");
        }
        forms.note_parts(&|| "system".to_owned(), others.instructions.as_ref());
        for message in &messages {
            forms.note_message(messages_field, message);
        }
        Ok(ChatRequest {
            model,
            instructions: others.instructions,
            messages,
            messages_field,
            stream: self.stream,
            stream_options: self.stream_options,
            max_completion_tokens: self.max_completion_tokens,
            max_tokens: self.max_tokens,
            max_output_tokens: others.max_output_tokens,
            temperature: self.temperature,
            top_p: self.top_p,
            top_k: self.top_k,
            stop: others.stop,
            tools: self.tools,
            tool_choice,
            parallel_tool_calls: match single {
                true => Some(false),
                false => self.parallel_tool_calls,
            },
            functions: self.functions,
            function_call: self.function_call.map(|choice| choice.0),
            response_format: others.response_format,
            n: self.n,
            logprobs: self.logprobs,
            top_logprobs: self.top_logprobs,
            logit_bias: self.logit_bias.is_some_and(read::is_filled),
            frequency_penalty: self.frequency_penalty,
            presence_penalty: self.presence_penalty,
            modalities: self.modalities,
            audio: self.audio,
            web_search_options: self.web_search_options,
            moderation: self.moderation,
            reasoning_effort: others.reasoning_effort,
            thinking: others.thinking,
            service_tier: Hint::of(self.service_tier).map(Text::cow),
            store: Hint::of(self.store),
            seed: self.seed,
            user: self.user,
            safety_identifier: self.safety_identifier,
            metadata: self.metadata,
            verbosity: others.verbosity,
            prediction: self.prediction,
            prompt_cache_key: self.prompt_cache_key,
            prompt_cache_retention: self.prompt_cache_retention,
            prompt_cache_options: Hint::of(self.prompt_cache_options),
            unknown: forms.unread,
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
        let mut kept = kept
            .into_iter()
            .filter_map(|(field, given)| given.map(|_| field));
        match (self.messages.take(), self.input) {
            (Some(messages), input) => {
                let others = input.map(|_| "input").into_iter().chain(kept);
                others.for_each(|field| read::note_unknown(&mut self.unknown, field));
                Ok((messages, "messages"))
            }
            (None, Some(input)) => match kept.next() {
                None => {
                    let Input(messages) = read::needed(Some(input), "input")?;
                    Ok((messages, "input"))
                }
                Some(field) => Err(read::wrong(
                    field,
                    "nothing is kept between requests; send the whole conversation",
                )),
            },
            (None, None) => Err(read::missing("messages")),
        }
    }

    /// What can be said in several dialects; OpenAI's own form wins over the others.
    fn others(&mut self, forms: &mut Forms) -> Result<Others<'a>, String> {
        let Fields(config): Fields<OutputConfig<'_>> =
            forms.read(self.output_config, "output_config")?;
        let Fields(text): Fields<TextSettings<'_>> = forms.read(self.text, "text")?;
        let reasoning: Option<Fields<RawReasoning<'_>>> =
            forms.read(self.reasoning, "reasoning")?;
        let reasoning = reasoning.map(|Fields(raw)| raw.narrow());
        let reasoning = reasoning.unwrap_or_default();
        for field in &reasoning.unread {
            forms.note(field);
        }
        let thinking = forms.read(self.thinking, "thinking")?;
        let sequences = forms.read(self.stop_sequences, "stop_sequences")?;
        let max_output_tokens = forms.read(self.max_output_tokens, "max_output_tokens")?;
        forms.note_lengths(&[
            ("max_completion_tokens", self.max_completion_tokens),
            ("max_tokens", self.max_tokens),
            ("max_output_tokens", max_output_tokens),
        ]);
        Ok(Others {
            instructions: joined(
                forms.read(self.system, "system")?,
                forms.read(self.instructions, "instructions")?,
            ),
            max_output_tokens,
            stop: forms.first([("stop", self.stop.take()), ("stop_sequences", sequences)]),
            response_format: forms.first([
                ("response_format", self.response_format.take()),
                ("text.format", text.format),
                ("output_config.format", config.format),
            ]),
            reasoning_effort: forms
                .first([
                    ("reasoning_effort", self.reasoning_effort.take()),
                    ("output_config.effort", config.effort),
                    ("reasoning.effort", reasoning.effort),
                ])
                .map(Text::cow),
            thinking: forms.first([("thinking", thinking), (reasoning.field, reasoning.wish)]),
            verbosity: self.verbosity.or(text.verbosity),
        })
    }
}

/// What can be said in several dialects.
struct Others<'a> {
    instructions: Option<Content<'a>>,
    max_output_tokens: Option<u64>,
    stop: Option<Stop<'a>>,
    response_format: Option<ResponseFormat<'a>>,
    reasoning_effort: Option<Cow<'a, str>>,
    thinking: Option<ThinkingWish>,
    verbosity: Option<Given>,
}

/// Both, because neither API knows the other's: none of them can have been meant to win.
fn joined<'a>(system: Option<Content<'a>>, instructions: Option<Text<'a>>) -> Option<Content<'a>> {
    let Some(Text(instructions)) = instructions else {
        return system;
    };
    let mut parts = match system {
        None => return Some(Content::Text(instructions)),
        Some(Content::Text(text)) => vec![text.into()],
        Some(Content::Parts(parts)) => parts,
    };
    parts.push(instructions.into());
    Some(Content::Parts(parts))
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
