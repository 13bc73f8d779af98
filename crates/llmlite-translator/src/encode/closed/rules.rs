//! The walk over a schema that brings it within Claude's rules.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::inline::inlined;
use super::text::{Kind, Member, Node};
use super::words::{self, Rule};
use super::{MOST_OPTIONAL, MOST_UNIONS, Open, circle, pattern};

const TYPES: [&str; 7] = [
    "string", "integer", "number", "boolean", "object", "array", "null",
];
const FORMATS: [&str; 10] = [
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "uri",
    "ipv4",
    "ipv6",
    "uuid",
];
const DEFINITIONS: [&str; 2] = ["$defs", "definitions"];
/// Words that say what a value may be; without one of them it may be anything.
const SAYING: [&str; 7] = [
    "type",
    "$ref",
    "anyOf",
    "oneOf",
    "enum",
    "const",
    "properties",
];
/// Words that neither bind the answer nor help the model.
const REMARKS: [&str; 7] = [
    "$schema",
    "$id",
    "$anchor",
    "$comment",
    "deprecated",
    "readOnly",
    "writeOnly",
];
/// Words that allow what a closed schema forbids.
const OPENING: [&str; 8] = [
    "patternProperties",
    "prefixItems",
    "additionalItems",
    "unevaluatedProperties",
    "unevaluatedItems",
    "nullable",
    "$dynamicRef",
    "$recursiveRef",
];

/// What a walk found out.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) optional: usize,
    pub(super) unions: usize,
    pub(super) in_words: bool,
}

#[derive(Debug)]
pub(super) struct Walk {
    /// Numbers of the definitions by what refers to them.
    definitions: HashMap<String, usize>,
    /// For each definition, those that it refers to.
    refers: Vec<Vec<usize>>,
    /// The definition that the walk is in.
    within: Option<usize>,
    found: Found,
}

impl Walk {
    /// A walk over `root`, whose definitions are known from the start.
    pub(super) fn new(root: &Node<'_>) -> Result<Self, Open> {
        let mut definitions = HashMap::new();
        let fields = root.fields().ok_or(Open::Root)?;
        for lists in DEFINITIONS.map(|word| fields.iter().filter(move |field| field.key == word)) {
            for list in lists {
                for definition in list.value.fields().ok_or(Open::Malformed)? {
                    let number = definitions.len();
                    let target = reference(&list.key, &definition.key);
                    if definitions.insert(target, number).is_some() {
                        return Err(Open::Malformed);
                    }
                }
            }
        }
        Ok(Self {
            refers: vec![Vec::new(); definitions.len()],
            definitions,
            within: None,
            found: Found::default(),
        })
    }

    /// Walks over the whole schema.
    pub(super) fn root(&mut self, root: &mut Node<'_>) -> Result<(), Open> {
        let fields = root.fields().ok_or(Open::Root)?;
        let has = |word: &str| fields.iter().any(|field| field.key == word);
        let elsewhere = ["$ref", "anyOf", "oneOf", "allOf", "enum", "const"];
        let kind = fields.iter().find(|field| field.key == "type");
        let is_object = kind.is_none_or(|kind| kind.value.text().as_deref() == Some("object"));
        if !is_object || !has("properties") || elsewhere.iter().any(|word| has(word)) {
            return Err(Open::Root);
        }
        self.schema(root, true)
    }

    /// What was found, if the definitions end and the limits hold.
    pub(super) fn finish(self) -> Result<Found, Open> {
        if circle::is_there(&self.refers) {
            return Err(Open::Recursion);
        }
        match &self.found {
            found if found.optional > MOST_OPTIONAL => Err(Open::Optional),
            found if found.unions > MOST_UNIONS => Err(Open::Unions),
            _ => Ok(self.found),
        }
    }

