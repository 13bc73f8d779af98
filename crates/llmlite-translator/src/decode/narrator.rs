//! Turns the blocks of an answer, whole or in pieces, into what the client is told.

use llmlite_openai::chat::response::{FinishReason, ReasoningDetail, ReasoningFormat};
use serde_json::value::RawValue;
use std::borrow::Cow;

use super::ending::Stop;
use super::fence::Fence;
use super::piece::{Form, Listener, Piece};
use crate::claude::event::EventDelta;
use crate::claude::response::{AnswerBlock, Text};
use crate::reply::Reply;
use open::{Arguments, Call, Open, Thought};

mod open;

/// Tells one answer, of which each block is begun, continued and ended.
///
/// A whole answer is one whose blocks are begun with all that they hold: the way of both is the
/// same, so a client gets the same from both.
#[derive(Debug)]
pub(crate) struct Narrator {
    reply: Reply,
    fence: Option<Fence>,
    /// The text so far, if a tool may be called whose arguments are the answer.
    ///
    /// Words beside them would make the answer unreadable as JSON, and what was told cannot be
    /// taken back; so they wait until it is known that the tool is not called.
    held: Option<String>,
    open: Vec<Open>,
    thoughts: u32,
    calls: u32,
    answered: bool,
    skipped: u64,
}

/// A call lacks its id or name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NamelessCall;

/// There are arguments of a call that was never begun, or has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LostArguments;

impl Narrator {
    pub(crate) fn new(reply: Reply) -> Self {
        // Text instead of a call of that tool is JSON too, if the model does as it is told.
        let fenced = reply.fenced || reply.answer_tool.is_some();
        Self {
            fence: fenced.then(Fence::default),
            held: reply.answer_tool.is_some().then(String::new),
            reply,
            open: Vec::new(),
            thoughts: 0,
            calls: 0,
            answered: false,
            skipped: 0,
        }
    }

