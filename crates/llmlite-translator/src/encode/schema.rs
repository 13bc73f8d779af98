//! JSON Schemas of the client, which pass through as they were written wherever Claude takes them.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

use super::Notes;
use super::json::{self, Flaw, MOST_LEVELS};
use crate::error::EncodeError;

const COMBINERS: [&str; 3] = ["anyOf", "oneOf", "allOf"];
const EMPTY: &str = r#"{"type":"object","properties":{}}"#;

/// The schema of a tool's arguments, made an object schema where it says nothing about that.
///
/// `param` gives the schema's path.
///
/// # Errors
///
/// When it describes something else than an object, or in a way that Claude refuses.
pub(super) fn of_arguments<'a>(
    parameters: Option<&'a RawValue>,
    param: &dyn Fn() -> String,
    notes: &mut Notes,
) -> Result<Cow<'a, RawValue>, EncodeError> {
    let Some(parameters) = parameters else {
        return Ok(Cow::Owned(raw(EMPTY.to_owned())));
    };
    check(parameters, param)?;
    let invalid = || EncodeError::InvalidSchema { param: param() };
    let Root(mut fields) = serde_json::from_str(parameters.get()).map_err(|_| invalid())?;
    let written = fields.len();

    // A list of types that has objects in it says what an absent type says: Claude takes objects.
    fields.retain(|(key, value)| key != "type" || !(value.get() == "null" || may_be_object(value)));
    let mut types = fields.iter().filter(|(key, _)| key == "type");
    let is_typed = match (types.next(), types.next()) {
        (None, _) => false,
        (Some((_, value)), None) if is_object(value) => true,
        (Some(_), _) => return Err(invalid()),
    };
    drop_combiners(&mut fields, param, notes)?;
    Ok(match (is_typed, fields.is_empty()) {
        (true, _) if fields.len() == written => Cow::Borrowed(parameters),
        (true, _) => Cow::Owned(rebuilt(&fields, false)),
        (false, true) => Cow::Owned(raw(EMPTY.to_owned())),
        (false, false) => Cow::Owned(rebuilt(&fields, true)),
    })
}

/// Refuses JSON that may not pass through.
pub(super) fn check(json: &RawValue, param: &dyn Fn() -> String) -> Result<(), EncodeError> {
    json::check(json.get()).map_err(|flaw| match flaw {
        Flaw::TooDeep => EncodeError::TooDeep {
            param: param(),
            most: MOST_LEVELS,
        },
        Flaw::BrokenEscape => EncodeError::BrokenEscape { param: param() },
        Flaw::HugeNumber => EncodeError::HugeNumber { param: param() },
    })
}

/// Drops alternatives that only say which fields go together, which a model does not need in
/// order to call the tool; others carry the fields themselves.
fn drop_combiners(
    fields: &mut Vec<Field<'_>>,
    param: &dyn Fn() -> String,
    notes: &mut Notes,
) -> Result<(), EncodeError> {
    for word in COMBINERS {
        for (_, value) in fields.iter().filter(|(key, _)| key == word) {
            if value.get() == "null" {
                continue;
            }
            if !only_lists_required(value) {
                return Err(EncodeError::RootCombiner {
                    param: param(),
                    word,
                });
            }
            notes.adjust("tools[].function.parameters");
        }
    }
    fields.retain(|(key, _)| !COMBINERS.contains(&key.as_ref()));
    Ok(())
}

fn only_lists_required(combiner: &RawValue) -> bool {
    let branches: Result<Vec<Root<'_>>, _> = serde_json::from_str(combiner.get());
    branches.is_ok_and(|branches| {
        let mut fields = branches.iter().flat_map(|Root(fields)| fields);
        fields.all(|(key, _)| key == "required")
    })
}

fn is_object(kind: &RawValue) -> bool {
    serde_json::from_str::<Cow<'_, str>>(kind.get()).is_ok_and(|kind| kind == "object")
}

/// Whether it is a list of types, and objects among them.
fn may_be_object(kinds: &RawValue) -> bool {
    serde_json::from_str::<Vec<Cow<'_, str>>>(kinds.get())
        .is_ok_and(|kinds| kinds.iter().any(|kind| kind == "object"))
}

/// The schema with only these fields, and a type in front if it has none.
fn rebuilt(fields: &[Field<'_>], add_type: bool) -> Box<RawValue> {
    let mut json = String::from("{");
    let mut comma = "";
    if add_type {
        json.push_str(r#""type":"object""#);
        comma = ",";
    }
    for (key, value) in fields {
        json.push_str(comma);
        json.push_str(&serde_json::Value::from(key.as_ref()).to_string());
        json.push(':');
        json.push_str(value.get());
        comma = ",";
    }
    json.push('}');
    raw(json)
}

fn raw(json: String) -> Box<RawValue> {
    RawValue::from_string(json).expect("it is put together from JSON")
}

type Field<'a> = (Cow<'a, str>, &'a RawValue);

/// The fields of an object in their order.
struct Root<'a>(Vec<Field<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Root<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Root<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Root<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                    fields.push((key, map.next_value()?));
                }
                Ok(Root(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}
