//! Claude's own body: Anthropic Messages, as `InvokeModel` takes it.

use memchr::memmem;
use serde_json::Value;

use crate::{
    conversation::{Choice, Conversation, Thinking, Tool},
    error::Refusal,
};

use super::{
    Request,
    cache::{Keep, Prefix},
    family::{self, Sampling},
    history,
    node::Node,
};

mod content;
pub(super) mod render;

pub(super) const VERSION: &str = "bedrock-2023-05-31";
const FIELDS: [&str; 16] = [
    "anthropic_version",
    "anthropic_beta",
    "max_tokens",
    "messages",
    "system",
    "stop_sequences",
    "temperature",
    "top_p",
    "top_k",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "metadata",
    "context_management",
    "cache_control",
];
const TOOL_FIELDS: [&str; 10] = [
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

pub(super) fn read(body: &[u8], model: &str) -> Result<Request, Refusal> {
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        Refusal::validation(format!(
            "Malformed input request: {error}, please reformat your input and try again."
        ))
    })?;
    let root = Node::root(&value);
    root.only(&FIELDS)?;
    if root.required_text("anthropic_version")? != VERSION {
        return Err(root.refuse(format!("anthropic_version: Input should be '{VERSION}'")));
    }
    let mut prefix = Prefix::of_model(model);
    let talk = Conversation {
        max_tokens: root.required("max_tokens")?.integer(1)?,
        tools: tools(&root)?,
        system: content::system(&root)?,
        turns: content::turns(&root.required("messages")?)?,
        choice: Choice::Auto,
        one_call: false,
        schema: schema(&root)?,
        stops: stops(&root)?,
        thinking: thinking(&root)?,
        call_prefix: "toolu_bdrk_01",
    };
    let talk = with_choice(talk, &root)?;
    family::check(model, &talk, sampling(&root)?)?;
    history::check(&talk)?;
    if body_has(body, "\"cache_control\"") {
        fill(&mut prefix, &root)?;
    }
    Ok(Request {
        talk,
        prefix,
        metadata: None,
        names_stop: false,
    })
}

/// `thinking` in either body: it has the same form in both.
pub(super) fn thinking(parent: &Node<'_, '_>) -> Result<Thinking, Refusal> {
    let Some(node) = parent.get("thinking") else {
        return Ok(Thinking::Off);
    };
    match node.required_text("type")? {
        "disabled" | "between_tools" => Ok(Thinking::Off),
        "enabled" => {
            node.required("budget_tokens")?.integer(1_024)?;
            Ok(Thinking::Enabled)
        }
        "adaptive" => match node
            .get("display")
            .map(|display| display.text())
            .transpose()?
        {
            Some("omitted") => Ok(Thinking::Omitted),
            _ => Ok(Thinking::Adaptive),
        },
        other => Err(node.refuse(format_args!(
            "Input tag '{other}' does not match 'enabled', 'adaptive', 'disabled'"
        ))),
    }
}

/// The tokens for thinking have to leave some for the answer.
pub(super) fn check_thinking_budget(parent: &Node<'_, '_>, max_tokens: u64) -> Result<(), Refusal> {
    let budget = parent
        .value
        .pointer("/thinking/budget_tokens")
        .and_then(Value::as_u64);
    match budget.is_some_and(|budget| budget >= max_tokens) {
        true => Err(Refusal::validation(
            "`max_tokens` must be greater than `thinking.budget_tokens`.",
        )),
        false => Ok(()),
    }
}

/// `tool_choice` in either body: in `converse` it comes as an additional field.
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

/// The schema in `output_config.format`, which both bodies may carry.
pub(super) fn schema(parent: &Node<'_, '_>) -> Result<Option<Value>, Refusal> {
    let Some(config) = parent.get("output_config") else {
        return Ok(None);
    };
    config.only(&["format", "effort"])?;
    let Some(format) = config.get("format") else {
        return Ok(None);
    };
    match format.required_text("type")? {
        "json_schema" => {
            let schema = format.required("schema")?;
            schema.object()?;
            Ok(Some(schema.value.clone()))
        }
        other => Err(format.refuse(format_args!(
            "Input tag '{other}' does not match 'json_schema'"
        ))),
    }
}

/// Whether a body's text holds a word at all: cheaper than looking at each of its fields.
pub(super) fn body_has(body: &[u8], word: &str) -> bool {
    memmem::find(body, word.as_bytes()).is_some()
}

fn with_choice(mut talk: Conversation, root: &Node<'_, '_>) -> Result<Conversation, Refusal> {
    if let Some((choice, one_call)) = choice(root)? {
        talk.choice = choice.ok_or_else(|| root.refuse("tool_choice.type: Field required"))?;
        talk.one_call = one_call;
    }
    check_thinking_budget(root, talk.max_tokens)?;
    Ok(talk)
}

