//! Turns a whole answer of Claude into a chat completion.

pub(crate) mod ending;
mod fence;
mod message;
pub(crate) mod narrator;
pub(crate) mod piece;
mod unwrap;

use llmlite_openai::ChatCompletion;
use llmlite_openai::chat::response::{Choice, CompletionTag};

use crate::claude::response::{AnswerBlock, Kind, MessageAnswer, RawAnswer};
use crate::error::DecodeError;
use crate::reply::{Reply, Stamp};
use crate::usage::Usage;
use ending::Stop;
use message::Message;
use narrator::{NamelessCall, Narrator};

/// Turns a whole answer of Claude into a chat completion and the usage to bill.
///
/// * Text is the `content`; of citations only the text is kept, not the sources.
/// * Thoughts are `reasoning_content`, and with their signatures `reasoning_details`.
/// * Calls are in the form in which the request offered its tools, under the client's names.
/// * Where a tool stands for the answer's schema, its arguments are the `content`, and text beside
///   them is left out.
/// * An answer that the model declined has a `refusal`, and what it had said before as `content`.
///
/// # Errors
///
/// When `answer` is not a message of Claude, does not say what it used, or is one that the model
/// itself calls malformed.
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
    usage.update(&answer.usage, reply.one_hour);

    let choice = choice(answer, usage, reply)?;
    let completion = ChatCompletion {
        id: stamp.id,
        object: CompletionTag::ChatCompletion,
        created: stamp.created,
        model: stamp.model,
        choices: vec![choice],
        usage: usage.into(),
        system_fingerprint: None,
    };
    Ok((completion, usage))
}

fn choice(answer: MessageAnswer<'_>, usage: Usage, reply: &Reply) -> Result<Choice, DecodeError> {
    let reason = answer.stop_reason.as_ref();
    let stop = reason.map_or_else(Stop::default, |reason| Stop::of(&reason.0));
    if let Stop::Fault(reason) = stop {
        return Err(DecodeError::ModelFault { reason, usage });
    }
    let (mut narrator, mut message) = (Narrator::new(reply.clone()), Message::default());
    for (index, block) in (0..).map(Some).zip(answer.content) {
        let told = narrator.start(index, block, &mut message);
        told.map_err(|NamelessCall| DecodeError::NamelessCall)?;
        narrator.stop(index, &mut message);
    }
    let declined = stop == Stop::Refused;
    let refusal = declined.then(|| ending::refusal(answer.stop_details));
    let finish_reason = narrator.end(stop, refusal, &mut message);
    Ok(Choice {
        index: 0,
        message: message.finish(),
        logprobs: (),
        finish_reason,
    })
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
        stop_details: answer.stop_details,
        usage: answer.usage,
    })
}

#[cfg(test)]
mod tests;
