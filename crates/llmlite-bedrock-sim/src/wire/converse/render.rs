//! Converse's answer and events.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;

use crate::{
    faults::Spoil,
    frames,
    model::Said,
    wire::{
        Reply, complete, padding, quote, spoiled,
        steps::{Kind, Step},
    },
};

/// A member of a union that nobody knows.
const ODD: &str = r#"{"dream":{"of":"no known kind"}}"#;

pub(in crate::wire) fn whole(reply: &Reply, latency_ms: u128) -> String {
    let blocks: Vec<String> = reply.answer.said.iter().map(block).collect();
    format!(
        r#"{{"output":{{"message":{{"role":"assistant","content":[{}]}}}},"stopReason":{},{}"usage":{},"metrics":{{"latencyMs":{latency_ms}}}}}"#,
        blocks.join(","),
        quote(reply.answer.stop.reason()),
        additional(reply),
        usage(reply),
    )
}

/// The frame of one event; text and thinking begin without one.
pub(in crate::wire) fn frame(
    reply: &Reply,
    step: &Step,
    latency_ms: u128,
    spoil: Option<Spoil>,
) -> Option<Bytes> {
    let (name, mut payload) = event(reply, step, latency_ms)?;
    let close = payload.pop();
    payload.push_str(&format!(r#","p":"{}""#, padding(step)));
    payload.extend(close);
    Some(frames::event(name, &spoiled(payload, spoil)))
}

fn event(reply: &Reply, step: &Step, latency_ms: u128) -> Option<(&'static str, String)> {
    let on_block = |index: &usize, (name, rest): (&'static str, String)| {
        (name, format!(r#"{{"contentBlockIndex":{index}{rest}}}"#))
    };
    Some(match &step.kind {
        Kind::Open => ("messageStart", r#"{"role":"assistant"}"#.to_owned()),
        Kind::BlockOpen(index) => on_block(index, opening(reply.said(*index)?)?),
        Kind::Delta(index, range) => {
            let said = reply.said(*index)?;
            let text = said.body().get(range.clone()).unwrap_or_default();
            on_block(index, delta(said, &quote(text)))
        }
        Kind::Signature(index) => {
            let Some(Said::Thinking { signature, .. }) = reply.said(*index) else {
                return None;
            };
            let signature = quote(signature);
            let delta = format!(r#","delta":{{"reasoningContent":{{"signature":{signature}}}}}"#);
            on_block(index, ("contentBlockDelta", delta))
        }
        Kind::BlockClose(index) => on_block(index, ("contentBlockStop", String::new())),
        Kind::Odd => ("dream", ODD.to_owned()),
        Kind::Stop => {
            let (reason, more) = (quote(reply.answer.stop.reason()), additional(reply));
            let more = more.trim_end_matches(',');
            let comma = if more.is_empty() { "" } else { "," };
            let stop = format!(r#"{{"stopReason":{reason}{comma}{more}}}"#);
            ("messageStop", stop)
        }
        Kind::End => {
            let usage = usage(reply);
            let end = format!(r#"{{"usage":{usage},"metrics":{{"latencyMs":{latency_ms}}}}}"#);
            ("metadata", end)
        }
    })
}

/// What a block begins with: text and thinking have no event of their own for it.
fn opening(said: &Said) -> Option<(&'static str, String)> {
    match said {
        Said::Call { id, name, .. } => {
            let (id, name) = (quote(id), quote(name));
            let start = format!(r#","start":{{"toolUse":{{"toolUseId":{id},"name":{name}}}}}"#);
            Some(("contentBlockStart", start))
        }
        Said::Redacted { data, .. } => {
            let delta = format!(r#","delta":{{"reasoningContent":{}}}"#, redacted(data));
            Some(("contentBlockDelta", delta))
        }
        Said::Odd => Some(("contentBlockStart", format!(r#","start":{ODD}"#))),
        Said::Text(_) | Said::Thinking { .. } => None,
    }
}

/// A piece of a block; `text` is a JSON string.
fn delta(said: &Said, text: &str) -> (&'static str, String) {
    let delta = match said {
        Said::Text(_) | Said::Redacted { .. } => format!(r#"{{"text":{text}}}"#),
        Said::Thinking { .. } => format!(r#"{{"reasoningContent":{{"text":{text}}}}}"#),
        Said::Call { .. } => format!(r#"{{"toolUse":{{"input":{text}}}}}"#),
        Said::Odd => ODD.to_owned(),
    };
    ("contentBlockDelta", format!(r#","delta":{delta}"#))
}

fn usage(reply: &Reply) -> String {
    let (usage, output) = (&reply.usage, reply.answer.output_tokens);
    format!(
        r#"{{"inputTokens":{},"outputTokens":{output},"totalTokens":{},"cacheReadInputTokens":{},"cacheWriteInputTokens":{},"cacheDetails":[{{"ttl":"1h","inputTokens":{}}},{{"ttl":"5m","inputTokens":{}}}],"serverToolUsage":{{}}}}"#,
        usage.input,
        usage.total_input() + output,
        usage.cache_read,
        usage.cache_write(),
        usage.write_1h,
        usage.write_5m,
    )
}

/// The stop sequence for a request that asked for it, with a comma behind it.
fn additional(reply: &Reply) -> String {
    let sequence = reply.answer.stop.sequence().filter(|_| reply.names_stop);
    sequence.map_or_else(String::new, |sequence| {
        format!(
            r#""additionalModelResponseFields":{{"stop_sequence":{}}},"#,
            quote(sequence)
        )
    })
}

/// The service codes once more what is base64 already.
fn redacted(data: &str) -> String {
    format!(
        r#"{{"redactedContent":"{}"}}"#,
        BASE64_STANDARD.encode(data)
    )
}

fn block(said: &Said) -> String {
    match said {
        Said::Text(text) => format!(r#"{{"text":{}}}"#, quote(text)),
        Said::Odd => ODD.to_owned(),
        Said::Redacted { data, .. } => {
            format!(r#"{{"reasoningContent":{}}}"#, redacted(data))
        }
        Said::Thinking {
            text, signature, ..
        } => format!(
            r#"{{"reasoningContent":{{"reasoningText":{{"text":{},"signature":{}}}}}}}"#,
            quote(text),
            quote(signature),
        ),
        Said::Call { id, name, input } => format!(
            r#"{{"toolUse":{{"toolUseId":{},"name":{},"input":{}}}}}"#,
            quote(id),
            quote(name),
            complete(input),
        ),
    }
}
