//! Messages, system prompt and content blocks of Claude's body.

use crate::{
    conversation::{Block, Media, Role, Turn},
    error::Refusal,
    model::reasoning,
    wire::{history, media, node::Node},
};

const LONGEST_TITLE: usize = 500;

/// The system prompt, its blocks joined by line feeds.
pub(super) fn system(root: &Node<'_, '_>) -> Result<String, Refusal> {
    let Some(system) = root.get("system") else {
        return Ok(String::new());
    };
    if let Ok(text) = system.text() {
        return Ok(text.to_owned());
    }
    let texts: Result<Vec<&str>, Refusal> = system
        .list()?
        .map(|block| text_block(&block, "system"))
        .collect();
    Ok(texts?.join("\n"))
}

/// All messages, those of one side in a row made into one turn.
pub(super) fn turns(messages: &Node<'_, '_>) -> Result<Vec<Turn>, Refusal> {
    let mut turns: Vec<Turn> = Vec::new();
    for (at, message) in messages.list()?.enumerate() {
        message.only(&["role", "content"])?;
        let by = role(&message)?;
        let blocks = content(&message.required("content")?, by)?;
        match turns.last_mut() {
            Some(turn) if turn.by == by => turn.blocks.extend(blocks),
            _ => turns.push(Turn { by, at, blocks }),
        }
    }
    Ok(turns)
}

fn role(message: &Node<'_, '_>) -> Result<Role, Refusal> {
    let role = message.required("role")?;
    match role.text()? {
        "user" => Ok(Role::User),
        "assistant" => Ok(Role::Assistant),
        "system" => Ok(Role::System),
        _ => Err(role.refuse("Input should be 'user' or 'assistant'")),
    }
}

fn content(content: &Node<'_, '_>, by: Role) -> Result<Vec<Block>, Refusal> {
    if let Ok(text) = content.text() {
        check_text(text, "messages")?;
        return Ok(vec![Block::Text(text.to_owned())]);
    }
    let blocks: Vec<Block> = content
        .list()?
        .map(|block| self::block(&block, by))
        .collect::<Result<_, _>>()?;
    match blocks.is_empty() {
        true => Err(content.refuse("all messages must have non-empty content except for the optional final assistant message")),
        false => Ok(blocks),
    }
}

fn block(block: &Node<'_, '_>, by: Role) -> Result<Block, Refusal> {
    let kind = block.required_text("type")?;
    let only_for = |role: Role, name: &str| match by == role {
        true => Ok(()),
        false => Err(block.refuse(format_args!(
            "`{kind}` blocks can only be in `{name}` messages"
        ))),
    };
    if by == Role::System && kind != "text" {
        return Err(block.refuse("`system` messages hold text only"));
    }
    match kind {
        "text" => Ok(Block::Text(text_block(block, "messages")?.to_owned())),
        "image" | "document" => {
            only_for(Role::User, "user")?;
            Ok(Block::Media(media_block(block, kind)?))
        }
        "tool_use" => {
            only_for(Role::Assistant, "assistant")?;
            tool_use(block)
        }
        "tool_result" => {
            only_for(Role::User, "user")?;
            tool_result(block)
        }
        "thinking" | "redacted_thinking" => {
            only_for(Role::Assistant, "assistant")?;
            thinking(block, kind)
        }
        "search_result" => Ok(Block::Other),
        _ => Err(block.refuse(format_args!(
            "Input tag '{kind}' found using 'type' does not match any of the expected tags"
        ))),
    }
}

fn text_block<'v>(block: &Node<'v, '_>, place: &str) -> Result<&'v str, Refusal> {
    block.only(&["type", "text", "cache_control", "citations"])?;
    if block.required_text("type")? != "text" {
        return Err(block.refuse("Input should be a text block"));
    }
    let text = block.required_text("text")?;
    let point = block
        .get("cache_control")
        .filter(|point| !point.value.is_null());
    if text.is_empty() && point.is_some() {
        return Err(block.refuse("cache_control cannot be set for empty text blocks"));
    }
    check_text(text, place)?;
    Ok(text)
}

fn check_text(text: &str, place: &str) -> Result<(), Refusal> {
    let wrong = match text {
        "" => "must be non-empty",
        _ if text.trim().is_empty() => "must contain non-whitespace text",
        _ => return Ok(()),
    };
    Err(Refusal::validation(format!(
        "{place}: text content blocks {wrong}"
    )))
}

