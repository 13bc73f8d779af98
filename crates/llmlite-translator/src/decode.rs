//! Turns a whole answer of Claude into a chat completion.

use llmlite_openai::ChatCompletion;
use llmlite_openai::chat::response::{
    AssistantMessage, AssistantTag, Choice, CompletionTag, FinishReason,
};
use llmlite_openai::chat::tool::{FunctionCall, FunctionTag, ToolCall};
use serde_json::value::RawValue;

use crate::claude::response::{AnswerBlock, MessageAnswer};
use crate::error::DecodeError;
use crate::reply::{Reply, Stamp};
use crate::usage::Usage;

/// Turns a whole answer of Claude into a chat completion and the usage to bill.
///
/// # Errors
///
/// When `answer` is not a message of Claude.
pub fn decode(
    answer: &[u8],
    reply: &Reply,
    stamp: Stamp,
) -> Result<(ChatCompletion, Usage), DecodeError> {
    let answer: MessageAnswer<'_> =
        serde_json::from_slice(answer).map_err(DecodeError::NotAMessage)?;
    let mut usage = Usage::default();
    usage.update(&answer.usage);

    let message = message(answer.content, reply)?;
    let reason = answer.stop_reason.as_ref().map(|reason| reason.0.as_ref());
    let finish_reason = finish_reason(reason, !message.tool_calls.is_empty());
    let completion = ChatCompletion {
        id: stamp.id,
        object: CompletionTag::ChatCompletion,
        created: stamp.created,
        model: stamp.model,
        choices: vec![Choice {
            index: 0,
            message,
            logprobs: (),
            finish_reason,
        }],
        usage: usage.into(),
        system_fingerprint: None,
    };
    Ok((completion, usage))
}

/// OpenAI's word for why an answer ended.
pub(crate) fn finish_reason(stop_reason: Option<&str>, has_calls: bool) -> FinishReason {
    match stop_reason {
        Some("max_tokens" | "model_context_window_exceeded") => FinishReason::Length,
        Some("refusal" | "guardrail_intervened" | "content_filtered") => {
            FinishReason::ContentFilter
        }
        // Some clients look only here to learn that there are calls to make.
        _ if has_calls => FinishReason::ToolCalls,
        _ => FinishReason::Stop,
    }
}

/// JSON text without the blanks between its tokens; everything else stays byte for byte.
pub(crate) fn compact(json: &RawValue) -> String {
    let mut text = String::with_capacity(json.get().len());
    let (mut quoted, mut escaped) = (false, false);
    for char in json.get().chars() {
        if quoted {
            quoted = escaped || char != '"';
            escaped = !escaped && char == '\\';
        } else if char.is_ascii_whitespace() {
            continue;
        } else {
            quoted = char == '"';
        }
        text.push(char);
    }
    text
}

fn message(content: Vec<AnswerBlock<'_>>, reply: &Reply) -> Result<AssistantMessage, DecodeError> {
    let (mut text, mut thoughts) = (None::<String>, None::<String>);
    let mut tool_calls = Vec::new();
    for block in content {
        match (block.r#type.0.as_ref(), &block.text, &block.thinking) {
            ("text", Some(piece), _) => text.get_or_insert_default().push_str(&piece.0),
            ("thinking", _, Some(piece)) if !piece.0.is_empty() => {
                thoughts.get_or_insert_default().push_str(&piece.0);
            }
            ("tool_use", ..) => tool_calls.push(tool_call(block, reply)?),
            _ => {}
        }
    }
    if tool_calls.is_empty() {
        text.get_or_insert_default();
    }
    Ok(AssistantMessage {
        role: AssistantTag::Assistant,
        content: text,
        refusal: None,
        reasoning_content: thoughts,
        tool_calls,
    })
}

fn tool_call(block: AnswerBlock<'_>, reply: &Reply) -> Result<ToolCall, DecodeError> {
    let (Some(id), Some(name)) = (block.id, block.name) else {
        return Err(DecodeError::NamelessCall);
    };
    Ok(ToolCall {
        id: id.0.into_owned(),
        r#type: FunctionTag::Function,
        function: FunctionCall {
            name: reply.tool_name(&name.0).to_owned(),
            arguments: block.input.map_or_else(|| "{}".to_owned(), compact),
        },
    })
}
