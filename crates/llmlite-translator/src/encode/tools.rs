//! The tools of a request and the choice among them.

use llmlite_openai::ChatRequest;
use llmlite_openai::chat::message::{Message, Role};
use llmlite_openai::chat::tool::{Function, Tool as OpenAiTool, ToolChoice as Choice, ToolKind};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashSet;

use super::{Notes, names, schema};
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
}

/// Translates tools and tool choice.
pub(super) fn encode<'a>(
    request: &'a ChatRequest,
    model: &Model,
    notes: &mut Notes,
) -> Result<Tools<'a>, EncodeError> {
    let offered = request.tools.as_deref().unwrap_or_default();
    if offered.is_empty() {
        return without_offer(request);
    }
    let functions = functions(offered)?;
    if functions
        .iter()
        .any(|function| function.strict == Some(true))
    {
        notes.ignore("tools[].function.strict");
    }
    let mut mode = mode(request.tool_choice.as_ref(), &functions)?;
    if !model.forced_tool && matches!(mode, Some(ToolMode::Any | ToolMode::Tool { .. })) {
        mode = Some(ToolMode::Auto);
        notes.adjust("tool_choice");
    }
    if matches!(mode, Some(ToolMode::None)) && called(&request.messages).next().is_none() {
        return Ok(Tools::default());
    }
    let allowed: Option<HashSet<&str>> = match &request.tool_choice {
        Some(Choice::Allowed { names, .. }) => Some(names.iter().map(String::as_str).collect()),
        None | Some(Choice::Auto | Choice::None | Choice::Required | Choice::Function { .. }) => {
            None
        }
    };
    let is_allowed = |name: &str| allowed.as_ref().is_none_or(|names| names.contains(name));
    let mut tools = Vec::with_capacity(functions.len());
    // There is one function for each tool, so that this is the index in the client's list.
    for (index, function) in functions.iter().enumerate() {
        if is_allowed(&function.name) {
            tools.push(tool(function, index, notes)?);
        }
    }
    Ok(Tools {
        tools,
        choice: choice(mode, request.parallel_tool_calls),
        renamed: functions
            .iter()
            .filter_map(|function| renamed(&function.name))
            .collect(),
    })
}

/// Tools for a request that offers none: Claude wants those that the history calls to be there,
/// but must not call them again.
fn without_offer(request: &ChatRequest) -> Result<Tools<'_>, EncodeError> {
    match &request.tool_choice {
        None | Some(Choice::Auto | Choice::None) => {}
        Some(_) => return Err(EncodeError::ToolChoiceWithoutTools),
    }
    let mut seen = HashSet::new();
    let tools: Vec<Tool<'_>> = called(&request.messages)
        .map(names::tool_name)
        .filter(|name| seen.insert(name.clone()))
        .map(|name| Tool {
            name,
            description: None,
            input_schema: Cow::Owned(raw(r#"{"type":"object"}"#)),
        })
        .collect();
    if tools.is_empty() {
        return Ok(Tools::default());
    }
    let choice = choice(Some(ToolMode::None), None);
    Ok(Tools {
        tools,
        choice,
        renamed: Vec::new(),
    })
}

/// The offered functions, one for each tool; their names are there and unique.
fn functions(offered: &[OpenAiTool]) -> Result<Vec<&Function>, EncodeError> {
    let mut functions = Vec::with_capacity(offered.len());
    let mut seen = HashSet::with_capacity(offered.len());
    for (index, tool) in offered.iter().enumerate() {
        let function = match &tool.kind {
            ToolKind::Function(function) => function,
            ToolKind::Other { kind } => {
                let param = format!("tools[{index}].type");
                return Err(EncodeError::UnsupportedTool {
                    param,
                    kind: kind.clone(),
                });
            }
        };
        let param = || format!("tools[{index}].function.name");
        if function.name.is_empty() {
            return Err(EncodeError::UnnamedTool { param: param() });
        }
        if !seen.insert(names::tool_name(&function.name)) {
            let name = function.name.clone();
            return Err(EncodeError::DuplicateTool {
                param: param(),
                name,
            });
        }
        functions.push(function);
    }
    Ok(functions)
}

fn mode<'a>(
    choice: Option<&'a Choice>,
    functions: &[&Function],
) -> Result<Option<ToolMode<'a>>, EncodeError> {
    let offered: HashSet<&str> = functions.iter().map(|offer| offer.name.as_str()).collect();
    let known = |name: &str| match offered.contains(name) {
        true => Ok(()),
        false => Err(EncodeError::UnknownToolChoice {
            name: name.to_owned(),
        }),
    };
    Ok(match choice {
        Some(Choice::None) => Some(ToolMode::None),
        Some(Choice::Required) => Some(ToolMode::Any),
        Some(Choice::Function { name }) => {
            known(name)?;
            Some(ToolMode::Tool {
                name: names::tool_name(name),
            })
        }
        Some(Choice::Allowed { names, .. }) if names.is_empty() => {
            return Err(EncodeError::ToolChoiceWithoutTools);
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
    function: &'a Function,
    index: usize,
    notes: &mut Notes,
) -> Result<Tool<'a>, EncodeError> {
    let param = || format!("tools[{index}].function.parameters");
    let input_schema = schema::of_arguments(function.parameters.as_deref(), &param, notes)?;
    Ok(Tool {
        name: names::tool_name(&function.name),
        description: function
            .description
            .as_deref()
            .filter(|text| !text.trim().is_empty()),
        input_schema,
    })
}

/// The names of all tools that the history calls, in order.
fn called(messages: &[Message]) -> impl Iterator<Item = &str> {
    let calls = messages.iter().filter_map(|message| match &message.role {
        Role::Assistant { tool_calls, .. } => Some(tool_calls),
        Role::System | Role::User | Role::Tool { .. } => None,
    });
    calls.flatten().map(|call| call.function.name.as_str())
}

fn renamed(name: &str) -> Option<(String, String)> {
    match names::tool_name(name) {
        Cow::Borrowed(_) => None,
        Cow::Owned(mapped) => Some((mapped, name.to_owned())),
    }
}

fn raw(json: &'static str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).expect("the text above is JSON")
}
