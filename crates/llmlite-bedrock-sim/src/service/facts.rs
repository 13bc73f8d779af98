//! What can be read off a call without knowing anything else.

use std::borrow::Cow;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hyper::http::request::Parts;
use serde_json::Value;

use crate::{
    error::Refusal,
    model::tokens,
    wire::{Dialect, Request, limits},
};

use super::Call;

/// Counts without asking the model, which costs nothing.
pub(super) fn count(call: &Call<'_>) -> Result<u64, Refusal> {
    let is_profile = ["eu.", "us.", "apac.", "jp.", "au.", "global."]
        .iter()
        .any(|geo| call.model.starts_with(geo));
    if is_profile {
        return Err(Refusal::validation(
            "The provided model doesn't support counting tokens.",
        ));
    }
    let body: Value = serde_json::from_slice(call.body)
        .map_err(|_| Refusal::validation("The request body is not valid JSON"))?;
    let coded = body
        .pointer("/input/invokeModel/body")
        .and_then(Value::as_str);
    let (dialect, inside) = match (coded, body.pointer("/input/converse")) {
        (Some(coded), None) => {
            let inside = BASE64_STANDARD.decode(coded);
            let inside = inside
                .map_err(|_| Refusal::validation("input.invokeModel.body: Invalid base64 data"))?;
            (Dialect::Invoke, inside)
        }
        (None, Some(converse)) => (Dialect::Converse, converse.to_string().into_bytes()),
        _ => {
            return Err(Refusal::validation(
                "input: expected exactly one of invokeModel and converse",
            ));
        }
    };
    let request = dialect.read(&inside, call.model)?;
    Ok(input_tokens(&inside, &request))
}

pub(super) fn input_tokens(body: &[u8], request: &Request) -> u64 {
    let media: Vec<usize> = request
        .talk
        .media()
        .map(|media| media.coded_bytes)
        .collect();
    tokens::input(body.len(), &media)
}

/// Refuses a request that the model's window cannot hold, and finds how long an answer may be.
pub(super) fn make_room(body: &[u8], request: &mut Request) -> Result<(), Refusal> {
    let input = tokens::at_least(input_tokens(body, request));
    request.talk.room = limits::room(request.family, input, request.talk.max_tokens)?;
    Ok(())
}

/// Labels for the bill, from the header or from a body that may carry them.
pub(super) fn labels(parts: &Parts, request: &Request) -> Result<Option<Value>, Refusal> {
    let wrong = || Refusal::validation("requestMetadata must be a map of at most 16 texts");
    let labels = match parts.headers.get("x-amzn-bedrock-request-metadata") {
        Some(header) => Some(serde_json::from_slice(header.as_bytes()).map_err(|_| wrong())?),
        None => request.metadata.clone(),
    };
    let is_right = |labels: &Value| {
        labels
            .as_object()
            .is_some_and(|map| map.len() <= 16 && map.values().all(Value::is_string))
    };
    match labels {
        Some(labels) if !is_right(&labels) => Err(wrong()),
        labels => Ok(labels),
    }
}

/// Claude's own name of a model: the id without vendor, geography and version.
pub(super) fn claude_name(model: &str) -> &str {
    let name = model.rsplit('/').next().unwrap_or(model);
    let name = name.rsplit("anthropic.").next().unwrap_or(name);
    let version = name
        .rsplit_once("-v")
        .filter(|(_, rest)| rest.starts_with(|c: char| c.is_ascii_digit()));
    version.map_or(name, |(name, _)| name)
}

/// A part of a path without its percent signs.
pub(crate) fn decoded(part: &str) -> Cow<'_, str> {
    if !part.contains('%') {
        return Cow::Borrowed(part);
    }
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after
            .get(..2)
            .and_then(|hex| u8::from_str_radix(str::from_utf8(hex).ok()?, 16).ok());
        match (first, code) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claude_calls_itself_by_its_plain_name() {
        for (id, name) in [
            (
                "anthropic.claude-3-haiku-20240307-v1:0",
                "claude-3-haiku-20240307",
            ),
            ("eu.anthropic.claude-sonnet-4-6", "claude-sonnet-4-6"),
            ("anthropic.claude-opus-4-6-v1", "claude-opus-4-6"),
            (
                "arn:aws:bedrock:eu-west-2:1:inference-profile/eu.anthropic.claude-opus-4-7",
                "claude-opus-4-7",
            ),
            ("sim.claude", "sim.claude"),
        ] {
            assert_eq!(claude_name(id), name);
        }
    }

    #[test]
    fn a_path_part_is_percent_decoded() {
        for (part, text) in [
            ("a%3A0", "a:0"),
            ("a%2fb", "a/b"),
            ("50%", "50%"),
            ("%zz", "%zz"),
            ("a", "a"),
        ] {
            assert_eq!(decoded(part), text);
        }
    }
}
