//! Schemas that an answer, or a tool's arguments, follow without exception.
//!
//! Claude makes a grammar of such a schema, and a grammar says less than a schema: every object
//! lists all its fields, and numbers and lengths have no limits.
//! What a grammar cannot say but words can moves into the description, where the model reads it;
//! a schema that would mean something else then cannot be closed.

mod circle;
mod inline;
mod pattern;
mod rules;
mod text;
mod words;

use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

use self::rules::Walk;
use self::text::Node;

/// Longer than any schema that a grammar could be made of.
const MOST_BYTES: usize = 256 * 1024;
const MOST_OPTIONAL: usize = 24;
const MOST_UNIONS: usize = 16;
const MOST_TOOLS: usize = 20;

/// A schema within Claude's rules.
#[derive(Debug)]
pub(super) struct Closed<'a> {
    /// The schema, byte for byte the client's where nothing had to change.
    pub(super) schema: Cow<'a, RawValue>,
    /// Whether a rule of the client's is now only words.
    pub(super) in_words: bool,
    optional: usize,
    unions: usize,
}

/// Why a schema cannot be brought within Claude's rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Open {
    /// It is too long or nested too deeply.
    TooLarge,
    /// It is no schema.
    Malformed,
    /// Its root is not an object with named fields.
    Root,
    /// An object may have fields of any name.
    AnyFields,
    /// A value may be anything.
    AnyValue,
    /// An object must have a field that it does not describe.
    Required,
    /// It uses this word, which a grammar cannot follow.
    Word(&'static str),
    /// A reference leads nowhere, or out of the definitions.
    Reference,
    /// A definition contains itself.
    Recursion,
    /// More fields may be left out than Claude takes.
    Optional,
    /// More values are of one type or another than Claude takes.
    Unions,
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("it is too long or nested too deeply"),
            Self::Malformed => f.write_str("it is not a JSON Schema"),
            Self::Root => f.write_str("its root is not an object with properties"),
            Self::AnyFields => f.write_str(
                "an object may have fields of any name; give it properties and set additionalProperties to false",
            ),
            Self::AnyValue => f.write_str("a value may be anything; give it a type"),
            Self::Required => f.write_str("required names a field that is not in properties"),
            Self::Word(word) => write!(f, "{word} is not supported"),
            Self::Reference => {
                f.write_str("a $ref leads nowhere; refer to #/$defs/NAME or #/definitions/NAME")
            }
            Self::Recursion => f.write_str("a definition contains itself"),
            Self::Optional => write!(
                f,
                "more than {MOST_OPTIONAL} fields are not in required; make more of them required"
            ),
            Self::Unions => write!(
                f,
                "more than {MOST_UNIONS} values have several types or anyOf; use fewer"
            ),
        }
    }
}

/// Brings `schema` within Claude's rules, in time that grows with its length alone.
///
/// # Errors
///
/// When that would change what it means.
pub(super) fn close(schema: &RawValue) -> Result<Closed<'_>, Open> {
    close_described(schema, None)
}

/// The same with a sentence more in the description of the root.
pub(super) fn close_described<'a>(
    schema: &'a RawValue,
    description: Option<&str>,
) -> Result<Closed<'a>, Open> {
    if schema.get().len() > MOST_BYTES {
        return Err(Open::TooLarge);
    }
    let mut root = text::parse(schema.get())?;
    let mut walk = Walk::new(&root)?;
    walk.root(&mut root)?;
    if let Some(description) = description {
        words::describe(&mut root, description)?;
    }
    let found = walk.finish()?;
    let schema = match root.settle() {
        false => Cow::Borrowed(schema),
        true => Cow::Owned(written(&root)),
    };
    Ok(Closed {
        schema,
        in_words: found.in_words,
        optional: found.optional,
        unions: found.unions,
    })
}

/// What Claude takes of closed schemas in one request, all together.
#[derive(Debug)]
pub(super) struct Room {
    optional: usize,
    unions: usize,
    tools: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            optional: MOST_OPTIONAL,
            unions: MOST_UNIONS,
            tools: MOST_TOOLS,
        }
    }
}

impl Room {
    /// Takes the room that the schema of the answer needs, if it is there.
    pub(super) fn take(&mut self, closed: &Closed<'_>) -> bool {
        let left = (
            self.optional.checked_sub(closed.optional),
            self.unions.checked_sub(closed.unions),
        );
        let (Some(optional), Some(unions)) = left else {
            return false;
        };
        (self.optional, self.unions) = (optional, unions);
        true
    }

    /// Takes the room that a tool needs, if it is there.
    pub(super) fn take_tool(&mut self, closed: &Closed<'_>) -> bool {
        let Some(tools) = self.tools.checked_sub(1) else {
            return false;
        };
        let fits = self.take(closed);
        if fits {
            self.tools = tools;
        }
        fits
    }
}

fn written(root: &Node<'_>) -> Box<RawValue> {
    let mut json = String::new();
    root.write(&mut json);
    RawValue::from_string(json).expect("it is put together from JSON")
}

#[cfg(test)]
mod tests;
