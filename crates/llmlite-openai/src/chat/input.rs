//! The conversation in the form of OpenAI's newer API, which some clients send on this surface.

use serde::Deserialize;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserializer, SeqAccess};
use std::borrow::Cow;

use super::message::{Content, Message, Role};
use crate::read::{self, TextOr};

/// `input`: a string, or a list of items.
#[derive(Debug)]
pub(crate) struct Input<'a>(pub(crate) Vec<Message<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Input<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read::text_or(deserializer)
    }
}

impl<'de: 'a, 'a> TextOr<'de> for Input<'a> {
    const FORMS: &'static str = "a string or a list of items";

    fn text(text: Cow<'de, str>) -> Result<Self, String> {
        Ok(Self(vec![Message {
            role: Role::User,
            content: Some(Content::Text(text)),
            name: None,
            cache_control: None,
            unread: Vec::new(),
        }]))
    }

    fn list<A: SeqAccess<'de>>(items: A) -> Result<Self, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(items)).map(Self)
    }
}
