//! The tools of a request and the choice among them.

use llmlite_openai::ChatRequest;
use llmlite_openai::chat::tool::ToolChoice as Choice;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashSet;

use super::closed::{self, Room};
use super::offers::{self, Kind, Offer, Offers};
use super::{Notes, cache, calls, custom, names, schema};
use crate::claude::request::{Tool, ToolChoice, ToolMode};
use crate::error::EncodeError;
use crate::model::Model;

/// The tools as Claude takes them.
#[derive(Debug, Default)]
pub(super) struct Tools<'a> {
    pub(super) tools: Vec<Tool<'a>>,
    pub(super) choice: Option<ToolChoice<'a>>,
    /// Pairs of Claude's and the client's name, for those that differ.
    pub(super) renamed: Vec<(String, String)>,
    /// Claude's names of the tools whose input is plain text.
    pub(super) custom: Vec<String>,
    /// Whether they came as `functions`.
    pub(super) legacy: bool,
}

/// Translates tools and tool choice.
///
/// `room` is what Claude still takes of closed schemas.
pub(super) fn encode<'a>(
    request: &'a ChatRequest<'a>,
    model: &Model,
    room: &mut Room,
    notes: &mut Notes,
) -> Result<Tools<'a>, EncodeError> {
    let offers = offers::read(request, notes)?;
    if offers.list.is_empty() {
        return without_offer(request, &offers);
    }
    let mut mode = mode(&offers)?;
    if !model.forced_tool && matches!(mode, Some(ToolMode::Any | ToolMode::Tool { .. })) {
        mode = Some(ToolMode::Auto);
        notes.adjust(offers.choice_field);
    }
    let allowed = allowed(&offers);
    let is_allowed = |name: &str| allowed.as_ref().is_none_or(|names| names.contains(name));
    let mut tools = Vec::with_capacity(offers.list.len());
    for offer in offers.list.iter().filter(|offer| is_allowed(offer.name)) {
        tools.push(tool(offer, model, room, notes)?);
    }
    let parallel = match offers.legacy {
        true => Some(false),
        false => request.parallel_tool_calls,
    };
    let custom = offers.list.iter().filter_map(|offer| match offer.kind {
        Kind::Custom(_) => Some(names::tool_name(offer.name).into_owned()),
        Kind::Function(_) => None,
    });
    Ok(Tools {
        tools,
        choice: choice(mode, parallel),
        renamed: offers.list.iter().filter_map(renamed).collect(),
        custom: custom.collect(),
        legacy: offers.legacy,
    })
}

/// The names of the tools that may be called, if not all of them.
fn allowed<'a>(offers: &Offers<'a>) -> Option<HashSet<&'a str>> {
    match offers.choice {
        Some(Choice::Allowed { names, .. }) => Some(names.iter().map(AsRef::as_ref).collect()),
        None | Some(Choice::Auto | Choice::None | Choice::Required | Choice::Function { .. }) => {
            None
        }
    }
}

