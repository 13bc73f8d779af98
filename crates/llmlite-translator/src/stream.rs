//! Turns the events of a streamed answer into chunks.

mod voice;

use llmlite_openai::ChatChunk;
use std::borrow::Cow;

use crate::claude::event::{Event, EventDelta, EventError, EventKinds};
use crate::claude::response::{AnswerBlock, Kind, Text, UsageFields};
use crate::decode::{compact, finish_reason};
use crate::error::StreamError;
use crate::reply::{Reply, Stamp};
use crate::usage::Usage;
use voice::Voice;

/// A state machine that is fed Claude's events and gives chunks.
///
/// The chunk with the role comes together with the first content, and the chunk with the finish
/// reason only after the event that ends an answer: until the first the caller may still answer
/// with an error status, and without the last no client takes a cut answer for a whole one.
#[derive(Debug)]
pub struct StreamDecoder {
    reply: Reply,
    voice: Voice,
    phase: Phase,
    usage: Option<Usage>,
    final_counts: FinalCounts,
    stop_reason: Option<String>,
    /// Calls whose arguments are still arriving.
    open_calls: Vec<OpenCall>,
    calls: u32,
    skipped: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Events of the answer arrive.
    Open,
    /// The event that ends an answer was seen.
    Complete,
    /// The caller has asked for the last chunks.
    Finished,
}

/// Which counts are those that the bill will have.
#[derive(Debug, Default)]
struct FinalCounts {
    input: bool,
    output: bool,
}

#[derive(Debug)]
struct OpenCall {
    /// Claude's number of the block.
    block: u32,
    /// OpenAI's number of the call.
    index: u32,
    /// The arguments to give when no piece of them arrives.
    fallback: Option<String>,
}

impl StreamDecoder {
    /// A decoder for one answer.
    pub fn new(reply: Reply, stamp: Stamp) -> Self {
        Self {
            voice: Voice::new(stamp, reply.include_usage),
            reply,
            phase: Phase::Open,
            usage: None,
            final_counts: FinalCounts::default(),
            stop_reason: None,
            open_calls: Vec::new(),
            calls: 0,
            skipped: 0,
        }
    }

