//! Turns the events of a streamed answer into chunks.

mod voice;

use llmlite_openai::ChatChunk;
use serde::de::Error as _;

use crate::claude::event::{Event, EventDelta, EventError, EventKinds};
use crate::claude::response::{AnswerBlock, InvocationMetrics, Kind, UsageFields};
use crate::decode::ending::{self, Stop};
use crate::decode::narrator::{LostArguments, NamelessCall, Narrator};
use crate::error::StreamError;
use crate::reply::{Reply, Stamp};
use crate::usage::Usage;
use voice::Voice;

/// A state machine that is fed Claude's events and gives chunks.
///
/// The chunk with the role comes together with the first content, and the chunk with the finish
/// reason only after the event that ends an answer: until the first the caller may still answer
/// with an error status, and without the last no client takes a cut answer for a whole one.
///
/// Pieces are given as they come, with three exceptions.
/// Of an answer that is to be JSON, what may still turn out to be a Markdown code fence waits for
/// what follows it.
/// Where the arguments of a tool are to be the answer, words beside them wait until the end, and
/// are left out if the tool was called: a client could not read JSON with words before it, and
/// what was given cannot be taken back.
/// A thought is given word by word, and once more with its signature when it is whole.
#[derive(Debug)]
pub struct StreamDecoder {
    narrator: Narrator,
    voice: Voice,
    phase: Phase,
    begun: bool,
    usage: Option<Usage>,
    final_counts: FinalCounts,
    stop: Stop,
    refusal: Option<String>,
    seen_bytes: usize,
    one_hour: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Events of the answer arrive.
    Open,
    /// An event cannot be translated, and what follows it is not the answer any more.
    Broken,
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

impl StreamDecoder {
    /// A decoder for one answer.
    pub fn new(reply: Reply, stamp: Stamp) -> Self {
        Self {
            voice: Voice::new(stamp, reply.include_usage),
            one_hour: reply.one_hour,
            narrator: Narrator::new(reply),
            phase: Phase::Open,
            begun: false,
            usage: None,
            final_counts: FinalCounts::default(),
            stop: Stop::default(),
            refusal: None,
            seen_bytes: 0,
        }
    }

    /// Feeds one event, the JSON inside a Bedrock chunk, and appends zero or more chunks.
    ///
    /// # Errors
    ///
    /// When the event reports an error of the model, or is of a known type but cannot be read.
    /// Chunks appended before stay valid; the stream cannot go on.
    pub fn push(&mut self, event: &[u8], out: &mut Vec<ChatChunk>) -> Result<(), StreamError> {
        if self.phase != Phase::Open {
            self.narrator.skip();
            return Ok(());
        }
        let skipped = self.narrator.skipped();
        let told = match serde_json::from_slice(event) {
            Ok(event) => self.tell(event, out),
            Err(error) => self.unreadable(event, error, out),
        };
        if self.narrator.skipped() > skipped {
            // It may be output of a new kind, of which no field is known.
            self.seen_bytes += event.len();
        }
        if told.is_err() {
            self.phase = Phase::Broken;
        }
        told
    }

    /// Whether the event that ends an answer was seen: the only success.
    pub fn is_complete(&self) -> bool {
        matches!(self.phase, Phase::Complete | Phase::Finished)
    }

    /// Ends the answer after the last event; appends the chunk with the usage if the client asked
    /// for it.
    ///
    /// # Errors
    ///
    /// [`StreamError::Truncated`] when the event that ends an answer was not seen.
    pub fn finish(&mut self, out: &mut Vec<ChatChunk>) -> Result<(), StreamError> {
        match self.phase {
            Phase::Open | Phase::Broken => return Err(StreamError::Truncated),
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

    /// Bytes of output that Claude has sent so far, also of what no chunk tells: text, thoughts with
    /// their signatures, and calls; of an event whose type or place is unknown all of it.
    ///
    /// Bounds what an answer cost whose count never came, unless the model thinks: Claude bills
    /// thoughts in full and sends a summary of them, or nothing.
    pub fn seen_bytes(&self) -> usize {
        self.seen_bytes
    }

    /// How much was skipped because its type or place is unknown: events, blocks and stop reasons.
    pub fn skipped_events(&self) -> u64 {
        self.narrator.skipped()
    }

    fn tell(&mut self, event: Event<'_>, out: &mut Vec<ChatChunk>) -> Result<(), StreamError> {
        self.seen_bytes += event.delta.as_ref().map_or(0, EventDelta::bytes)
            + event.content_block.as_ref().map_or(0, AnswerBlock::bytes);
        let mut told = self.voice.to(out);
        match event.r#type.0.as_ref() {
            "content_block_delta" => match event.delta {
                Some(delta) => self
                    .narrator
                    .delta(event.index, delta, &mut told)
                    .map_err(misplaced)?,
                None => self.narrator.skip(),
            },
            "content_block_start" => match event.content_block {
                Some(block) => self
                    .narrator
                    .start(event.index, block, &mut told)
                    .map_err(|NamelessCall| StreamError::NamelessCall)?,
                None => self.narrator.skip(),
            },
            "content_block_stop" => self.narrator.stop(event.index, &mut told),
            "message_start" => self.start(event.message.and_then(|message| message.usage)),
            "message_delta" => {
                self.count(event.usage, true);
                self.stops(event.delta);
            }
            "message_stop" => return self.complete(event.invocation_metrics, out),
            "ping" => {}
            "error" => return Err(upstream(event.error)),
            _ => self.narrator.skip(),
        }
        Ok(())
    }

    /// Decides about an event that does not have the shape of the known ones.
    fn unreadable(
        &mut self,
        event: &[u8],
        error: serde_json::Error,
        out: &mut Vec<ChatChunk>,
    ) -> Result<(), StreamError> {
        let kind: Kind<'_> = match serde_json::from_slice(event) {
            Ok(kind) => kind,
            Err(_) => return Err(StreamError::Malformed(error)),
        };
        match place(&kind, event) {
            Place::Needed => return Err(StreamError::Malformed(error)),
            Place::Block(index) => self.narrator.start_unknown(index, &mut self.voice.to(out)),
            Place::Nowhere => self.narrator.skip(),
        }
        Ok(())
    }

