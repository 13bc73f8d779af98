//! Drafts of Claude's turns, made as the messages come and brought into order at the end.

use std::borrow::Cow;

use super::Notes;
use super::calls::{self, Answered, Call, Ids, Made};
use crate::claude::request::{Block, BlockKind, Role, Turn};
use crate::error::EncodeError;
use crate::model::Model;

/// A draft of a turn, in which results and calls are still apart from the rest.
#[derive(Debug)]
enum Draft<'a> {
    User {
        results: Vec<Answered<'a>>,
        rest: Vec<Block<'a>>,
    },
    Assistant {
        said: Vec<Block<'a>>,
        calls: Vec<Call<'a>>,
    },
    System(Vec<Block<'a>>),
}

/// The turns so far.
#[derive(Debug)]
pub(super) struct Drafts<'a> {
    prefill: bool,
    system_turns: bool,
    drafts: Vec<Draft<'a>>,
    /// Where the user's turn is that answers the model's last one.
    reply: Option<usize>,
    /// Instructions that came between calls and their results: they go after the results.
    held: Vec<Block<'a>>,
    /// The user's message that should have begun a turn but has nothing in it, until another does.
    blank: Option<usize>,
    /// Whether the model has spoken, if only in blanks.
    answered: bool,
}

impl<'a> Drafts<'a> {
    /// No turns yet, for `model`.
    pub(super) fn new(model: &Model) -> Self {
        Self {
            prefill: model.prefill,
            system_turns: model.system_turns,
            drafts: Vec::new(),
            reply: None,
            held: Vec::new(),
            blank: None,
            answered: false,
        }
    }

    /// Whether the model has spoken, and there is a turn that instructions can follow.
    pub(super) fn has_answer(&self) -> bool {
        self.answered && !self.drafts.is_empty()
    }

    /// What the user's side says in message `index`.
    pub(super) fn user(
        &mut self,
        index: usize,
        results: Vec<Answered<'a>>,
        blocks: Vec<Block<'a>>,
    ) {
        if results.is_empty() && blocks.is_empty() {
            if self.reply.is_none() {
                self.blank = Some(index);
            }
            return;
        }
        self.blank = None;
        self.words(blocks);
        let reply = self.reply.and_then(|at| self.drafts.get_mut(at));
        if let (Some(Draft::User { results: old, .. }), false) = (reply, results.is_empty()) {
            old.extend(results);
        } else if !results.is_empty() {
            self.begin_reply(results, Vec::new());
        }
    }

    /// What the model says, and calls.
    pub(super) fn assistant(&mut self, blocks: Vec<Block<'a>>, new_calls: Vec<Call<'a>>) {
        // Also when nothing of it is left: what follows must stand where it stood.
        self.answered = true;
        if blocks.is_empty() && new_calls.is_empty() {
            return;
        }
        if !self.held.is_empty() {
            // The calls stay unanswered; what was said in between stays where it was said.
            self.begin_reply(Vec::new(), Vec::new());
        }
        if let Some(Draft::Assistant { said, calls }) = self.drafts.last_mut() {
            said.extend(blocks);
            calls.extend(new_calls);
            return;
        }
        self.reply = None;
        self.drafts.push(Draft::Assistant {
            said: blocks,
            calls: new_calls,
        });
    }

    /// Instructions in the middle of the conversation, which stay there because moving them to the
    /// front would change the cached prefix; models that take none there read them from the user.
    pub(super) fn instruction(&mut self, blocks: Vec<Block<'a>>) {
        if blocks.is_empty() {
            return;
        }
        self.blank = None;
        if !self.system_turns {
            return self.words(marked(blocks));
        }
        match self.drafts.last_mut() {
            Some(Draft::Assistant { calls, .. }) if !calls.is_empty() => self.held.extend(blocks),
            Some(Draft::System(system)) => system.extend(blocks),
            Some(Draft::Assistant { .. } | Draft::User { .. }) | None => {
                self.drafts.push(Draft::System(blocks));
            }
        }
    }

    fn words(&mut self, blocks: Vec<Block<'a>>) {
        if blocks.is_empty() {
            return;
        }
        match self.drafts.last_mut() {
            Some(Draft::User { rest, .. }) => rest.extend(blocks),
            Some(Draft::Assistant { .. } | Draft::System(_)) | None => {
                self.begin_reply(Vec::new(), blocks);
            }
        }
    }

    fn begin_reply(&mut self, results: Vec<Answered<'a>>, rest: Vec<Block<'a>>) {
        self.reply.get_or_insert(self.drafts.len());
        self.drafts.push(Draft::User { results, rest });
        if !self.held.is_empty() {
            let held = std::mem::take(&mut self.held);
            self.drafts.push(Draft::System(held));
        }
    }

