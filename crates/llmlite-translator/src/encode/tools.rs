//! The tools of a request and the choice among them.

use llmlite_openai::ChatRequest;
use llmlite_openai::chat::message::{Message, Role};
use llmlite_openai::chat::tool::{Function, Tool as OpenAiTool, ToolChoice as Choice, ToolKind};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashSet;

use super::{Notes, names};
use crate::claude::request::{Tool, ToolChoice, ToolMode};
use crate::error::EncodeError;

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
    let mode = mode(request.tool_choice.as_ref(), &functions)?;
    if matches!(mode, Some(ToolMode::None)) && called(&request.messages).next().is_none() {
        return Ok(Tools::default());
    }
    let allowed = |name: &str| match &request.tool_choice {
        Some(Choice::Allowed { names, .. }) => names.iter().any(|allowed| allowed == name),
        _ => true,
    };
    let mut tools = Vec::with_capacity(functions.len());
    for (index, function) in functions.iter().enumerate() {
        if allowed(&function.name) {
            tools.push(tool(function, index)?);
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
        .filter(|name| seen.insert(*name))
        .map(|name| Tool {
            name: names::tool_name(name),
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

/// The offered functions; their names are there and unique.
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
            _ => continue,
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
    let known = |name: &str| match functions.iter().any(|function| function.name == name) {
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
        _ => None,
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

fn tool(function: &Function, index: usize) -> Result<Tool<'_>, EncodeError> {
    let input_schema =
        schema(function.parameters.as_deref()).ok_or_else(|| EncodeError::InvalidSchema {
            param: format!("tools[{index}].function.parameters"),
        })?;
    Ok(Tool {
        name: names::tool_name(&function.name),
        description: function
            .description
            .as_deref()
            .filter(|text| !text.trim().is_empty()),
        input_schema,
    })
}

/// The schema as the client wrote it, made an object schema where it says nothing; `None` when it
/// says something else.
fn schema(parameters: Option<&RawValue>) -> Option<Cow<'_, RawValue>> {
    #[derive(Deserialize)]
    struct Root<'a> {
        #[serde(borrow)]
        r#type: Option<&'a RawValue>,
    }
    const EMPTY: &str = r#"{"type":"object","properties":{}}"#;

    let Some(parameters) = parameters else {
        return Some(Cow::Owned(raw(EMPTY)));
    };
    let fields = parameters.get().strip_prefix('{')?;
    let root: Root<'_> = serde_json::from_str(parameters.get()).ok()?;
    match root.r#type.map(RawValue::get) {
        Some(r#""object""#) => Some(Cow::Borrowed(parameters)),
        Some(_) => None,
        None if fields.trim_start() == "}" => Some(Cow::Owned(raw(EMPTY))),
        None => RawValue::from_string(format!(r#"{{"type":"object",{fields}"#))
            .ok()
            .map(Cow::Owned),
    }
}

/// The names of all tools that the history calls, in order.
fn called(messages: &[Message]) -> impl Iterator<Item = &str> {
    let calls = messages.iter().filter_map(|message| match &message.role {
        Role::Assistant { tool_calls, .. } => Some(tool_calls),
        _ => None,
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
