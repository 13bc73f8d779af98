//! Thoughts that are bound to what stood before them: system prompt, tools and earlier messages.
//!
//! Points of the cache and earlier thoughts do not count, as both may come and go.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    error::Refusal,
    model::reasoning::{self, Binding},
    wire::{family::Family, node::Node},
};

use super::points::bare;

const BETA: &str = "thinking-binding-controls-2026-08-01";

/// Refuses thoughts that now stand behind something else, and returns what new ones are bound to.
pub(super) fn check(root: &Node<'_, '_>, family: &Family) -> Result<Option<Binding>, Refusal> {
    let lenient = drops_blocks(root)?;
    if !family.binds_thoughts {
        return Ok(None);
    }
    let mut before = Sha256::new();
    for name in ["tools", "system"] {
        before.update(name);
        add(&mut before, root.value.get(name));
    }
    for message in root.required("messages")?.list()? {
        let content = message.required("content")?;
        if !lenient && content.value.is_array() {
            let binding = before.clone().finalize().into();
            for block in content.list()? {
                check_block(&block, binding)?;
            }
        }
        before.update(message.required_text("role")?);
        add(&mut before, Some(content.value));
    }
    Ok(Some(before.finalize().into()))
}

/// Whether thoughts that do not fit are to be dropped, which a beta allows to ask for.
fn drops_blocks(root: &Node<'_, '_>) -> Result<bool, Refusal> {
    let Some(thinking) = root.get("thinking") else {
        return Ok(false);
    };
    let Some(asked) = thinking.get("block_binding") else {
        return Ok(false);
    };
    let betas = root.value.get("anthropic_beta").and_then(Value::as_array);
    if !betas.is_some_and(|betas| betas.iter().any(|beta| beta == BETA)) {
        return Err(asked.refuse("Extra inputs are not permitted"));
    }
    asked.only(&["prefix_mismatch_behavior"])?;
    let behaviour = asked.required("prefix_mismatch_behavior")?;
    match behaviour.text()? {
        "drop_block" => Ok(true),
        "error" => Ok(false),
        _ => Err(behaviour.refuse("Input should be 'error' or 'drop_block'")),
    }
}

fn check_block(block: &Node<'_, '_>, binding: Binding) -> Result<(), Refusal> {
    let field = |name| block.value.get(name).and_then(Value::as_str);
    let sealed = match field("type") {
        Some("thinking") => field("signature"),
        Some("redacted_thinking") => field("data"),
        _ => None,
    };
    let bound = sealed.and_then(reasoning::binding);
    match bound.is_some_and(|bound| bound != binding) {
        true => Err(block.refuse(
            "`thinking` blocks cannot be used after a change of the system prompt, the tools or the messages before \
             them",
        )),
        false => Ok(()),
    }
}

/// Adds a list of blocks or tools; a text counts as its only block.
fn add(before: &mut Sha256, content: Option<&Value>) {
    match content {
        Some(Value::String(text)) => {
            before.update(json!({"type": "text", "text": text}).to_string());
        }
        Some(Value::Array(blocks)) => {
            let is_thought = |block: &&Value| {
                let kind = block.get("type").and_then(Value::as_str);
                matches!(kind, Some("thinking" | "redacted_thinking"))
            };
            for block in blocks.iter().filter(|block| !is_thought(block)) {
                before.update(bare(block).to_string());
            }
        }
        _ => {}
    }
}
