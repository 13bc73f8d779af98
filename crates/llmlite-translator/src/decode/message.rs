//! Makes the message of a whole answer.

use llmlite_openai::chat::response::AssistantMessage;
use llmlite_openai::chat::tool_call::{Calling, CustomCalled, FunctionCalled, ToolCalled};

use super::piece::{Form, Listener, Piece};

/// Puts an answer together.
#[derive(Debug, Default)]
pub(super) struct Message(AssistantMessage);

impl Message {
    /// The message; one that says nothing else at all says nothing in text.
    pub(super) fn finish(mut self) -> AssistantMessage {
        let message = &self.0;
        let says_else = message.refusal.is_some()
            || message.function_call.is_some()
            || !message.tool_calls.is_empty();
        if !says_else {
            self.0.content.get_or_insert_default();
        }
        self.0
    }

    fn call(&mut self, form: Form, id: String, name: String) {
        let nothing = String::new();
        let call = match form {
            Form::Legacy => {
                let arguments = nothing;
                self.0.function_call = Some(FunctionCalled { name, arguments });
                return;
            }
            Form::Function => Calling::Function {
                function: FunctionCalled {
                    name,
                    arguments: nothing,
                },
            },
            Form::Custom => Calling::Custom {
                custom: CustomCalled {
                    name,
                    input: nothing,
                },
            },
        };
        self.0.tool_calls.push(ToolCalled { id, call });
    }

    /// The text that holds the arguments of a call.
    fn arguments(&mut self, index: u32) -> Option<&mut String> {
        if let Some(function) = &mut self.0.function_call {
            return Some(&mut function.arguments);
        }
        let at = usize::try_from(index).ok()?;
        Some(match &mut self.0.tool_calls.get_mut(at)?.call {
            Calling::Function { function } => &mut function.arguments,
            Calling::Custom { custom } => &mut custom.input,
        })
    }
}

impl Listener for Message {
    fn hear(&mut self, piece: Piece) {
        match piece {
            Piece::Content(text) => append(self.0.content.get_or_insert_default(), text),
            Piece::Thinking(text) => append(self.0.reasoning_content.get_or_insert_default(), text),
            Piece::Thought(detail) => self.0.reasoning_details.push(detail),
            Piece::Refusal(text) => self.0.refusal = Some(text),
            Piece::Call { form, id, name, .. } => self.call(form, id, name),
            Piece::Arguments { index, text, .. } => {
                if let Some(arguments) = self.arguments(index) {
                    append(arguments, text);
                }
            }
        }
    }
}

/// Adds to a text; the first piece, which is most often the only one, is not copied.
fn append(text: &mut String, piece: String) {
    if text.is_empty() {
        *text = piece;
    } else {
        text.push_str(&piece);
    }
}
