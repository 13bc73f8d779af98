//! JSON as a tree that remembers its text, so that what is not changed is written as it came.

use std::borrow::Cow;

use super::super::json::MOST_LEVELS;
use super::Open;

/// A value.
#[derive(Debug)]
pub(super) struct Node<'a> {
    /// The text that the client wrote; empty for a value of ours.
    raw: &'a str,
    pub(super) kind: Kind<'a>,
    changed: bool,
}

#[derive(Debug)]
pub(super) enum Kind<'a> {
    Object(Vec<Member<'a>>),
    List(Vec<Node<'a>>),
    /// Text, a number, a boolean or null, as JSON.
    Scalar(Cow<'a, str>),
}

/// A field of an object.
#[derive(Debug)]
pub(super) struct Member<'a> {
    /// The name as JSON.
    raw_key: Cow<'a, str>,
    /// The name.
    pub(super) key: Cow<'a, str>,
    pub(super) value: Node<'a>,
}

/// Reads JSON that is known to be valid.
pub(super) fn parse(json: &str) -> Result<Node<'_>, Open> {
    let mut reader = Reader { rest: json };
    reader.value(0)
}

impl<'a> Node<'a> {
    /// A value of ours, as JSON.
    pub(super) fn new(json: String) -> Self {
        Self {
            raw: "",
            kind: Kind::Scalar(Cow::Owned(json)),
            changed: true,
        }
    }

    /// The fields, if it is an object.
    pub(super) fn fields(&self) -> Option<&[Member<'a>]> {
        match &self.kind {
            Kind::Object(fields) => Some(fields),
            Kind::List(_) | Kind::Scalar(_) => None,
        }
    }

    /// The items, if it is a list.
    pub(super) fn items(&self) -> Option<&[Self]> {
        match &self.kind {
            Kind::List(items) => Some(items),
            Kind::Object(_) | Kind::Scalar(_) => None,
        }
    }

    /// The text, if it is one.
    pub(super) fn text(&self) -> Option<String> {
        match &self.kind {
            Kind::Scalar(json) => serde_json::from_str(json).ok(),
            Kind::Object(_) | Kind::List(_) => None,
        }
    }

    /// The value as JSON, if it is none that has others in it.
    pub(super) fn scalar(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(json) => Some(json),
            Kind::Object(_) | Kind::List(_) => None,
        }
    }

    /// The value as the client wrote it.
    pub(super) fn raw(&self) -> &'a str {
        self.raw
    }

    /// Says that the text no longer holds.
    pub(super) fn change(&mut self) {
        self.changed = true;
    }

    /// Whether it, or anything in it, was changed; to be asked before it is written.
    pub(super) fn settle(&mut self) -> bool {
        // Without a short cut: each value has to know it of itself.
        let inside = match &mut self.kind {
            Kind::Object(fields) => fields
                .iter_mut()
                .fold(false, |any, field| field.value.settle() | any),
            Kind::List(items) => items
                .iter_mut()
                .fold(false, |any, item| item.settle() | any),
            Kind::Scalar(_) => false,
        };
        self.changed |= inside;
        self.changed
    }

    /// Appends the value as JSON; whatever was not changed comes with its own blanks.
    pub(super) fn write(&self, json: &mut String) {
        if !self.changed {
            json.push_str(self.raw);
            return;
        }
        match &self.kind {
            Kind::Scalar(scalar) => json.push_str(scalar),
            Kind::Object(fields) => {
                let mut before = '{';
                for field in fields {
                    json.push(before);
                    json.push_str(&field.raw_key);
                    json.push(':');
                    field.value.write(json);
                    before = ',';
                }
                json.push_str(if before == '{' { "{}" } else { "}" });
            }
            Kind::List(items) => {
                let mut before = '[';
                for item in items {
                    json.push(before);
                    item.write(json);
                    before = ',';
                }
                json.push_str(if before == '[' { "[]" } else { "]" });
            }
        }
    }
}

impl<'a> Member<'a> {
    /// A field of ours.
    pub(super) fn new(key: &'static str, value: Node<'a>) -> Self {
        Self {
            raw_key: Cow::Owned(format!("\"{key}\"")),
            key: Cow::Borrowed(key),
            value,
        }
    }
}

/// Reads from the front of what is left.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn value(&mut self, levels: usize) -> Result<Node<'a>, Open> {
        if levels > MOST_LEVELS {
            return Err(Open::TooLarge);
        }
        self.skip_blanks();
        let start = self.rest;
        let kind = match start.as_bytes().first() {
            Some(b'{') => Kind::Object(self.object(levels)?),
            Some(b'[') => Kind::List(self.list(levels)?),
            _ => Kind::Scalar(Cow::Borrowed(self.scalar())),
        };
        Ok(Node {
            raw: before(start, self.rest),
            kind,
            changed: false,
        })
    }

    fn object(&mut self, levels: usize) -> Result<Vec<Member<'a>>, Open> {
        let mut fields = Vec::new();
        while self.next_item('}') {
            let raw_key = self.scalar();
            let key = serde_json::from_str::<Name<'a>>(raw_key)
                .map_err(|_| Open::Malformed)?
                .0;
            self.skip_blanks();
            self.skip(1);
            let value = self.value(levels + 1)?;
            fields.push(Member {
                raw_key: Cow::Borrowed(raw_key),
                key,
                value,
            });
        }
        Ok(fields)
    }

    fn list(&mut self, levels: usize) -> Result<Vec<Node<'a>>, Open> {
        let mut items = Vec::new();
        while self.next_item(']') {
            items.push(self.value(levels + 1)?);
        }
        Ok(items)
    }

    /// Goes past what stands before the next item, or past the end, and says whether there is one.
    fn next_item(&mut self, end: char) -> bool {
        self.skip_blanks();
        // What opens the object or list, or a comma.
        if !self.rest.starts_with(end) {
            self.skip(1);
            self.skip_blanks();
        }
        if self.rest.is_empty() || self.rest.starts_with(end) {
            self.skip(1);
            return false;
        }
        true
    }

    /// Text with its quotes, or a number or word up to what ends it.
    fn scalar(&mut self) -> &'a str {
        let start = self.rest;
        if !start.starts_with('"') {
            let end = start.find([',', '}', ']', ' ', '\n', '\r', '\t']);
            self.skip(end.unwrap_or(start.len()));
            return before(start, self.rest);
        }
        self.skip(1);
        while let Some(at) = self.rest.find(['"', '\\']) {
            let escape = self.rest.as_bytes().get(at) == Some(&b'\\');
            self.skip(if escape { at + 2 } else { at + 1 });
            if !escape {
                break;
            }
        }
        before(start, self.rest)
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }
}

/// Borrows where it can, which a bare `Cow` does not.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// What of `all` stands before `rest`, which is its end.
fn before<'a>(all: &'a str, rest: &str) -> &'a str {
    all.get(..all.len() - rest.len()).unwrap_or_default()
}
