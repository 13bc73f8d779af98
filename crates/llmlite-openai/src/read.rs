//! Helpers for reading objects whose shape depends on one of their fields.
//!
//! serde's own tagged enums buffer the object first, which loses raw values and positions; here
//! the object is read once into a flat struct and then narrowed.

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{
    Deserializer, Error, Expected, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use crate::error::{RequestError, excerpt};

/// Text that stays in the buffer it came in, unless it has escapes.
///
/// serde borrows a bare `Cow`, but not one inside an `Option`.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

impl<'a> Text<'a> {
    /// The text itself.
    pub(crate) fn cow(text: Self) -> Cow<'a, str> {
        text.0
    }
}

/// The fields of an object; a derived struct alone could also be read from a list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Fields<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        object(deserializer, |fields| Ok(Self(fields)))
    }
}

/// A value that changes nothing in the answer: one of a strange type counts as absent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hint<T>(Option<T>);

impl<T> Hint<T> {
    /// The value, if it could be read.
    pub(crate) fn of(hint: Option<Self>) -> Option<T> {
        hint.and_then(|hint| hint.0)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Hint<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?;
        Ok(Self(loose(Some(raw))))
    }
}

/// Reads a value that counts as absent when it is of a strange type.
pub(crate) fn loose<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok())
}

/// Reads `field`, which was left raw because what it means depends on its neighbours.
pub(crate) fn typed<'a, T: Deserialize<'a>>(
    raw: Option<&'a RawValue>,
    field: &str,
) -> Result<Option<T>, String> {
    let Some(raw) = raw else { return Ok(None) };
    serde_json::from_str(raw.get()).map(Some).map_err(|error| {
        if !error.is_data() {
            return wrong(field, "the value is not valid JSON, or nested too deeply");
        }
        let error = RequestError::at(raw.get().as_bytes(), &error);
        let below = error.param.unwrap_or_default();
        let dot = if below.is_empty() || below.starts_with('[') {
            ""
        } else {
            "."
        };
        wrong(&format!("{field}{dot}{below}"), &error.message)
    })
}

/// The same of a field that must be there.
pub(crate) fn needed<'a, T: Deserialize<'a>>(
    raw: Option<&'a RawValue>,
    field: &str,
) -> Result<T, String> {
    typed(raw, field)?.ok_or_else(|| missing(field))
}

/// Reads the text in `field`, which must be there.
pub(crate) fn text<'a>(raw: Option<&'a RawValue>, field: &str) -> Result<Cow<'a, str>, String> {
    needed(raw, field).map(Text::cow)
}

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

/// Says what is wrong with `field`; [`crate::RequestError`] reads the field out of this text.
pub(crate) fn wrong(field: &str, message: &str) -> String {
    format!("field `{field}`: {message}")
}

/// Says that `field` has a value that no one knows.
pub(crate) fn unknown(field: &str, value: &str, known: &str) -> String {
    let value = excerpt(value);
    format!("field `{field}`: unknown value {value}, expected {known}")
}

/// Refuses a list where one of several other things is expected.
///
/// It is read to its end first, so that the error is about the list and not its first element.
fn no_list<'de, A: SeqAccess<'de>>(mut list: A, expected: &dyn Expected) -> A::Error {
    loop {
        match list.next_element::<IgnoredAny>() {
            Ok(Some(_)) => {}
            Ok(None) => return A::Error::invalid_type(Unexpected::Seq, expected),
            Err(error) => return error,
        }
    }
}

/// A value that is text, or else a list or an object, as far as it has these forms.
pub(crate) trait TextOr<'de>: Sized {
    /// The forms that it has, for error messages.
    const FORMS: &'static str;

    /// Reads it from text.
    fn text(text: Cow<'de, str>) -> Result<Self, String>;

    /// Reads it from a list, if that is one of its forms.
    fn list<A: SeqAccess<'de>>(list: A) -> Result<Self, A::Error> {
        Err(no_list(list, &Self::FORMS))
    }

    /// Reads it from an object, if that is one of its forms.
    fn object<A: MapAccess<'de>>(_: A) -> Result<Self, A::Error> {
        Err(A::Error::invalid_type(Unexpected::Map, &Self::FORMS))
    }
}

