//! Claude's own body: Anthropic Messages, as `InvokeModel` takes it.

use memchr::memmem;
use serde_json::Value;

use crate::{
    conversation::{Choice, Conversation},
    error::Refusal,
};

use super::{
    Request,
    asked::{self, Asked},
    cache::Prefix,
    family::Family,
    limits,
    node::Node,
};

mod binding;
mod content;
mod points;
pub(super) mod render;
pub(super) mod tools;

pub(super) const VERSION: &str = "bedrock-2023-05-31";
const FIELDS: [&str; 16] = [
    "anthropic_version",
    "anthropic_beta",
    "max_tokens",
    "messages",
    "system",
    "stop_sequences",
    "temperature",
    "top_p",
    "top_k",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "metadata",
    "context_management",
    "cache_control",
];
/// Betas that Bedrock knows; it refuses others.
const BETAS: [&str; 14] = [
    "computer-use-2025-01-24",
    "computer-use-2025-11-24",
    "context-1m-2025-08-07",
    "effort-2025-11-24",
    "extended-cache-ttl-2025-04-11",
    "fine-grained-tool-streaming-2025-05-14",
    "interleaved-thinking-2025-05-14",
    "structured-outputs-2025-11-13",
    "thinking-binding-controls-2026-08-01",
    "compact-2026-01-12",
    "context-management-2025-06-27",
    "tool-search-tool-2025-10-19",
    "mid-conversation-output-config-2026-07-01",
    "mid-conversation-tool-changes-2026-07-01",
];

pub(super) fn read(body: &[u8], model: &str) -> Result<Request, Refusal> {
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        Refusal::validation(format!(
            "Malformed input request: {error}, please reformat your input and try again."
        ))
    })?;
    let root = Node::root(&value);
    root.only(&FIELDS)?;
    if root.required_text("anthropic_version")? != VERSION {
        return Err(root.refuse(format!("anthropic_version: Input should be '{VERSION}'")));
    }
    check_betas(&root)?;
    if let Some(metadata) = root.get("metadata") {
        metadata.only(&["user_id"])?;
    }
    let family = Family::of(model);
    let output = asked::output(&root)?;
    let asked = Asked {
        effort: output.effort,
        ..sampling(&root)?
    };
    let (choice, one_call) = asked::choice(&root)?.unwrap_or((Some(Choice::Auto), false));
    let max_tokens = root.required("max_tokens")?.integer(1)?;
    let talk = Conversation {
        max_tokens,
        room: u64::MAX,
        tools: tools::read(&root)?,
        system: content::system(&root)?,
        turns: content::turns(&root.required("messages")?)?,
        choice: choice.ok_or_else(|| root.refuse("tool_choice.type: Field required"))?,
        one_call,
        schema: output.schema,
        stops: stops(&root)?,
        thinking: limits::thinking(family, asked::thinking(&root)?, max_tokens)?,
        binding: binding::check(&root, family)?,
        call_prefix: "toolu_bdrk_01",
    };
    super::check(model, family, &talk, &asked)?;
    let mut prefix = Prefix::of(model, family);
    if body_has(body, "\"cache_control\"") {
        points::fill(&mut prefix, &root, family)?;
    }
    Ok(Request {
        talk,
        family,
        prefix,
        metadata: None,
        names_stop: false,
    })
}

/// Whether a body's text holds a word at all: cheaper than looking at each of its fields.
pub(super) fn body_has(body: &[u8], word: &str) -> bool {
    memmem::find(body, word.as_bytes()).is_some()
}

pub(super) fn stop_sequence(stop: &Node<'_, '_>) -> Result<String, Refusal> {
    let text = stop.text()?;
    match text.trim().is_empty() {
        true => Err(stop.refuse("each stop sequence must contain non-whitespace")),
        false => Ok(text.to_owned()),
    }
}

fn check_betas(root: &Node<'_, '_>) -> Result<(), Refusal> {
    let Some(betas) = root.get("anthropic_beta") else {
        return Ok(());
    };
    for beta in betas.list()? {
        if !BETAS.contains(&beta.text()?) {
            return Err(Refusal::validation("invalid beta flag"));
        }
    }
    Ok(())
}

fn stops(root: &Node<'_, '_>) -> Result<Vec<String>, Refusal> {
    let Some(stops) = root.get("stop_sequences") else {
        return Ok(Vec::new());
    };
    stops.list()?.map(|stop| stop_sequence(&stop)).collect()
}

fn sampling(root: &Node<'_, '_>) -> Result<Asked<'static>, Refusal> {
    let share = |name| {
        root.get(name)
            .map(|value: Node<'_, '_>| value.share())
            .transpose()
    };
    let top_k = root.get("top_k").map(|value| value.integer(0));
    Ok(Asked {
        temperature: share("temperature")?,
        top_p: share("top_p")?,
        top_k: top_k.transpose()?.is_some(),
        effort: None,
    })
}
