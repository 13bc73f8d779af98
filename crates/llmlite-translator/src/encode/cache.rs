//! Where the prompt cache ends prefixes: where the client asks, or where it pays.
//!
//! Claude keeps a prefix of the body up to each point (tools, system prompt and messages, in this
//! order) and reads it back for a tenth of the price when a later body begins with the same bytes.

use llmlite_openai::ChatRequest;
use llmlite_openai::chat::cache::{CacheControl as Wish, CacheTtl};

use super::{CacheLife, CachePoints, Notes};
use crate::claude::request::{
    Block, BlockKind, CacheControl, MessagesBody, OneHour, Role, Source, Tool,
};
use crate::model::{Model, PromptCache};

/// The most points that Claude takes.
const MOST_POINTS: usize = 4;
/// Bytes of text that are about one token.
const BYTES_PER_TOKEN: usize = 4;
/// Bytes of base64 in a picture or PDF that cost about as much as one byte of text.
const MEDIA_PER_BYTE: usize = 48;
/// About what the names and marks around a block or a tool take.
const AROUND: usize = 32;

/// A point as the client wishes it.
pub(super) fn point(wish: Wish) -> CacheControl {
    lasting(wish.ttl)
}

/// A point whose prefix is to live so long.
pub(super) fn lasting(ttl: Option<CacheTtl>) -> CacheControl {
    CacheControl {
        ttl: (ttl == Some(CacheTtl::OneHour)).then_some(OneHour::OneHour),
    }
}

/// Brings the points that the client asked for within Claude's rules, or places some where the
/// client asked for none; the answer is the same either way.
///
/// Returns how long the longest-lived prefix is to be kept.
pub(super) fn place(
    request: &ChatRequest<'_>,
    model: &Model,
    wish: CachePoints,
    body: &mut MessagesBody<'_>,
    notes: &mut Notes,
) -> Option<CacheLife> {
    let options = request.prompt_cache_options;
    let asked = points(body).any(|point| point.is_some());
    let Some(cache) = model.cache else {
        points(body).for_each(|point| *point = None);
        if asked {
            notes.ignore_harmless("cache_control");
        }
        if options.is_some() {
            notes.ignore_harmless("prompt_cache_options");
        }
        return None;
    };
    if asked {
        keep_to_the_rules(body, cache, notes);
    } else if wish == CachePoints::Automatic && !options.is_some_and(|options| options.explicit) {
        let ttl = options.and_then(|options| options.ttl);
        let ttl = ttl.filter(|_| cache.one_hour);
        automatic(body, cache, lasting(ttl));
    }
    let lives = points(body).filter_map(|point| point.map(life));
    lives.max()
}

/// At most four points, of which the last ones reach furthest; and none that lives longer than one
/// before it.
fn keep_to_the_rules(body: &mut MessagesBody<'_>, cache: PromptCache, notes: &mut Notes) {
    let count = points(body).filter(|point| point.is_some()).count();
    let too_many = count.saturating_sub(MOST_POINTS);
    let mut points = points(body).filter(|point| point.is_some());
    for point in points.by_ref().take(too_many) {
        *point = None;
        notes.adjust_harmless("cache_control");
    }
    let mut shorter = !cache.one_hour;
    for point in points.flatten() {
        if shorter && point.ttl.take().is_some() {
            notes.adjust_harmless("cache_control");
        }
        shorter |= point.ttl.is_none();
    }
}

/// Points after the tools, the system prompt, the user's last turn if the conversation goes on,
/// and the one before that, where the last request's prefix ended: Claude looks only about 20
/// blocks back from a point for a shorter prefix.
fn automatic(body: &mut MessagesBody<'_>, cache: PromptCache, point: CacheControl) {
    let goes_on = !body.tools.is_empty()
        || body
            .messages
            .iter()
            .any(|turn| turn.role == Role::Assistant);
    let least = usize::try_from(cache.min_tokens)
        .unwrap_or(usize::MAX)
        .saturating_mul(BYTES_PER_TOKEN);
    let mut bytes = 0_usize;
    let mut ends = Vec::new();
    bytes += body.tools.iter().map(tool_bytes).sum::<usize>();
    if let Some(tool) = body.tools.last_mut() {
        ends.push((bytes, &mut tool.cache_control));
    }
    bytes += body.system.iter().map(block_bytes).sum::<usize>();
    if let Some(block) = body.system.last_mut() {
        ends.push((bytes, &mut block.cache_control));
    }
    let stable = ends.len();
    for turn in &mut body.messages {
        bytes += turn.content.iter().map(block_bytes).sum::<usize>();
        let last = turn.content.last_mut().filter(|_| turn.role == Role::User);
        if let Some(block) = last.filter(|_| goes_on) {
            ends.push((bytes, &mut block.cache_control));
        }
    }
    let passed = ends.len().saturating_sub(2);
    for (index, (bytes, end)) in ends.into_iter().enumerate() {
        if bytes >= least && (index < stable || index >= passed) {
            *end = Some(point);
        }
    }
}

/// All places where a point may be, in the order of the prefix.
fn points<'b>(
    body: &'b mut MessagesBody<'_>,
) -> impl Iterator<Item = &'b mut Option<CacheControl>> {
    let tools = body.tools.iter_mut().map(|tool| &mut tool.cache_control);
    let turns = body.messages.iter_mut().flat_map(|turn| &mut turn.content);
    let blocks = body.system.iter_mut().chain(turns);
    tools.chain(blocks.map(|block| &mut block.cache_control))
}

fn life(point: CacheControl) -> CacheLife {
    match point.ttl {
        Some(OneHour::OneHour) => CacheLife::OneHour,
        None => CacheLife::FiveMinutes,
    }
}

fn tool_bytes(tool: &Tool<'_>) -> usize {
    let description = tool.description.as_ref().map_or(0, |text| text.len());
    AROUND + tool.name.len() + description + tool.input_schema.get().len()
}

/// About how much text costs as much as the block: an estimate that reads none of it.
fn block_bytes(block: &Block<'_>) -> usize {
    AROUND
        + match &block.kind {
            BlockKind::Text { text } => text.len(),
            BlockKind::Image { source } | BlockKind::Document { source, .. } => match source {
                Source::Base64 { data, .. } => data.len() / MEDIA_PER_BYTE,
                Source::Text { data, .. } => data.len(),
            },
            // Thoughts of earlier turns are left out by the model.
            BlockKind::Thinking { .. } | BlockKind::RedactedThinking { .. } => 0,
            BlockKind::ToolUse { name, input, .. } => name.len() + input.get().len(),
            BlockKind::ToolResult { content, .. } => content.iter().map(block_bytes).sum(),
        }
}
