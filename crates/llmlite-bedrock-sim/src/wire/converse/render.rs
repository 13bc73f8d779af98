//! Converse's answer and events.

use bytes::Bytes;

use crate::{
    frames,
    model::Said,
    wire::{
        Reply, complete, padding, quote,
        steps::{Kind, Step},
    },
};

pub(in crate::wire) fn whole(reply: &Reply, latency_ms: u128) -> String {
    let blocks: Vec<String> = reply.answer.said.iter().map(block).collect();
    format!(
        r#"{{"output":{{"message":{{"role":"assistant","content":[{}]}}}},"stopReason":"{}",{}"usage":{},"metrics":{{"latencyMs":{latency_ms}}}}}"#,
        blocks.join(","),
        reply.answer.stop.reason(),
        additional(reply),
        usage(reply),
    )
}

/// The frame of one event; text and thinking begin without one.
pub(in crate::wire) fn frame(reply: &Reply, step: &Step, latency_ms: u128) -> Option<Bytes> {
    let (name, mut payload) = event(reply, step, latency_ms)?;
    let close = payload.pop();
    payload.push_str(&format!(r#","p":"{}""#, padding(step)));
    payload.extend(close);
    Some(frames::event(name, payload.as_bytes()))
}

fn event(reply: &Reply, step: &Step, latency_ms: u128) -> Option<(&'static str, String)> {
    let on_block =
        |index: &usize, rest: String| format!(r#"{{"contentBlockIndex":{index}{rest}}}"#);
    Some(match &step.kind {
        Kind::Open => ("messageStart", r#"{"role":"assistant"}"#.to_owned()),
        Kind::BlockOpen(index) => {
            let Some(Said::Call { id, name, .. }) = reply.said(*index) else {
                return None;
            };
            let (id, name) = (quote(id), quote(name));
            let start = format!(r#","start":{{"toolUse":{{"toolUseId":{id},"name":{name}}}}}"#);
            ("contentBlockStart", on_block(index, start))
        }
        Kind::Delta(index, range) => {
            let said = reply.said(*index)?;
            let text = quote(said.body().get(range.clone()).unwrap_or_default());
            let delta = match said {
                Said::Text(_) => format!(r#"{{"text":{text}}}"#),
                Said::Thinking { .. } => format!(r#"{{"reasoningContent":{{"text":{text}}}}}"#),
                Said::Call { .. } => format!(r#"{{"toolUse":{{"input":{text}}}}}"#),
            };
            (
                "contentBlockDelta",
                on_block(index, format!(r#","delta":{delta}"#)),
            )
        }
        Kind::Signature(index) => {
            let Some(Said::Thinking { signature, .. }) = reply.said(*index) else {
                return None;
            };
            let signature = quote(signature);
            let delta = format!(r#","delta":{{"reasoningContent":{{"signature":{signature}}}}}"#);
            ("contentBlockDelta", on_block(index, delta))
        }
        Kind::BlockClose(index) => ("contentBlockStop", on_block(index, String::new())),
        Kind::Stop => {
            let (reason, more) = (reply.answer.stop.reason(), additional(reply));
            let more = more.trim_end_matches(',');
            let comma = if more.is_empty() { "" } else { "," };
            (
                "messageStop",
                format!(r#"{{"stopReason":"{reason}"{comma}{more}}}"#),
            )
        }
        Kind::End => {
            let usage = usage(reply);
            (
                "metadata",
                format!(r#"{{"usage":{usage},"metrics":{{"latencyMs":{latency_ms}}}}}"#),
            )
        }
    })
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

fn block(said: &Said) -> String {
    match said {
        Said::Text(text) => format!(r#"{{"text":{}}}"#, quote(text)),
        Said::Thinking { text, signature } => format!(
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
