//! What the client offers the model to call, in any of the forms that clients use.

use llmlite_openai::ChatRequest;
use llmlite_openai::chat::cache::CacheControl;
use llmlite_openai::chat::tool::{CustomTool, Function, Tool, ToolChoice, ToolKind};
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::{Notes, names};
use crate::error::EncodeError;

/// Everything on offer.
#[derive(Debug)]
pub(super) struct Offers<'a> {
    /// What the model can call; names are there and unique.
    pub(super) list: Vec<Offer<'a>>,
    /// Path and type of the first tool that only its maker's service could run.
    pub(super) hosted: Option<(String, &'a str)>,
    pub(super) choice: Option<&'a ToolChoice<'a>>,
    /// The field that holds the choice.
    pub(super) choice_field: &'static str,
    /// Whether they came as `functions`.
    pub(super) legacy: bool,
}

/// Something that the model can call.
#[derive(Debug)]
pub(super) struct Offer<'a> {
    pub(super) name: &'a str,
    pub(super) description: Option<&'a str>,
    pub(super) kind: Kind<'a>,
    pub(super) point: Option<CacheControl>,
    /// The list that it came in, and where.
    list: &'static str,
    index: usize,
    /// Where its own fields are: `function`, `custom`, or empty.
    place: &'static str,
    /// What its schema is called.
    pub(super) schema_field: &'static str,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind<'a> {
    Function(&'a Function<'a>),
    Custom(&'a CustomTool<'a>),
}

impl<'a> Offer<'a> {
    /// The path of one of its fields.
    pub(super) fn path(&self, field: &str) -> String {
        let Self {
            list, index, place, ..
        } = self;
        match *place {
            "" => format!("{list}[{index}].{field}"),
            place => format!("{list}[{index}].{place}.{field}"),
        }
    }

    fn function(function: &'a Function<'a>, list: &'static str, index: usize) -> Self {
        Self {
            name: &function.name,
            description: function.description.as_deref(),
            kind: Kind::Function(function),
            point: None,
            list,
            index,
            place: "",
            schema_field: "parameters",
        }
    }

    fn custom(tool: &'a CustomTool<'a>, index: usize) -> Self {
        Self {
            name: &tool.name,
            description: tool.description.as_deref(),
            kind: Kind::Custom(tool),
            point: None,
            list: "tools",
            index,
            place: "",
            schema_field: "parameters",
        }
    }

    /// Whether the model could not tell the two apart.
    fn is_same(&self, other: &Self) -> bool {
        let text = |json: Option<&'a RawValue>| json.map(RawValue::get);
        let kinds = match (self.kind, other.kind) {
            (Kind::Function(one), Kind::Function(two)) => {
                text(one.parameters) == text(two.parameters) && one.strict == two.strict
            }
            (Kind::Custom(one), Kind::Custom(two)) => text(one.format) == text(two.format),
            (Kind::Function(_), Kind::Custom(_)) | (Kind::Custom(_), Kind::Function(_)) => false,
        };
        kinds && self.name == other.name && self.description == other.description
    }
}

/// Reads `tools`, or `functions` where there are none.
///
/// Tools that only their maker's service could run are left out, because some clients always offer
/// them; a tool that is offered twice in the same words is offered once.
///
/// # Errors
///
/// When one has no name, or two different ones share a name.
pub(super) fn read<'a>(
    request: &'a ChatRequest<'a>,
    notes: &mut Notes,
) -> Result<Offers<'a>, EncodeError> {
    let tools = request.tools.as_deref().unwrap_or_default();
    let functions = request.functions.as_deref().unwrap_or_default();
    let legacy = tools.is_empty() && !functions.is_empty();
    if !tools.is_empty() && !functions.is_empty() {
        notes.ignore("functions");
    }
    let (choice, choice_field) = match &request.tool_choice {
        Some(choice) => (Some(choice), "tool_choice"),
        None => (request.function_call.as_ref(), "function_call"),
    };
    if request.tool_choice.is_some() && request.function_call.is_some() {
        notes.ignore("function_call");
    }
    let mut hosted = None;
    let mut list = Vec::with_capacity(tools.len() + functions.len());
    for (index, tool) in tools.iter().enumerate() {
        match offer(tool, index) {
            Ok(offer) => list.push(offer),
            Err(kind) => {
                notes.ignore(format!("tools[].{}", names::shown(kind)));
                hosted.get_or_insert((format!("tools[{index}].type"), kind));
            }
        }
    }
    if legacy {
        let functions = functions.iter().enumerate();
        list.extend(functions.map(|(index, one)| Offer::function(one, "functions", index)));
    }
    Ok(Offers {
        list: each_once(list, notes)?,
        hosted,
        choice,
        choice_field,
        legacy,
    })
}

/// What `tool` offers, or its type when it is none of ours.
fn offer<'a>(tool: &'a Tool<'a>, index: usize) -> Result<Offer<'a>, &'a str> {
    let offer = match &tool.kind {
        ToolKind::Function(function) => Offer::function(function, "tools", index),
        ToolKind::Custom(custom) => Offer::custom(custom, index),
        ToolKind::Other { kind } => return Err(kind),
    };
    Ok(Offer {
        point: tool.cache_control,
        place: tool.place,
        schema_field: tool.schema_field,
        ..offer
    })
}

fn each_once<'a>(list: Vec<Offer<'a>>, notes: &mut Notes) -> Result<Vec<Offer<'a>>, EncodeError> {
    let mut seen = HashMap::with_capacity(list.len());
    let mut kept: Vec<Offer<'a>> = Vec::with_capacity(list.len());
    for offer in list {
        if offer.name.is_empty() {
            let param = offer.path("name");
            return Err(EncodeError::UnnamedTool { param });
        }
        let first = match seen.entry(names::tool_name(offer.name)) {
            Entry::Vacant(free) => {
                free.insert(kept.len());
                kept.push(offer);
                continue;
            }
            Entry::Occupied(taken) => kept.get_mut(*taken.get()),
        };
        match first.filter(|first| first.is_same(&offer)) {
            Some(first) => {
                first.point = first.point.or(offer.point);
                notes.adjust_harmless("tools");
            }
            None => {
                return Err(EncodeError::DuplicateTool {
                    param: offer.path("name"),
                    name: offer.name.to_owned(),
                });
            }
        }
    }
    Ok(kept)
}
