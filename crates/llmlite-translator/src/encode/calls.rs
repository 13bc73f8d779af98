//! The calls of a conversation and their results.
//!
//! Claude wants each id once in the whole conversation, and one result for each call.
//! Clients number their calls anew in every turn, send results twice or not at all, and name only
//! the function in the form that came before tools.

use llmlite_openai::chat::message::{Content, Message, PartKind, Role};
use llmlite_openai::chat::tool::{Called, FunctionCall, ToolCall};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet, VecDeque};

use super::{Notes, cache, json, names};
use crate::claude::request::{Block, BlockKind, CacheControl};

/// What ties a result to its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Key<'a> {
    /// The client's id of the call.
    Id(&'a str),
    /// The function's name, in the form that has no ids.
    Name(&'a str),
}

/// A call as the client tells it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) key: Key<'a>,
    name: &'a str,
    input: Input<'a>,
    pub(super) point: Option<CacheControl>,
}

#[derive(Debug, Clone, Copy)]
enum Input<'a> {
    /// JSON text, which a model may have left incomplete.
    Arguments(&'a str),
    /// Plain text, for a custom tool.
    Text(&'a str),
}

impl<'a> Call<'a> {
    /// A call with an id.
    pub(super) fn of(call: &'a ToolCall<'a>) -> Self {
        let (name, input) = match &call.call {
            Called::Function(call) => (&call.name, Input::Arguments(&call.arguments)),
            Called::Custom { name, input } => (name, Input::Text(input)),
        };
        Self {
            key: Key::Id(&call.id),
            name,
            input,
            point: call.cache_control.map(cache::point),
        }
    }

    /// A call in the form that came before tools.
    pub(super) fn legacy(call: &'a FunctionCall<'a>) -> Self {
        Self {
            key: Key::Name(&call.name),
            name: &call.name,
            input: Input::Arguments(&call.arguments),
            point: None,
        }
    }
}

/// The names of all that the conversation calls, in order.
pub(super) fn called<'a>(messages: &'a [Message<'a>]) -> impl Iterator<Item = &'a str> {
    messages.iter().flat_map(|message| {
        let assistant = match &message.role {
            Role::Assistant(assistant) => Some(assistant),
            Role::System | Role::User | Role::Tool { .. } | Role::Function { .. } => None,
        };
        let parts = match &message.content {
            Some(Content::Parts(parts)) if assistant.is_some() => parts.as_slice(),
            Some(Content::Parts(_) | Content::Text(_)) | None => &[],
        };
        let parts = parts.iter().filter_map(|part| match &part.kind {
            PartKind::ToolUse(call) => Some(call.call.name()),
            _ => None,
        });
        let calls = assistant.into_iter().flat_map(|assistant| {
            let legacy = assistant.function_call.iter().map(|call| &*call.name);
            let calls = assistant.tool_calls.iter().map(|call| call.call.name());
            calls.chain(legacy)
        });
        calls.chain(parts)
    })
}

/// A call with the id that Claude is given.
#[derive(Debug)]
pub(super) struct Made<'a> {
    id: Cow<'a, str>,
    call: Call<'a>,
}

/// Gives out ids, each once.
///
/// An id depends on the client's and on how often that came before, so that it is the same when
/// the conversation has grown and the cached prefix stays valid.
#[derive(Debug, Default)]
pub(super) struct Ids<'a> {
    given: HashSet<Cow<'a, str>>,
    times: HashMap<Key<'a>, u32>,
}

impl<'a> Ids<'a> {
    /// Ids for the calls of the next turn.
    pub(super) fn give(&mut self, calls: Vec<Call<'a>>) -> Vec<Made<'a>> {
        let calls = calls.into_iter();
        calls
            .map(|call| Made {
                id: self.next(call.key),
                call,
            })
            .collect()
    }

    fn next(&mut self, key: Key<'a>) -> Cow<'a, str> {
        let times = self.times.entry(key).or_default();
        loop {
            *times += 1;
            let free = match key {
                Key::Id(id) => names::call_id(id, *times),
                Key::Name(name) => Cow::Owned(names::id_of_name(name, *times)),
            };
            if self.given.insert(free.clone()) {
                return free;
            }
        }
    }
}

/// The calls as blocks.
pub(super) fn uses<'a>(calls: &[Made<'a>]) -> impl Iterator<Item = Block<'a>> {
    calls.iter().map(|made| Block {
        kind: BlockKind::ToolUse {
            id: made.id.clone(),
            name: names::tool_name(made.call.name),
            input: match made.call.input {
                Input::Arguments(text) => arguments(text),
                Input::Text(text) => wrapped(text),
            },
        },
        cache_control: made.call.point,
    })
}

