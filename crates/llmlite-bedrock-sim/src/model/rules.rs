//! What the model does: wishes first, then the rules that need no wish.

use memchr::memmem;
use serde_json::Value;
use uuid::Uuid;

use crate::conversation::{Block, Choice, Conversation, Media, Tool};

use super::{
    Said,
    markers::{self, Wishes},
    schema::{self, Hints},
};

/// A tool is picked by the words of a prompt only from a choice as small as this.
const FEW_TOOLS: usize = 3;
const LONG_WORD: usize = 5;

/// What to say; `done` of the wished calls have their results already.
pub(crate) fn decide(talk: &Conversation, wishes: &Wishes, done: usize) -> Vec<Said> {
    let calls = wished_calls(talk, wishes, done);
    if !calls.is_empty() {
        let preface = wishes.preface.iter().cloned().map(Said::Text);
        return preface.chain(calls).collect();
    }
    let prompt = Prompt::of(talk);
    if let Some(tool) = forced(talk) {
        return vec![call(
            talk,
            tool,
            wishes.json.clone().unwrap_or_else(|| prompt.input(tool)),
        )];
    }
    if let Some(text) = wishes.say.as_deref().filter(|text| !text.trim().is_empty()) {
        return vec![Said::Text(text.to_owned())];
    }
    if let Some(schema) = talk.schema.clone().or_else(|| prompt.json_mode(talk)) {
        let made = || schema::example(&schema, &prompt.hints()).to_string();
        return vec![Said::Text(wishes.json.clone().unwrap_or_else(made))];
    }
    if let Some(words) = wishes.long {
        return vec![Said::Text(long(words))];
    }
    match prompt.fitting_tool(talk) {
        Some(tool) => vec![call(talk, tool, prompt.input(tool))],
        None => vec![Said::Text(prose(talk, &prompt))],
    }
}

/// The calls that are next: one, or all that are left when the prompt wants them at once.
///
/// Tools that are not offered are passed over: the same text also comes in requests for a title.
fn wished_calls(talk: &Conversation, wishes: &Wishes, done: usize) -> Vec<Said> {
    if talk.choice == Choice::None {
        return Vec::new();
    }
    let offered = wishes.calls.iter().filter_map(|wish| {
        let tool = wish.names.iter().find_map(|name| talk.tool(name))?;
        Some((tool, &wish.input))
    });
    let at_once = match wishes.parallel && !talk.one_call {
        true => usize::MAX,
        false => 1,
    };
    offered
        .skip(done)
        .filter(|(tool, _)| match &talk.choice {
            Choice::Tool(name) => tool.name == *name,
            _ => true,
        })
        .take(at_once)
        .map(|(tool, input)| call(talk, tool, input.clone()))
        .collect()
}

/// The tool that has to be called; of several, one that looks like a final answer.
fn forced(talk: &Conversation) -> Option<&Tool> {
    match &talk.choice {
        Choice::Tool(name) => talk.tool(name),
        Choice::Any => {
            let is_final = |tool: &&Tool| {
                let name = tool.name.to_lowercase();
                ["final", "result", "output"]
                    .iter()
                    .any(|word| name.contains(word))
            };
            talk.tools.iter().find(is_final).or(talk.tools.first())
        }
        Choice::Auto | Choice::None => None,
    }
}

fn call(talk: &Conversation, tool: &Tool, input: String) -> Said {
    let unique = Uuid::now_v7().simple().to_string();
    let tail = unique.get(10..).unwrap_or(&unique);
    Said::Call {
        id: format!("{}{tail}", talk.call_prefix),
        name: tool.name.clone(),
        input,
    }
}

/// The newest question without its markers.
struct Prompt {
    text: String,
    answered: bool,
}

impl Prompt {
    fn of(talk: &Conversation) -> Self {
        let question = talk.question();
        Self {
            text: question.map_or_else(String::new, |(_, turn)| markers::strip(&turn.text())),
            answered: question.is_none_or(|(at, turn)| turn.results() + talk.results_after(at) > 0),
        }
    }

    fn hints(&self) -> Hints<'_> {
        Hints {
            name: quoted(&self.text, &['\'']).next(),
        }
    }

    /// Arguments made from the tool's schema, and from `name(...)` when the prompt says that.
    fn input(&self, tool: &Tool) -> String {
        let mut input = schema::example(&tool.schema, &self.hints());
        let arguments = self.mention(&tool.name).map(arguments).unwrap_or_default();
        if let Value::Object(fields) = &mut input {
            for ((_, field), argument) in fields.iter_mut().zip(arguments) {
                *field = match field {
                    Value::String(_) => argument.trim_matches(['"', '\'']).into(),
                    _ => serde_json::from_str(argument).unwrap_or_else(|_| argument.into()),
                };
            }
        }
        input.to_string()
    }

    /// What follows the tool's name, where it stands as a word of its own.
    fn mention(&self, name: &str) -> Option<&str> {
        let part_of_name = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        self.text.match_indices(name).find_map(|(at, _)| {
            let (before, rest) = self.text.split_at(at);
            let after = rest.get(name.len()..)?;
            let alone = !before.ends_with(part_of_name) && !after.starts_with(part_of_name);
            alone.then_some(after)
        })
    }

    /// A tool that the prompt names, or else one that shares a long word with it.
    fn fitting_tool<'a>(&self, talk: &'a Conversation) -> Option<&'a Tool> {
        let few = (1..=FEW_TOOLS).contains(&talk.tools.len());
        if self.answered || !few || talk.choice == Choice::None {
            return None;
        }
        let words: Vec<String> = words(&self.text).collect();
        let shares = |tool: &&Tool| self::words(&tool.name).any(|word| words.contains(&word));
        let named = talk
            .tools
            .iter()
            .find(|tool| self.mention(&tool.name).is_some());
        named.or_else(|| talk.tools.iter().find(shares))
    }

    /// The schema to follow when the prompt asks for plain JSON: one it holds, or its quoted keys.
    fn json_mode(&self, talk: &Conversation) -> Option<Value> {
        if !talk.tools.is_empty() || !(names_json(&talk.system) || names_json(&self.text)) {
            return None;
        }
        let whole = format!("{}\n{}", talk.system, self.text);
        if !asks_for_json(&whole) {
            return None;
        }
        let found = schemas(&whole).next();
        found.or_else(|| {
            let keys = quoted(&self.text, &['`', '"', '\'']);
            let fields = keys.map(|key| (key.to_owned(), serde_json::json!({"type": "string"})));
            let fields: serde_json::Map<_, _> = fields.collect();
            Some(serde_json::json!({"type": "object", "properties": fields}))
        })
    }
}