fn media_block(block: &Node<'_, '_>, kind: &str) -> Result<Media, Refusal> {
    block.only(match kind {
        "image" => &["type", "source", "cache_control"],
        _ => &[
            "type",
            "source",
            "title",
            "context",
            "citations",
            "cache_control",
        ],
    })?;
    let title = label(block, "title", LONGEST_TITLE)?;
    label(block, "context", usize::MAX)?;
    let source = block.required("source")?;
    let form = source.required_text("type")?;
    match form {
        "base64" | "text" => source.only(&["type", "media_type", "data"])?,
        "content" => source.only(&["type", "content"])?,
        _ => {}
    }
    match (kind, form) {
        ("image", "base64") => {
            media::picture(&source.required("media_type")?, &source.required("data")?)
        }
        (_, "base64") => {
            let named = source.required("media_type")?;
            match named.text()? {
                "application/pdf" => media::pdf(&source.required("data")?, title),
                _ => Err(named.refuse("Input should be 'application/pdf'")),
            }
        }
        ("document", "text") => {
            let named = source.required("media_type")?;
            match named.text()? {
                "text/plain" => Ok(media::text(source.required_text("data")?, title)),
                _ => Err(named.refuse("Input should be 'text/plain'")),
            }
        }
        ("document", "content") => Ok(media::text(
            &source.required("content")?.value.to_string(),
            title,
        )),
        _ => Err(source.refuse(format_args!("source type '{form}' is not supported"))),
    }
}

/// A text beside a document: none, or one with something in it.
fn label<'v>(block: &Node<'v, '_>, name: &str, most: usize) -> Result<Option<&'v str>, Refusal> {
    let Some(node) = block.get(name).filter(|node| !node.value.is_null()) else {
        return Ok(None);
    };
    match node.text()? {
        "" => Err(node.refuse("String should have at least 1 character")),
        text if text.chars().count() > most => {
            Err(node.refuse(format_args!("String should have at most {most} characters")))
        }
        text => Ok(Some(text)),
    }
}

fn tool_use(block: &Node<'_, '_>) -> Result<Block, Refusal> {
    // SDKs send an answer's block back with the `caller` that newer models name in it.
    block.only(&["type", "id", "name", "input", "cache_control", "caller"])?;
    block.required("input")?.object()?;
    block.required("name")?.name("_-", history::LONGEST_NAME)?;
    Ok(Block::ToolUse {
        id: block
            .required("id")?
            .name("_-", history::LONGEST_NAME)?
            .to_owned(),
    })
}

fn tool_result(block: &Node<'_, '_>) -> Result<Block, Refusal> {
    block.only(&[
        "type",
        "tool_use_id",
        "content",
        "is_error",
        "cache_control",
    ])?;
    let failed = block.get("is_error").map(|is_error| is_error.boolean());
    let failed = failed.transpose()?.unwrap_or(false);
    let (mut texts, mut media) = (Vec::new(), Vec::new());
    if let Some(content) = block.get("content") {
        match content.text() {
            Ok(text) => texts.push(text.to_owned()),
            Err(_) => {
                for part in content.list()? {
                    match self::block(&part, Role::User)? {
                        Block::Text(text) => texts.push(text),
                        Block::Media(seen) => media.push(seen),
                        Block::Other => {}
                        _ => {
                            return Err(part.refuse("tool results hold text, images and documents"));
                        }
                    }
                }
            }
        }
    }
    if failed && media.is_empty() && texts.iter().all(String::is_empty) {
        return Err(block.refuse("content cannot be empty if `is_error` is true"));
    }
    Ok(Block::ToolResult {
        id: block
            .required("tool_use_id")?
            .name("_-", history::LONGEST_NAME)?
            .to_owned(),
        text: texts.join("\n"),
        media,
    })
}

fn thinking(block: &Node<'_, '_>, kind: &str) -> Result<Block, Refusal> {
    if kind == "redacted_thinking" {
        block.only(&["type", "data"])?;
        return match reasoning::is_sealed(block.required_text("data")?) {
            true => Ok(Block::Thinking),
            false => Err(block.refuse("Invalid `data` in `redacted_thinking` block")),
        };
    }
    block.only(&["type", "thinking", "signature"])?;
    let (text, signature) = (
        block.required_text("thinking")?,
        block.required_text("signature")?,
    );
    match reasoning::is_genuine(text, signature) {
        true => Ok(Block::Thinking),
        false => Err(block.refuse("Invalid `signature` in `thinking` block")),
    }
}
