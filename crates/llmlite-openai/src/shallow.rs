//! An object of text, read before it is known what it should be.
//!
//! Pictures and files are most of the bytes of a request that has them: a raw value would be
//! looked through once to find its end and once more to read it.

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

use crate::read;

/// A value of any type, of which text and the text in an object's fields is kept.
#[derive(Debug)]
pub(crate) enum Shallow<'a> {
    Text(Cow<'a, str>),
    Object(Vec<(Cow<'a, str>, Self)>),
    /// Something else: what it is, for error messages.
    Other(&'static str),
}

/// The fields of an object, and the field that holds it.
#[derive(Debug)]
pub(crate) struct Texts<'a> {
    place: &'static str,
    fields: Vec<(Cow<'a, str>, Shallow<'a>)>,
}

impl<'a> Shallow<'a> {
    /// The fields, if this is the object that `field` should be.
    pub(crate) fn texts(self, field: &'static str) -> Result<Texts<'a>, String> {
        let got = match self {
            Self::Object(fields) => {
                return Ok(Texts {
                    place: field,
                    fields,
                });
            }
            Self::Text(_) => "a string",
            Self::Other(got) => got,
        };
        Err(read::wrong(
            field,
            &format!("expected an object, got {got}"),
        ))
    }
}

impl<'a> Texts<'a> {
    /// The text in `field`, if it is there.
    pub(crate) fn take(&mut self, field: &str) -> Result<Option<Cow<'a, str>>, String> {
        let mut fields = self.fields.iter_mut().filter(|(name, _)| name == field);
        let wrong = |what: &str| Err(read::wrong(&format!("{}.{field}", self.place), what));
        let (first, second) = (fields.next(), fields.next());
        match (first.map(|(_, value)| value), second) {
            (_, Some(_)) => wrong("the field is given twice"),
            (None | Some(Shallow::Other("null")), None) => Ok(None),
            (Some(Shallow::Text(text)), None) => Ok(Some(std::mem::take(text))),
            (Some(Shallow::Object(_)), None) => wrong("expected a string, got an object"),
            (Some(Shallow::Other(got)), None) => wrong(&format!("expected a string, got {got}")),
        }
    }

    /// The text in `field`, which must be there.
    pub(crate) fn need(&mut self, field: &str) -> Result<Cow<'a, str>, String> {
        let text = self.take(field)?;
        text.ok_or_else(|| read::missing(&format!("{}.{field}", self.place)))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Shallow<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any { keeps_fields: true })
    }
}

/// The value of a field, of which only text is kept.
struct Leaf<'a>(Shallow<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Leaf<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let any = Any {
            keeps_fields: false,
        };
        deserializer.deserialize_any(any).map(Self)
    }
}

struct Any {
    keeps_fields: bool,
}

impl<'de> Visitor<'de> for Any {
    type Value = Shallow<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Shallow<'de>, E> {
        Ok(Shallow::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Shallow<'de>, E> {
        Ok(Shallow::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shallow<'de>, A::Error> {
        let mut fields = Vec::new();
        if self.keeps_fields {
            while let Some((name, value)) = map.next_entry::<read::Text<'de>, Leaf<'de>>()? {
                fields.push((name.0, value.0));
            }
        } else {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        }
        Ok(Shallow::Object(fields))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Shallow<'de>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Shallow::Other("a list"))
    }

    fn visit_unit<E>(self) -> Result<Shallow<'de>, E> {
        Ok(Shallow::Other("null"))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shallow<'de>, E> {
        Ok(Shallow::Other("true or false"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shallow<'de>, E> {
        Ok(Shallow::Other("a number"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shallow<'de>, E> {
        Ok(Shallow::Other("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shallow<'de>, E> {
        Ok(Shallow::Other("a number"))
    }
}
