//! The tools of Claude's body.

use crate::{
    conversation::Tool,
    error::Refusal,
    wire::{history, node::Node},
};

const FIELDS: [&str; 10] = [
    "type",
    "name",
    "description",
    "input_schema",
    "cache_control",
    "strict",
    "eager_input_streaming",
    "defer_loading",
    "allowed_callers",
    "input_examples",
];
/// Tools that Anthropic runs itself, which Bedrock does not.
const FOREIGN: [&str; 5] = [
    "web_search",
    "web_fetch",
    "code_execution",
    "mcp_toolset",
    "advisor",
];

pub(super) fn read(root: &Node<'_, '_>) -> Result<Vec<Tool>, Refusal> {
    let Some(tools) = root.get("tools") else {
        return Ok(Vec::new());
    };
    tools.list()?.map(|tool| self::tool(&tool)).collect()
}

/// The arguments of a tool are always an object.
pub(in crate::wire) fn check_schema(schema: &Node<'_, '_>) -> Result<(), Refusal> {
    schema.object()?;
    if schema.required_text("type")? != "object" {
        return Err(schema.refuse("type: Input should be 'object'"));
    }
    let union = ["oneOf", "allOf", "anyOf"]
        .iter()
        .any(|word| schema.value.get(word).is_some());
    match union {
        true => {
            Err(schema
                .refuse("input_schema does not support oneOf, allOf, or anyOf at the top level"))
        }
        false => Ok(()),
    }
}

fn tool(tool: &Node<'_, '_>) -> Result<Tool, Refusal> {
    let kind = tool.get("type").map(|kind| kind.text()).transpose()?;
    if let Some(kind) = kind.filter(|kind| *kind != "custom") {
        return claudes_own(tool, kind);
    }
    let name = tool.required("name")?.name("_-", history::LONGEST_NAME)?;
    tool.only(&FIELDS)?;
    if let Some(description) = tool.get("description") {
        description.text()?;
    }
    let strict = tool.get("strict").map(|strict| strict.boolean());
    let schema = tool.required("input_schema")?;
    check_schema(&schema)?;
    Ok(Tool {
        name: name.to_owned(),
        schema: schema.value.clone(),
        strict: strict.transpose()?.unwrap_or(false),
    })
}

/// Claude's own tools (`bash_20250124`, ...) bring settings of their own and no schema.
fn claudes_own(tool: &Node<'_, '_>, kind: &str) -> Result<Tool, Refusal> {
    if FOREIGN.iter().any(|name| kind.starts_with(name)) {
        return Err(tool.refuse(format_args!(
            "Input tag '{kind}' found using 'type' does not match any of the expected tags"
        )));
    }
    let name = tool.required("name")?.name("_-", history::LONGEST_NAME)?;
    Ok(Tool {
        name: name.to_owned(),
        schema: serde_json::json!({"type": "object"}),
        strict: false,
    })
}
