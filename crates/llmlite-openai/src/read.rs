//! Helpers for reading objects whose shape depends on one of their fields.
//!
//! serde's own tagged enums buffer the object first, which loses raw values and positions; here
//! the object is read once into a flat struct and then narrowed.

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

use crate::error::excerpt;

/// Reads an object as `Raw` and narrows it with `narrow`.
///
/// Narrowing happens inside the object's visitor, because only there does the JSON reader note
/// the position of the error.
pub(crate) fn object<'de, D, Raw, T, N>(deserializer: D, narrow: N) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    Raw: Deserialize<'de>,
    N: FnOnce(Raw) -> Result<T, String>,
{
    deserializer.deserialize_map(Object {
        narrow,
        raw: PhantomData,
    })
}

/// Says that `field` must be there; [`crate::RequestError`] reads the field out of this text.
pub(crate) fn missing(field: &str) -> String {
    format!("missing field `{field}`")
}

/// Says that `field` has a value that no one knows.
pub(crate) fn unknown(field: &str, value: &str, known: &str) -> String {
    let value = excerpt(value);
    format!("field `{field}`: unknown value {value}, expected {known}")
}

struct Object<Raw, N> {
    narrow: N,
    raw: PhantomData<Raw>,
}

impl<'de, Raw, T, N> Visitor<'de> for Object<Raw, N>
where
    Raw: Deserialize<'de>,
    N: FnOnce(Raw) -> Result<T, String>,
{
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        let raw = Raw::deserialize(MapAccessDeserializer::new(map))?;
        (self.narrow)(raw).map_err(A::Error::custom)
    }
}
