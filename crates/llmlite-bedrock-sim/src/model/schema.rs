//! Makes a value that a JSON Schema accepts.

use serde_json::{Map, Number, Value, json};

/// Below this depth only what is required is made, and twice as deep nothing at all.
const FULL_DEPTH: usize = 4;

/// What the prompt offers as material.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hints<'a> {
    /// For text whose key ends in `name`.
    pub(crate) name: Option<&'a str>,
}

/// A value for `schema`: all of its properties, in their order, each as small as it may be.
///
/// `pattern` and `not` are not looked at.
pub(crate) fn example(schema: &Value, hints: &Hints<'_>) -> Value {
    let maker = Maker {
        root: schema,
        hints,
    };
    maker.value(schema, "", 0)
}

struct Maker<'a> {
    root: &'a Value,
    hints: &'a Hints<'a>,
}

impl Maker<'_> {
    fn value(&self, schema: &Value, key: &str, depth: usize) -> Value {
        if depth > 2 * FULL_DEPTH {
            return Value::Null;
        }
        let given = ["const", "default"]
            .iter()
            .find_map(|word| schema.get(word));
        let listed = ["enum", "examples"]
            .iter()
            .find_map(|word| items(schema, word).first());
        if let Some(value) = given.or(listed) {
            return value.clone();
        }
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            let found = target
                .strip_prefix('#')
                .and_then(|path| self.root.pointer(path));
            return found.map_or(Value::Null, |found| self.value(found, key, depth + 1));
        }
        let union = ["anyOf", "oneOf"].iter().find_map(|word| {
            let arms = items(schema, word);
            arms.iter().find(|arm| type_of(arm) != "null")
        });
        if let Some(arm) = union {
            return self.value(arm, key, depth + 1);
        }
        let parts = items(schema, "allOf");
        if !parts.is_empty() {
            return self.all_of(schema, parts, key, depth);
        }
        match type_of(schema) {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, key, depth),
            "integer" => integer(schema),
            "number" => number(schema),
            "boolean" => Value::Bool(true),
            "null" => Value::Null,
            _ => self.text(schema, key),
        }
    }

    fn all_of(&self, schema: &Value, parts: &[Value], key: &str, depth: usize) -> Value {
        let mut whole = Map::new();
        for part in parts {
            match self.value(part, key, depth + 1) {
                Value::Object(fields) => whole.extend(fields),
                other => return other,
            }
        }
        if let Value::Object(fields) = self.object(schema, depth) {
            whole.extend(fields);
        }
        Value::Object(whole)
    }

    fn object(&self, schema: &Value, depth: usize) -> Value {
        let required = items(schema, "required");
        let properties = schema.get("properties").and_then(Value::as_object);
        let wanted = properties.into_iter().flatten().filter(|(key, _)| {
            depth < FULL_DEPTH || required.iter().any(|name| name == key.as_str())
        });
        wanted
            .map(|(key, schema)| (key.clone(), self.value(schema, key, depth + 1)))
            .collect()
    }

    fn array(&self, schema: &Value, key: &str, depth: usize) -> Value {
        let least = schema
            .get("minItems")
            .and_then(Value::as_u64)
            .unwrap_or_default();
        let usual = u64::from(depth < FULL_DEPTH);
        let most = schema
            .get("maxItems")
            .and_then(Value::as_u64)
            .unwrap_or(u64::MAX);
        let length = usual.min(most).max(least).min(64);
        let first = items(schema, "prefixItems").iter();
        let mut made: Vec<Value> = first.map(|item| self.value(item, key, depth + 1)).collect();
        let any = json!({"type": "string"});
        let item = schema
            .get("items")
            .filter(|item| item.is_object())
            .unwrap_or(&any);
        while (made.len() as u64) < length {
            made.push(self.value(item, key, depth + 1));
        }
        Value::Array(made)
    }

    fn text(&self, schema: &Value, key: &str) -> Value {
        let by_format = match schema.get("format").and_then(Value::as_str) {
            Some("date") => Some("2026-01-15"),
            Some("date-time") => Some("2026-01-15T12:00:00Z"),
            Some("time") => Some("12:00:00Z"),
            Some("email") => Some("someone@example.com"),
            Some("uri") => Some("https://example.com/"),
            Some("uuid") => Some("0190f5a0-0000-7000-8000-000000000001"),
            Some("ipv4") => Some("192.0.2.1"),
            _ => None,
        };
        let name = self
            .hints
            .name
            .filter(|_| key.to_lowercase().ends_with("name"));
        let text = by_format
            .or(name)
            .map_or_else(|| format!("sample {key}").trim().to_owned(), str::to_owned);
        let length = |word| {
            schema
                .get(word)
                .and_then(Value::as_u64)
                .and_then(|n| usize::try_from(n).ok())
        };
        let least = length("minLength").unwrap_or(0).min(4_096);
        let padding = "x".repeat(least.saturating_sub(text.chars().count()));
        let most = length("maxLength").unwrap_or(usize::MAX);
        Value::String(text.chars().chain(padding.chars()).take(most).collect())
    }
}