    /// The turns as Claude takes them; `field` is where the messages came from.
    pub(super) fn finish(
        mut self,
        field: &'static str,
        notes: &mut Notes,
    ) -> Result<Vec<Turn<'a>>, EncodeError> {
        self.refuse_blank_end(field)?;
        self.close_end();
        let mut ids = Ids::default();
        let mut turns = Vec::with_capacity(self.drafts.len() + 1);
        if matches!(self.drafts.first(), Some(Draft::Assistant { .. })) {
            turns.push(turn(Role::User, vec![Block::text(".")]));
        }
        let mut open: Vec<Made<'a>> = Vec::new();
        for draft in self.drafts {
            match draft {
                Draft::Assistant { said, calls } => {
                    open = ids.give(calls);
                    turns.push(assistant_turn(said, &open));
                }
                Draft::User { results, rest } => {
                    let settled = calls::settle(std::mem::take(&mut open), results);
                    settled.note(notes);
                    let orphans = settled.orphans.into_iter().flat_map(calls::told);
                    let rest = orphans.chain(rest).collect();
                    user_turns(settled.results, rest, &mut turns);
                }
                Draft::System(blocks) => turns.push(turn(Role::System, blocks)),
            }
        }
        if !open.is_empty() {
            let settled = calls::settle(open, Vec::new());
            settled.note(notes);
            turns.push(turn(Role::User, settled.results));
        }
        end_with_user_or_prefill(&mut turns, self.prefill, notes);
        Ok(turns)
    }

    /// Without this check a blank last message of the user would vanish and the model would go on
    /// with its own last words.
    fn refuse_blank_end(&self, field: &str) -> Result<(), EncodeError> {
        match self.blank {
            Some(index) => Err(EncodeError::BlankLastMessage {
                param: format!("{field}[{index}].content"),
            }),
            None if self.drafts.is_empty() => Err(EncodeError::NoUserMessage),
            None => Ok(()),
        }
    }

    /// Instructions that are still held go after the results that are missing; those between two
    /// turns of the model's, or after its last, come from the user, so that roles alternate.
    fn close_end(&mut self) {
        if !self.held.is_empty() {
            self.begin_reply(Vec::new(), Vec::new());
        }
        for at in 1..self.drafts.len() {
            let near = (self.drafts.get(at - 1), self.drafts.get(at + 1));
            let between = matches!(
                near,
                (
                    Some(Draft::Assistant { .. }),
                    None | Some(Draft::Assistant { .. })
                )
            );
            if let Some(draft) = self.drafts.get_mut(at).filter(|_| between)
                && let Draft::System(blocks) = draft
            {
                *draft = Draft::User {
                    results: Vec::new(),
                    rest: marked(std::mem::take(blocks)),
                };
            }
        }
    }
}

/// Instructions as words of the user.
fn marked(blocks: Vec<Block<'_>>) -> Vec<Block<'_>> {
    let marked = blocks.into_iter().map(|block| match block.kind {
        BlockKind::Text { text } => Block {
            cache_control: block.cache_control,
            ..Block::text(format!("<system_message>\n{text}\n</system_message>"))
        },
        kind => Block { kind, ..block },
    });
    marked.collect()
}

fn turn(role: Role, content: Vec<Block<'_>>) -> Turn<'_> {
    Turn { role, content }
}

/// Calls last: OpenAI has no order between text and calls, and Claude wants this one.
fn assistant_turn<'a>(said: Vec<Block<'a>>, calls: &[Made<'a>]) -> Turn<'a> {
    let mut content = said;
    content.extend(calls::uses(calls));
    turn(Role::Assistant, content)
}

/// Results first, then the rest.
///
/// Claude takes no files beside results: they go into a turn of their own, and because neighbours
/// of one role are joined again, the model says a dot in between.
/// A file needs some text beside it.
fn user_turns<'a>(results: Vec<Block<'a>>, mut rest: Vec<Block<'a>>, turns: &mut Vec<Turn<'a>>) {
    let files = match results.is_empty() {
        true => None,
        false => rest.iter().position(is_file),
    };
    if let Some(at) = files {
        let files = rest.split_off(at);
        let mut content = results;
        content.append(&mut rest);
        turns.push(turn(Role::User, content));
        turns.push(turn(Role::Assistant, vec![Block::text(".")]));
        return user_turns(Vec::new(), files, turns);
    }
    let is_text = |block: &Block<'_>| matches!(block.kind, BlockKind::Text { .. });
    if rest.iter().any(is_file) && !rest.iter().any(is_text) {
        rest.push(Block::text("."));
    }
    let mut content = results;
    content.append(&mut rest);
    turns.push(turn(Role::User, content));
}

fn is_file(block: &Block<'_>) -> bool {
    matches!(block.kind, BlockKind::Document { .. })
}

/// Lets the model continue an answer that the client began; Claude refuses blanks at the end of
/// it.
///
/// A model that cannot is asked for it in words: editors begin answers in this way, and a refusal
/// would leave them without any.
fn end_with_user_or_prefill(turns: &mut Vec<Turn<'_>>, prefill: bool, notes: &mut Notes) {
    const CONTINUE: &str = "Continue your last message from exactly where it stops: \
                            do not repeat any of it and do not comment on it.";
    let Some(last) = turns.last_mut().filter(|turn| turn.role == Role::Assistant) else {
        return;
    };
    if !prefill {
        notes.adjust("messages");
        turns.push(turn(Role::User, vec![Block::text(CONTINUE)]));
        return;
    }
    if let Some(BlockKind::Text { text }) = last.content.last_mut().map(|block| &mut block.kind) {
        *text = Cow::Owned(text.trim_end().to_owned());
    }
}