    fn schema(&mut self, schema: &mut Node<'_>, is_root: bool) -> Result<(), Open> {
        let fields = match &mut schema.kind {
            Kind::Object(fields) => std::mem::take(fields),
            Kind::Scalar(json) if json == "true" || json == "false" => return Err(Open::AnyValue),
            Kind::List(_) | Kind::Scalar(_) => return Err(Open::Malformed),
        };
        let written = fields.len();
        let has_all_of = fields.iter().any(|field| field.key == "allOf");
        let fields = inlined(fields)?;
        if !fields.iter().any(|field| SAYING.contains(&&*field.key)) {
            return Err(Open::AnyValue);
        }
        self.count_types(&fields)?;
        let mut kept = Vec::with_capacity(fields.len() + 1);
        let mut words: Vec<String> = Vec::new();
        for mut field in fields {
            match self.field(&mut field, is_root)? {
                Fate::Kept => kept.push(field),
                Fate::Dropped => {}
                Fate::Said => {
                    let Rule { words: rule, binds } = words::rule(&field.key, field.value.raw());
                    words.push(rule);
                    self.found.in_words |= binds;
                }
                Fate::Renamed(key) => {
                    let Rule { words: rule, binds } = words::rule(&field.key, field.value.raw());
                    words.push(rule);
                    self.found.in_words |= binds;
                    kept.push(Member::new(key, field.value));
                }
            }
        }
        let is_changed = has_all_of || kept.len() != written || !words.is_empty();
        let is_closed = self.close(&mut kept)?;
        schema.kind = Kind::Object(kept);
        if is_changed || is_closed {
            schema.change();
        }
        if words.is_empty() {
            return Ok(());
        }
        words::describe(schema, &format!("({})", words.join("; ")))
    }

    /// What becomes of one field of a schema, whose own schemas are walked over.
    fn field(&mut self, field: &mut Member<'_>, is_root: bool) -> Result<Fate, Open> {
        let value = &mut field.value;
        match field.key.as_ref() {
            "type" | "title" | "description" | "default" | "required" => {}
            "$ref" => self.refer(&value.text().ok_or(Open::Malformed)?)?,
            "enum" if value.items().is_some_and(are_scalars) => {}
            "const" if value.scalar().is_some() => {}
            "enum" => return Err(Open::Word("a list or an object in enum")),
            "const" => return Err(Open::Word("a list or an object in const")),
            "properties" => self.each_field(value)?,
            word if DEFINITIONS.contains(&word) => self.definitions(word, value, is_root)?,
            "items" if value.items().is_some() => return Err(Open::Word("a list in items")),
            "items" => self.schema(value, false)?,
            "anyOf" => self.each_item(value)?,
            "oneOf" => {
                self.each_item(value)?;
                return Ok(Fate::Renamed("anyOf"));
            }
            "additionalProperties" if value.scalar() == Some("false") => {}
            "additionalProperties" => return Err(Open::AnyFields),
            "format" if value.text().is_some_and(|name| FORMATS.contains(&&*name)) => {}
            "pattern" if value.text().is_some_and(|text| pattern::is_simple(&text)) => {}
            "minItems" if matches!(value.scalar(), Some("0" | "1")) => {}
            "uniqueItems" if value.scalar() == Some("false") => return Ok(Fate::Dropped),
            word if REMARKS.contains(&word) => return Ok(Fate::Dropped),
            word => {
                return match OPENING.into_iter().find(|opening| *opening == word) {
                    // Said for clarity: it is what a closed schema does anyway.
                    Some(_) if value.scalar() == Some("false") => Ok(Fate::Dropped),
                    Some(opening) => Err(Open::Word(opening)),
                    None => Ok(Fate::Said),
                };
            }
        }
        Ok(Fate::Kept)
    }

    fn each_field(&mut self, schemas: &mut Node<'_>) -> Result<(), Open> {
        let Kind::Object(fields) = &mut schemas.kind else {
            return Err(Open::Malformed);
        };
        fields
            .iter_mut()
            .try_for_each(|field| self.schema(&mut field.value, false))
    }

    fn each_item(&mut self, schemas: &mut Node<'_>) -> Result<(), Open> {
        match &mut schemas.kind {
            Kind::List(items) if !items.is_empty() => items
                .iter_mut()
                .try_for_each(|item| self.schema(item, false)),
            Kind::List(_) | Kind::Object(_) | Kind::Scalar(_) => Err(Open::Malformed),
        }
    }

