//! Reads messages, and the items that OpenAI's newer API has in their place.
//!
//! Each item becomes one message, so that an error can name the item by its index.

use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::value::RawValue;
use std::borrow::Cow;

use super::{Assistant, Content, Message, Role};
use crate::chat::cache::CacheControl;
use crate::chat::reasoning::{self, Thought};
use crate::chat::tool::{Called, FunctionCall, ToolCall};
use crate::read::{self, Hint, Text};

/// The fields of all messages and items, of which each kind has some.
///
/// Those that only some kinds have stay raw until the kind is known.
#[derive(Deserialize)]
struct RawMessage<'a> {
    #[serde(borrow)]
    role: Option<Text<'a>>,
    #[serde(borrow)]
    content: Option<Content<'a>>,
    cache_control: Option<Hint<CacheControl>>,
    #[serde(borrow)]
    tool_calls: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_call_id: Option<&'a RawValue>,
    #[serde(borrow)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow)]
    function_call: Option<&'a RawValue>,
    #[serde(borrow)]
    thinking_blocks: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning_details: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning: Option<&'a RawValue>,
    // Those of items.
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow)]
    call_id: Option<&'a RawValue>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Message<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read::object(deserializer, RawMessage::narrow)
    }
}

impl<'a> RawMessage<'a> {
    /// The role decides; an item without one has a type.
    fn narrow(mut self) -> Result<Message<'a>, String> {
        let (role, content) = match (self.role.take(), self.r#type) {
            (Some(role), _) => (self.role(&role.0)?, self.content.take()),
            (None, Some(_)) => self.item()?,
            (None, None) => return Err(read::missing("role")),
        };
        let unread = match role {
            Role::Assistant(_) => Vec::new(),
            _ => self.calls_of_others(),
        };
        Ok(Message {
            role,
            unread,
            content,
            name: read::loose(self.name).map(Text::cow),
            cache_control: Hint::of(self.cache_control),
        })
    }

    fn role(&mut self, role: &str) -> Result<Role<'a>, String> {
        Ok(match role {
            "system" | "developer" => Role::System,
            "user" => Role::User,
            "assistant" => Role::Assistant(Box::new(self.assistant()?)),
            "tool" => Role::Tool {
                tool_call_id: read::text(self.tool_call_id, "tool_call_id")?,
            },
            "function" => Role::Function {
                name: read::text(self.name, "name")?,
            },
            other => {
                let known = "system, developer, user, assistant, tool or function";
                return Err(read::unknown("role", other, known));
            }
        })
    }

    fn assistant(&mut self) -> Result<Assistant<'a>, String> {
        let thoughts = self.signed_thoughts();
        Ok(Assistant {
            unsigned_reasoning: thoughts.is_empty() && self.has_reasoning(),
            thoughts,
            refusal: read::typed(filled(self.refusal), "refusal")?.map(Text::cow),
            tool_calls: read::typed(filled(self.tool_calls), "tool_calls")?.unwrap_or_default(),
            function_call: read::typed(self.function_call(), "function_call")?,
        })
    }

    /// Some clients say in so many words that there was no call.
    fn function_call(&self) -> Option<&'a RawValue> {
        filled(self.function_call).filter(|call| call.get() != "\"none\"")
    }

    /// The fields with calls, in a message of someone who cannot call.
    fn calls_of_others(&self) -> Vec<&'static str> {
        let given = [
            (filled(self.tool_calls), "tool_calls"),
            (self.function_call(), "function_call"),
        ];
        let given = given.into_iter();
        given.filter_map(|(raw, name)| raw.map(|_| name)).collect()
    }

    /// The same thoughts come in both forms from some clients; one of them is enough.
    fn signed_thoughts(&self) -> Vec<Thought<'a>> {
        let forms = [self.reasoning_details, self.thinking_blocks];
        let mut lists = forms.into_iter().flatten().map(reasoning::thoughts);
        lists.find(|list| !list.is_empty()).unwrap_or_default()
    }

    fn has_reasoning(&self) -> bool {
        let fields = [
            self.reasoning_content,
            self.reasoning,
            self.reasoning_details,
            self.thinking_blocks,
        ];
        let mut given = fields.into_iter().flatten().map(RawValue::get);
        given.any(|value| !matches!(value, "\"\"" | "[]"))
    }

    /// The role that an item without one plays, and what it says.
    fn item(&mut self) -> Result<(Role<'a>, Option<Content<'a>>), String> {
        let kind = read::text(self.r#type, "type")?;
        Ok(match kind.as_ref() {
            "message" => return Err(read::missing("role")),
            "function_call" => (self.called(self.function_called()?)?, None),
            "custom_tool_call" => (self.called(self.custom_called()?)?, None),
            "function_call_output" | "custom_tool_call_output" => (
                Role::Tool {
                    tool_call_id: read::text(self.call_id, "call_id")?,
                },
                read::typed(self.output, "output")?,
            ),
            // Its text is sealed for another model, or has no signature.
            "reasoning" => (
                Role::Assistant(Box::new(Assistant {
                    unsigned_reasoning: true,
                    ..Assistant::default()
                })),
                None,
            ),
            other => {
                let known = "message, function_call, function_call_output, custom_tool_call, \
                             custom_tool_call_output or reasoning";
                return Err(read::unknown("type", other, known));
            }
        })
    }

    fn function_called(&self) -> Result<Called<'a>, String> {
        let arguments = read::typed(self.arguments, "arguments")?;
        Ok(Called::Function(FunctionCall {
            name: read::text(self.name, "name")?,
            arguments: arguments.map_or(Cow::Borrowed(""), Text::cow),
        }))
    }

    fn custom_called(&self) -> Result<Called<'a>, String> {
        let input = read::typed(self.input, "input")?;
        Ok(Called::Custom {
            name: read::text(self.name, "name")?,
            input: input.map_or(Cow::Borrowed(""), Text::cow),
        })
    }

    fn called(&self, call: Called<'a>) -> Result<Role<'a>, String> {
        let call = ToolCall {
            id: read::text(self.call_id, "call_id")?,
            call,
            cache_control: None,
        };
        Ok(Role::Assistant(Box::new(Assistant {
            tool_calls: vec![call],
            ..Assistant::default()
        })))
    }
}

/// The value, if it says anything.
fn filled(raw: Option<&RawValue>) -> Option<&RawValue> {
    raw.filter(|raw| read::is_filled(raw))
}
