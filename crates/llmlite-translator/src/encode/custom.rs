//! Tools whose input is plain text, which Claude has not: they become tools with one string.

use llmlite_openai::chat::tool::CustomTool;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;

use super::Notes;

/// The schema that stands for plain text as input.
///
/// A grammar that the input has to match is told in words, and that it may be missed is noted.
pub(super) fn schema(tool: &CustomTool<'_>, notes: &mut Notes) -> Box<RawValue> {
    let mut text = "The whole input of the tool, as plain text.".to_owned();
    if let Some(Grammar { syntax, definition }) = tool.format.and_then(grammar) {
        text.push_str(" It must match this grammar");
        if let Some(syntax) = syntax {
            text.push_str(&format!(" ({syntax})"));
        }
        text.push_str(":\n");
        text.push_str(&definition);
        notes.adjust("tools[].custom.format");
    }
    let description = Value::from(text);
    let json = format!(
        r#"{{"type":"object","properties":{{"input":{{"type":"string","description":{description}}}}},"required":["input"],"additionalProperties":false}}"#
    );
    RawValue::from_string(json).expect("it is put together from JSON")
}

fn grammar(format: &RawValue) -> Option<Grammar<'_>> {
    let format: RawFormat<'_> = serde_json::from_str(format.get()).ok()?;
    let syntax = format.syntax;
    let flat = format
        .definition
        .map(|definition| Grammar { syntax, definition });
    format.grammar.or(flat)
}

/// What the text has to look like.
#[derive(Deserialize)]
struct Grammar<'a> {
    #[serde(borrow)]
    syntax: Option<Cow<'a, str>>,
    #[serde(borrow)]
    definition: Cow<'a, str>,
}

/// The grammar under `grammar`, or flat beside `type` as in OpenAI's newer API.
#[derive(Deserialize)]
struct RawFormat<'a> {
    #[serde(borrow)]
    grammar: Option<Grammar<'a>>,
    #[serde(borrow)]
    syntax: Option<Cow<'a, str>>,
    #[serde(borrow)]
    definition: Option<Cow<'a, str>>,
}
