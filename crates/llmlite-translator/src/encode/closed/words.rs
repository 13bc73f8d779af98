//! Rules that a grammar cannot follow, in words for the model.

use super::Open;
use super::text::{Kind, Member, Node};

/// A rule in words.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) words: String,
    /// Whether answers could break it; if not, it is only a remark.
    pub(super) binds: bool,
}

/// Rules without words of their own that answers could break.
const BINDING: [&str; 11] = [
    "not",
    "if",
    "then",
    "else",
    "contains",
    "minContains",
    "maxContains",
    "propertyNames",
    "dependentRequired",
    "dependentSchemas",
    "dependencies",
];

/// What the keyword `key` with the value `raw` asks for.
pub(super) fn rule(key: &str, raw: &str) -> Rule {
    let phrase = match key {
        "minimum" => format!("must be at least {raw}"),
        "maximum" => format!("must be at most {raw}"),
        "exclusiveMinimum" => format!("must be more than {raw}"),
        "exclusiveMaximum" => format!("must be less than {raw}"),
        "multipleOf" => format!("must be a multiple of {raw}"),
        "minLength" => format!("must have at least {raw} characters"),
        "maxLength" => format!("must have at most {raw} characters"),
        "minItems" => format!("must have at least {raw} items"),
        "maxItems" => format!("must have at most {raw} items"),
        "uniqueItems" => "must not have the same item twice".to_owned(),
        "minProperties" => format!("must have at least {raw} fields"),
        "maxProperties" => format!("must have at most {raw} fields"),
        "pattern" => format!("must match the regular expression {raw}"),
        "format" => format!("must have the format {raw}"),
        "oneOf" => "must fit exactly one of the alternatives".to_owned(),
        "examples" => format!("for example {raw}"),
        _ => {
            return Rule {
                words: format!("{key}: {raw}"),
                binds: BINDING.contains(&key),
            };
        }
    };
    Rule {
        words: phrase,
        binds: key != "examples",
    }
}

/// Adds `words` to the description of a schema.
pub(super) fn describe(schema: &mut Node<'_>, words: &str) -> Result<(), Open> {
    let Kind::Object(fields) = &mut schema.kind else {
        return Err(Open::Malformed);
    };
    let json = |text: String| Node::new(serde_json::Value::from(text).to_string());
    match fields.iter_mut().find(|field| field.key == "description") {
        None => fields.push(Member::new("description", json(words.to_owned()))),
        Some(description) => {
            let text = description.value.text().ok_or(Open::Malformed)?;
            description.value = json(format!("{text}\n{words}"));
        }
    }
    schema.change();
    Ok(())
}
