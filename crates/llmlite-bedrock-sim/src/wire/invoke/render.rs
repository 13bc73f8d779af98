//! Claude's own answer and events.

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

/// A block or an event of a kind that nobody knows.
const ODD: &str = r#"{"type":"dream","dream":"of no known kind"}"#;

pub(in crate::wire) fn whole(reply: &Reply) -> String {
    let blocks: Vec<String> = reply.answer.said.iter().map(block).collect();
    let stop = &reply.answer.stop;
    message(
        reply,
        &blocks.join(","),
        &quote(stop.reason()),
        &stop.sequence().map_or_else(null, quote),
        reply.answer.output_tokens,
    )
}

/// The frame of one event: its JSON in base64, with padding beside it.
pub(in crate::wire) fn frame(
    reply: &Reply,
    step: &Step,
    latency_ms: u128,
    spoil: Option<Spoil>,
) -> Bytes {
    let event = BASE64_STANDARD.encode(spoiled(event(reply, step, latency_ms), spoil));
    let payload = format!(r#"{{"bytes":"{event}","p":"{}"}}"#, padding(step));
    frames::event("chunk", payload.as_bytes())
}

fn event(reply: &Reply, step: &Step, latency_ms: u128) -> String {
    match &step.kind {
        Kind::Open => {
            let message = message(reply, "", "null", "null", 1);
            format!(r#"{{"type":"message_start","message":{message}}}"#)
        }
        Kind::BlockOpen(index) => {
            let block = reply.said(*index).map_or_else(null, empty_block);
            format!(r#"{{"type":"content_block_start","index":{index},"content_block":{block}}}"#)
        }
        Kind::Delta(index, range) => {
            let delta = reply.said(*index).map_or_else(null, |said| {
                delta(said, said.body().get(range.clone()).unwrap_or_default())
            });
            format!(r#"{{"type":"content_block_delta","index":{index},"delta":{delta}}}"#)
        }
        Kind::Signature(index) => {
            let signature = match reply.said(*index) {
                Some(Said::Thinking { signature, .. }) => quote(signature),
                _ => null(),
            };
            format!(
                r#"{{"type":"content_block_delta","index":{index},"delta":{{"type":"signature_delta","signature":{signature}}}}}"#
            )
        }
        Kind::BlockClose(index) => format!(r#"{{"type":"content_block_stop","index":{index}}}"#),
        Kind::Odd => ODD.to_owned(),
        Kind::Stop => format!(
            r#"{{"type":"message_delta","delta":{{"stop_reason":{},"stop_sequence":{}}},"usage":{}}}"#,
            quote(reply.answer.stop.reason()),
            reply.answer.stop.sequence().map_or_else(null, quote),
            usage(reply, reply.answer.output_tokens),
        ),
        Kind::End => format!(
            r#"{{"type":"message_stop","amazon-bedrock-invocationMetrics":{{"inputTokenCount":{},"outputTokenCount":{},"invocationLatency":{latency_ms},"firstByteLatency":{latency_ms},"cacheReadInputTokenCount":{},"cacheWriteInputTokenCount":{}}}}}"#,
            reply.usage.input,
            reply.answer.output_tokens,
            reply.usage.cache_read,
            reply.usage.cache_write(),
        ),
    }
}

fn message(reply: &Reply, blocks: &str, reason: &str, sequence: &str, output: u64) -> String {
    format!(
        r#"{{"model":{},"id":{},"type":"message","role":"assistant","content":[{blocks}],"stop_reason":{reason},"stop_sequence":{sequence},"usage":{}}}"#,
        quote(&reply.model),
        quote(&reply.message_id),
        usage(reply, output),
    )
}

fn usage(reply: &Reply, output: u64) -> String {
    let usage = &reply.usage;
    let thinking = reply.answer.thinking_tokens;
    let details = thinking.map_or_else(String::new, |thinking| {
        let thinking = thinking.min(output);
        format!(r#","output_tokens_details":{{"thinking_tokens":{thinking}}}"#)
    });
    format!(
        r#"{{"input_tokens":{},"cache_creation_input_tokens":{},"cache_read_input_tokens":{},"cache_creation":{{"ephemeral_5m_input_tokens":{},"ephemeral_1h_input_tokens":{}}},"output_tokens":{output}{details}}}"#,
        usage.input,
        usage.cache_write(),
        usage.cache_read,
        usage.write_5m,
        usage.write_1h,
    )
}

fn block(said: &Said) -> String {
    match said {
        Said::Text(text) => format!(r#"{{"type":"text","text":{}}}"#, quote(text)),
        Said::Thinking {
            text, signature, ..
        } => {
            format!(
                r#"{{"type":"thinking","thinking":{},"signature":{}}}"#,
                quote(text),
                quote(signature)
            )
        }
        Said::Redacted { data, .. } => redacted(data),
        Said::Call { id, name, input } => call(id, name, complete(input)),
        Said::Odd => ODD.to_owned(),
    }
}

fn empty_block(said: &Said) -> String {
    match said {
        Said::Text(_) => r#"{"type":"text","text":""}"#.to_owned(),
        Said::Thinking { .. } => r#"{"type":"thinking","thinking":"","signature":""}"#.to_owned(),
        Said::Redacted { data, .. } => redacted(data),
        Said::Call { id, name, .. } => call(id, name, "{}"),
        Said::Odd => ODD.to_owned(),
    }
}

/// It comes whole, with the opening of its block.
fn redacted(data: &str) -> String {
    format!(r#"{{"type":"redacted_thinking","data":{}}}"#, quote(data))
}

fn call(id: &str, name: &str, input: &str) -> String {
    format!(
        r#"{{"type":"tool_use","id":{},"name":{},"input":{input}}}"#,
        quote(id),
        quote(name)
    )
}

fn delta(said: &Said, text: &str) -> String {
    let (kind, field) = match said {
        Said::Text(_) | Said::Redacted { .. } => ("text_delta", "text"),
        Said::Thinking { .. } => ("thinking_delta", "thinking"),
        Said::Call { .. } => ("input_json_delta", "partial_json"),
        Said::Odd => ("dream_delta", "dream"),
    };
    format!(r#"{{"type":"{kind}","{field}":{}}}"#, quote(text))
}

fn null() -> String {
    "null".to_owned()
}
