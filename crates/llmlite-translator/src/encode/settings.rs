//! The settings of a request: how long, how random, and what cannot be had at all.

use llmlite_openai::ChatRequest;
use llmlite_openai::chat::message::{Content, Message, Part, Role};
use llmlite_openai::chat::tool::ToolCall;
use std::ops::RangeInclusive;

use super::Notes;
use crate::error::EncodeError;
use crate::model::{Model, Sampling};

/// The most that Claude takes.
const MOST_TOP_K: i64 = 500;
const MOST_MESSAGES: usize = 10_000;
const MOST_TOOLS: usize = 512;

/// Refuses lists that are longer than any real one.
pub(super) fn refuse_long_lists(request: &ChatRequest) -> Result<(), EncodeError> {
    let tools = request.tools.as_ref().map_or(0, Vec::len);
    let lists = [
        ("messages", request.messages.len(), MOST_MESSAGES),
        ("tools", tools, MOST_TOOLS),
    ];
    match lists.into_iter().find(|(_, length, most)| length > most) {
        Some((param, _, most)) => Err(EncodeError::TooMany { param, most }),
        None => Ok(()),
    }
}

/// Refuses the fields that would change the answer in a way that Claude cannot provide.
pub(super) fn refuse_unsupported(request: &ChatRequest) -> Result<(), EncodeError> {
    let some_audio = |kinds: &Vec<String>| kinds.iter().any(|kind| kind == "audio");
    #[rustfmt::skip]
    let refused = [
        (request.n.is_some_and(|n| n > 1), "n", "send one request for each answer"),
        (request.logprobs == Some(true), "logprobs", "leave it out"),
        (request.top_logprobs.is_some_and(|n| n > 0), "top_logprobs", "leave it out"),
        (request.modalities.as_ref().is_some_and(some_audio), "modalities", "ask for text only"),
        (request.audio.is_some(), "audio", "ask for text only"),
        (request.web_search_options.is_some(), "web_search_options", "offer a search function in tools"),
        (request.functions.as_ref().is_some_and(|list| !list.is_empty()), "functions", "use tools"),
        (request.function_call.is_some(), "function_call", "use tool_choice"),
    ];
    if request.n == Some(0) {
        return Err(EncodeError::TooSmall {
            param: "n",
            least: 1,
        });
    }
    match refused.into_iter().find(|(asked, ..)| *asked) {
        Some((_, param, advice)) => Err(EncodeError::Unsupported { param, advice }),
        None => Ok(()),
    }
}

/// Notes the fields that are accepted but have no effect.
pub(super) fn note_ignored(request: &ChatRequest, notes: &mut Notes) {
    let tier = request.service_tier.as_deref();
    let effort = request.reasoning_effort.as_deref();
    let any = |has: fn(&Message) -> bool| request.messages.iter().any(has);
    #[rustfmt::skip]
    let ignored = [
        (request.seed.is_some(), "seed"),
        (request.user.is_some(), "user"),
        (request.safety_identifier.is_some(), "safety_identifier"),
        (request.metadata.is_some(), "metadata"),
        (request.store == Some(true), "store"),
        (request.verbosity.is_some(), "verbosity"),
        (request.prediction.is_some(), "prediction"),
        (request.thinking.is_some(), "thinking"),
        (request.prompt_cache_key.is_some(), "prompt_cache_key"),
        (request.prompt_cache_retention.is_some(), "prompt_cache_retention"),
        (request.prompt_cache_options.is_some(), "prompt_cache_options"),
        (request.frequency_penalty.is_some_and(|penalty| penalty != 0.0), "frequency_penalty"),
        (request.presence_penalty.is_some_and(|penalty| penalty != 0.0), "presence_penalty"),
        (request.logit_bias.as_ref().is_some_and(|bias| !bias.is_empty()), "logit_bias"),
        (!matches!(tier, None | Some("auto" | "default")), "service_tier"),
        (!matches!(effort, None | Some("none")), "reasoning_effort"),
        (any(|message| message.name.is_some()), "messages[].name"),
        (any(|message| message.thinking_blocks.is_some()), "messages[].thinking_blocks"),
        (any(|message| message.reasoning_details.is_some()), "messages[].reasoning_details"),
        (any(|message| parts(message).any(|part| part.prompt_cache_breakpoint.is_some())), "prompt_cache_breakpoint"),
        (has_cache_control(request), "cache_control"),
    ];
    for (_, field) in ignored.into_iter().filter(|(given, _)| *given) {
        notes.ignore(field);
    }
}

