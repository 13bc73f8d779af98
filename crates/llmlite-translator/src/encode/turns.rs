//! The conversation: from OpenAI's loose list of messages to Claude's strict alternation.
//!
//! Claude wants the user first, roles in turn, no blank text, and every result of a tool in the
//! one user turn right after the calls.
//! Neighbours of one role are joined block by block, never by gluing texts together.

use llmlite_openai::ChatRequest;
use llmlite_openai::chat::message::{Assistant, Content, Message, Role as Speaker};
use std::collections::HashSet;

use super::Notes;
use super::blocks::{self, By, Path, Reader, Said};
use super::cache;
use super::calls::{Call, Key};
use super::drafts::Drafts;
use crate::claude::request::{Block, Turn};
use crate::error::EncodeError;
use crate::model::Model;

/// The conversation as Claude takes it.
#[derive(Debug)]
pub(super) struct Conversation<'a> {
    pub(super) system: Vec<Block<'a>>,
    pub(super) turns: Vec<Turn<'a>>,
}

/// Translates the messages.
pub(super) fn encode<'a>(
    request: &'a ChatRequest<'a>,
    model: &Model,
    notes: &mut Notes,
) -> Result<Conversation<'a>, EncodeError> {
    let mut builder = Builder {
        reader: Reader::new(request, model),
        notes,
        field: request.messages_field,
        system: Vec::new(),
        thoughts: Vec::new(),
        drafts: Drafts::new(model),
    };
    if let Some(instructions) = &request.instructions {
        builder.instructions(instructions)?;
    }
    let mut any_from_user = false;
    for (index, message) in request.messages.iter().enumerate() {
        builder.message(index, message)?;
        any_from_user |= !matches!(message.role, Speaker::System | Speaker::Assistant(_));
    }
    if !any_from_user {
        return Err(EncodeError::NoUserMessage);
    }
    Ok(Conversation {
        system: builder.system,
        turns: builder
            .drafts
            .finish(request.messages_field, builder.notes)?,
    })
}

#[derive(Debug)]
struct Builder<'a, 'n> {
    reader: Reader,
    notes: &'n mut Notes,
    /// The field that holds the messages.
    field: &'static str,
    system: Vec<Block<'a>>,
    /// Thoughts of a message that has nothing else: they belong to the next, or nowhere.
    thoughts: Vec<Block<'a>>,
    drafts: Drafts<'a>,
}

impl<'a> Builder<'a, '_> {
    /// Instructions that stand beside the conversation.
    fn instructions(&mut self, content: &'a Content<'a>) -> Result<(), EncodeError> {
        let path = || "system".to_owned();
        let said = self
            .reader
            .read(Some(content), By::System, &path, self.notes)?;
        self.system.extend(said.blocks);
        Ok(())
    }

    fn message(&mut self, index: usize, message: &'a Message<'a>) -> Result<(), EncodeError> {
        self.note_name(message);
        let field = self.field;
        let path = || format!("{field}[{index}].content");
        match &message.role {
            Speaker::User => {
                let said = self.read(message, By::User, &path)?;
                self.thoughts.clear();
                self.drafts.user(index, said.results, said.blocks);
            }
            Speaker::Tool { tool_call_id } => {
                // The item of OpenAI's newer API has it in another field.
                let path = || match field {
                    "input" => format!("input[{index}].output"),
                    _ => path(),
                };
                self.result(index, message, Key::Id(tool_call_id), &path)?;
            }
            Speaker::Function { name } => self.result(index, message, Key::Name(name), &path)?,
            Speaker::Assistant(assistant) => {
                let said = self.assistant(message, assistant, &path)?;
                self.drafts.assistant(said.blocks, said.calls);
            }
            Speaker::System => {
                let said = self.read(message, By::System, &path)?;
                if self.drafts.has_answer() {
                    self.drafts.instruction(said.blocks);
                } else {
                    self.system.extend(said.blocks);
                }
            }
        }
        Ok(())
    }

    fn note_name(&mut self, message: &Message<'_>) {
        let is_speakers = match message.role {
            Speaker::System | Speaker::User => true,
            // An item of OpenAI's newer API has the called tool's name there.
            Speaker::Assistant(_) | Speaker::Tool { .. } => self.field != "input",
            Speaker::Function { .. } => false,
        };
        if message.name.is_some() && is_speakers {
            self.notes.ignore_harmless("messages[].name");
        }
    }

    fn read(
        &mut self,
        message: &'a Message<'a>,
        by: By,
        path: Path<'_>,
    ) -> Result<Said<'a>, EncodeError> {
        let content = message.content.as_ref();
        let mut said = self.reader.read(content, by, path, self.notes)?;
        said.end(message.cache_control.map(cache::point));
        Ok(said)
    }

    /// What a tool gave: the message's content, or the results that some clients put in there as
    /// blocks of Anthropic's.
    fn result(
        &mut self,
        index: usize,
        message: &'a Message<'a>,
        key: Key<'a>,
        path: Path<'_>,
    ) -> Result<(), EncodeError> {
        let said = self.read(message, By::Tool, path)?;
        let mut results = said.results;
        if results.is_empty() || !said.blocks.is_empty() {
            let mut result = blocks::answered(key, said.blocks, false);
            result.point = result.point.or(message.cache_control.map(cache::point));
            results.push(result);
        }
        self.thoughts.clear();
        self.drafts.user(index, results, Vec::new());
        Ok(())
    }

    /// What the model said: thoughts, text and calls.
    ///
    /// Thoughts come first, as Claude gave them, unless the client tells their place among blocks.
    fn assistant(
        &mut self,
        message: &'a Message<'a>,
        assistant: &'a Assistant<'a>,
        path: Path<'_>,
    ) -> Result<Said<'a>, EncodeError> {
        if assistant.unsigned_reasoning {
            self.notes.ignore_harmless("messages[].reasoning_content");
        }
        let content = message.content.as_ref();
        let said = self.reader.read(content, By::Assistant, path, self.notes)?;
        let mut all = Said {
            blocks: std::mem::take(&mut self.thoughts),
            calls: calls(assistant, said.calls),
            results: Vec::new(),
        };
        if !said.blocks.iter().any(blocks::is_thought) {
            for thought in &assistant.thoughts {
                all.blocks.extend(self.reader.thought(thought, self.notes));
            }
        }
        all.blocks.extend(said.blocks);
        let refusal = assistant.refusal.as_deref();
        all.blocks.extend(refusal.and_then(blocks::text));
        if all.calls.is_empty() {
            // Claude refuses a turn that ends with a thought.
            let end = all
                .blocks
                .iter()
                .rposition(|block| !blocks::is_thought(block));
            let loose = all.blocks.split_off(end.map_or(0, |end| end + 1));
            self.thoughts = if end.is_none() { loose } else { Vec::new() };
        }
        all.end(message.cache_control.map(cache::point));
        Ok(all)
    }
}

/// All calls of a message, which some clients tell in two forms at once.
fn calls<'a>(assistant: &'a Assistant<'a>, mut parts: Vec<Call<'a>>) -> Vec<Call<'a>> {
    let mut calls: Vec<Call<'a>> = assistant.tool_calls.iter().map(Call::of).collect();
    if !calls.is_empty() && !parts.is_empty() {
        let told: HashSet<Key<'a>> = calls.iter().map(|call| call.key).collect();
        parts.retain(|call| !told.contains(&call.key));
    }
    calls.append(&mut parts);
    if calls.is_empty() {
        calls.extend(assistant.function_call.as_ref().map(Call::legacy));
    }
    calls
}