    /// Feeds one event, the JSON inside a Bedrock chunk, and appends zero or more chunks.
    ///
    /// # Errors
    ///
    /// When the event reports an error of the model, or is of a known type but cannot be read.
    /// Chunks appended before stay valid; the stream cannot go on.
    pub fn push(&mut self, event: &[u8], out: &mut Vec<ChatChunk>) -> Result<(), StreamError> {
        if self.is_complete() {
            self.skipped += 1;
            return Ok(());
        }
        let event: Event<'_> = match serde_json::from_slice(event) {
            Ok(event) => event,
            Err(error) => return self.unreadable(event, error),
        };
        match event.r#type.0.as_ref() {
            "content_block_delta" => self.block_delta(event.index, event.delta, out),
            "content_block_start" => {
                return self.block_start(event.index, event.content_block, out);
            }
            "content_block_stop" => self.block_stop(event.index, out),
            // The output in it is a first guess.
            "message_start" => self.count(event.message.and_then(|message| message.usage), false),
            "message_delta" => {
                self.count(event.usage, true);
                let reason = event.delta.and_then(|delta| delta.stop_reason);
                self.stop_reason = reason
                    .map(|reason| reason.0.into_owned())
                    .or(self.stop_reason.take());
            }
            "message_stop" => {
                if let Some(metrics) = event.invocation_metrics {
                    self.usage.get_or_insert_default().update_billed(&metrics);
                    self.final_counts.input |= metrics.input_token_count.is_some();
                    self.final_counts.output |= metrics.output_token_count.is_some();
                }
                self.complete(out);
            }
            "ping" => {}
            "error" => return Err(upstream(event.error)),
            _ => self.skipped += 1,
        }
        Ok(())
    }

    /// Whether the event that ends an answer was seen: the only success.
    pub fn is_complete(&self) -> bool {
        self.phase != Phase::Open
    }

    /// Ends the answer after the last event; appends the chunk with the usage if the client asked
    /// for it.
    ///
    /// # Errors
    ///
    /// [`StreamError::Truncated`] when the event that ends an answer was not seen.
    pub fn finish(&mut self, out: &mut Vec<ChatChunk>) -> Result<(), StreamError> {
        match self.phase {
            Phase::Open => return Err(StreamError::Truncated),
            Phase::Finished => return Ok(()),
            Phase::Complete => self.phase = Phase::Finished,
        }
        self.voice
            .account(out, self.usage.unwrap_or_default().into());
        Ok(())
    }

    /// The usage as far as it is known: the input from the first event, the rest at the end.
    ///
    /// The output is a first guess until [`StreamDecoder::final_usage`] is there.
    pub fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// The usage to bill: `None` until both input and output have been counted, the output by the
    /// event that gives the stop reason or by Bedrock itself at the end.
    ///
    /// A stream may be complete without it.
    pub fn final_usage(&self) -> Option<Usage> {
        let counted = self.final_counts.input && self.final_counts.output;
        self.usage.filter(|_| counted)
    }

    /// How many events were skipped because their type or place is unknown.
    pub fn skipped_events(&self) -> u64 {
        self.skipped
    }

    /// Decides about an event that does not have the shape of the known ones.
    fn unreadable(&mut self, event: &[u8], error: serde_json::Error) -> Result<(), StreamError> {
        let known = match serde_json::from_slice::<Kind<'_>>(event) {
            Ok(kind) => is_needed(&kind, event),
            Err(_) => true,
        };
        if known {
            return Err(StreamError::Malformed(error));
        }
        self.skipped += 1;
        Ok(())
    }

    fn count(&mut self, usage: Option<UsageFields>, is_final: bool) {
        if let Some(fields) = usage {
            self.usage.get_or_insert_default().update(&fields);
            self.final_counts.input |= fields.input_tokens.is_some();
            self.final_counts.output |= is_final && fields.output_tokens.is_some();
        }
    }

    fn block_start(
        &mut self,
        index: Option<u32>,
        block: Option<AnswerBlock<'_>>,
        out: &mut Vec<ChatChunk>,
    ) -> Result<(), StreamError> {
        let (Some(index), Some(block)) = (index, block) else {
            self.skipped += 1;
            return Ok(());
        };
        match block.r#type.0.as_ref() {
            "tool_use" => return self.call_start(index, block, out),
            "text" => self.text(block.text, out),
            "thinking" => self.thought(block.thinking, out),
            "redacted_thinking" => {}
            _ => self.skipped += 1,
        }
        Ok(())
    }

    fn call_start(
        &mut self,
        block: u32,
        call: AnswerBlock<'_>,
        out: &mut Vec<ChatChunk>,
    ) -> Result<(), StreamError> {
        let (Some(id), Some(name)) = (call.id, call.name) else {
            return Err(StreamError::NamelessCall);
        };
        let index = self.calls;
        self.calls += 1;
        let fallback = call.input.map_or_else(|| "{}".to_owned(), compact);
        self.open_calls.push(OpenCall {
            block,
            index,
            fallback: Some(fallback),
        });
        let name = self.reply.tool_name(&name.0).to_owned();
        self.voice
            .speak(out, voice::call(index, id.0.into_owned(), name));
        Ok(())
    }

    fn block_delta(
        &mut self,
        index: Option<u32>,
        delta: Option<EventDelta<'_>>,
        out: &mut Vec<ChatChunk>,
    ) {
        let Some(delta) = delta else {
            self.skipped += 1;
            return;
        };
        match delta.r#type.as_ref().map(|kind| kind.0.as_ref()) {
            Some("text_delta") => self.text(delta.text, out),
            Some("input_json_delta") => self.arguments(index, delta.partial_json, out),
            Some("thinking_delta") => self.thought(delta.thinking, out),
            // Clients of this surface have no place for these two.
            Some("signature_delta" | "citations_delta") => {}
            _ => self.skipped += 1,
        }
    }

    fn text(&mut self, text: Option<Text<'_>>, out: &mut Vec<ChatChunk>) {
        if let Some(content) = not_empty(text) {
            self.voice.speak(out, voice::content(content));
        }
    }

    fn thought(&mut self, text: Option<Text<'_>>, out: &mut Vec<ChatChunk>) {
        if let Some(thought) = not_empty(text) {
            self.voice.speak(out, voice::reasoning(thought));
        }
    }

    fn arguments(&mut self, block: Option<u32>, piece: Option<Text<'_>>, out: &mut Vec<ChatChunk>) {
        let Some(call) = self
            .open_calls
            .iter_mut()
            .find(|call| Some(call.block) == block)
        else {
            self.skipped += 1;
            return;
        };
        if let Some(arguments) = not_empty(piece) {
            call.fallback = None;
            let index = call.index;
            self.voice.speak(out, voice::arguments(index, arguments));
        }
    }

    fn block_stop(&mut self, index: Option<u32>, out: &mut Vec<ChatChunk>) {
        let call = self
            .open_calls
            .iter()
            .position(|call| Some(call.block) == index);
        if let Some(at) = call {
            let call = self.open_calls.remove(at);
            self.close(call, out);
        }
    }

    /// Ends a call; one without a single piece of arguments gets them whole, so that their text is
    /// valid JSON.
    fn close(&mut self, call: OpenCall, out: &mut Vec<ChatChunk>) {
        if let Some(arguments) = call.fallback {
            self.voice
                .speak(out, voice::arguments(call.index, arguments));
        }
    }

    fn complete(&mut self, out: &mut Vec<ChatChunk>) {
        for call in std::mem::take(&mut self.open_calls) {
            self.close(call, out);
        }
        let reason = finish_reason(self.stop_reason.as_deref(), self.calls > 0);
        self.voice.end(out, reason);
        self.phase = Phase::Complete;
    }
}

/// Whether an event of this kind, with the block or delta that it brings, says anything that the
/// client or the bill needs.
fn is_needed(kind: &Kind<'_>, event: &[u8]) -> bool {
    match kind.r#type.as_ref().map(|kind| kind.0.as_ref()) {
        Some("content_block_start" | "content_block_delta") => serde_json::from_slice(event)
            .map_or(true, |kinds: EventKinds<'_>| {
                let block = kinds.content_block.and_then(|block| block.r#type);
                let delta = kinds.delta.and_then(|delta| delta.r#type);
                block.is_none_or(|kind| AnswerBlock::is_used(&kind.0))
                    && delta.is_none_or(|kind| EventDelta::is_used(&kind.0))
            }),
        Some(
            "message_start" | "content_block_stop" | "message_delta" | "message_stop" | "error",
        ) => true,
        Some(_) => false,
        None => true,
    }
}

fn not_empty(text: Option<Text<'_>>) -> Option<String> {
    text.map(|text| text.0)
        .filter(|text| !text.is_empty())
        .map(Cow::into_owned)
}

fn upstream(error: Option<EventError<'_>>) -> StreamError {
    let (kind, message) = error.map_or((None, None), |error| (error.r#type, error.message));
    StreamError::Upstream {
        kind: kind.map_or_else(|| "api_error".to_owned(), |kind| kind.0.into_owned()),
        message: message
            .map(|message| message.0.into_owned())
            .unwrap_or_default(),
    }
}
