//! Text completions, the form that came before chat: the request, the whole answer, its chunks.
//!
//! A request becomes a chat request ([`CompletionRequest::chat_body`]), and the answer to that
//! becomes a [`TextCompletion`] or [`TextChunk`]s: so there is one way to a model and not two.

use serde::de::{Deserializer, Error, IgnoredAny, SeqAccess};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::Arc;

use crate::chat::chunk::{ChatChunk, ChunkUsage};
use crate::chat::response::{ChatCompletion, FinishReason};
use crate::error::{RequestError, RequestErrorKind};
use crate::read::{self, Text, TextOr};
use crate::usage::CompletionUsage;

/// The body of `POST /v1/completions`, as the client wrote it.
#[derive(Debug, Clone)]
pub struct CompletionRequest<'a> {
    /// The model's name as the client knows it.
    pub model: Cow<'a, str>,
    /// The text that is to be completed.
    pub prompt: Cow<'a, str>,
    /// The text that follows the completion, if it is to fill a gap.
    pub suffix: Option<Cow<'a, str>>,
    /// Names of the fields of the request that this crate does not know, in their order and each
    /// once: at most 32 of them, each cut after 64 characters, and then `...`.
    pub unknown: Vec<String>,
    same: Same<'a>,
}

macro_rules! request {
    (own { $($own:ident: $type:ty,)* } same_in_chat { $($same:ident,)* }) => {
        /// Fields that mean the same in a chat request, and are read there.
        #[derive(Debug, Clone, Copy, Serialize)]
        struct Same<'a> {
            $(
                #[serde(skip_serializing_if = "Option::is_none")]
                $same: Option<&'a RawValue>,
            )*
        }

        read::collecting_unknown! {
            RawRequest {
                $($own: $type,)*
                $($same: &'de RawValue,)*
            }
        }

        impl<'a> RawRequest<'a> {
            fn same(&self) -> Same<'a> {
                Same { $($same: self.$same,)* }
            }
        }
    };
}

request! {
    own {
        model: Text<'de>,
        prompt: Prompt<'de>,
        suffix: Text<'de>,
        echo: bool,
        best_of: u64,
        logprobs: u64,
    }
    same_in_chat {
        max_completion_tokens,
        max_tokens,
        temperature,
        top_p,
        top_k,
        stop,
        stream,
        stream_options,
        n,
        frequency_penalty,
        presence_penalty,
        logit_bias,
        reasoning_effort,
        thinking,
        seed,
        user,
        metadata,
    }
}

impl<'a> CompletionRequest<'a> {
    /// The names of all fields that are known.
    pub const FIELDS: &'static [&'static str] = RawRequest::FIELDS;

    /// Reads a request body.
    ///
    /// ```
    /// use llmlite_openai::completions::CompletionRequest;
    ///
    /// let request = CompletionRequest::parse(br#"{"model":"m","prompt":"Once upon"}"#)?;
    /// assert_eq!(request.prompt, "Once upon");
    /// # Ok::<(), llmlite_openai::RequestError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the body is not JSON, when a field has the wrong type, and when it asks for something
    /// that no chat request can: several prompts, tokens in place of text, the prompt's echo, the
    /// best of several answers, log probabilities.
    /// What a chat request would refuse too, such as a wrong temperature, is found there.
    pub fn parse(body: &'a [u8]) -> Result<Self, RequestError> {
        let raw: RawRequest<'a> =
            serde_json::from_slice(body).map_err(|error| RequestError::at(body, &error))?;
        raw.check()?;
        let same = raw.same();
        Ok(Self {
            model: raw.model.map(Text::cow).ok_or_else(|| missing("model"))?,
            prompt: raw.prompt.map(|p| p.0).ok_or_else(|| missing("prompt"))?,
            suffix: raw.suffix.map(Text::cow).filter(|text| !text.is_empty()),
            unknown: raw.unknown,
            same,
        })
    }

    /// The body of the chat request that says the same: for
    /// [`ChatRequest::parse`](crate::ChatRequest::parse).
    ///
    /// # Panics
    ///
    /// Never: text and numbers can always be written.
    pub fn chat_body(&self) -> Vec<u8> {
        let body = ChatBody {
            model: &self.model,
            messages: [UserMessage {
                role: "user",
                content: self.instruction(),
            }],
            same: self.same,
        };
        serde_json::to_vec(&body).expect("text and numbers can be written as JSON")
    }

    /// What the user of the chat says: the prompt, or with a suffix how to fill the gap.
    fn instruction(&self) -> Cow<'_, str> {
        let (before, after) = match &self.suffix {
            None => return Cow::Borrowed(&self.prompt),
            Some(suffix) => (&self.prompt, suffix),
        };
        format!(
            "Write the text that belongs in the gap between <before> and <after>. Answer with \
             that text alone: it is inserted as it is, so repeat nothing of what stands around \
             it, explain nothing, and put no fence around it.\n\n\
             <before>{before}</before>\n<after>{after}</after>"
        )
        .into()
    }
}

impl RawRequest<'_> {
    /// Refuses what would change the answer and cannot be had.
    fn check(&self) -> Result<(), RequestError> {
        let wishes = [
            (
                self.echo == Some(true),
                "echo",
                "the prompt is not repeated in the answer",
            ),
            (
                self.best_of.is_some_and(|n| n > 1),
                "best_of",
                "only one answer is made",
            ),
            (
                self.logprobs.is_some(),
                "logprobs",
                "the model reports no log probabilities",
            ),
            (
                self.prompt.as_ref().is_some_and(|p| is_blank(&p.0))
                    && self.suffix.as_ref().is_none_or(|text| is_blank(&text.0)),
                "prompt",
                "there is no text to complete",
            ),
        ];
        match wishes.into_iter().find(|(wished, ..)| *wished) {
            Some((_, field, why)) => Err(invalid(field, why)),
            None => Ok(()),
        }
    }
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

