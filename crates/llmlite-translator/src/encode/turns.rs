//! The conversation: from OpenAI's loose list of messages to Claude's strict alternation.
//!
//! Claude wants the user first, roles in turn, no blank text, and every result of a tool in the
//! one user turn right after the calls.
//! Neighbours of one role are joined block by block, never by gluing texts together.

use llmlite_openai::chat::message::{Message, Role as Speaker};
use llmlite_openai::chat::tool::{FunctionCall, ToolCall};
use serde_json::value::RawValue;
use std::borrow::Cow;

use super::{blocks, names};
use crate::claude::request::{Block, Role, Turn};
use crate::error::EncodeError;
use crate::model::Model;

/// The conversation as Claude takes it.
#[derive(Debug)]
pub(super) struct Conversation<'a> {
    pub(super) system: Vec<Block<'a>>,
    pub(super) turns: Vec<Turn<'a>>,
    pub(super) images: u32,
}

/// Translates the messages.
pub(super) fn encode<'a>(
    messages: &'a [Message],
    model: &Model,
) -> Result<Conversation<'a>, EncodeError> {
    let mut builder = Builder {
        reader: blocks::Reader::new(model.vision),
        ..Builder::default()
    };
    for (index, message) in messages.iter().enumerate() {
        builder.message(index, message)?;
    }
    if !messages
        .iter()
        .any(|message| matches!(message.role, Speaker::User | Speaker::Tool { .. }))
    {
        return Err(EncodeError::NoUserMessage);
    }
    refuse_blank_end(messages, &builder)?;
    let last = messages.len().saturating_sub(1);
    builder.finish(model, last)
}

/// A draft of a turn, in which results and calls are still apart from the rest.
#[derive(Debug)]
enum Draft<'a> {
    User {
        results: Vec<Answered<'a>>,
        rest: Vec<Block<'a>>,
    },
    Assistant {
        text: Vec<Block<'a>>,
        calls: Vec<&'a ToolCall>,
    },
}

/// The result of one call.
#[derive(Debug)]
struct Answered<'a> {
    message: usize,
    id: &'a str,
    content: Vec<Block<'a>>,
}

#[derive(Debug, Default)]
struct Builder<'a> {
    reader: blocks::Reader,
    system: Vec<Block<'a>>,
    drafts: Vec<Draft<'a>>,
    /// Whether the last message is the user's and left nothing behind.
    last_was_blank: bool,
}

impl<'a> Builder<'a> {
    fn message(&mut self, index: usize, message: &'a Message) -> Result<(), EncodeError> {
        let content = message.content.as_ref();
        self.last_was_blank = false;
        match &message.role {
            Speaker::User => {
                let blocks = self.reader.user(content, index)?;
                self.last_was_blank = blocks.is_empty();
                self.user(Vec::new(), blocks);
            }
            Speaker::Tool { tool_call_id } => {
                let content = self.reader.result(content, index)?;
                self.user(
                    vec![Answered {
                        message: index,
                        id: tool_call_id,
                        content,
                    }],
                    Vec::new(),
                );
            }
            Speaker::Assistant {
                refusal,
                tool_calls,
            } => {
                let text = self.reader.assistant(content, refusal.as_deref(), index)?;
                self.assistant(text, tool_calls);
            }
            // `Role` may grow; an unknown speaker cannot be read from a request today.
            _ => {
                let text = self.reader.system(content, index)?;
                self.instruction(text);
            }
        }
        Ok(())
    }

    /// Instructions before the first answer belong to the system prompt; later ones stay where
    /// they are, marked, because moving them to the front would change the cached prefix.
    fn instruction(&mut self, text: Vec<Block<'a>>) {
        if !self
            .drafts
            .iter()
            .any(|draft| matches!(draft, Draft::Assistant { .. }))
        {
            self.system.extend(text);
            return;
        }
        let marked = text.into_iter().map(|block| match block {
            Block::Text { text } => Block::Text {
                text: Cow::Owned(format!("<system_message>\n{text}\n</system_message>")),
            },
            other => other,
        });
        self.user(Vec::new(), marked.collect());
    }

    fn user(&mut self, new_results: Vec<Answered<'a>>, blocks: Vec<Block<'a>>) {
        if new_results.is_empty() && blocks.is_empty() {
            return;
        }
        match self.drafts.last_mut() {
            Some(Draft::User { results, rest }) => {
                results.extend(new_results);
                rest.extend(blocks);
            }
            _ => self.drafts.push(Draft::User {
                results: new_results,
                rest: blocks,
            }),
        }
    }

    fn assistant(&mut self, blocks: Vec<Block<'a>>, new_calls: &'a [ToolCall]) {
        if blocks.is_empty() && new_calls.is_empty() {
            return;
        }
        match self.drafts.last_mut() {
            Some(Draft::Assistant { text, calls }) => {
                text.extend(blocks);
                calls.extend(new_calls);
            }
            _ => self.drafts.push(Draft::Assistant {
                text: blocks,
                calls: new_calls.iter().collect(),
            }),
        }
    }

