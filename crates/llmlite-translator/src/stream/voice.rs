//! The chunks themselves: what they all carry, and the one that comes first.

use llmlite_openai::ChatChunk;
use llmlite_openai::chat::chunk::{ChunkChoice, ChunkTag, ChunkUsage, Delta};
use llmlite_openai::chat::response::{AssistantTag, FinishReason};
use llmlite_openai::chat::tool_call::{CallTag, CustomDelta, FunctionDelta, ToolCallDelta};
use llmlite_openai::usage::CompletionUsage;

use crate::decode::piece::{Form, Listener, Piece};
use crate::reply::Stamp;

/// Makes the chunks of one answer.
#[derive(Debug)]
pub(super) struct Voice {
    stamp: Stamp,
    include_usage: bool,
    begun: bool,
}

/// A voice and who it speaks to.
pub(super) struct Speaking<'a> {
    voice: &'a mut Voice,
    out: &'a mut Vec<ChatChunk>,
}

impl Voice {
    pub(super) fn new(stamp: Stamp, include_usage: bool) -> Self {
        Self {
            stamp,
            include_usage,
            begun: false,
        }
    }

    /// A listener that gives what it hears to `out`.
    pub(super) fn to<'a>(&'a mut self, out: &'a mut Vec<ChatChunk>) -> Speaking<'a> {
        Speaking { voice: self, out }
    }

    /// Gives a piece of the answer, after the chunk with the role if it is the first.
    fn speak(&mut self, out: &mut Vec<ChatChunk>, delta: Delta) {
        self.begin(out);
        out.push(self.choice(delta, None));
    }

    /// Gives the chunk with the finish reason.
    pub(super) fn end(&mut self, out: &mut Vec<ChatChunk>, reason: FinishReason) {
        self.begin(out);
        out.push(self.choice(Delta::default(), Some(reason)));
    }

    /// Gives the chunk with the usage, if the client asked for it.
    pub(super) fn account(&self, out: &mut Vec<ChatChunk>, usage: CompletionUsage) {
        if self.include_usage {
            out.push(self.chunk(Vec::new(), ChunkUsage::Known(usage)));
        }
    }

    fn begin(&mut self, out: &mut Vec<ChatChunk>) {
        if !self.begun {
            self.begun = true;
            let role = Some(AssistantTag::Assistant);
            let content = Some(String::new());
            out.push(self.choice(
                Delta {
                    role,
                    content,
                    ..Delta::default()
                },
                None,
            ));
        }
    }

    fn choice(&self, delta: Delta, finish_reason: Option<FinishReason>) -> ChatChunk {
        let usage = if self.include_usage {
            ChunkUsage::Null
        } else {
            ChunkUsage::LeftOut
        };
        self.chunk(
            vec![ChunkChoice {
                index: 0,
                delta,
                logprobs: (),
                finish_reason,
            }],
            usage,
        )
    }

    fn chunk(&self, choices: Vec<ChunkChoice>, usage: ChunkUsage) -> ChatChunk {
        ChatChunk {
            id: self.stamp.id.clone(),
            object: ChunkTag::ChatCompletionChunk,
            created: self.stamp.created,
            model: self.stamp.model.clone(),
            system_fingerprint: None,
            choices,
            usage,
        }
    }
}

impl Listener for Speaking<'_> {
    fn hear(&mut self, piece: Piece) {
        self.voice.speak(self.out, delta(piece));
    }
}

fn delta(piece: Piece) -> Delta {
    let mut delta = Delta::default();
    match piece {
        Piece::Content(text) => delta.content = Some(text),
        Piece::Thinking(text) => delta.reasoning_content = Some(text),
        Piece::Thought(detail) => delta.reasoning_details = vec![detail],
        Piece::Refusal(text) => delta.refusal = Some(text),
        Piece::Call {
            index,
            form,
            id,
            name,
        } => {
            let call = ToolCallDelta {
                index,
                id: Some(id),
                ..ToolCallDelta::default()
            };
            put(&mut delta, call, form, Some(name), String::new());
        }
        Piece::Arguments { index, form, text } => {
            let call = ToolCallDelta {
                index,
                ..ToolCallDelta::default()
            };
            put(&mut delta, call, form, None, text);
        }
    }
    delta
}

/// Puts a piece of a call where the client looks for it; the first piece has the name.
fn put(delta: &mut Delta, call: ToolCallDelta, form: Form, name: Option<String>, text: String) {
    let is_first = name.is_some();
    let function = |name, arguments| Some(FunctionDelta { name, arguments });
    let call = match form {
        Form::Legacy => return delta.function_call = function(name, text),
        Form::Function => ToolCallDelta {
            r#type: is_first.then_some(CallTag::Function),
            function: function(name, text),
            ..call
        },
        Form::Custom => ToolCallDelta {
            r#type: is_first.then_some(CallTag::Custom),
            custom: Some(CustomDelta { name, input: text }),
            ..call
        },
    };
    delta.tool_calls = vec![call];
}
