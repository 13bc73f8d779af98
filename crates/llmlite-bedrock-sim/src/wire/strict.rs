//! The rules for schemas that an answer, or a strict tool's arguments, follow to the letter.
//!
//! Claude makes a grammar of them, and a grammar can say less than a schema.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::{conversation::Conversation, error::Refusal};

const MOST_STRICT_TOOLS: usize = 20;
const MOST_OPTIONAL: usize = 24;
const MOST_UNIONS: usize = 16;
/// Deeper than any schema that a grammar could be made of.
const DEEPEST: usize = 64;

const OF_NUMBERS: [&str; 5] = [
    "exclusiveMaximum",
    "exclusiveMinimum",
    "maximum",
    "minimum",
    "multipleOf",
];
const OF_STRINGS: [&str; 2] = ["maxLength", "minLength"];
const OF_ARRAYS: [&str; 1] = ["maxItems"];
const REFUSED: [&str; 2] = ["oneOf", "$schema"];

/// Checks the answer's schema and those of all strict tools, each and together.
pub(super) fn check(talk: &Conversation) -> Result<(), Refusal> {
    let mut total = Count::default();
    if let Some(schema) = &talk.schema {
        total.read(schema, "output_config.format.schema")?;
    }
    let strict = || {
        talk.tools
            .iter()
            .enumerate()
            .filter(|(_, tool)| tool.strict)
    };
    for (nth, tool) in strict() {
        total.read(&tool.schema, &format!("tools.{nth}.input_schema"))?;
    }
    let tools = strict().count();
    if tools > MOST_STRICT_TOOLS {
        return refuse(format!(
            "tools: Too many strict tools ({tools}). Reduce their number (limit: {MOST_STRICT_TOOLS})."
        ));
    }
    total.check()
}

/// What is counted over all schemas of a request.
#[derive(Debug, Default)]
struct Count {
    optional: usize,
    unions: usize,
}

impl Count {
    fn read(&mut self, schema: &Value, place: &str) -> Result<(), Refusal> {
        let mut walk = Walk {
            root: schema,
            place,
            count: self,
            done: HashSet::new(),
            open: Vec::new(),
        };
        walk.schema(schema, 0)
    }

    fn check(&self) -> Result<(), Refusal> {
        let complexity = "which would make grammar compilation inefficient. Reduce the number of";
        if self.optional > MOST_OPTIONAL {
            return refuse(format!(
                "Schemas contains too many optional parameters ({}), {complexity} optional parameters in your tool \
                 schemas (limit: {MOST_OPTIONAL}).",
                self.optional
            ));
        }
        if self.unions > MOST_UNIONS {
            return refuse(format!(
                "Schemas contains too many parameters with union types ({} parameters with type arrays or anyOf), \
                 {complexity} nullable or union-typed parameters (limit: {MOST_UNIONS} parameters with unions).",
                self.unions
            ));
        }
        Ok(())
    }
}

/// One walk over a schema; each definition is read once.
struct Walk<'a> {
    root: &'a Value,
    place: &'a str,
    count: &'a mut Count,
    done: HashSet<&'a str>,
    /// References that lead to where the walk is.
    open: Vec<&'a str>,
}

impl<'a> Walk<'a> {
    fn schema(&mut self, schema: &'a Value, depth: usize) -> Result<(), Refusal> {
        let Value::Object(fields) = schema else {
            return Ok(());
        };
        if depth > DEEPEST {
            return self.refuse("Schema is too complex.");
        }
        self.keywords(fields)?;
        if let Some(target) = fields.get("$ref").and_then(Value::as_str) {
            self.reference(target, depth)?;
        }
        let lists = ["anyOf", "allOf", "prefixItems"];
        for schema in lists.iter().flat_map(|word| items(fields.get(*word))) {
            self.schema(schema, depth + 1)?;
        }
        if let Some(item) = fields.get("items") {
            self.schema(item, depth + 1)?;
        }
        for word in ["properties", "$defs", "definitions"] {
            let named = fields.get(word).and_then(Value::as_object);
            for schema in named.into_iter().flat_map(Map::values) {
                self.schema(schema, depth + 1)?;
            }
        }
        Ok(())
    }

