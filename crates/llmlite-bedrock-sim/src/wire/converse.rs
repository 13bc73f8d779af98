//! The body of `Converse`, Bedrock's dialect for all models.

use serde_json::Value;

use crate::{
    conversation::{Choice, Conversation, Thinking, Tool},
    error::Refusal,
};

use super::{
    Request,
    asked::{self, Asked, Output},
    cache::{Keep, Prefix},
    family::Family,
    history, invoke, limits,
    node::Node,
};

mod content;
pub(super) mod render;

/// Tokens of an answer when the request names no limit.
const DEFAULT_MAX_TOKENS: u64 = 4_096;
const MODEL_ERROR: &str = "The model returned the following errors: ";
const FIELDS: [&str; 12] = [
    "messages",
    "system",
    "inferenceConfig",
    "toolConfig",
    "guardrailConfig",
    "additionalModelRequestFields",
    "additionalModelResponseFieldPaths",
    "promptVariables",
    "requestMetadata",
    "performanceConfig",
    "serviceTier",
    "outputConfig",
];

pub(super) fn read(body: &[u8], model: &str) -> Result<Request, Refusal> {
    let value: Value = serde_json::from_slice(body).map_err(|_| {
        Refusal::new(
            400,
            "SerializationException",
            "The request body is not valid JSON",
        )
    })?;
    let root = Node::root(&value);
    root.only(&FIELDS)?;
    let empty = Value::Object(serde_json::Map::new());
    let more = root
        .get("additionalModelRequestFields")
        .map_or(&empty, |fields| fields.value);
    let more = Node::root(more);
    let limits = root
        .get("inferenceConfig")
        .map_or(&empty, |config| config.value);
    let limits = Node::root(limits);
    limits.only(&["maxTokens", "temperature", "topP", "stopSequences"])?;

    let tools = root.get("toolConfig");
    let output = output(&root, &more)?;
    let asked = Asked {
        effort: output.effort,
        ..sampling(&limits, &more)?
    };
    let thinking = asked::thinking(&more)?;
    let mut talk = Conversation {
        max_tokens: limits
            .get("maxTokens")
            .map_or(Ok(DEFAULT_MAX_TOKENS), |most| most.integer(1))?,
        room: u64::MAX,
        tools: tools.map_or_else(|| Ok(Vec::new()), |config| self::tools(&config))?,
        system: content::system(&root)?,
        turns: content::turns(&root.required("messages")?)?,
        choice: tools.map_or(Ok(Choice::Auto), |config| choice(&config))?,
        one_call: false,
        schema: output.schema,
        stops: stops(&limits)?,
        thinking: Thinking::Off,
        binding: None,
        call_prefix: "tooluse_",
    };
    if let Some((choice, one_call)) = asked::choice(&more)? {
        talk.choice = choice.unwrap_or(talk.choice);
        talk.one_call = one_call;
    }
    let family = Family::of(model);
    let mut check = || {
        talk.thinking = limits::thinking(family, thinking, talk.max_tokens)?;
        super::check(model, family, &talk, &asked)
    };
    check().map_err(|refusal| Refusal::validation(format!("{MODEL_ERROR}{}", refusal.message)))?;

    let mut prefix = Prefix::of(model, family);
    if invoke::body_has(body, "\"cachePoint\"") {
        fill(&mut prefix, &value)?;
    }
    Ok(Request {
        talk,
        family,
        prefix,
        metadata: root
            .get("requestMetadata")
            .map(|labels| labels.value.clone()),
        names_stop: names_stop(&root)?,
    })
}

fn tools(config: &Node<'_, '_>) -> Result<Vec<Tool>, Refusal> {
    config.only(&["tools", "toolChoice"])?;
    let list = config.required("tools")?;
    let mut tools = Vec::new();
    for tool in list.list()? {
        match tool.variant()? {
            ("toolSpec", spec) => tools.push(tool_spec(&spec)?),
            ("cachePoint", _) => {}
            (other, node) => {
                return Err(node.refuse(format_args!("{other} is not supported by this model")));
            }
        }
    }
    match tools.is_empty() {
        true => Err(list.refuse("Member must have length greater than or equal to 1")),
        false => Ok(tools),
    }
}