    /// Takes the counts of the first event; a second first event has nothing to say.
    fn start(&mut self, usage: Option<UsageFields>) {
        if std::mem::replace(&mut self.begun, true) || self.final_counts.output {
            self.narrator.skip();
        } else {
            // The output in it is a first guess.
            self.count(usage, false);
        }
    }

    fn count(&mut self, usage: Option<UsageFields>, is_final: bool) {
        if let Some(fields) = usage {
            let usage = self.usage.get_or_insert_default();
            usage.update(&fields, self.one_hour);
            self.final_counts.input |= fields.input_tokens.is_some();
            self.final_counts.output |= is_final && fields.output_tokens.is_some();
        }
    }

    /// Remembers why the answer ends.
    fn stops(&mut self, delta: Option<EventDelta<'_>>) {
        let Some(delta) = delta else { return };
        let Some(reason) = delta.stop_reason else {
            return;
        };
        self.stop = Stop::of(&reason.0);
        let declined = self.stop == Stop::Refused;
        self.refusal = declined.then(|| ending::refusal(delta.stop_details));
        if self.stop == Stop::Unknown {
            self.narrator.skip();
        }
    }

    fn complete(
        &mut self,
        metrics: Option<InvocationMetrics>,
        out: &mut Vec<ChatChunk>,
    ) -> Result<(), StreamError> {
        if let Some(metrics) = metrics {
            let usage = self.usage.get_or_insert_default();
            usage.update_billed(&metrics, self.one_hour);
            self.final_counts.input |= metrics.input_token_count.is_some();
            self.final_counts.output |= metrics.output_token_count.is_some();
        }
        if let Stop::Fault(reason) = self.stop {
            return Err(StreamError::ModelFault { reason });
        }
        let refusal = self.refusal.take();
        let reason = self
            .narrator
            .end(self.stop, refusal, &mut self.voice.to(out));
        self.voice.end(out, reason);
        self.phase = Phase::Complete;
        Ok(())
    }
}

/// What an event is good for that does not have the shape of the known ones.
enum Place {
    /// The client or the bill needs it.
    Needed,
    /// It begins a block that nobody needs.
    Block(Option<u32>),
    /// Nobody needs it.
    Nowhere,
}

fn place(kind: &Kind<'_>, event: &[u8]) -> Place {
    match kind.r#type.as_ref().map(|kind| kind.0.as_ref()) {
        Some("content_block_start" | "content_block_delta") => serde_json::from_slice(event)
            .map_or(Place::Needed, |kinds: EventKinds<'_>| {
                let block = kinds.content_block.and_then(|block| block.r#type);
                let delta = kinds.delta.and_then(|delta| delta.r#type);
                match (block, delta) {
                    (Some(kind), None) if !AnswerBlock::is_used(&kind.0) => {
                        Place::Block(kinds.index)
                    }
                    (None, Some(kind)) if !EventDelta::is_used(&kind.0) => Place::Nowhere,
                    _ => Place::Needed,
                }
            }),
        Some(
            "message_start" | "content_block_stop" | "message_delta" | "message_stop" | "error",
        )
        | None => Place::Needed,
        Some(_) => Place::Nowhere,
    }
}

fn misplaced(LostArguments: LostArguments) -> StreamError {
    StreamError::Malformed(serde_json::Error::custom(
        "arguments of a call that was not begun",
    ))
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
