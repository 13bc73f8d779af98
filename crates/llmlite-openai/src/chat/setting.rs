//! Settings of a request that have a form of their own.

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

use crate::read::{self, Text};

/// What a streamed answer is to contain besides the text.
#[derive(Debug, Clone, Default)]
pub struct StreamOptions {
    /// Whether the last chunk carries the usage.
    pub include_usage: Option<bool>,
}

/// Texts at which the answer ends: one, or a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop<'a>(pub Vec<Cow<'a, str>>);

/// A field whose value is never looked at, only whether the client gave one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Given;

#[derive(Deserialize)]
struct RawStreamOptions {
    include_usage: Option<bool>,
}

impl<'de> Deserialize<'de> for StreamOptions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read::object(deserializer, |raw: RawStreamOptions| {
            Ok(Self {
                include_usage: raw.include_usage,
            })
        })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Stop<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = Stop<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of strings")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Stop<'de>, E> {
                Ok(Stop(vec![Cow::Borrowed(text)]))
            }

            fn visit_str<E>(self, text: &str) -> Result<Stop<'de>, E> {
                Ok(Stop(vec![Cow::Owned(text.to_owned())]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Stop<'de>, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = items.next_element::<Text<'de>>()? {
                    texts.push(text.0);
                }
                Ok(Stop(texts))
            }
        }
        deserializer.deserialize_any(Texts)
    }
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}
