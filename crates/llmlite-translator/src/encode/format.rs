//! The form that the answer is to have: as Claude's own setting where the model has it, else as
//! the arguments of a tool that it is made to call, else in words.

use llmlite_openai::ChatRequest;
use llmlite_openai::chat::request::{JsonSchema, ResponseFormat};
use std::borrow::Cow;
use std::collections::HashSet;

use super::closed::{self, Room};
use super::notes::Notes;
use super::tools::Tools;
use super::{is_begun, schema};
use crate::claude::request::{Block, Format, Tool, ToolChoice, ToolMode, Turn};
use crate::error::EncodeError;
use crate::model::Model;

const FORMAT: &str = "response_format";
const SCHEMA: &str = "response_format.json_schema.schema";
const STRICT: &str = "response_format.json_schema.strict";

/// The answer's schema as Claude's own setting, if the model takes it and the schema is within
/// Claude's rules.
///
/// # Errors
///
/// When the schema is nested too deeply or its text is broken.
pub(super) fn native<'a>(
    request: &'a ChatRequest<'a>,
    model: &Model,
    turns: &[Turn<'_>],
    room: &mut Room,
    notes: &mut Notes,
) -> Result<Option<Format<'a>>, EncodeError> {
    let Some((wish, written)) = wish(request) else {
        return Ok(None);
    };
    schema::check(written, &|| SCHEMA.to_owned())?;
    if !model.json_schema || is_begun(turns) {
        return Ok(None);
    }
    let description = description(wish);
    let closed = closed::close_described(written, description);
    let Some(closed) = closed.ok().filter(|closed| room.take(closed)) else {
        return Ok(None);
    };
    match (closed.in_words, wish.strict == Some(true)) {
        (true, true) => notes.adjust(SCHEMA),
        (true, false) => notes.adjust_harmless(SCHEMA),
        (false, _) => {}
    }
    let schema = closed.schema;
    Ok(Some(Format::JsonSchema { schema }))
}

/// What stands for the form where Claude has no setting for it.
#[derive(Debug, Default)]
pub(super) struct Emulated<'a> {
    /// Words for the end of the system prompt.
    pub(super) instruction: Option<Block<'a>>,
    /// The tool whose arguments are the answer.
    pub(super) answer_tool: Option<String>,
    /// Whether the answer may come in a code fence.
    pub(super) fenced: bool,
}

/// Asks for the form by a tool that the model is made to call, or in words.
///
/// A tool needs a model that `can_force`, which is to be made to call one now, and that is free to
/// call this one: where the client demands a call of its own tools, there are words.
pub(super) fn emulate<'a>(
    request: &'a ChatRequest<'a>,
    can_force: bool,
    tools: &mut Tools<'a>,
    notes: &mut Notes,
) -> Emulated<'a> {
    if matches!(request.response_format, None | Some(ResponseFormat::Text)) {
        return Emulated::default();
    }
    let wish = wish(request);
    if wish.is_some_and(|(wish, _)| wish.strict == Some(true)) {
        notes.ignore(STRICT);
    }
    if let Some((wish, written)) = wish.filter(|_| can_force && is_free(tools)) {
        // What it would note about the schema is not about a tool of the client's.
        let mut unsaid = Notes::default();
        let schema = schema::of_arguments(Some(written), &|| SCHEMA.to_owned(), &mut unsaid);
        if let Some(schema) = schema.ok().filter(|_| unsaid.is_empty()) {
            return Emulated {
                answer_tool: Some(force(tools, wish, schema)),
                ..Emulated::default()
            };
        }
    }
    notes.adjust(FORMAT);
    Emulated {
        instruction: Some(Block::text(instruction(request))),
        answer_tool: None,
        fenced: true,
    }
}

/// The schema that the client wants the answer to fit.
fn wish<'a>(
    request: &'a ChatRequest<'a>,
) -> Option<(&'a JsonSchema<'a>, &'a serde_json::value::RawValue)> {
    match &request.response_format {
        Some(ResponseFormat::JsonSchema(wish)) => Some((wish, wish.schema?)),
        None | Some(ResponseFormat::Text | ResponseFormat::JsonObject) => None,
    }
}

/// What the answer is for.
fn description<'a>(wish: &'a JsonSchema<'a>) -> Option<&'a str> {
    let text = wish.description.as_deref();
    text.filter(|text| !text.trim().is_empty())
}

/// Whether the model may answer without one of the client's tools.
fn is_free(tools: &Tools<'_>) -> bool {
    let mode = tools.choice.as_ref().map(|choice| &choice.mode);
    matches!(mode, None | Some(ToolMode::Auto | ToolMode::None))
}

/// Adds the tool and makes the model call it, or one of the client's if it may call them; gives
/// the tool's name.
fn force<'a>(
    tools: &mut Tools<'a>,
    wish: &'a JsonSchema<'a>,
    input_schema: Cow<'a, serde_json::value::RawValue>,
) -> String {
    let name = free_name(tools);
    let mut text = "Gives the answer: the arguments are the whole of it. Call this once, instead \
                    of answering in text."
        .to_owned();
    if let Some(description) = description(wish) {
        text.push_str("\n\nWhat the answer is for: ");
        text.push_str(description);
    }
    let choice = tools.choice.take();
    let forbidden = choice
        .as_ref()
        .is_some_and(|choice| matches!(choice.mode, ToolMode::None));
    let alone = tools.tools.is_empty() || forbidden;
    tools.choice = Some(match alone {
        true => ToolChoice {
            mode: ToolMode::Tool {
                name: Cow::Owned(name.clone()),
            },
            disable_parallel_tool_use: true,
        },
        false => ToolChoice {
            mode: ToolMode::Any,
            disable_parallel_tool_use: choice
                .is_some_and(|choice| choice.disable_parallel_tool_use),
        },
    });
    tools.tools.push(Tool {
        name: Cow::Owned(name.clone()),
        description: Some(Cow::Owned(text)),
        input_schema,
        strict: false,
        cache_control: None,
    });
    name
}

/// A name that none of the tools has, the same for the same tools.
fn free_name(tools: &Tools<'_>) -> String {
    let taken: HashSet<&str> = tools.tools.iter().map(|tool| tool.name.as_ref()).collect();
    let mut names = (1_u32..).map(|time| match time {
        1 => "answer".to_owned(),
        _ => format!("answer_{time}"),
    });
    let free = names.find(|name| !taken.contains(name.as_str()));
    free.expect("there are more names than tools")
}

/// Asks for JSON in words, which every model understands; that the answer fits is then likely
/// but not certain.
fn instruction(request: &ChatRequest<'_>) -> String {
    let mut text = "When you answer in text, answer with one JSON object and nothing else: \
                    no words around it and no code fence."
        .to_owned();
    let Some(ResponseFormat::JsonSchema(wish)) = &request.response_format else {
        return text;
    };
    if let Some(description) = description(wish) {
        text.push_str("\n\nWhat the object is for: ");
        text.push_str(description);
    }
    if let Some(schema) = wish.schema {
        text.push_str("\n\nThe object must fit this JSON Schema:\n");
        text.push_str(schema.get());
    }
    text
}
