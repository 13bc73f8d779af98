//! The chunks themselves: what they all carry, and the one that comes first.

use llmlite_openai::ChatChunk;
use llmlite_openai::chat::chunk::{
    ChunkChoice, ChunkTag, ChunkUsage, Delta, FunctionDelta, ToolCallDelta,
};
use llmlite_openai::chat::response::{AssistantTag, FinishReason};
use llmlite_openai::chat::tool::FunctionTag;
use llmlite_openai::usage::CompletionUsage;

use crate::reply::Stamp;

/// Makes the chunks of one answer.
#[derive(Debug)]
pub(super) struct Voice {
    stamp: Stamp,
    include_usage: bool,
    begun: bool,
}

impl Voice {
    pub(super) fn new(stamp: Stamp, include_usage: bool) -> Self {
        Self {
            stamp,
            include_usage,
            begun: false,
        }
    }

    /// Gives a piece of the answer, after the chunk with the role if it is the first.
    pub(super) fn speak(&mut self, out: &mut Vec<ChatChunk>, delta: Delta) {
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

pub(super) fn content(text: String) -> Delta {
    Delta {
        content: Some(text),
        ..Delta::default()
    }
}

pub(super) fn reasoning(text: String) -> Delta {
    Delta {
        reasoning_content: Some(text),
        ..Delta::default()
    }
}

/// The first piece of the call number `index`.
pub(super) fn call(index: u32, id: String, name: String) -> Delta {
    tool_call(ToolCallDelta {
        index,
        id: Some(id),
        r#type: Some(FunctionTag::Function),
        function: FunctionDelta {
            name: Some(name),
            arguments: String::new(),
        },
    })
}

/// A later piece of the call number `index`.
pub(super) fn arguments(index: u32, arguments: String) -> Delta {
    let function = FunctionDelta {
        name: None,
        arguments,
    };
    tool_call(ToolCallDelta {
        index,
        id: None,
        r#type: None,
        function,
    })
}

fn tool_call(piece: ToolCallDelta) -> Delta {
    Delta {
        tool_calls: vec![piece],
        ..Delta::default()
    }
}
