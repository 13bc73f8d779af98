use super::*;

fn format(schema: &Value) -> Value {
    json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}})
}

/// A schema in both of its places: the answer's format, and a strict tool.
#[track_caller]
fn check_schema(schema: Value, want: &str) {
    let at = |place: &str| match want {
        "" => String::new(),
        want => format!("{place}: {want}"),
    };
    check(format(&schema), &at("output_config.format.schema"));
    let tool = json!({"name": "add", "input_schema": schema, "strict": true});
    check(json!({"tools": [tool]}), &at("tools.0.input_schema"));
}

/// An object with one property.
fn object(property: Value) -> Value {
    json!({"type": "object", "properties": {"p": property}, "required": ["p"], "additionalProperties": false})
}

#[test]
#[rustfmt::skip]
fn a_schema_says_no_more_than_a_grammar_can() {
    let closed = "For 'object' type, 'additionalProperties' must be explicitly set to false";
    check_schema(object(json!({"type": "string"})), "");
    check_schema(object(json!({"type": "string", "title": "t", "description": "d", "pattern": "a+", "format": "date", "default": "x"})), "");
    check_schema(object(json!({"type": ["string", "null"], "enum": ["a", null]})), "");
    check_schema(object(json!({"type": "array", "items": {"type": "integer"}, "minItems": 1})), "");
    check_schema(object(json!({"anyOf": [{"type": "string"}, object(json!({"const": 1}))]})), "");
    check_schema(json!({"type": "object"}), closed);
    check_schema(json!({"type": "object", "additionalProperties": true}), closed);
    check_schema(json!({"type": "object", "additionalProperties": {"type": "string"}}), "For 'object' type, 'additionalProperties: object' is not supported");
    check_schema(object(json!({"type": "object"})), closed);
    check_schema(object(json!({"type": ["object", "null"]})), closed);
    check_schema(object(json!({"properties": {}})), closed);
    check_schema(object(json!({"type": "array", "items": {"type": "object"}})), closed);
    check_schema(object(json!({"anyOf": [{"type": "object"}, {"type": "null"}]})), closed);
    check_schema(object(json!({"type": "integer", "minimum": 0})), "For 'integer' type, property 'minimum' is not supported");
    check_schema(object(json!({"type": "number", "minimum": 0, "exclusiveMaximum": 1})), "For 'number' type, properties exclusiveMaximum, minimum are not supported");
    check_schema(object(json!({"type": "number", "multipleOf": 2})), "For 'number' type, property 'multipleOf'");
    check_schema(object(json!({"type": "string", "minLength": 1})), "For 'string' type, property 'minLength'");
    check_schema(object(json!({"type": ["string", "null"], "maxLength": 1})), "For 'string' type, property 'maxLength'");
    check_schema(object(json!({"type": "array", "maxItems": 3})), "For 'array' type, property 'maxItems'");
    check_schema(object(json!({"type": "array", "minItems": 2})), "For 'array' type, 'minItems' values other than 0 or 1");
    check_schema(object(json!({"oneOf": [{"type": "string"}]})), "Schema type 'oneOf' is not supported");
    check_schema(changed(object(json!({})), json!({"$schema": "http://json-schema.org/draft-07/schema#"})), "Schema type '$schema' is not supported");
    check_schema(object(json!({"type": "string", "description": "minLength, oneOf"})), "");
    let named_like_keywords = json!({"type": "object", "properties": {"minimum": {"type": "string"}, "oneOf": {"type": "string"}}, "additionalProperties": false});
    check_schema(named_like_keywords, "");
}

#[test]
#[rustfmt::skip]
fn references_lead_to_a_definition_and_never_in_a_circle() {
    let defs = |property: Value, defs: Value| changed(object(property), json!({"$defs": defs}));
    let to = |name: &str| json!({"$ref": format!("#/$defs/{name}")});
    check_schema(defs(to("A"), json!({"A": {"type": "string"}})), "");
    check_schema(defs(to("A"), json!({"A": object(to("B")), "B": {"type": "string"}})), "");
    check_schema(defs(json!({"type": "array", "items": to("A")}), json!({"A": {"type": "object"}})), "For 'object' type, 'additionalProperties' must");
    check_schema(defs(json!({}), json!({"A": {"type": "object"}})), "For 'object' type, 'additionalProperties' must");
    check_schema(defs(to("B"), json!({"A": {}})), "Unresolvable reference: #/$defs/B");
    check_schema(object(json!({"$ref": "https://example.com/a.json"})), "Unresolvable reference: https://example.com/a.json");
    check_schema(defs(to("A"), json!({"A": object(to("A"))})), "Circular reference detected in schema definitions: #/$defs/A -> #/$defs/A");
    check_schema(defs(to("A"), json!({"A": object(to("B")), "B": object(to("A"))})), "Circular reference detected in schema definitions: #/$defs/A -> #/$defs/B -> #/$defs/A");
    check_schema(object(json!({"$ref": "#"})), "Circular reference detected in schema definitions: #");
}

#[test]
fn what_is_too_much_is_counted_over_all_schemas() {
    let tools = |count: usize, property: &Value, required: bool| {
        let mut schema = object(property.clone());
        if !required {
            schema["required"] = json!([]);
        }
        let tool = |nth| json!({"name": format!("t{nth}"), "input_schema": schema, "strict": true});
        json!({"tools": (0..count).map(tool).collect::<Value>()})
    };
    let text = json!({"type": "string"});
    check(tools(20, &text, true), "");
    check(tools(21, &text, true), "tools: Too many strict tools (21)");

    let both = |count: usize, property: Value, required: bool| {
        let more = (0..8).map(|nth| (format!("o{nth}"), property.clone()));
        let properties: serde_json::Map<_, _> = more.collect();
        let names: Value = match required {
            true => properties.keys().cloned().collect(),
            false => json!([]),
        };
        let schema = json!({"type": "object", "properties": properties, "required": names, "additionalProperties": false});
        changed(tools(count, &property, required), format(&schema))
    };
    check(both(16, text.clone(), false), "");
    check(
        both(17, text, false),
        "Schemas contains too many optional parameters (25)",
    );
    let union = json!({"type": ["string", "null"]});
    check(both(8, union.clone(), true), "");
    check(
        both(9, union, true),
        "Schemas contains too many parameters with union types (17",
    );
}

#[test]
fn a_tool_that_is_not_strict_may_say_anything() {
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}, "t": {"$ref": "#"}}});
    check(
        json!({"tools": [{"name": "add", "input_schema": schema}]}),
        "",
    );
}
