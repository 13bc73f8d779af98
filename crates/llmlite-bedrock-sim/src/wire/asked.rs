//! Settings that not every family takes, as either body names them.

use serde_json::Value;

use crate::{conversation::Choice, error::Refusal};

use super::node::Node;

/// The least budget of thinking.
const LEAST_BUDGET: u64 = 1_024;

/// Sampling and effort, unless they are left out.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asked<'v> {
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    pub(super) top_k: bool,
    pub(super) effort: Option<&'v str>,
}

/// A `thinking` member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AskedThinking {
    pub(super) kind: Kind,
    /// Whether thoughts are to be shown, when `display` says.
    pub(super) shown: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Enabled { budget: u64 },
    Adaptive,
    Disabled,
    BetweenTools,
}

/// `output_config`: the schema and the effort.
#[derive(Debug, Default)]
pub(super) struct Output<'v> {
    pub(super) schema: Option<Value>,
    pub(super) effort: Option<&'v str>,
}

/// Reads `thinking`.
pub(super) fn thinking(parent: &Node<'_, '_>) -> Result<Option<AskedThinking>, Refusal> {
    let Some(node) = parent.get("thinking") else {
        return Ok(None);
    };
    let kind = match node.required_text("type")? {
        "enabled" => {
            node.only(&["type", "budget_tokens", "display", "block_binding"])?;
            let budget = node.required("budget_tokens")?.integer(LEAST_BUDGET)?;
            Kind::Enabled { budget }
        }
        "adaptive" => {
            node.only(&["type", "display", "block_binding"])?;
            Kind::Adaptive
        }
        "disabled" => {
            node.only(&["type"])?;
            Kind::Disabled
        }
        "between_tools" => {
            node.only(&["type", "display", "block_binding"])?;
            Kind::BetweenTools
        }
        other => {
            return Err(node.refuse(format_args!(
                "Input tag '{other}' found using 'type' does not match any of the expected tags: 'adaptive', \
                 'disabled', 'enabled'"
            )));
        }
    };
    let shown = node.get("display").map(|display| shown(&display));
    Ok(Some(AskedThinking {
        kind,
        shown: shown.transpose()?,
    }))
}

/// Reads `tool_choice`: the choice where it has a type, and whether one call is enough.
pub(super) fn choice(parent: &Node<'_, '_>) -> Result<Option<(Option<Choice>, bool)>, Refusal> {
    let Some(node) = parent.get("tool_choice") else {
        return Ok(None);
    };
    node.only(&["type", "name", "disable_parallel_tool_use"])?;
    let kind = node.get("type").map(|kind| kind.text()).transpose()?;
    let choice = match kind {
        None => None,
        Some("auto") => Some(Choice::Auto),
        Some("any") => Some(Choice::Any),
        Some("none") => Some(Choice::None),
        Some("tool") => Some(Choice::Tool(node.required_text("name")?.to_owned())),
        Some(other) => {
            let message =
                format_args!("Input tag '{other}' does not match 'auto', 'any', 'none', 'tool'");
            return Err(node.refuse(message));
        }
    };
    let one_call = node
        .get("disable_parallel_tool_use")
        .map(|one| one.boolean())
        .transpose()?;
    Ok(Some((choice, one_call.unwrap_or(false))))
}

/// Reads `output_config`.
pub(super) fn output<'v>(parent: &Node<'v, '_>) -> Result<Output<'v>, Refusal> {
    let Some(config) = parent.get("output_config") else {
        return Ok(Output::default());
    };
    config.only(&["format", "effort"])?;
    let effort = config.get("effort").map(|effort| effort.text());
    let format = config.get("format").map(|format| schema(&format));
    Ok(Output {
        schema: format.transpose()?,
        effort: effort.transpose()?,
    })
}

fn shown(display: &Node<'_, '_>) -> Result<bool, Refusal> {
    match display.text()? {
        "summarized" => Ok(true),
        "omitted" => Ok(false),
        _ => Err(display.refuse("Input should be 'summarized' or 'omitted'")),
    }
}

fn schema(format: &Node<'_, '_>) -> Result<Value, Refusal> {
    format.only(&["type", "schema"])?;
    match format.required_text("type")? {
        "json_schema" => {
            let schema = format.required("schema")?;
            schema.object()?;
            Ok(schema.value.clone())
        }
        other => Err(format.refuse(format_args!(
            "Input tag '{other}' does not match 'json_schema'"
        ))),
    }
}
