//! The small model behind the simulator: a deterministic function from request to answer.

use crate::conversation::{Conversation, Thinking};

use self::markers::Wishes;

pub(crate) mod markers;
pub(crate) mod reasoning;
mod rules;
mod schema;
pub(crate) mod tokens;

/// What the model says, cut to the limits of the request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) said: Vec<Said>,
    pub(crate) stop: Stop,
    /// At least one; thinking and the arguments of calls included.
    pub(crate) output_tokens: u64,
    /// Those of them that are thinking, if there is any.
    pub(crate) thinking_tokens: Option<u64>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// `text` is empty when the request wants thinking omitted; the `tokens` are there still.
    Thinking {
        text: String,
        signature: String,
        tokens: u64,
    },
    Redacted {
        data: String,
        tokens: u64,
    },
    Text(String),
    /// `input` is JSON, or the front of it when the token limit fell inside.
    Call {
        id: String,
        name: String,
        input: String,
    },
    /// Something of a kind that nobody knows.
    Odd,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    EndTurn,
    ToolUse,
    MaxTokens,
    Sequence(String),
    /// A reason by its name on the wire.
    Named(String),
}

const REFUSAL: &str = "refusal";
const WINDOW: &str = "model_context_window_exceeded";

/// What the newest marked user text wishes for, and how many tools have answered since.
pub(crate) fn wishes(talk: &Conversation) -> (Wishes, usize) {
    let marked = talk.user_turns().find_map(|(place, turn)| {
        let text = turn.text();
        markers::any(&text).then_some((place, text))
    });
    match marked {
        Some((place, text)) => (markers::read(&text), talk.results_after(place)),
        None => (Wishes::default(), 0),
    }
}

/// Faults are asked for by the newest turn alone, or a conversation could never recover.
pub(crate) fn forget_old_faults(talk: &Conversation, wishes: &mut Wishes) {
    let newest = talk.user_turns().next().map(|(_, turn)| turn.text());
    if !newest.is_some_and(|text| markers::any(&text)) {
        wishes.faults.clear();
    }
}

/// Answers a conversation; `done` calls of the wished ones have their results already.
pub(crate) fn answer(talk: &Conversation, wishes: &Wishes, done: usize) -> Answer {
    let mut said = thoughts(talk, wishes);
    match &wishes.refuse {
        Some(text) => said.push(Said::Text(text.clone())),
        None => said.extend(rules::decide(talk, wishes, done)),
    }
    let mut answer = limit(said, talk);
    let wished = wishes.stop.as_deref();
    let named = wished.or(wishes.refuse.as_ref().map(|_| REFUSAL));
    if let (Some(name), Stop::EndTurn | Stop::ToolUse) = (named, &answer.stop) {
        answer.stop = Stop::Named(name.to_owned());
    }
    answer
}

/// What is thought before anything is said.
fn thoughts(talk: &Conversation, wishes: &Wishes) -> Vec<Said> {
    let (always, may) = match talk.thinking {
        Thinking::Off => (false, false),
        Thinking::Enabled { .. } => (!wishes.redact, true),
        Thinking::Adaptive { .. } => (false, true),
        Thinking::BetweenTools { .. } => (false, talk.fresh_results() > 0),
    };
    let shown = (always || may && wishes.think).then(|| reasoning::think(talk));
    let redacted = (may && wishes.redact).then(|| reasoning::redact(talk));
    shown.into_iter().chain(redacted).collect()
}

/// Lets the first stop sequence, the token limit or the window end the answer, whichever is first.
fn limit(all: Vec<Said>, talk: &Conversation) -> Answer {
    let mut answer = Answer {
        said: Vec::with_capacity(all.len()),
        stop: Stop::EndTurn,
        output_tokens: 0,
        thinking_tokens: None,
    };
    let most = talk.max_tokens.min(talk.room);
    for mut said in all {
        let sequence = said.stop_at(&talk.stops);
        let cut = said.cut_to(most.saturating_sub(answer.output_tokens));
        answer.output_tokens += said.tokens();
        match said {
            Said::Call { .. } => answer.stop = Stop::ToolUse,
            Said::Thinking { tokens, .. } | Said::Redacted { tokens, .. } => {
                *answer.thinking_tokens.get_or_insert_default() += tokens;
            }
            Said::Text(_) | Said::Odd => {}
        }
        if !said.is_blank() {
            answer.said.push(said);
        }
        if cut || sequence.is_some() {
            let by_sequence = sequence.filter(|_| !cut).map(Stop::Sequence);
            answer.stop = by_sequence.unwrap_or_else(|| full(talk));
            break;
        }
    }
    answer.output_tokens = answer.output_tokens.max(1);
    answer
}

fn full(talk: &Conversation) -> Stop {
    match talk.room < talk.max_tokens {
        true => Stop::Named(WINDOW.to_owned()),
        false => Stop::MaxTokens,
    }
}

impl Said {
    pub(crate) fn tokens(&self) -> u64 {
        match self {
            Self::Thinking { tokens, .. } | Self::Redacted { tokens, .. } => *tokens,
            Self::Text(text) => tokens::count(text),
            Self::Call { name, input, .. } => tokens::count(name) + tokens::count(input),
            Self::Odd => 0,
        }
    }

    fn is_blank(&self) -> bool {
        matches!(self, Self::Text(text) if text.trim().is_empty())
    }

    /// Cuts a text before the first of `stops` and returns that one.
    fn stop_at(&mut self, stops: &[String]) -> Option<String> {
        let Self::Text(text) = self else { return None };
        let found = stops
            .iter()
            .filter_map(|stop| Some((text.find(stop)?, stop)));
        let (at, stop) = found.min_by_key(|(at, _)| *at)?;
        text.truncate(at);
        Some(stop.clone())
    }

    /// Keeps the first `limit` tokens, and says whether there were more.
    fn cut_to(&mut self, limit: u64) -> bool {
        if self.tokens() <= limit {
            return false;
        }
        match self {
            Self::Text(text) => text.truncate(tokens::cut(text, limit).len()),
            Self::Thinking {
                text,
                signature,
                tokens,
            } => {
                *tokens = limit;
                if !text.is_empty() {
                    text.truncate(tokens::cut(text, limit).len());
                    *signature = reasoning::sign(text);
                }
            }
            Self::Redacted { tokens, .. } => *tokens = limit,
            Self::Odd => {}
            Self::Call { name, input, .. } => {
                let limit = limit.saturating_sub(tokens::count(name));
                input.truncate(tokens::cut(input, limit).len());
            }
        }
        true
    }
}

#[cfg(test)]
mod tests;