/// Tools for a request that offers none: Claude wants those that the history calls to be there,
/// but must not call them again.
fn without_offer<'a>(
    request: &'a ChatRequest<'a>,
    offers: &Offers<'a>,
) -> Result<Tools<'a>, EncodeError> {
    match (offers.choice, &offers.hosted) {
        (None | Some(Choice::Auto | Choice::None), _) => {}
        (Some(_), Some((param, kind))) => {
            return Err(EncodeError::UnsupportedTool {
                param: param.clone(),
                kind: (*kind).to_owned(),
            });
        }
        (Some(_), None) => {
            return Err(EncodeError::ToolChoiceWithoutTools {
                param: offers.choice_field,
            });
        }
    }
    let mut seen = HashSet::new();
    let tools: Vec<Tool<'a>> = calls::called(&request.messages)
        .map(names::tool_name)
        .filter(|name| seen.insert(name.clone()))
        .map(|name| Tool {
            name,
            description: None,
            input_schema: Cow::Owned(raw(r#"{"type":"object"}"#)),
            strict: false,
            cache_control: None,
        })
        .collect();
    if tools.is_empty() {
        return Ok(Tools::default());
    }
    Ok(Tools {
        tools,
        choice: choice(Some(ToolMode::None), None),
        ..Tools::default()
    })
}

fn mode<'a>(offers: &Offers<'a>) -> Result<Option<ToolMode<'a>>, EncodeError> {
    let offered: HashSet<&str> = offers.list.iter().map(|offer| offer.name).collect();
    let known = |name: &str| match offered.contains(name) {
        true => Ok(()),
        false => Err(EncodeError::UnknownToolChoice {
            param: offers.choice_field,
            name: name.to_owned(),
        }),
    };
    Ok(match offers.choice {
        Some(Choice::None) => Some(ToolMode::None),
        Some(Choice::Required) => Some(ToolMode::Any),
        Some(Choice::Function { name }) => {
            known(name)?;
            Some(ToolMode::Tool {
                name: names::tool_name(name),
            })
        }
        Some(Choice::Allowed { names, .. }) if names.is_empty() => {
            return Err(EncodeError::ToolChoiceWithoutTools {
                param: offers.choice_field,
            });
        }
        Some(Choice::Allowed { required, names }) => {
            names.iter().try_for_each(|name| known(name))?;
            required.then_some(ToolMode::Any)
        }
        None | Some(Choice::Auto) => None,
    })
}

/// The choice to send: nothing when the model decides freely, which is the default.
fn choice(mode: Option<ToolMode<'_>>, parallel: Option<bool>) -> Option<ToolChoice<'_>> {
    let single = parallel == Some(false);
    match mode {
        None if !single => None,
        Some(ToolMode::None) => Some(ToolChoice {
            mode: ToolMode::None,
            disable_parallel_tool_use: false,
        }),
        mode => Some(ToolChoice {
            mode: mode.unwrap_or(ToolMode::Auto),
            disable_parallel_tool_use: single,
        }),
    }
}

fn tool<'a>(
    offer: &Offer<'a>,
    model: &Model,
    room: &mut Room,
    notes: &mut Notes,
) -> Result<Tool<'a>, EncodeError> {
    let (input_schema, strict) = match offer.kind {
        Kind::Custom(tool) => (Cow::Owned(custom::schema(tool, notes)), false),
        Kind::Function(function) => {
            let param = || offer.path(offer.schema_field);
            let wanted = function.strict == Some(true);
            let open = schema::of_arguments(function.parameters, &param, notes)?;
            match strict(function.parameters.filter(|_| wanted), model, room) {
                Some(closed) => (closed, true),
                None => {
                    if wanted {
                        notes.ignore("tools[].function.strict");
                    }
                    (open, false)
                }
            }
        }
    };
    Ok(Tool {
        name: names::tool_name(offer.name),
        description: offer
            .description
            .filter(|text| !text.trim().is_empty())
            .map(Cow::Borrowed),
        input_schema,
        strict,
        cache_control: offer.point.map(cache::point),
    })
}

/// The schema that arguments follow without exception, if the model takes one like it.
fn strict<'a>(
    parameters: Option<&'a RawValue>,
    model: &Model,
    room: &mut Room,
) -> Option<Cow<'a, RawValue>> {
    let parameters = parameters.filter(|_| model.strict_tools)?;
    let closed = closed::close(parameters).ok()?;
    room.take_tool(&closed).then_some(closed.schema)
}

fn renamed(offer: &Offer<'_>) -> Option<(String, String)> {
    match names::tool_name(offer.name) {
        Cow::Borrowed(_) => None,
        Cow::Owned(mapped) => Some((mapped, offer.name.to_owned())),
    }
}

fn raw(json: &'static str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).expect("the text above is JSON")
}
