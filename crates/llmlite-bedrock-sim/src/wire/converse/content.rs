//! Messages, system prompt and content blocks of `Converse`.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;

use crate::{
    conversation::{Block, Media, Role, Turn},
    error::Refusal,
    model::reasoning,
    wire::{history, media, node::Node},
};

/// The system prompt, its blocks joined by line feeds.
pub(super) fn system(root: &Node<'_, '_>) -> Result<String, Refusal> {
    let Some(system) = root.get("system") else {
        return Ok(String::new());
    };
    let mut texts = Vec::new();
    for block in system.list()? {
        if let ("text", text) = block.variant()? {
            texts.push(checked(&text)?);
        }
    }
    Ok(texts.join("\n"))
}

/// All messages, those of one side in a row made into one turn.
pub(super) fn turns(messages: &Node<'_, '_>) -> Result<Vec<Turn>, Refusal> {
    let mut turns: Vec<Turn> = Vec::new();
    for (at, message) in messages.list()?.enumerate() {
        message.only(&["role", "content"])?;
        let role = message.required("role")?;
        let by = match role.text()? {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            _ => return Err(role.refuse("Member must satisfy enum value set: [user, assistant]")),
        };
        let content = message.required("content")?;
        let blocks: Vec<Block> = content
            .list()?
            .filter_map(|block| self::block(&block).transpose())
            .collect::<Result<_, _>>()?;
        if blocks.is_empty() {
            return Err(message.refuse("The content field in the Message object is empty. Add a ContentBlock object to the content field and try again."));
        }
        match turns.last_mut() {
            Some(turn) if turn.by == by => turn.blocks.extend(blocks),
            _ => turns.push(Turn { by, at, blocks }),
        }
    }
    Ok(turns)
}

/// One block, or nothing for a point of the cache.
fn block(block: &Node<'_, '_>) -> Result<Option<Block>, Refusal> {
    let (kind, node) = block.variant()?;
    Ok(Some(match kind {
        "text" => Block::Text(checked(&node)?.to_owned()),
        "image" | "document" => Block::Media(media(&node, kind)?),
        "toolUse" => {
            node.required("input")?.object()?;
            node.required("name")?.name("_-", history::LONGEST_NAME)?;
            Block::ToolUse {
                id: node
                    .required("toolUseId")?
                    .name("_.:-", history::LONGEST_NAME)?
                    .to_owned(),
            }
        }
        "toolResult" => tool_result(&node)?,
        "reasoningContent" => reasoning_content(&node)?,
        "cachePoint" => return Ok(None),
        "guardContent" | "citationsContent" | "searchResult" => Block::Other,
        _ => return Err(node.refuse("This model does not support this content block")),
    }))
}

fn checked<'v>(text: &Node<'v, '_>) -> Result<&'v str, Refusal> {
    let text = text.text()?;
    match text.trim().is_empty() {
        true => Err(Refusal::validation(
            "The text field in the ContentBlock object is blank. Add text to the text field, and try again.",
        )),
        false => Ok(text),
    }
}

fn media(node: &Node<'_, '_>, kind: &str) -> Result<Media, Refusal> {
    let title = node.get("name").map(|name| name.text()).transpose()?;
    let format = node.required("format")?;
    let source = node.required("source")?;
    match (kind, format.text()?, source.variant()?) {
        ("image", name @ ("png" | "jpeg" | "gif" | "webp"), ("bytes", data)) => {
            let kind = Value::from(format!("image/{name}"));
            media::picture(&Node::root(&kind), &data)
        }
        ("document", "pdf", ("bytes", data)) => media::pdf(&data, title),
        (
            "document",
            "txt" | "md" | "csv" | "html" | "doc" | "docx" | "xls" | "xlsx",
            (_, data),
        ) => Ok(Media {
            coded_bytes: 0,
            ..media::text(&data.value.to_string(), title)
        }),
        _ => Err(node.refuse("The format or source is not supported by this model")),
    }
}

fn tool_result(node: &Node<'_, '_>) -> Result<Block, Refusal> {
    node.only(&["toolUseId", "status", "content", "type"])?;
    let (mut texts, mut seen) = (Vec::new(), Vec::new());
    for part in node.required("content")?.list()? {
        match part.variant()? {
            ("text", text) => texts.push(text.text()?.to_owned()),
            ("json", json) => texts.push(json.value.to_string()),
            (kind @ ("image" | "document"), media) => seen.push(self::media(&media, kind)?),
            ("searchResult", _) => {}
            (_, other) => {
                return Err(
                    other.refuse("This model does not support this content in a tool result")
                );
            }
        }
    }
    Ok(Block::ToolResult {
        id: node
            .required("toolUseId")?
            .name("_.:-", history::LONGEST_NAME)?
            .to_owned(),
        text: texts.join("\n"),
        media: seen,
    })
}

fn reasoning_content(node: &Node<'_, '_>) -> Result<Block, Refusal> {
    let thought = match node.variant()? {
        ("reasoningText", thought) => thought,
        ("redactedContent", data) => {
            let decoded = BASE64_STANDARD.decode(data.text()?).unwrap_or_default();
            return match reasoning::is_sealed(&String::from_utf8_lossy(&decoded)) {
                true => Ok(Block::Thinking),
                false => Err(data.refuse("Invalid `data` in `redacted_thinking` block")),
            };
        }
        (_, other) => return Err(other.refuse("This model does not support this reasoning")),
    };
    match reasoning::is_genuine(
        thought.required_text("text")?,
        thought.required_text("signature")?,
    ) {
        true => Ok(Block::Thinking),
        false => Err(thought.refuse("Invalid `signature` in `thinking` block")),
    }
}