    fn finish(self, model: &Model, last: usize) -> Result<Conversation<'a>, EncodeError> {
        let mut turns = Vec::with_capacity(self.drafts.len() + 1);
        if matches!(self.drafts.first(), Some(Draft::Assistant { .. })) {
            turns.push(user_turn(vec![Block::Text {
                text: Cow::Borrowed("."),
            }]));
        }
        let mut calls: Vec<&ToolCall> = Vec::new();
        for draft in self.drafts {
            match draft {
                Draft::Assistant { text, calls: made } => {
                    turns.push(assistant_turn(text, &made));
                    calls = made;
                }
                Draft::User { results, rest } => {
                    let mut content = results_in_order(std::mem::take(&mut calls), results)?;
                    content.extend(rest);
                    turns.push(user_turn(content));
                }
            }
        }
        if !calls.is_empty() {
            turns.push(user_turn(results_in_order(calls, Vec::new())?));
        }
        end_with_user_or_prefill(&mut turns, model, last)?;
        Ok(Conversation {
            system: self.system,
            turns,
            images: self.reader.images(),
        })
    }
}

/// Without this check a blank last message would vanish and the model would go on with its own
/// last words.
fn refuse_blank_end(messages: &[Message], builder: &Builder<'_>) -> Result<(), EncodeError> {
    let ends_with_user = matches!(builder.drafts.last(), Some(Draft::User { .. }));
    if builder.last_was_blank && !ends_with_user {
        let param = format!("messages[{}].content", messages.len().saturating_sub(1));
        return Err(EncodeError::BlankLastMessage { param });
    }
    if builder.drafts.is_empty() {
        return Err(EncodeError::NoUserMessage);
    }
    Ok(())
}

/// One result for each call, in the order of the calls; the last of several wins, and a call that
/// was never answered is said to have failed.
fn results_in_order<'a>(
    calls: Vec<&'a ToolCall>,
    results: Vec<Answered<'a>>,
) -> Result<Vec<Block<'a>>, EncodeError> {
    if let Some(orphan) = results
        .iter()
        .find(|result| !calls.iter().any(|call| call.id == result.id))
    {
        let param = format!("messages[{}].tool_call_id", orphan.message);
        return Err(EncodeError::OrphanToolResult {
            param,
            id: orphan.id.to_owned(),
        });
    }
    let mut results: Vec<Option<Answered<'a>>> = results.into_iter().map(Some).collect();
    let blocks = calls.into_iter().map(|call| {
        let answer = results
            .iter_mut()
            .rev()
            .find(|result| result.as_ref().is_some_and(|result| result.id == call.id));
        let answer = answer.and_then(Option::take);
        let is_error = answer.is_none();
        let content = answer.map_or_else(
            || {
                vec![Block::Text {
                    text: Cow::Borrowed("Tool call was not completed."),
                }]
            },
            |answer| answer.content,
        );
        Block::ToolResult {
            tool_use_id: names::call_id(&call.id),
            content,
            is_error,
        }
    });
    Ok(blocks.collect())
}

fn user_turn(content: Vec<Block<'_>>) -> Turn<'_> {
    Turn {
        role: Role::User,
        content,
    }
}

/// Text first: OpenAI has no order between text and calls, and Claude wants this one.
fn assistant_turn<'a>(text: Vec<Block<'a>>, calls: &[&'a ToolCall]) -> Turn<'a> {
    let mut content = text;
    content.extend(calls.iter().map(|call| Block::ToolUse {
        id: names::call_id(&call.id),
        name: names::tool_name(&call.function.name),
        input: arguments(&call.function),
    }));
    Turn {
        role: Role::Assistant,
        content,
    }
}

/// The arguments as an object, byte for byte where they are one.
///
/// Histories hold cut or foreign arguments; these are wrapped, so that the conversation can go on
/// and the model sees what it wrote.
fn arguments(call: &FunctionCall) -> Cow<'_, RawValue> {
    let text = call.arguments.trim();
    let wrapped = match serde_json::from_str::<&RawValue>(text) {
        Ok(object) if object.get().starts_with('{') => return Cow::Borrowed(object),
        Ok(value) => format!(r#"{{"value":{}}}"#, value.get()),
        Err(_) if text.is_empty() => "{}".to_owned(),
        Err(_) => format!(r#"{{"_raw":{}}}"#, serde_json::Value::from(text)),
    };
    Cow::Owned(RawValue::from_string(wrapped).expect("a JSON value inside an object is JSON"))
}

/// Lets the model continue an answer that the client began, where it can; Claude refuses blanks
/// at the end of it.
fn end_with_user_or_prefill(
    turns: &mut [Turn<'_>],
    model: &Model,
    last: usize,
) -> Result<(), EncodeError> {
    let Some(turn) = turns.last_mut().filter(|turn| turn.role == Role::Assistant) else {
        return Ok(());
    };
    if !model.prefill {
        return Err(EncodeError::PrefillUnsupported {
            param: format!("messages[{last}]"),
        });
    }
    if let Some(Block::Text { text }) = turn.content.last_mut() {
        *text = Cow::Owned(text.trim_end().to_owned());
    }
    Ok(())
}
