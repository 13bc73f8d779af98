//! Settings of a request that have a form of their own.

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess};
use std::borrow::Cow;

use crate::read::{self, Text, TextOr};

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
        read::text_or(deserializer)
    }
}

impl<'de: 'a, 'a> TextOr<'de> for Stop<'a> {
    const FORMS: &'static str = "a string or a list of strings";

    fn text(text: Cow<'de, str>) -> Result<Self, String> {
        Ok(Self(vec![text]))
    }

    fn list<A: SeqAccess<'de>>(mut items: A) -> Result<Self, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = items.next_element::<Text<'de>>()? {
            texts.push(text.0);
        }
        Ok(Self(texts))
    }
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}
