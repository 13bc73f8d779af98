//! Turns a whole answer of Claude into a chat completion.

use llmlite_openai::ChatCompletion;
use llmlite_openai::chat::response::{
    AssistantMessage, AssistantTag, Choice, CompletionTag, FinishReason,
};
use llmlite_openai::chat::tool::{FunctionCall, FunctionTag, ToolCall};
use serde_json::value::RawValue;

use crate::claude::response::{AnswerBlock, Kind, MessageAnswer, RawAnswer};
use crate::error::DecodeError;
use crate::reply::{Reply, Stamp};
use crate::usage::Usage;

/// Turns a whole answer of Claude into a chat completion and the usage to bill.
///
/// # Errors
///
/// When `answer` is not a message of Claude, or does not say what it used.
pub fn decode(
    answer: &[u8],
    reply: &Reply,
    stamp: Stamp,
) -> Result<(ChatCompletion, Usage), DecodeError> {
    let answer = read(answer).map_err(DecodeError::NotAMessage)?;
    if answer.usage.input_tokens.is_none() || answer.usage.output_tokens.is_none() {
        return Err(DecodeError::NoUsage);
    }
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

fn read(answer: &[u8]) -> Result<MessageAnswer<'_>, serde_json::Error> {
    serde_json::from_slice(answer).or_else(|_| read_known_blocks(answer))
}

/// Reads the answer again, without the blocks that nobody needs: what a new kind of block holds
/// may have the name of a known field and another type.
fn read_known_blocks(answer: &[u8]) -> Result<MessageAnswer<'_>, serde_json::Error> {
    let answer: RawAnswer<'_> = serde_json::from_slice(answer)?;
    let mut content = Vec::with_capacity(answer.content.len());
    for block in answer.content {
        match serde_json::from_str(block.get()) {
            Ok(block) => content.push(block),
            Err(error) => match serde_json::from_str::<Kind<'_>>(block.get())?.r#type {
                Some(kind) if !AnswerBlock::is_used(&kind.0) => {}
                Some(_) | None => return Err(error),
            },
        }
    }
    Ok(MessageAnswer {
        content,
        stop_reason: answer.stop_reason,
        usage: answer.usage,
    })
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
        cache_control: None,
        r#type: FunctionTag::Function,
        function: FunctionCall {
            name: reply.tool_name(&name.0).to_owned(),
            arguments: block.input.map_or_else(|| "{}".to_owned(), compact),
        },
    })
}