/// The result of one call.
#[derive(Debug)]
pub(super) struct Answered<'a> {
    pub(super) key: Key<'a>,
    /// What it gave; never empty.
    pub(super) content: Vec<Block<'a>>,
    /// Whether the call failed.
    pub(super) is_error: bool,
    pub(super) point: Option<CacheControl>,
}

/// The results of a turn's calls.
#[derive(Debug)]
pub(super) struct Settled<'a> {
    /// One for each call, in the order of the calls.
    pub(super) results: Vec<Block<'a>>,
    /// Those that answer none of the calls.
    pub(super) orphans: Vec<Answered<'a>>,
    /// Whether a call has no result of the client's.
    is_short: bool,
}

impl Settled<'_> {
    /// Tells the client what did not fit.
    pub(super) fn note(&self, notes: &mut Notes) {
        if !self.orphans.is_empty() {
            notes.adjust("messages[].tool_call_id");
        }
        if self.is_short {
            notes.adjust("messages[].tool_calls");
        }
    }
}

/// Brings calls and results together.
///
/// Of calls with the same id, each takes the next result with that id; of the results that are
/// left over the last replaces the one before it, and a call without one is said to have failed.
pub(super) fn settle<'a>(calls: Vec<Made<'a>>, results: Vec<Answered<'a>>) -> Settled<'a> {
    let mut wanted: HashMap<Key<'_>, usize> = HashMap::with_capacity(calls.len());
    for made in &calls {
        *wanted.entry(made.call.key).or_default() += 1;
    }
    let mut answers: HashMap<Key<'_>, VecDeque<Answered<'a>>> = HashMap::new();
    let mut orphans = Vec::new();
    for result in results {
        let Some(wanted) = wanted.get(&result.key) else {
            orphans.push(result);
            continue;
        };
        let answers = answers.entry(result.key).or_default();
        if answers.len() == *wanted {
            answers.pop_back();
        }
        answers.push_back(result);
    }
    let mut is_short = false;
    let results = calls.into_iter().map(|made| {
        let answers = answers.get_mut(&made.call.key);
        let answer = answers.and_then(VecDeque::pop_front);
        is_short |= answer.is_none();
        result(made.id, answer)
    });
    Settled {
        results: results.collect(),
        orphans,
        is_short,
    }
}

/// A result that answers no call, as words of the user: the model still sees what it says.
///
/// Histories that a client has trimmed begin with such results, and a refusal would end the work.
pub(super) fn told(orphan: Answered<'_>) -> impl Iterator<Item = Block<'_>> {
    let open = match orphan.key {
        Key::Id(id) => format!("<tool_result id=\"{}\">", names::call_id(id, 1)),
        Key::Name(name) => format!("<tool_result name=\"{}\">", names::tool_name(name)),
    };
    let close = Block {
        cache_control: orphan.point,
        ..Block::text("</tool_result>")
    };
    let content = orphan.content.into_iter();
    std::iter::once(Block::text(open))
        .chain(content)
        .chain(std::iter::once(close))
}

fn result<'a>(tool_use_id: Cow<'a, str>, answer: Option<Answered<'a>>) -> Block<'a> {
    let (content, is_error, cache_control) = match answer {
        Some(answer) => (answer.content, answer.is_error, answer.point),
        None => {
            let text = Block::text("Tool call was not completed.");
            (vec![text], true, None)
        }
    };
    Block {
        kind: BlockKind::ToolResult {
            tool_use_id,
            content,
            is_error,
        },
        cache_control,
    }
}

/// Plain text as the one argument of a tool that stands for a custom one.
fn wrapped(input: &str) -> Cow<'_, RawValue> {
    let json = format!(r#"{{"input":{}}}"#, serde_json::Value::from(input));
    Cow::Owned(RawValue::from_string(json).expect("it is put together from JSON"))
}

/// The arguments as an object, byte for byte where they are one.
///
/// Histories hold cut or foreign arguments; these are wrapped, so that the conversation can go on
/// and the model sees what it wrote.
fn arguments(text: &str) -> Cow<'_, RawValue> {
    let text = text.trim();
    let value = serde_json::from_str::<&RawValue>(text);
    let wrapped = match value.ok().filter(|value| json::check(value.get()).is_ok()) {
        Some(object) if object.get().starts_with('{') => return Cow::Borrowed(object),
        Some(value) => format!(r#"{{"value":{}}}"#, value.get()),
        None if text.is_empty() => "{}".to_owned(),
        None => format!(r#"{{"_raw":{}}}"#, serde_json::Value::from(text)),
    };
    Cow::Owned(RawValue::from_string(wrapped).expect("a JSON value inside an object is JSON"))
}