/// A cheap look, so that long prompts about other things are not gone through word by word.
fn names_json(text: &str) -> bool {
    ["JSON", "json", "Json"]
        .iter()
        .any(|name| memmem::find(text.as_bytes(), name.as_bytes()).is_some())
}

fn asks_for_json(text: &str) -> bool {
    let text = text.to_lowercase();
    let asks = [
        "json object",
        "valid json",
        "json only",
        "only json",
        "as json",
        "as a json",
        "in json",
        "but json",
    ];
    asks.iter().any(|ask| text.contains(ask))
}

/// The arguments in `(1, "b", c=3)` at the front of a text.
fn arguments(after_name: &str) -> Vec<&str> {
    let inside = after_name
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(')'));
    let parts = inside.map_or("", |(inside, _)| inside).split(',');
    let values = parts.map(|part| part.split_once('=').map_or(part, |(_, value)| value).trim());
    values.filter(|value| !value.is_empty()).collect()
}

fn words(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words
        .filter(|word| word.chars().count() >= LONG_WORD)
        .map(str::to_lowercase)
}

/// Words between two equal quotes, none of which has white space at its rim.
fn quoted<'a>(text: &'a str, quotes: &'a [char]) -> impl Iterator<Item = &'a str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let (_, after) = rest.split_at_checked(rest.find(quotes)?)?;
            let quote = after.chars().next()?;
            let inside = after.strip_prefix(quote)?;
            let closed = inside.split_once(quote);
            match closed
                .filter(|(word, _)| !word.is_empty() && word.trim() == *word && word.len() < 65)
            {
                Some((word, after)) => {
                    rest = after;
                    return Some(word);
                }
                None => rest = inside,
            }
        }
    })
}

/// JSON Schemas of objects that stand in a text.
fn schemas(text: &str) -> impl Iterator<Item = Value> {
    text.match_indices('{').filter_map(|(at, _)| {
        let mut values = serde_json::Deserializer::from_str(text.get(at..)?).into_iter::<Value>();
        let value = values.next()?.ok()?;
        value
            .get("properties")
            .is_some_and(Value::is_object)
            .then_some(value)
    })
}

/// Some text that shows what arrived, so that a reader can tell that it did.
fn prose(talk: &Conversation, prompt: &Prompt) -> String {
    let newest = talk.user_turns().next();
    let newest = newest.map_or(&[][..], |(_, turn)| turn.blocks.as_slice());
    let result = newest.iter().rev().find_map(|block| match block {
        Block::ToolResult { text, .. } => Some(text),
        _ => None,
    });
    let media: Vec<String> = newest.iter().filter_map(seen).collect();
    match (result, media.is_empty()) {
        (Some(result), _) => format!(
            "The tool answered: {}. That is all I needed.",
            opening(result)
        ),
        (None, false) => format!("I can see {}.", media.join(" and ")),
        (None, true) => format!(
            "You wrote: {}. I am the simulator, so this short answer is all I have to say about it.",
            opening(&prompt.text)
        ),
    }
}

fn seen(block: &Block) -> Option<String> {
    let Block::Media(Media {
        kind, title, bytes, ..
    }) = block
    else {
        return None;
    };
    let what = if kind.starts_with("image/") {
        "a picture"
    } else {
        "a document"
    };
    let title = title
        .as_ref()
        .map_or_else(String::new, |title| format!(" called {title}"));
    Some(format!("{what}{title} of type {kind} with {bytes} bytes"))
}

/// The first words of a text.
fn opening(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().take(12).collect();
    match words.is_empty() {
        true => "nothing".to_owned(),
        false => words.join(" ").trim_end_matches(['.', ',']).to_owned(),
    }
}

/// Sentences of `words` words in all.
fn long(words: usize) -> String {
    const SENTENCE: [&str; 12] = [
        "The", "river", "runs", "past", "the", "old", "mill", "and", "on", "towards", "the", "sea",
    ];
    let mut text = String::with_capacity(words.saturating_mul(6).min(1 << 20));
    for (nth, word) in SENTENCE.iter().cycle().take(words).enumerate() {
        if nth > 0 {
            text.push_str(if nth.is_multiple_of(SENTENCE.len()) {
                ". "
            } else {
                " "
            });
        }
        text.push_str(word);
    }
    text.push('.');
    text
}
