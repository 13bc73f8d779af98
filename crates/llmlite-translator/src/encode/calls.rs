//! The calls of a conversation and their results.
//!
//! Claude wants each id once in the whole conversation, and one result for each call.
//! Clients number their calls anew in every turn, send results twice or not at all.

use llmlite_openai::chat::tool::{FunctionCall, ToolCall};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet, VecDeque};

use super::{json, names};
use crate::claude::request::Block;
use crate::error::EncodeError;

/// A call with the id that Claude is given.
#[derive(Debug)]
pub(super) struct Made<'a> {
    id: Cow<'a, str>,
    call: &'a ToolCall,
}

/// The result of one call.
#[derive(Debug)]
pub(super) struct Answered<'a> {
    /// Index of the message that brought it.
    pub(super) message: usize,
    /// The client's id of the call.
    pub(super) id: &'a str,
    pub(super) content: Vec<Block<'a>>,
}

/// Gives out ids, each once.
///
/// An id depends on the client's and on how often that came before, so that it is the same when
/// the conversation has grown and the cached prefix stays valid.
#[derive(Debug, Default)]
pub(super) struct Ids<'a> {
    given: HashSet<Cow<'a, str>>,
    times: HashMap<&'a str, u32>,
}

impl<'a> Ids<'a> {
    /// Ids for the calls of the next turn.
    pub(super) fn give(&mut self, calls: Vec<&'a ToolCall>) -> Vec<Made<'a>> {
        let calls = calls.into_iter();
        calls
            .map(|call| Made {
                id: self.next(&call.id),
                call,
            })
            .collect()
    }

    fn next(&mut self, id: &'a str) -> Cow<'a, str> {
        let times = self.times.entry(id).or_default();
        loop {
            *times += 1;
            let free = names::call_id(id, *times);
            if self.given.insert(free.clone()) {
                return free;
            }
        }
    }
}

/// The calls as blocks.
pub(super) fn uses<'a>(calls: &[Made<'a>]) -> impl Iterator<Item = Block<'a>> {
    calls.iter().map(|made| Block::ToolUse {
        id: made.id.clone(),
        name: names::tool_name(&made.call.function.name),
        input: arguments(&made.call.function),
    })
}

/// One result for each call, in the order of the calls.
///
/// Of calls with the same id, each takes the next result with that id; of the results that are
/// left over the last replaces the one before it, and a call without one is said to have failed.
///
/// # Errors
///
/// When a result answers none of the calls.
pub(super) fn results<'a>(
    calls: Vec<Made<'a>>,
    results: Vec<Answered<'a>>,
) -> Result<Vec<Block<'a>>, EncodeError> {
    let mut wanted: HashMap<&str, usize> = HashMap::with_capacity(calls.len());
    for made in &calls {
        *wanted.entry(&made.call.id).or_default() += 1;
    }
    let mut answers: HashMap<&str, VecDeque<Vec<Block<'a>>>> = HashMap::new();
    for result in results {
        let Some(wanted) = wanted.get(result.id) else {
            return Err(EncodeError::OrphanToolResult {
                param: format!("messages[{}].tool_call_id", result.message),
                id: result.id.to_owned(),
            });
        };
        let answers = answers.entry(result.id).or_default();
        if answers.len() == *wanted {
            answers.pop_back();
        }
        answers.push_back(result.content);
    }
    let blocks = calls.into_iter().map(|made| {
        let answers = answers.get_mut(made.call.id.as_str());
        result(made.id, answers.and_then(VecDeque::pop_front))
    });
    Ok(blocks.collect())
}

fn result<'a>(tool_use_id: Cow<'a, str>, answer: Option<Vec<Block<'a>>>) -> Block<'a> {
    Block::ToolResult {
        tool_use_id,
        is_error: answer.is_none(),
        content: answer.unwrap_or_else(|| {
            vec![Block::Text {
                text: Cow::Borrowed("Tool call was not completed."),
            }]
        }),
    }
}

/// The arguments as an object, byte for byte where they are one.
///
/// Histories hold cut or foreign arguments; these are wrapped, so that the conversation can go on
/// and the model sees what it wrote.
fn arguments(call: &FunctionCall) -> Cow<'_, RawValue> {
    let text = call.arguments.trim();
    let value = serde_json::from_str::<&RawValue>(text);
    let wrapped = match value.ok().filter(|value| json::check(value.get()).is_ok()) {
        Some(object) if object.get().starts_with('{') => return Cow::Borrowed(object),
        Some(value) => format!(r#"{{"value":{}}}"#, value.get()),
        None if text.is_empty() => "{}".to_owned(),
        None => format!(r#"{{"_raw":{}}}"#, serde_json::Value::from(text)),
    };
    Cow::Owned(RawValue::from_string(wrapped).expect("a JSON value inside an object is JSON"))
}
