//! Turns a chat completion request into the Messages body for Claude on Bedrock.

mod base64;
mod blocks;
mod cache;
mod calls;
mod closed;
mod custom;
mod drafts;
mod format;
mod json;
mod media;
mod names;
mod notes;
mod offers;
mod schema;
mod settings;
mod thinking;
mod titles;
mod tools;
mod turns;
mod weight;

use llmlite_openai::ChatRequest;
use std::borrow::Cow;
use std::io::{self, Write};

use self::notes::Notes;
use crate::claude::request::{
    ANTHROPIC_VERSION, BlockKind, MessagesBody, OutputConfig, Role, ToolMode, Turn,
};
use crate::error::EncodeError;
use crate::model::Model;
use crate::reply::Reply;

/// The largest body that Bedrock takes.
const MOST_BYTES: usize = 25_000_000;

/// A request in the form that Bedrock takes, and what has to be known about it.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// The Messages body for `InvokeModel`, without model and stream flag.
    pub body: Vec<u8>,
    /// What an estimate of the cost needs besides the length of the body.
    pub facts: Facts,
    /// Fields of the request that were accepted but have no effect.
    pub ignored: Vec<Cow<'static, str>>,
    /// Fields of the request that were brought into the model's limits.
    pub adjusted: Vec<&'static str>,
    /// What is needed to translate the answer.
    pub reply: Reply,
}

/// What an estimate of the cost needs besides the length of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Longest answer that the model may give, in tokens.
    pub max_tokens: u32,
    /// Whether the model may think: it bills its thoughts in full, and sends a summary or nothing.
    pub thinks: bool,
    /// Pictures in the whole conversation.
    pub images: u32,
    /// Bytes of the body that are pictures, which cost by their pixels and not by these.
    pub image_bytes: usize,
    /// PDF files in the whole conversation: each page costs as text and as a picture.
    pub pdfs: u32,
    /// Whether tools are sent along, which costs input of the provider's own.
    pub tools: bool,
    /// The longest life of a cached prefix that the body asks for: writing it costs more than
    /// plain input.
    pub cache: Option<CacheLife>,
}

/// How long a cached prefix lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CacheLife {
    /// Five minutes from its last use.
    FiveMinutes,
    /// One hour from its last use.
    OneHour,
}

/// How a request is to be treated, besides what is in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Refuse what would otherwise be ignored or adjusted in a way that changes the answer.
    pub strict: bool,
    /// Where the prompt cache is to end prefixes.
    pub cache: CachePoints,
    /// Keep the model from thinking, as far as it can be, where the client says nothing about it:
    /// for answers that have no place for thoughts.
    pub thoughtless: bool,
    /// An answer may be no longer than this, in tokens, thoughts included, whatever the client and
    /// the model allow: where more could not be paid for.
    pub most_output: Option<u32>,
}

/// Where the prompt cache is to end prefixes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CachePoints {
    /// Where the client asks, or where it pays if the client asks for nothing.
    #[default]
    Automatic,
    /// Only where the client asks.
    Asked,
}

/// Turns `request` into a body for `model`.
///
/// A pure function: the same request and model always give the same bytes.
///
/// # Errors
///
/// When the request asks for something that neither can be had nor may be left out silently.
pub fn encode(
    request: &ChatRequest<'_>,
    model: &Model,
    options: Options,
) -> Result<Encoded, EncodeError> {
    settings::refuse_long_lists(request)?;
    settings::refuse_unsupported(request)?;
    let mut notes = Notes::default();
    settings::note_ignored(request, &mut notes);
    let shortened = options.most_output.and_then(|most| model.shortened(most));
    let model = shortened.as_ref().unwrap_or(model);
    let (mut body, mut known) = translated(request, model, options.thoughtless, &mut notes)?;
    if shortened.is_some() && known.facts.max_tokens == model.max_output_tokens {
        settings::note_shortened(request, &mut notes);
    }
    let cache = cache::place(request, model, options.cache, &mut body, &mut notes);
    known.facts.cache = cache;
    known.reply.one_hour = cache == Some(CacheLife::OneHour);
    let (ignored, adjusted) = notes.told(options.strict)?;
    Ok(Encoded {
        body: bytes(&body)?,
        facts: known.facts,
        ignored,
        adjusted,
        reply: known.reply,
    })
}

/// What has to be known of a request besides its body.
struct Known {
    facts: Facts,
    reply: Reply,
}

