//! The settings of a request: how long, how random, and what cannot be had at all.

use llmlite_openai::ChatRequest;
use std::ops::RangeInclusive;

use super::Notes;
use crate::error::EncodeError;
use crate::model::{Model, Sampling};

/// The most that Claude takes.
const MOST_TOP_K: i64 = 500;
/// The least that Claude takes while it thinks.
const LEAST_TOP_P: f64 = 0.95;
const MOST_MESSAGES: usize = 10_000;
const MOST_TOOLS: usize = 512;

/// Refuses lists that are longer than any real one.
pub(super) fn refuse_long_lists(request: &ChatRequest<'_>) -> Result<(), EncodeError> {
    let tools = request.tools.as_ref().map_or(0, Vec::len);
    let functions = request.functions.as_ref().map_or(0, Vec::len);
    let lists = [
        (
            request.messages_field,
            request.messages.len(),
            MOST_MESSAGES,
        ),
        ("tools", tools, MOST_TOOLS),
        ("functions", functions, MOST_TOOLS),
    ];
    match lists.into_iter().find(|(_, length, most)| length > most) {
        Some((param, _, most)) => Err(EncodeError::TooMany { param, most }),
        None => Ok(()),
    }
}

/// Refuses the fields that would change the answer in a way that Claude cannot provide.
pub(super) fn refuse_unsupported(request: &ChatRequest<'_>) -> Result<(), EncodeError> {
    let more_than_text = |kinds: &Vec<String>| kinds.iter().any(|kind| kind != "text");
    #[rustfmt::skip]
    let refused = [
        (request.n.is_some_and(|n| n > 1), "n", "send one request for each answer"),
        (request.logprobs == Some(true), "logprobs", "leave it out"),
        (request.top_logprobs.is_some_and(|n| n > 0), "top_logprobs", "leave it out"),
        (request.modalities.as_ref().is_some_and(more_than_text), "modalities", "ask for text only"),
        (request.audio.is_some(), "audio", "ask for text only"),
        (request.web_search_options.is_some(), "web_search_options", "offer a search function in tools"),
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

/// Notes the fields that are accepted but never have an effect; those whose effect depends on the
/// model are noted where they are decided about.
pub(super) fn note_ignored(request: &ChatRequest<'_>, notes: &mut Notes) {
    let tier = request.service_tier.as_deref();
    let penalty = |penalty: Option<f64>| penalty.is_some_and(|penalty| penalty != 0.0);
    #[rustfmt::skip]
    let harmful = [
        (request.seed.is_some(), "seed"),
        (request.logit_bias, "logit_bias"),
        (penalty(request.frequency_penalty), "frequency_penalty"),
        (penalty(request.presence_penalty), "presence_penalty"),
        (request.verbosity.is_some(), "verbosity"),
        // It decides how soon the answer comes, and what it costs.
        (!matches!(tier, None | Some("auto" | "default")), "service_tier"),
    ];
    // They are hints, or about what the provider keeps, which is the operator's decision.
    #[rustfmt::skip]
    let harmless = [
        (request.user.is_some(), "user"),
        (request.safety_identifier.is_some(), "safety_identifier"),
        (request.metadata.is_some(), "metadata"),
        (request.store == Some(true), "store"),
        (request.moderation.is_some(), "moderation"),
        (request.prediction.is_some(), "prediction"),
        (request.prompt_cache_key.is_some(), "prompt_cache_key"),
        (request.prompt_cache_retention.is_some(), "prompt_cache_retention"),
    ];
    for (_, field) in harmful.into_iter().filter(|(given, _)| *given) {
        notes.ignore(field);
    }
    for (_, field) in harmless.into_iter().filter(|(given, _)| *given) {
        notes.ignore_harmless(field);
    }
    notes.ignore_unknown(&request.unknown);
}

/// How long the answer may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Length {
    /// The longest answer, in tokens.
    pub(super) tokens: u32,
    /// Whether the client named it.
    pub(super) named: bool,
}

impl Length {
    /// The length with room for so many tokens of thoughts, which a client that named no length
    /// does not want to be taken from its answer.
    pub(super) fn with(self, thoughts: u32, model: &Model) -> u32 {
        match self.named {
            true => self.tokens,
            false => self
                .tokens
                .saturating_add(thoughts)
                .min(model.max_output_tokens),
        }
    }
}

/// The longest answer: the client's wish within the model's limit, or the default.
pub(super) fn length(
    request: &ChatRequest<'_>,
    model: &Model,
    notes: &mut Notes,
) -> Result<Length, EncodeError> {
    let wishes = [
        ("max_completion_tokens", request.max_completion_tokens),
        ("max_tokens", request.max_tokens),
        ("max_output_tokens", request.max_output_tokens),
    ];
    let mut wishes = wishes
        .into_iter()
        .filter_map(|(param, wish)| Some((param, wish?)));
    let Some((param, wish)) = wishes.next() else {
        return Ok(Length {
            tokens: model.default_max_tokens.min(model.max_output_tokens),
            named: false,
        });
    };
    if wish == 0 {
        return Err(EncodeError::TooSmall { param, least: 1 });
    }
    let wish = u32::try_from(wish).unwrap_or(u32::MAX);
    if wish > model.max_output_tokens {
        notes.adjust(param);
    }
    Ok(Length {
        tokens: wish.min(model.max_output_tokens),
        named: true,
    })
}

/// Tells that the answer may be no longer than the operator allows, where no field of the client's
/// was lowered for it.
pub(super) fn note_shortened(request: &ChatRequest<'_>, notes: &mut Notes) {
    let named = [
        request.max_completion_tokens,
        request.max_tokens,
        request.max_output_tokens,
    ];
    if named.iter().all(Option::is_none) {
        notes.adjust("max_tokens");
    }
}

/// The sampling settings that the model takes.
#[derive(Debug, Default)]
pub(super) struct Sampled {
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    pub(super) top_k: Option<i64>,
}

/// Drops what the model does not take, or not while it thinks, and brings the rest into Claude's
/// range.
pub(super) fn sampling(
    request: &ChatRequest<'_>,
    model: &Model,
    thinks: bool,
    notes: &mut Notes,
) -> Sampled {
    let mut sampled = Sampled {
        temperature: request.temperature,
        top_p: request.top_p,
        // Clients say 0 or -1 for all tokens, which Claude says by silence.
        top_k: request.top_k.filter(|top_k| *top_k > 0),
    };
    if model.sampling == Sampling::None {
        drop_share(&mut sampled.temperature, "temperature", notes);
        drop_field(&mut sampled.top_k, "top_k", notes);
        drop_share(&mut sampled.top_p, "top_p", notes);
    }
    clamp(&mut sampled.temperature, 0.0..=1.0, "temperature", notes);
    clamp(&mut sampled.top_p, 0.0..=1.0, "top_p", notes);
    clamp(&mut sampled.top_k, 1..=MOST_TOP_K, "top_k", notes);
    if thinks {
        drop_beside_thinking(&mut sampled, notes);
    }
    if model.sampling == Sampling::OneOf && sampled.temperature.is_some() {
        drop_share(&mut sampled.top_p, "top_p", notes);
    }
    sampled
}

fn drop_beside_thinking(sampled: &mut Sampled, notes: &mut Notes) {
    if sampled.temperature.is_some_and(|heat| heat < 1.0) {
        drop_field(&mut sampled.temperature, "temperature", notes);
    }
    if sampled.top_p.is_some_and(|share| share < LEAST_TOP_P) {
        drop_field(&mut sampled.top_p, "top_p", notes);
    }
    drop_field(&mut sampled.top_k, "top_k", notes);
}

/// The stop texts, without the blank ones, which Claude refuses.
pub(super) fn stop_sequences<'a>(request: &'a ChatRequest<'_>, notes: &mut Notes) -> Vec<&'a str> {
    let Some(stop) = &request.stop else {
        return Vec::new();
    };
    let texts: Vec<&str> = stop.0.iter().map(AsRef::as_ref).collect();
    let (kept, blank): (Vec<&str>, Vec<&str>) =
        texts.into_iter().partition(|text| !text.trim().is_empty());
    match (kept.is_empty(), blank.is_empty()) {
        (_, true) => {}
        (true, false) => notes.ignore("stop"),
        (false, false) => notes.adjust("stop"),
    }
    kept
}

/// Drops a temperature or a share of tokens; 1 is what the model does by itself.
fn drop_share(value: &mut Option<f64>, field: &'static str, notes: &mut Notes) {
    match value.take() {
        None => {}
        Some(1.0) => notes.ignore_harmless(field),
        Some(_) => notes.ignore(field),
    }
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