/// Reads a value in whichever form it has.
pub(crate) fn text_or<'de, D: Deserializer<'de>, T: TextOr<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    deserializer.deserialize_any(AnyForm(PhantomData))
}

/// Reads an object as `Raw` and narrows it with `narrow`, for [`TextOr::object`].
pub(crate) fn narrowed<'de, A, Raw, T, N>(map: A, narrow: N) -> Result<T, A::Error>
where
    A: MapAccess<'de>,
    Raw: Deserialize<'de>,
    N: FnOnce(Raw) -> Result<T, String>,
{
    let raw = Raw::deserialize(MapAccessDeserializer::new(map))?;
    narrow(raw).map_err(A::Error::custom)
}

/// Whether a value says anything: `{}`, `[]`, `""` and `false` do not.
pub(crate) fn is_filled(raw: &RawValue) -> bool {
    let significant = raw.get().chars().filter(|c| !c.is_whitespace());
    let start: String = significant.take(2).collect();
    !matches!(start.as_str(), "{}" | "[]" | "\"\"") && raw.get() != "false"
}

/// What stands for all names of fields that there is no room for.
const MORE: &str = "...";

/// Adds the name of a field that has no effect, unless it is there already.
///
/// Both the number and the length of names are bounded, because a client chooses them.
pub(crate) fn note_unknown(names: &mut Vec<String>, name: &str) {
    const MOST: usize = 32;
    const LONGEST: usize = 64;
    let end = name.char_indices().nth(LONGEST).map(|(end, _)| end);
    let name = end.and_then(|end| name.get(..end)).unwrap_or(name);
    if names.len() > MOST || names.iter().any(|known| known == name) {
        return;
    }
    let has_room = names.len() < MOST;
    names.push(if has_room { name } else { MORE }.to_owned());
}

struct AnyForm<T>(PhantomData<T>);

impl<'de, T: TextOr<'de>> Visitor<'de> for AnyForm<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::FORMS)
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<T, E> {
        T::text(Cow::Borrowed(text)).map_err(E::custom)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::text(Cow::Owned(text.to_owned())).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<T, A::Error> {
        T::list(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::object(map)
    }
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
        narrowed(map, self.narrow)
    }
}

/// Declares a struct of optional fields that is read from an object in one pass.
///
/// Unlike serde's derive it collects the names that it does not know, and keeps raw values and
/// borrowed text, which `flatten` would lose.
macro_rules! collecting_unknown {
    ($(#[$attr:meta])* $name:ident { $($field:ident: $type:ty,)* }) => {
        $(#[$attr])*
        struct $name<'de> {
            $($field: Option<$type>,)*
            /// Names of the fields that are none of the above and not `null`, in their order, each
            /// once; at most 32, each cut after 64 characters, and then `...`.
            unknown: Vec<String>,
        }

        impl $name<'_> {
            /// The names of all fields that are known.
            const FIELDS: &'static [&'static str] = &[$(stringify!($field),)*];
        }

        impl<'de: 'a, 'a> serde::Deserialize<'de> for $name<'a> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct OneByOne;
                impl<'de> serde::de::Visitor<'de> for OneByOne {
                    type Value = $name<'de>;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(
                        self,
                        mut map: A,
                    ) -> Result<$name<'de>, A::Error> {
                        $(let mut $field: Option<Option<$type>> = None;)*
                        let mut unknown: Vec<String> = Vec::new();
                        while let Some(key) = map.next_key::<$crate::read::Text<'de>>()? {
                            match key.0.as_ref() {
                                $(stringify!($field) => {
                                    if $field.is_some() {
                                        return Err(serde::de::Error::duplicate_field(stringify!($field)));
                                    }
                                    $field = Some(map.next_value()?);
                                })*
                                other => {
                                    let value: Option<serde::de::IgnoredAny> = map.next_value()?;
                                    if value.is_some() {
                                        $crate::read::note_unknown(&mut unknown, other);
                                    }
                                }
                            }
                        }
                        Ok($name { $($field: $field.flatten(),)* unknown })
                    }
                }
                deserializer.deserialize_map(OneByOne)
            }
        }
    };
}
pub(crate) use collecting_unknown;