fn tool_spec(spec: &Node<'_, '_>) -> Result<Tool, Refusal> {
    spec.only(&["name", "description", "inputSchema", "strict"])?;
    if let Some(description) = spec.get("description").filter(|text| text.value == "") {
        return Err(description.refuse("Member must have length greater than or equal to 1"));
    }
    let schema = spec.required("inputSchema")?;
    let schema = schema.required("json")?;
    invoke::tools::check_schema(&schema)?;
    let strict = spec.get("strict").map(|strict| strict.boolean());
    Ok(Tool {
        name: spec
            .required("name")?
            .name("_-", history::LONGEST_NAME)?
            .to_owned(),
        schema: schema.value.clone(),
        strict: strict.transpose()?.unwrap_or(false),
    })
}

fn choice(config: &Node<'_, '_>) -> Result<Choice, Refusal> {
    let Some(choice) = config.get("toolChoice") else {
        return Ok(Choice::Auto);
    };
    match choice.variant()? {
        ("auto", _) => Ok(Choice::Auto),
        ("any", _) => Ok(Choice::Any),
        ("tool", tool) => Ok(Choice::Tool(tool.required_text("name")?.to_owned())),
        (_, other) => Err(other.refuse("toolChoice is auto, any or tool")),
    }
}

/// Schema and effort from `outputConfig`, or from the additional fields.
fn output<'v>(root: &Node<'v, '_>, more: &Node<'v, '_>) -> Result<Output<'v>, Refusal> {
    let mut output = asked::output(more)?;
    let Some(config) = root.get("outputConfig") else {
        return Ok(output);
    };
    config.only(&["textFormat", "effort"])?;
    if let Some(effort) = config.get("effort") {
        output.effort = Some(effort.text()?);
    }
    if let Some(format) = config.get("textFormat") {
        output.schema = Some(schema(&format)?);
    }
    Ok(output)
}

/// A schema that travels as a JSON text inside JSON.
fn schema(format: &Node<'_, '_>) -> Result<Value, Refusal> {
    let structure = format.required("structure")?;
    let schema = structure.required("jsonSchema")?;
    let text = schema.required("schema")?;
    serde_json::from_str(text.text()?).map_err(|_| text.refuse("The JSON schema is not valid JSON"))
}

fn stops(limits: &Node<'_, '_>) -> Result<Vec<String>, Refusal> {
    let Some(stops) = limits.get("stopSequences") else {
        return Ok(Vec::new());
    };
    stops
        .list()?
        .map(|stop| invoke::stop_sequence(&stop))
        .collect()
}

fn sampling(limits: &Node<'_, '_>, more: &Node<'_, '_>) -> Result<Asked<'static>, Refusal> {
    let share = |name| {
        limits
            .get(name)
            .map(|value: Node<'_, '_>| value.share())
            .transpose()
    };
    let top_k = more.get("top_k").map(|value| value.integer(0));
    Ok(Asked {
        temperature: share("temperature")?,
        top_p: share("topP")?,
        top_k: top_k.transpose()?.is_some(),
        effort: None,
    })
}

fn names_stop(root: &Node<'_, '_>) -> Result<bool, Refusal> {
    let Some(paths) = root.get("additionalModelResponseFieldPaths") else {
        return Ok(false);
    };
    let mut asked = false;
    for path in paths.list()? {
        let text = path.text()?;
        if !text.starts_with('/') {
            return Err(path.refuse("Input is no JSON pointer"));
        }
        asked |= text.ends_with("/stop_sequence");
    }
    Ok(asked)
}

/// Walks over the body in the order of the cache: tools, system, messages.
fn fill(prefix: &mut Prefix, body: &Value) -> Result<(), Refusal> {
    fill_blocks(prefix, "tool", body.pointer("/toolConfig/tools"))?;
    fill_blocks(prefix, "system", body.get("system"))?;
    for message in items(body.get("messages")) {
        let role = message
            .get("role")
            .and_then(Value::as_str)
            .unwrap_or_default();
        fill_blocks(prefix, role, message.get("content"))?;
    }
    Ok(())
}

fn fill_blocks(prefix: &mut Prefix, place: &str, blocks: Option<&Value>) -> Result<(), Refusal> {
    for block in items(blocks) {
        match block.get("cachePoint") {
            None => prefix.add(place, block),
            Some(point) if point.get("ttl").is_some_and(|ttl| ttl == "1h") => {
                prefix.keep(Keep::OneHour)?
            }
            Some(_) => prefix.keep(Keep::FiveMinutes)?,
        }
    }
    Ok(())
}

fn items(list: Option<&Value>) -> &[Value] {
    list.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
