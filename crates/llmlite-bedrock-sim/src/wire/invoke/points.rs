//! The points of the cache in Claude's body: `cache_control` on blocks, or beside the messages.

use serde_json::Value;

use crate::{
    error::Refusal,
    wire::{
        cache::{Keep, Prefix},
        family::Family,
        node::Node,
    },
};

/// Walks over the body in the order of the cache: tools, system, messages.
pub(super) fn fill(
    prefix: &mut Prefix,
    root: &Node<'_, '_>,
    family: &Family,
) -> Result<(), Refusal> {
    let mut walk = Walk {
        prefix,
        family,
        shorter: false,
    };
    if let Some(tools) = root.get("tools") {
        for tool in tools.list()? {
            walk.add("tool", &tool)?;
        }
    }
    if let Some(system) = root.get("system") {
        walk.blocks("system", &system)?;
    }
    for message in root.required("messages")?.list()? {
        let role = message.required_text("role")?;
        walk.blocks(role, &message.required("content")?)?;
    }
    match point(root) {
        Some(point) if family.places_point => walk.keep(&point),
        Some(point) => Err(point.refuse("Extra inputs are not permitted")),
        None => Ok(()),
    }
}

struct Walk<'a> {
    prefix: &'a mut Prefix,
    family: &'a Family,
    /// Whether a point for five minutes was met.
    shorter: bool,
}

impl Walk<'_> {
    fn blocks(&mut self, place: &str, content: &Node<'_, '_>) -> Result<(), Refusal> {
        if let Ok(text) = content.text() {
            self.prefix
                .add(place, &serde_json::json!({"type": "text", "text": text}));
            return Ok(());
        }
        for block in content.list()? {
            self.add(place, &block)?;
        }
        Ok(())
    }

    /// Adds a block without its points, which may stand elsewhere in the next request.
    fn add(&mut self, place: &str, block: &Node<'_, '_>) -> Result<(), Refusal> {
        self.prefix.add(place, &bare(block.value));
        if let Some(parts) = result_parts(block) {
            for part in parts.list()? {
                if let Some(point) = point(&part) {
                    self.keep(&point)?;
                }
            }
        }
        match point(block) {
            Some(point) => self.keep(&point),
            None => Ok(()),
        }
    }

    fn keep(&mut self, point: &Node<'_, '_>) -> Result<(), Refusal> {
        let keep = self.time(point)?;
        match keep {
            Keep::OneHour if self.shorter => {
                let ttl = point.required("ttl")?;
                return Err(ttl.refuse(
                    "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that \
                     blocks are processed in the following order: `tools`, `system`, `messages`.",
                ));
            }
            Keep::OneHour => {}
            Keep::FiveMinutes => self.shorter = true,
        }
        self.prefix.keep(keep)
    }

    fn time(&self, point: &Node<'_, '_>) -> Result<Keep, Refusal> {
        point.only(&["type", "ttl"])?;
        let kind = point.required("type")?;
        if kind.text()? != "ephemeral" {
            return Err(kind.refuse("Input should be 'ephemeral'"));
        }
        let Some(ttl) = point.get("ttl") else {
            return Ok(Keep::FiveMinutes);
        };
        match ttl.text()? {
            _ if !self.family.hour => Err(ttl.refuse("Extra inputs are not permitted")),
            "5m" => Ok(Keep::FiveMinutes),
            "1h" => Ok(Keep::OneHour),
            _ => Err(ttl.refuse("Input should be '5m' or '1h'")),
        }
    }
}

fn point<'v, 's>(block: &'s Node<'v, '_>) -> Option<Node<'v, 's>> {
    let point = block.get("cache_control");
    point.filter(|point| !point.value.is_null())
}

/// The parts of a tool's result, which may have points of their own.
fn result_parts<'v, 's>(block: &'s Node<'v, '_>) -> Option<Node<'v, 's>> {
    let is_result = block.value.get("type")?.as_str()? == "tool_result";
    let parts = block.get("content").filter(|_| is_result);
    parts.filter(|parts| parts.value.is_array())
}

/// A block without its points.
pub(super) fn bare(block: &Value) -> Value {
    let mut bare = block.clone();
    let Some(fields) = bare.as_object_mut() else {
        return bare;
    };
    fields.shift_remove("cache_control");
    let is_result = fields.get("type").is_some_and(|kind| kind == "tool_result");
    if let Some(Value::Array(parts)) = fields.get_mut("content").filter(|_| is_result) {
        for part in parts.iter_mut().filter_map(Value::as_object_mut) {
            part.shift_remove("cache_control");
        }
    }
    bare
}
