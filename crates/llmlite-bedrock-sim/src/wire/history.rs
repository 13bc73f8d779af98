//! What Claude demands of the order of messages, whichever body carried them.

use std::collections::HashSet;

use crate::{
    conversation::{Block, Choice, Conversation, Role, Thinking, Turn},
    error::Refusal,
};

/// Characters of the longest name or id that Claude takes.
pub(super) const LONGEST_NAME: usize = 64;

/// Refuses a conversation that Claude would refuse.
pub(crate) fn check(talk: &Conversation) -> Result<(), Refusal> {
    let Some(first) = talk.turns.first() else {
        return refuse("messages: at least one message is required");
    };
    if first.by != Role::User {
        return refuse("messages: first message must use the \"user\" role");
    }
    check_end(talk)?;
    check_tools(talk)?;
    check_calls(talk)?;
    check_thinking(talk)
}

/// An answer that the model has to go on with may not end in white space.
fn check_end(talk: &Conversation) -> Result<(), Refusal> {
    let last = talk.turns.last().filter(|turn| turn.by == Role::Assistant);
    let text = last
        .and_then(|turn| turn.blocks.last())
        .and_then(Block::text);
    match text.is_some_and(|text| text.ends_with(char::is_whitespace)) {
        true => refuse("messages: final assistant content cannot end with trailing whitespace"),
        false => Ok(()),
    }
}

fn check_tools(talk: &Conversation) -> Result<(), Refusal> {
    let mut names = HashSet::new();
    if let Some(twice) = talk.tools.iter().find(|tool| !names.insert(&tool.name)) {
        return refuse(format!("tools: Tool names must be unique: {}", twice.name));
    }
    let mut blocks = talk.turns.iter().flat_map(|turn| &turn.blocks);
    let uses_tools =
        blocks.any(|block| matches!(block, Block::ToolUse { .. } | Block::ToolResult { .. }));
    match &talk.choice {
        _ if talk.tools.is_empty() && uses_tools => {
            refuse("Requests which include `tool_use` or `tool_result` blocks must define tools")
        }
        Choice::Auto | Choice::None => Ok(()),
        _ if talk.tools.is_empty() => {
            refuse("tool_choice: tool_choice may only be specified while providing tools")
        }
        Choice::Tool(name) if talk.tool(name).is_none() => refuse(format!(
            "tool_choice: Tool '{name}' not found in provided tools"
        )),
        _ => Ok(()),
    }
}

/// Every call of a turn is answered once, at the front of the turn after it, and nowhere else.
fn check_calls(talk: &Conversation) -> Result<(), Refusal> {
    let mut ever = HashSet::new();
    let mut open: HashSet<&str> = HashSet::new();
    for turn in &talk.turns {
        match turn.by {
            Role::User => check_results(turn, std::mem::take(&mut open))?,
            Role::System if !open.is_empty() => {
                return unanswered(turn.at.saturating_sub(1), open);
            }
            Role::System => {}
            Role::Assistant => {
                open = calls(turn).collect();
                if let Some(twice) = calls(turn).find(|id| !ever.insert(*id)) {
                    let at = turn.at;
                    return refuse(format!(
                        "messages.{at}: `tool_use` ids must be unique: {twice}"
                    ));
                }
            }
        }
    }
    match open.is_empty() {
        true => Ok(()),
        false => unanswered(talk.turns.last().map_or(0, |turn| turn.at), open),
    }
}

fn check_results(turn: &Turn, mut open: HashSet<&str>) -> Result<(), Refusal> {
    let calls: HashSet<&str> = open.clone();
    let mut in_front = true;
    for (nth, block) in turn.blocks.iter().enumerate() {
        let Block::ToolResult { id, .. } = block else {
            in_front = false;
            continue;
        };
        let at = turn.at;
        if !calls.contains(id.as_str()) {
            return refuse(format!(
                "messages.{at}.content.{nth}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each \
                 `tool_result` block must have a corresponding `tool_use` block in the previous message."
            ));
        }
        if !in_front {
            break;
        }
        if !open.remove(id.as_str()) {
            return refuse(format!(
                "messages.{at}.content.{nth}: each tool_use must have a single result. Found multiple \
                 `tool_result` blocks with id: {id}"
            ));
        }
    }
    match open.is_empty() {
        true => Ok(()),
        false => unanswered(turn.at.saturating_sub(1), open),
    }
}

fn unanswered(at: usize, open: HashSet<&str>) -> Result<(), Refusal> {
    let mut ids: Vec<&str> = open.into_iter().collect();
    ids.sort_unstable();
    refuse(format!(
        "messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately after: {}. Each \
         `tool_use` block must have a corresponding `tool_result` block in the next message.",
        ids.join(", ")
    ))
}

/// Thoughts lead somewhere, and with thinking on the newest turn still has those before its calls.
fn check_thinking(talk: &Conversation) -> Result<(), Refusal> {
    let mut answers = talk.turns.iter().filter(|turn| turn.by == Role::Assistant);
    let unfinished = answers.find(|turn| turn.blocks.last().is_some_and(Block::is_thinking));
    if let Some(turn) = unfinished {
        return refuse(format!(
            "messages.{}: The final block in an assistant message cannot be `thinking`.",
            turn.at
        ));
    }
    let last = talk
        .turns
        .iter()
        .rposition(|turn| turn.by == Role::Assistant);
    let Some((place, turn)) = last.and_then(|place| Some((place, talk.turns.get(place)?))) else {
        return Ok(());
    };
    let bound = calls(turn).next().is_some() || place + 1 == talk.turns.len();
    let first = turn.blocks.first().filter(|block| !block.is_thinking());
    match (talk.thinking, first) {
        (Thinking::Enabled { .. }, Some(first)) if bound => refuse(format!(
            "messages.{}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{}`. When \
             `thinking` is enabled, a final `assistant` message must start with a thinking block (preceeding the \
             lastmost set of `tool_use` and `tool_result` blocks). To avoid this requirement, you must disable \
             `thinking`.",
            turn.at,
            first.kind()
        )),
        _ => Ok(()),
    }
}

fn calls(turn: &Turn) -> impl Iterator<Item = &str> {
    turn.blocks.iter().filter_map(|block| match block {
        Block::ToolUse { id, .. } => Some(id.as_str()),
        _ => None,
    })
}

fn refuse(message: impl Into<String>) -> Result<(), Refusal> {
    Err(Refusal::validation(message))
}