fn missing(field: &str) -> RequestError {
    invalid(field, &format!("`{field}` is missing"))
}

fn invalid(field: &str, message: &str) -> RequestError {
    RequestError {
        param: Some(field.to_owned()),
        message: message.to_owned(),
        kind: RequestErrorKind::Invalid,
    }
}

#[derive(Serialize)]
struct ChatBody<'a> {
    model: &'a str,
    messages: [UserMessage<'a>; 1],
    #[serde(flatten)]
    same: Same<'a>,
}

#[derive(Serialize)]
struct UserMessage<'a> {
    role: &'static str,
    content: Cow<'a, str>,
}

/// A text, alone or as the only one of a list.
struct Prompt<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Prompt<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read::text_or(deserializer)
    }
}

const TOKENS: &str = "lists of tokens are not taken; send the text itself";
const SEVERAL: &str = "several prompts are not taken at once; send a request for each";

impl<'de: 'a, 'a> TextOr<'de> for Prompt<'a> {
    const FORMS: &'static str = "a text or a list of one text";

    fn text(text: Cow<'de, str>) -> Result<Self, String> {
        Ok(Self(text))
    }

    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let first = list.next_element::<&'de RawValue>()?;
        let mut more = 0;
        while list.next_element::<IgnoredAny>()?.is_some() {
            more += 1;
        }
        let first = first.ok_or_else(|| A::Error::custom("the list is empty"))?;
        let Ok(Text(text)) = serde_json::from_str(first.get()) else {
            return Err(A::Error::custom(TOKENS));
        };
        if more > 0 {
            return Err(A::Error::custom(SEVERAL));
        }
        Ok(Self(text))
    }
}

/// The answer to a request that does not stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TextCompletion {
    /// Names this answer.
    pub id: Arc<str>,
    /// Always `text_completion`.
    pub object: TextTag,
    /// When the answer was made, in Unix seconds.
    pub created: i64,
    /// The model's name as the client sent it.
    pub model: Arc<str>,
    /// The answers, of which there is one.
    pub choices: Vec<TextChoice>,
    /// What the answer used.
    pub usage: CompletionUsage,
    /// Always `null`: there is no such thing behind this surface.
    pub system_fingerprint: Option<Arc<str>>,
}

/// One piece of a streamed answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TextChunk {
    /// Names the answer.
    pub id: Arc<str>,
    /// Always `text_completion`: pieces have no word of their own.
    pub object: TextTag,
    /// When the answer was begun, in Unix seconds.
    pub created: i64,
    /// The model's name as the client sent it.
    pub model: Arc<str>,
    /// Always `null`: there is no such thing behind this surface.
    pub system_fingerprint: Option<Arc<str>>,
    /// One choice; none in the chunk that carries the usage.
    pub choices: Vec<TextChoice>,
    /// Left out, `null` or the usage.
    #[serde(skip_serializing_if = "left_out")]
    pub usage: ChunkUsage,
}

/// The words `text_completion`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub enum TextTag {
    /// The only value.
    #[default]
    #[serde(rename = "text_completion")]
    TextCompletion,
}

/// One answer, or its next piece.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TextChoice {
    /// What the model wrote.
    pub text: String,
    /// Position among the answers.
    pub index: u32,
    /// Always `null`.
    pub logprobs: (),
    /// Why the answer ended: `stop`, `length` or `content_filter`; `null` until it has.
    pub finish_reason: Option<FinishReason>,
}

impl From<ChatCompletion> for TextCompletion {
    fn from(chat: ChatCompletion) -> Self {
        let choices = chat.choices.into_iter();
        Self {
            id: chat.id,
            object: TextTag::TextCompletion,
            created: chat.created,
            model: chat.model,
            choices: choices
                .map(|choice| TextChoice {
                    text: choice.message.content.unwrap_or_default(),
                    index: choice.index,
                    logprobs: (),
                    finish_reason: Some(without_calls(choice.finish_reason)),
                })
                .collect(),
            usage: chat.usage,
            system_fingerprint: chat.system_fingerprint,
        }
    }
}

impl TextChunk {
    /// The chunk in this form, or `None` when it carries nothing that has a place here, such as
    /// the answer's role or a thought.
    pub fn of(chat: ChatChunk) -> Option<Self> {
        let carries_usage = matches!(chat.usage, ChunkUsage::Known(_));
        let choices: Vec<_> = chat
            .choices
            .into_iter()
            .map(|choice| TextChoice {
                text: choice.delta.content.unwrap_or_default(),
                index: choice.index,
                logprobs: (),
                finish_reason: choice.finish_reason.map(without_calls),
            })
            .filter(|choice| !choice.text.is_empty() || choice.finish_reason.is_some())
            .collect();
        (carries_usage || !choices.is_empty()).then_some(Self {
            id: chat.id,
            object: TextTag::TextCompletion,
            created: chat.created,
            model: chat.model,
            system_fingerprint: chat.system_fingerprint,
            choices,
            usage: chat.usage,
        })
    }
}

fn left_out(usage: &ChunkUsage) -> bool {
    *usage == ChunkUsage::LeftOut
}

/// No tools can be offered in this form, so none is called.
fn without_calls(reason: FinishReason) -> FinishReason {
    match reason {
        FinishReason::ToolCalls | FinishReason::FunctionCall => FinishReason::Stop,
        other => other,
    }
}