fn tools(root: &Node<'_, '_>) -> Result<Vec<Tool>, Refusal> {
    let Some(tools) = root.get("tools") else {
        return Ok(Vec::new());
    };
    tools.list()?.map(|tool| self::tool(&tool)).collect()
}

fn tool(tool: &Node<'_, '_>) -> Result<Tool, Refusal> {
    let name = tool.required("name")?.name("_-", 64)?.to_owned();
    let kind = tool.get("type").map(|kind| kind.text()).transpose()?;
    if kind.is_some_and(|kind| kind != "custom") {
        // Claude's own tools (bash_20250124, ...) bring settings of their own and no schema.
        return Ok(Tool {
            name,
            schema: serde_json::json!({"type": "object"}),
        });
    }
    tool.only(&TOOL_FIELDS)?;
    if let Some(description) = tool.get("description") {
        description.text()?;
    }
    let schema = tool.required("input_schema")?;
    check_tool_schema(&schema)?;
    Ok(Tool {
        name,
        schema: schema.value.clone(),
    })
}

/// The arguments of a tool are always an object.
pub(super) fn check_tool_schema(schema: &Node<'_, '_>) -> Result<(), Refusal> {
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

fn stops(root: &Node<'_, '_>) -> Result<Vec<String>, Refusal> {
    let Some(stops) = root.get("stop_sequences") else {
        return Ok(Vec::new());
    };
    stops.list()?.map(|stop| stop_sequence(&stop)).collect()
}

pub(super) fn stop_sequence(stop: &Node<'_, '_>) -> Result<String, Refusal> {
    let text = stop.text()?;
    match text.trim().is_empty() {
        true => Err(stop.refuse("each stop sequence must contain non-whitespace")),
        false => Ok(text.to_owned()),
    }
}

fn sampling(root: &Node<'_, '_>) -> Result<Sampling, Refusal> {
    Ok(Sampling {
        temperature: root
            .get("temperature")
            .map(|value| value.share())
            .transpose()?,
        top_p: root
            .get("top_p")
            .map(|value| value.share())
            .transpose()?
            .is_some(),
        top_k: root
            .get("top_k")
            .map(|value| value.integer(0))
            .transpose()?
            .is_some(),
    })
}

/// Walks over the body in the order of the cache: tools, system, messages.
fn fill(prefix: &mut Prefix, root: &Node<'_, '_>) -> Result<(), Refusal> {
    for tool in items(root.value.get("tools")) {
        add(prefix, "tool", tool)?;
    }
    fill_blocks(prefix, "system", root.value.get("system"))?;
    for message in items(root.value.get("messages")) {
        let role = message
            .get("role")
            .and_then(Value::as_str)
            .unwrap_or_default();
        fill_blocks(prefix, role, message.get("content"))?;
    }
    match root.value.get("cache_control") {
        Some(point) => prefix.keep(keep(point)?),
        None => Ok(()),
    }
}

fn fill_blocks(prefix: &mut Prefix, place: &str, content: Option<&Value>) -> Result<(), Refusal> {
    if let Some(Value::String(text)) = content {
        prefix.add(place, &serde_json::json!({"type": "text", "text": text}));
    }
    for block in items(content) {
        add(prefix, place, block)?;
    }
    Ok(())
}

/// Adds a block without its point, which may stand elsewhere in the next request.
fn add(prefix: &mut Prefix, place: &str, block: &Value) -> Result<(), Refusal> {
    let Some(point) = block.get("cache_control").filter(|point| !point.is_null()) else {
        prefix.add(place, block);
        return Ok(());
    };
    let mut bare = block.clone();
    if let Some(fields) = bare.as_object_mut() {
        fields.shift_remove("cache_control");
    }
    prefix.add(place, &bare);
    prefix.keep(keep(point)?)
}

fn keep(point: &Value) -> Result<Keep, Refusal> {
    let node = Node::root(point);
    node.only(&["type", "ttl"])?;
    match (
        node.required_text("type")?,
        node.get("ttl").map(|ttl| ttl.text()).transpose()?,
    ) {
        ("ephemeral", None | Some("5m")) => Ok(Keep::FiveMinutes),
        ("ephemeral", Some("1h")) => Ok(Keep::OneHour),
        ("ephemeral", _) => Err(node.refuse("cache_control.ttl: Input should be '5m' or '1h'")),
        _ => Err(node.refuse("cache_control.type: Input should be 'ephemeral'")),
    }
}

fn items(list: Option<&Value>) -> &[Value] {
    list.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