fn items<'a>(schema: &'a Value, word: &str) -> &'a [Value] {
    let list = schema.get(word).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

/// The first type of a schema that is not null; told by its keywords when it names none.
fn type_of(schema: &Value) -> &str {
    let named = match schema.get("type") {
        Some(Value::String(name)) => Some(name.as_str()),
        Some(Value::Array(names)) => names
            .iter()
            .filter_map(Value::as_str)
            .find(|name| *name != "null"),
        _ => None,
    };
    named.unwrap_or_else(|| match schema {
        schema if schema.get("properties").is_some() => "object",
        schema if schema.get("items").is_some() => "array",
        _ => "string",
    })
}

fn integer(schema: &Value) -> Value {
    let bound = |word| schema.get(word).and_then(Value::as_i64);
    let least = bound("minimum")
        .or_else(|| Some(bound("exclusiveMinimum")? + 1))
        .unwrap_or(i64::MIN);
    let most = bound("maximum")
        .or_else(|| Some(bound("exclusiveMaximum")? - 1))
        .unwrap_or(i64::MAX);
    let step = bound("multipleOf").filter(|step| *step > 0).unwrap_or(1);
    let wanted = 1.min(most).max(least);
    let rounded = wanted.saturating_add((-wanted).rem_euclid(step));
    match rounded <= most {
        true => rounded.into(),
        false => (wanted - wanted.rem_euclid(step)).into(),
    }
}

fn number(schema: &Value) -> Value {
    let bound = |word| schema.get(word).and_then(Value::as_f64);
    let least = bound("minimum")
        .or_else(|| Some(bound("exclusiveMinimum")? + 0.5))
        .unwrap_or(f64::MIN);
    let most = bound("maximum")
        .or_else(|| Some(bound("exclusiveMaximum")? - 0.5))
        .unwrap_or(f64::MAX);
    Number::from_f64(1.5_f64.min(most).max(least)).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(schema: Value, want: Value) {
        let hints = Hints {
            name: Some("Erick"),
        };
        assert_eq!(example(&schema, &hints), want, "{schema}");
    }

    #[test]
    #[rustfmt::skip]
    fn each_kind_of_schema_gets_a_fitting_value() {
        check(json!({"type":"string"}),                                   json!("sample"));
        check(json!({"type":["null","boolean"]}),                         json!(true));
        check(json!({"const":7}),                                         json!(7));
        check(json!({"enum":["red","blue"]}),                             json!("red"));
        check(json!({"type":"integer","minimum":5}),                      json!(5));
        check(json!({"type":"integer","exclusiveMaximum":0}),             json!(-1));
        check(json!({"type":"integer","minimum":5,"multipleOf":4}),       json!(8));
        check(json!({"type":"number","maximum":0.25}),                    json!(0.25));
        check(json!({"type":"string","format":"date"}),                   json!("2026-01-15"));
        check(json!({"type":"string","minLength":8}),                     json!("samplexx"));
        check(json!({"type":"array","items":{"type":"integer"},"minItems":3}), json!([1, 1, 1]));
        check(json!({"type":"array","items":{"type":"integer"},"maxItems":0}), json!([]));
        check(json!({"anyOf":[{"type":"null"},{"type":"integer"}]}),      json!(1));
        check(json!({"type":"object"}),                                   json!({}));
    }

    #[test]
    fn objects_have_all_properties_in_their_order() {
        check(
            json!({"properties": {"z": {"type": "integer"}, "first_name": {"type": "string"}, "a": {}}, "required": ["z"]}),
            json!({"z": 1, "first_name": "Erick", "a": "sample a"}),
        );
        let made = example(
            &json!({"properties": {"z": {}, "a": {}}}),
            &Hints { name: None },
        );
        assert_eq!(made.to_string(), r#"{"z":"sample z","a":"sample a"}"#);
    }

    #[test]
    fn references_are_followed_and_recursion_ends() {
        check(
            json!({"$ref": "#/$defs/P", "$defs": {"P": {"type": "object", "properties": {"age": {"type": "integer"}}}}}),
            json!({"age": 1}),
        );
        let tree = json!({
            "type": "object",
            "properties": {"name": {"type": "string"}, "child": {"$ref": "#"}},
            "required": ["name", "child"],
        });
        let made = example(&tree, &Hints { name: None });
        assert_eq!(
            made.pointer("/child/child/name"),
            Some(&json!("sample name"))
        );
    }

    #[test]
    fn parts_of_all_of_come_together() {
        check(
            json!({"allOf": [{"properties": {"a": {"type": "integer"}}}], "properties": {"b": {"type": "boolean"}}}),
            json!({"a": 1, "b": true}),
        );
    }
}