    /// Begins a block; one of the same number that was not ended is ended before.
    pub(crate) fn start(
        &mut self,
        index: Option<u32>,
        block: AnswerBlock<'_>,
        out: &mut impl Listener,
    ) -> Result<(), NamelessCall> {
        let begun = self.find(index);
        if begun.is_some_and(|open| open.is_begun_by(&block)) {
            self.skipped += 1;
            return Ok(());
        }
        self.close_number(index, out);
        match block.r#type.0.as_ref() {
            "text" => {
                self.open.push(Open::text(index));
                self.text(owned(block.text), out);
            }
            "tool_use" => self.call(index, block, out)?,
            "thinking" => {
                self.open.push(Open::thought(index, Thought::default()));
                self.thinking(index, block.thinking, out);
                self.signature(index, block.signature);
            }
            "redacted_thinking" => {
                let sealed = Thought::Sealed(owned(block.data));
                self.open.push(Open::thought(index, sealed));
            }
            _ => self.start_unknown(index, out),
        }
        Ok(())
    }

    /// Begins a block of which nothing is told.
    pub(crate) fn start_unknown(&mut self, index: Option<u32>, out: &mut impl Listener) {
        self.skipped += 1;
        self.close_number(index, out);
        self.open.push(Open::unknown(index));
    }

    /// Continues a block.
    ///
    /// Text and thoughts are told even if no block of that number was begun.
    pub(crate) fn delta(
        &mut self,
        index: Option<u32>,
        delta: EventDelta<'_>,
        out: &mut impl Listener,
    ) -> Result<(), LostArguments> {
        if self.find(index).is_some_and(Open::is_unknown) {
            self.skipped += 1;
            return Ok(());
        }
        match delta.r#type.as_ref().map(|kind| kind.0.as_ref()) {
            Some("text_delta") => self.text(owned(delta.text), out),
            Some("input_json_delta") => return self.arguments(index, delta.partial_json, out),
            Some("thinking_delta") => self.thinking(index, delta.thinking, out),
            Some("signature_delta") => self.signature(index, delta.signature),
            // The cited text is in the text itself; the sources have no place in a completion.
            Some("citations_delta") => {}
            _ => self.skipped += 1,
        }
        Ok(())
    }

    /// Ends a block.
    pub(crate) fn stop(&mut self, index: Option<u32>, out: &mut impl Listener) {
        if !self.close_number(index, out) {
            self.skipped += 1;
        }
    }

    /// Ends the answer, with what the model says if it declined, and gives OpenAI's word for why.
    pub(crate) fn end(
        &mut self,
        stop: Stop,
        refusal: Option<String>,
        out: &mut impl Listener,
    ) -> FinishReason {
        while !self.open.is_empty() {
            self.close(0, out);
        }
        if let Some(text) = self.held.take() {
            self.content(text, out);
        }
        if let Some(mut fence) = self.fence.take() {
            self.content(fence.finish(), out);
        }
        if let Some(refusal) = refusal {
            out.hear(Piece::Refusal(refusal));
        }
        let made = if self.reply.legacy {
            FinishReason::FunctionCall
        } else {
            FinishReason::ToolCalls
        };
        stop.finish_reason((self.calls > 0).then_some(made))
    }

    /// Counts something that was left out because nobody knows it or has a place for it.
    pub(crate) fn skip(&mut self) {
        self.skipped += 1;
    }

    /// How much was left out because nobody knows it or has a place for it.
    pub(crate) fn skipped(&self) -> u64 {
        self.skipped
    }

    fn find(&self, index: Option<u32>) -> Option<&Open> {
        self.open.iter().find(|open| open.index == index)
    }

    fn text(&mut self, text: String, out: &mut impl Listener) {
        if self.answered {
            return;
        }
        match &mut self.held {
            Some(held) => held.push_str(&text),
            None => self.content(text, out),
        }
    }

    fn content(&mut self, text: String, out: &mut impl Listener) {
        let text = match &mut self.fence {
            Some(fence) => fence.push(text),
            None => text,
        };
        if !text.is_empty() {
            out.hear(Piece::Content(text));
        }
    }

    fn thinking(&mut self, index: Option<u32>, text: Option<Text<'_>>, out: &mut impl Listener) {
        let text = owned(text);
        if text.is_empty() {
            return;
        }
        self.thought(index).say(&text);
        out.hear(Piece::Thinking(text));
    }

    fn signature(&mut self, index: Option<u32>, signature: Option<Text<'_>>) {
        if let Some(signature) = signature.filter(|signature| !signature.0.is_empty()) {
            self.thought(index).sign(&signature.0);
        }
    }

    /// The thought of that number, begun now if it was not.
    fn thought(&mut self, index: Option<u32>) -> &mut Thought {
        let is_it = |open: &Open| open.index == index && open.is_thought();
        let at = self.open.iter().position(is_it).unwrap_or_else(|| {
            self.open.push(Open::thought(index, Thought::default()));
            self.open.len() - 1
        });
        self.open
            .get_mut(at)
            .and_then(Open::as_thought)
            .expect("the block at this place is a thought")
    }

    fn call(
        &mut self,
        block: Option<u32>,
        call: AnswerBlock<'_>,
        out: &mut impl Listener,
    ) -> Result<(), NamelessCall> {
        let (Some(id), Some(name)) = (call.id, call.name) else {
            return Err(NamelessCall);
        };
        let id = id.0.into_owned();
        let whole = Some(call.input.map_or_else(|| "{}".to_owned(), compact));
        let arguments = if self.reply.answer_tool.as_deref() == Some(&*name.0) {
            self.answer()
        } else if self.reply.legacy && self.calls > 0 {
            // The client's field holds one call; the others are not asked for by its request.
            self.skipped += 1;
            Arguments::Dropped
        } else {
            let (index, form) = (self.calls, self.form(&name.0));
            self.calls += 1;
            out.hear(Piece::Call {
                index,
                form,
                id: id.clone(),
                name: self.reply.tool_name(&name.0).to_owned(),
            });
            Arguments::of(index, form)
        };
        let call = Call {
            id,
            arguments,
            whole,
        };
        self.open.push(Open::call(block, call));
        Ok(())
    }

    /// The answer given as arguments; a second one has no place beside the first.
    fn answer(&mut self) -> Arguments {
        if self.answered {
            self.skipped += 1;
            return Arguments::Dropped;
        }
        self.answered = true;
        self.held = None;
        Arguments::Answer
    }

    fn form(&self, name: &str) -> Form {
        if self.reply.legacy {
            Form::Legacy
        } else if self.reply.custom.iter().any(|custom| custom == name) {
            Form::Custom
        } else {
            Form::Function
        }
    }

    fn arguments(
        &mut self,
        index: Option<u32>,
        piece: Option<Text<'_>>,
        out: &mut impl Listener,
    ) -> Result<(), LostArguments> {
        let Some(piece) = piece.filter(|piece| !piece.0.is_empty()) else {
            return Ok(());
        };
        let open = self.open.iter_mut().find(|open| open.index == index);
        let call = open.and_then(Open::as_call).ok_or(LostArguments)?;
        call.whole = None;
        call.arguments.push(piece.0, out);
        Ok(())
    }

    /// Ends the block of that number; says whether there is one.
    fn close_number(&mut self, index: Option<u32>, out: &mut impl Listener) -> bool {
        let at = self.open.iter().position(|open| open.index == index);
        if let Some(at) = at {
            self.close(at, out);
        }
        at.is_some()
    }

    /// Ends an open block.
    fn close(&mut self, at: usize, out: &mut impl Listener) {
        let open = self.open.remove(at);
        if let Some(thought) = open.end(out) {
            let index = self.thoughts;
            self.thoughts += 1;
            out.hear(Piece::Thought(ReasoningDetail {
                thought,
                format: ReasoningFormat::Claude,
                index,
            }));
        }
    }
}

/// JSON text without the blanks between its tokens; everything else stays byte for byte.
pub(super) fn compact(json: &RawValue) -> String {
    let mut text = String::with_capacity(json.get().len());
    let (mut quoted, mut escaped) = (false, false);
    for char in json.get().chars() {
        if quoted {
            quoted = escaped || char != '"';
            escaped = !escaped && char == '\\';
        } else if char.is_ascii_whitespace() {
            continue;
        } else {
            quoted = char == '"';
        }
        text.push(char);
    }
    text
}

fn owned(text: Option<Text<'_>>) -> String {
    text.map_or_else(String::new, |text| Cow::into_owned(text.0))
}