/// The longest answer: the client's wish within the model's limit, or the default.
pub(super) fn max_tokens(
    request: &ChatRequest,
    model: &Model,
    notes: &mut Notes,
) -> Result<u32, EncodeError> {
    let (param, wish) = match (request.max_completion_tokens, request.max_tokens) {
        (Some(wish), _) => ("max_completion_tokens", wish),
        (None, Some(wish)) => ("max_tokens", wish),
        (None, None) => return Ok(model.default_max_tokens.min(model.max_output_tokens)),
    };
    if wish == 0 {
        return Err(EncodeError::TooSmall { param, least: 1 });
    }
    let wish = u32::try_from(wish).unwrap_or(u32::MAX);
    if wish > model.max_output_tokens {
        notes.adjust(param);
    }
    Ok(wish.min(model.max_output_tokens))
}

/// The sampling settings that the model takes.
#[derive(Debug, Default)]
pub(super) struct Sampled {
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    pub(super) top_k: Option<i64>,
}

/// Drops what the model does not take and brings the rest into Claude's range.
pub(super) fn sampling(request: &ChatRequest, model: &Model, notes: &mut Notes) -> Sampled {
    let mut sampled = Sampled {
        temperature: request.temperature,
        top_p: request.top_p,
        // Clients say 0 or -1 for all tokens, which Claude says by silence.
        top_k: request.top_k.filter(|top_k| *top_k > 0),
    };
    if model.sampling == Sampling::None {
        drop_field(&mut sampled.temperature, "temperature", notes);
        drop_field(&mut sampled.top_k, "top_k", notes);
    }
    if model.sampling == Sampling::None
        || (model.sampling == Sampling::OneOf && sampled.temperature.is_some())
    {
        drop_field(&mut sampled.top_p, "top_p", notes);
    }
    clamp(&mut sampled.temperature, 0.0..=1.0, "temperature", notes);
    clamp(&mut sampled.top_p, 0.0..=1.0, "top_p", notes);
    clamp(&mut sampled.top_k, 1..=MOST_TOP_K, "top_k", notes);
    sampled
}

/// The stop texts, without the blank ones, which Claude refuses.
pub(super) fn stop_sequences<'a>(request: &'a ChatRequest, notes: &mut Notes) -> Vec<&'a str> {
    let Some(stop) = &request.stop else {
        return Vec::new();
    };
    let texts: Vec<&str> = stop.0.iter().map(String::as_str).collect();
    let (kept, blank): (Vec<&str>, Vec<&str>) =
        texts.into_iter().partition(|text| !text.trim().is_empty());
    match (kept.is_empty(), blank.is_empty()) {
        (_, true) => {}
        (true, false) => notes.ignore("stop"),
        (false, false) => notes.adjust("stop"),
    }
    kept
}

fn drop_field<T>(value: &mut Option<T>, field: &'static str, notes: &mut Notes) {
    if value.take().is_some() {
        notes.ignore(field);
    }
}

fn clamp<T: PartialOrd + Copy>(
    value: &mut Option<T>,
    range: RangeInclusive<T>,
    field: &'static str,
    notes: &mut Notes,
) {
    let Some(wish) = value.filter(|wish| !range.contains(wish)) else {
        return;
    };
    let nearest = if wish < *range.start() {
        range.start()
    } else {
        range.end()
    };
    *value = Some(*nearest);
    notes.adjust(field);
}

/// Whether a cache is asked for in Anthropic's form, anywhere.
fn has_cache_control(request: &ChatRequest) -> bool {
    let mut tools = request.tools.iter().flatten();
    let in_message = |message: &Message| {
        message.cache_control.is_some()
            || parts(message).any(|part| part.cache_control.is_some())
            || calls(message).any(|call| call.cache_control.is_some())
    };
    tools.any(|tool| tool.cache_control.is_some()) || request.messages.iter().any(in_message)
}

fn parts(message: &Message) -> impl Iterator<Item = &Part> {
    match &message.content {
        Some(Content::Parts(parts)) => parts.as_slice(),
        Some(Content::Text(_)) | None => &[],
    }
    .iter()
}

fn calls(message: &Message) -> impl Iterator<Item = &ToolCall> {
    match &message.role {
        Role::Assistant { tool_calls, .. } => tool_calls.as_slice(),
        Role::System | Role::User | Role::Tool { .. } => &[],
    }
    .iter()
}