/// The body without cache points that the client did not ask for.
///
/// The order counts: a schema of the answer comes before those of strict tools, for which Claude
/// has limits together; a demanded call decides whether the model can think within a budget, and
/// that, whether it can be made to give the answer by a call.
fn translated<'a>(
    request: &'a ChatRequest<'a>,
    model: &Model,
    thoughtless: bool,
    notes: &mut Notes,
) -> Result<(MessagesBody<'a>, Known), EncodeError> {
    let mut conversation = turns::encode(request, model, notes)?;
    let turns = conversation.turns;
    let weight = weight::of(&turns);
    let mut room = closed::Room::default();
    let format = format::native(request, model, &turns, &mut room, notes)?;
    let mut tools = tools::encode(request, model, &mut room, notes)?;
    let scene = thinking::Scene {
        length: settings::length(request, model, notes)?,
        forced: is_forced(&tools),
        unsigned: is_unsigned(&turns),
        thoughtless,
    };
    let thinking = thinking::plan(request, model, scene, notes)?;
    let can_force = model.forced_tool && !thinking.has_budget() && !is_begun(&turns);
    let emulated = match &format {
        Some(_) => format::Emulated::default(),
        None => format::emulate(request, can_force, &mut tools, notes),
    };
    conversation.system.extend(emulated.instruction);
    let sampling = settings::sampling(request, model, thinking.on, notes);
    let known = Known {
        facts: Facts {
            max_tokens: thinking.max_tokens,
            thinks: thinking.on,
            images: weight.images,
            image_bytes: weight.image_bytes,
            pdfs: weight.pdfs,
            tools: !tools.tools.is_empty(),
            cache: None,
        },
        reply: Reply {
            include_usage: request.wants_usage(),
            renamed: tools.renamed,
            custom: tools.custom,
            legacy: tools.legacy,
            answer_tool: emulated.answer_tool,
            fenced: emulated.fenced,
            one_hour: false,
        },
    };
    let body = MessagesBody {
        anthropic_version: ANTHROPIC_VERSION,
        max_tokens: thinking.max_tokens,
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        top_k: sampling.top_k,
        thinking: thinking.thinking,
        output_config: OutputConfig {
            effort: thinking.effort,
            format,
        },
        stop_sequences: settings::stop_sequences(request, notes),
        tools: tools.tools,
        tool_choice: tools.choice,
        system: conversation.system,
        messages: turns,
    };
    Ok((body, known))
}

/// The body as it is sent.
fn bytes(body: &MessagesBody<'_>) -> Result<Vec<u8>, EncodeError> {
    let mut sheet = Sheet::default();
    serde_json::to_writer(&mut sheet, body)
        .expect("the body has only string keys and finite numbers, and a sheet takes all of it");
    match sheet.bytes > MOST_BYTES {
        true => Err(EncodeError::TooLarge {
            bytes: sheet.bytes,
            most: MOST_BYTES,
        }),
        false => Ok(sheet.text),
    }
}

/// Holds a body that is not too large, and of one that is only the length.
#[derive(Default)]
struct Sheet {
    text: Vec<u8>,
    bytes: usize,
}

impl Write for Sheet {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.bytes = self.bytes.saturating_add(piece.len());
        if self.bytes > MOST_BYTES {
            self.text = Vec::new();
        } else {
            self.text.extend_from_slice(piece);
        }
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether the model is made to call a tool.
fn is_forced(tools: &tools::Tools<'_>) -> bool {
    let choice = tools.choice.as_ref().map(|choice| &choice.mode);
    matches!(choice, Some(ToolMode::Any | ToolMode::Tool { .. }))
}

/// Whether the answer goes on from a turn of the model's that should begin with a thought if the
/// model is to think now: one that called tools, or one that is not finished.
fn is_unsigned(turns: &[Turn<'_>]) -> bool {
    let Some(last) = turns.iter().rfind(|turn| turn.role == Role::Assistant) else {
        return false;
    };
    let calls = |turn: &Turn<'_>| {
        let mut kinds = turn.content.iter().map(|block| &block.kind);
        kinds.any(|kind| matches!(kind, BlockKind::ToolUse { .. }))
    };
    let first = last.content.first().map(|block| &block.kind);
    let is_thought = matches!(
        first,
        Some(BlockKind::Thinking { .. } | BlockKind::RedactedThinking { .. })
    );
    !is_thought && (calls(last) || is_begun(turns))
}

/// Whether the client began the answer, so that the model goes on with it.
fn is_begun(turns: &[Turn<'_>]) -> bool {
    turns
        .last()
        .is_some_and(|turn| turn.role == Role::Assistant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_body_that_is_too_large_only_the_length_is_held() {
        let (mut sheet, piece) = (Sheet::default(), vec![b'a'; MOST_BYTES / 5]);
        for pieces in 1..=12 {
            sheet.write_all(&piece).expect("a sheet takes all of it");
            assert_eq!(sheet.bytes, pieces * piece.len());
            let held = if pieces <= 5 { sheet.bytes } else { 0 };
            assert_eq!(sheet.text.len(), held);
            assert!(pieces <= 5 || sheet.text.capacity() == 0);
        }
    }
}
