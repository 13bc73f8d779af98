//! The conversation in the form of OpenAI's newer API, which some clients send on this surface.

use serde::Deserialize;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserializer, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

use super::message::{Content, Message, Role};

/// `input`: a string, or a list of items.
#[derive(Debug)]
pub(crate) struct Input<'a>(pub(crate) Vec<Message<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Input<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrItems;
        impl<'de> Visitor<'de> for TextOrItems {
            type Value = Input<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of items")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Input<'de>, E> {
                Ok(Input(vec![said(Cow::Borrowed(text))]))
            }

            fn visit_str<E>(self, text: &str) -> Result<Input<'de>, E> {
                Ok(Input(vec![said(Cow::Owned(text.to_owned()))]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Input<'de>, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(items)).map(Input)
            }
        }
        deserializer.deserialize_any(TextOrItems)
    }
}

fn said(text: Cow<'_, str>) -> Message<'_> {
    Message {
        role: Role::User,
        content: Some(Content::Text(text)),
        name: None,
        cache_control: None,
    }
}