    fn reference(&mut self, target: &'a str, depth: usize) -> Result<(), Refusal> {
        if self.open.contains(&target) || target == "#" {
            let path = self.open.iter().chain([&target]);
            let path: Vec<_> = path.copied().collect();
            return self.refuse(format!(
                "Circular reference detected in schema definitions: {}",
                path.join(" -> ")
            ));
        }
        let found = target
            .strip_prefix('#')
            .and_then(|path| self.root.pointer(path));
        let Some(found) = found else {
            return self.refuse(format!("Unresolvable reference: {target}"));
        };
        if !self.done.contains(target) {
            self.open.push(target);
            self.schema(found, depth + 1)?;
            self.open.pop();
            self.done.insert(target);
        }
        Ok(())
    }

    fn keywords(&mut self, fields: &'a Map<String, Value>) -> Result<(), Refusal> {
        if let Some(word) = REFUSED.iter().find(|word| fields.contains_key(**word)) {
            return self.refuse(format!("Schema type '{word}' is not supported"));
        }
        let types: Vec<&str> = match fields.get("type") {
            Some(Value::String(name)) => vec![name],
            names => items(names).iter().filter_map(Value::as_str).collect(),
        };
        self.count.unions += usize::from(types.len() > 1 || fields.contains_key("anyOf"));
        for (kind, words) in [
            ("number", &OF_NUMBERS[..]),
            ("string", &OF_STRINGS),
            ("array", &OF_ARRAYS),
        ] {
            let named = match (kind, types.as_slice()) {
                ("number", ["integer"]) => "integer",
                _ => kind,
            };
            self.refuse_words(fields, named, words)?;
        }
        let least = fields.get("minItems").and_then(Value::as_u64);
        if least.is_some_and(|least| least > 1) {
            return self
                .refuse("For 'array' type, 'minItems' values other than 0 or 1 are not supported");
        }
        match types.contains(&"object") || fields.contains_key("properties") {
            true => self.object(fields),
            false => Ok(()),
        }
    }

    fn object(&mut self, fields: &Map<String, Value>) -> Result<(), Refusal> {
        match fields.get("additionalProperties") {
            Some(Value::Bool(false)) => {}
            Some(Value::Object(_)) => {
                return self.refuse(
                    "For 'object' type, 'additionalProperties: object' is not supported. Please set \
                     'additionalProperties' to false",
                );
            }
            _ => {
                return self.refuse(
                    "For 'object' type, 'additionalProperties' must be explicitly set to false",
                );
            }
        }
        let required = items(fields.get("required"));
        let properties = fields.get("properties").and_then(Value::as_object);
        let names = properties.into_iter().flat_map(Map::keys);
        let optional = names.filter(|name| !required.iter().any(|other| other == name.as_str()));
        self.count.optional += optional.count();
        Ok(())
    }

    fn refuse_words(
        &self,
        fields: &Map<String, Value>,
        kind: &str,
        words: &[&str],
    ) -> Result<(), Refusal> {
        let used = words.iter().filter(|word| fields.contains_key(**word));
        let used: Vec<&str> = used.copied().collect();
        match used.as_slice() {
            [] => Ok(()),
            [word] => self.refuse(format!(
                "For '{kind}' type, property '{word}' is not supported"
            )),
            several => self.refuse(format!(
                "For '{kind}' type, properties {} are not supported",
                several.join(", ")
            )),
        }
    }

    fn refuse(&self, message: impl std::fmt::Display) -> Result<(), Refusal> {
        refuse(format!("{}: {message}", self.place))
    }
}

fn items(list: Option<&Value>) -> &[Value] {
    list.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn refuse(message: impl Into<String>) -> Result<(), Refusal> {
    Err(Refusal::validation(message))
}
