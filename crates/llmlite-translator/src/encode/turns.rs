//! The conversation: from OpenAI's loose list of messages to Claude's strict alternation.
//!
//! Claude wants the user first, roles in turn, no blank text, and every result of a tool in the
//! one user turn right after the calls.
//! Neighbours of one role are joined block by block, never by gluing texts together.

use llmlite_openai::chat::message::{Message, Role as Speaker};
use llmlite_openai::chat::tool::ToolCall;
use std::borrow::Cow;

use super::blocks;
use super::calls::{self, Answered, Ids, Made};
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
        reader: blocks::Reader::new(model),
        system: Vec::new(),
        drafts: Vec::new(),
        blank: None,
        answer: None,
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
    builder.finish(model)
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

#[derive(Debug)]
struct Builder<'a> {
    reader: blocks::Reader,
    system: Vec<Block<'a>>,
    drafts: Vec<Draft<'a>>,
    /// The user's message that should have begun a turn but has nothing in it, until another does.
    blank: Option<usize>,
    /// The model's last message that has something in it.
    answer: Option<usize>,
}

impl<'a> Builder<'a> {
    fn message(&mut self, index: usize, message: &'a Message) -> Result<(), EncodeError> {
        let content = message.content.as_ref();
        match &message.role {
            Speaker::User => {
                let blocks = self.reader.user(content, index)?;
                if blocks.is_empty() && !matches!(self.drafts.last(), Some(Draft::User { .. })) {
                    self.blank = Some(index);
                }
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
                if !text.is_empty() || !tool_calls.is_empty() {
                    self.answer = Some(index);
                    self.assistant(text, tool_calls);
                }
            }
            Speaker::System => {
                let text = self.reader.system(content, index)?;
                self.instruction(text);
            }
        }
        Ok(())
    }

    /// Instructions before the first answer belong to the system prompt; later ones stay where
    /// they are, marked, because moving them to the front would change the cached prefix.
    fn instruction(&mut self, text: Vec<Block<'a>>) {
        if self.answer.is_none() {
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
        self.blank = None;
        match self.drafts.last_mut() {
            Some(Draft::User { results, rest }) => {
                results.extend(new_results);
                rest.extend(blocks);
            }
            Some(Draft::Assistant { .. }) | None => self.drafts.push(Draft::User {
                results: new_results,
                rest: blocks,
            }),
        }
    }

    fn assistant(&mut self, blocks: Vec<Block<'a>>, new_calls: &'a [ToolCall]) {
        match self.drafts.last_mut() {
            Some(Draft::Assistant { text, calls }) => {
                text.extend(blocks);
                calls.extend(new_calls);
            }
            Some(Draft::User { .. }) | None => self.drafts.push(Draft::Assistant {
                text: blocks,
                calls: new_calls.iter().collect(),
            }),
        }
    }

    fn finish(self, model: &Model) -> Result<Conversation<'a>, EncodeError> {
        self.refuse_blank_end()?;
        let mut ids = Ids::default();
        let mut turns = Vec::with_capacity(self.drafts.len() + 1);
        if matches!(self.drafts.first(), Some(Draft::Assistant { .. })) {
            turns.push(user_turn(vec![Block::Text {
                text: Cow::Borrowed("."),
            }]));
        }
        let mut open: Vec<Made<'a>> = Vec::new();
        for draft in self.drafts {
            match draft {
                Draft::Assistant { text, calls } => {
                    open = ids.give(calls);
                    turns.push(assistant_turn(text, &open));
                }
                Draft::User { results, rest } => {
                    let mut content = calls::results(std::mem::take(&mut open), results)?;
                    content.extend(rest);
                    turns.push(user_turn(content));
                }
            }
        }
        if !open.is_empty() {
            turns.push(user_turn(calls::results(open, Vec::new())?));
        }
        end_with_user_or_prefill(&mut turns, model, self.answer)?;
        Ok(Conversation {
            system: self.system,
            turns,
            images: self.reader.images(),
        })
    }

    /// Without this check a blank last message of the user would vanish and the model would go on
    /// with its own last words.
    fn refuse_blank_end(&self) -> Result<(), EncodeError> {
        match self.blank {
            Some(index) => Err(EncodeError::BlankLastMessage {
                param: format!("messages[{index}].content"),
            }),
            None if self.drafts.is_empty() => Err(EncodeError::NoUserMessage),
            None => Ok(()),
        }
    }
}

fn user_turn(content: Vec<Block<'_>>) -> Turn<'_> {
    Turn {
        role: Role::User,
        content,
    }
}

/// Text first: OpenAI has no order between text and calls, and Claude wants this one.
fn assistant_turn<'a>(text: Vec<Block<'a>>, calls: &[Made<'a>]) -> Turn<'a> {
    let mut content = text;
    content.extend(calls::uses(calls));
    Turn {
        role: Role::Assistant,
        content,
    }
}

/// Lets the model continue an answer that the client began, where it can; Claude refuses blanks
/// at the end of it.
fn end_with_user_or_prefill(
    turns: &mut [Turn<'_>],
    model: &Model,
    answer: Option<usize>,
) -> Result<(), EncodeError> {
    let Some(turn) = turns.last_mut().filter(|turn| turn.role == Role::Assistant) else {
        return Ok(());
    };
    if !model.prefill {
        return Err(EncodeError::PrefillUnsupported {
            param: format!("messages[{}]", answer.unwrap_or_default()),
        });
    }
    if let Some(Block::Text { text }) = turn.content.last_mut() {
        *text = Cow::Owned(text.trim_end().to_owned());
    }
    Ok(())
}