    fn definitions(
        &mut self,
        word: &str,
        schemas: &mut Node<'_>,
        is_root: bool,
    ) -> Result<(), Open> {
        if !is_root {
            return self.each_field(schemas);
        }
        let Kind::Object(fields) = &mut schemas.kind else {
            return Err(Open::Malformed);
        };
        for field in fields {
            self.within = self.definitions.get(&reference(word, &field.key)).copied();
            self.schema(&mut field.value, false)?;
        }
        self.within = None;
        Ok(())
    }

    fn refer(&mut self, target: &str) -> Result<(), Open> {
        let target = self.definitions.get(target).ok_or(Open::Reference)?;
        if let Some(refers) = self.within.and_then(|within| self.refers.get_mut(within)) {
            refers.push(*target);
        }
        Ok(())
    }

    /// Counts a schema that allows several types, which are ones that there are.
    fn count_types(&mut self, fields: &[Member<'_>]) -> Result<(), Open> {
        let types = types(fields)?;
        if types.iter().any(|name| !TYPES.contains(&&**name)) {
            return Err(Open::Malformed);
        }
        let is_union = |field: &Member<'_>| matches!(&*field.key, "anyOf" | "oneOf");
        let is_union = types.len() > 1 || fields.iter().any(is_union);
        self.found.unions += usize::from(is_union);
        Ok(())
    }

    /// Lets an object have no fields besides those that it names; says whether that was new.
    fn close(&mut self, fields: &mut Vec<Member<'_>>) -> Result<bool, Open> {
        let written = fields.len();
        let get = |word: &str| fields.iter().find(|field| field.key == word);
        let named = get("properties").map(|field| field.value.fields().unwrap_or_default());
        let is_typed = get("type").is_some();
        let is_closed = get("additionalProperties").is_some();
        let is_object = named.is_some() || types(fields)?.iter().any(|name| name == "object");
        if !is_object {
            return Ok(false);
        }
        let Some(named) = named.or(is_closed.then_some(&[])) else {
            return Err(Open::AnyFields);
        };
        let mut optional: HashSet<&str> = named.iter().map(|field| &*field.key).collect();
        if optional.len() != named.len() {
            return Err(Open::Malformed);
        }
        if let Some(required) = get("required") {
            for name in required.value.items().ok_or(Open::Malformed)? {
                let name = name.text().ok_or(Open::Malformed)?;
                if !optional.remove(&*name) {
                    return Err(Open::Required);
                }
            }
        }
        self.found.optional += optional.len();
        if !is_typed {
            fields.push(Member::new("type", Node::new(r#""object""#.to_owned())));
        }
        if !is_closed {
            let no = Node::new("false".to_owned());
            fields.push(Member::new("additionalProperties", no));
        }
        Ok(fields.len() != written)
    }
}

/// What becomes of a field of a schema.
enum Fate {
    Kept,
    Dropped,
    /// It becomes words.
    Said,
    /// It gets another name, and the difference becomes words.
    Renamed(&'static str),
}

/// The types that a schema names.
fn types(fields: &[Member<'_>]) -> Result<Vec<String>, Open> {
    let Some(field) = fields.iter().find(|field| field.key == "type") else {
        return Ok(Vec::new());
    };
    let one = std::slice::from_ref(&field.value);
    let names = field.value.items().unwrap_or(one).iter().map(Node::text);
    let names: Option<Vec<String>> = names.collect();
    names
        .filter(|names| !names.is_empty())
        .ok_or(Open::Malformed)
}

fn are_scalars(items: &[Node<'_>]) -> bool {
    items.iter().all(|item| item.scalar().is_some())
}

/// What refers to a definition.
fn reference(word: &str, name: &str) -> String {
    let name = match name.contains(['~', '/']) {
        true => Cow::Owned(name.replace('~', "~0").replace('/', "~1")),
        false => Cow::Borrowed(name),
    };
    format!("#/{word}/{name}")
}
