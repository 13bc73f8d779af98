//! The wishes that stand in a prompt as `[[sim:...]]`.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use memchr::memmem;
use serde_json::{Value, value::RawValue};

use crate::faults::{Fault, UnknownFault};

const OPEN: &str = "[[sim:";
const CLOSE: &str = "]]";

/// What a prompt wishes for.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    pub(crate) calls: Vec<Call>,
    pub(crate) parallel: bool,
    pub(crate) say: Option<String>,
    /// A JSON object, in the writer's own spelling.
    pub(crate) json: Option<String>,
    pub(crate) think: bool,
    /// Thinking that comes redacted.
    pub(crate) redact: bool,
    /// Words before the calls of a turn.
    pub(crate) preface: Option<String>,
    /// What is said before the model refuses to go on.
    pub(crate) refuse: Option<String>,
    /// A stop reason by its name.
    pub(crate) stop: Option<String>,
    /// Length of the answer in words.
    pub(crate) long: Option<usize>,
    pub(crate) faults: Vec<Result<Fault, UnknownFault>>,
}

/// A wish for a tool call: the first of `names` that is offered, with `input` as a JSON object.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) names: Vec<String>,
    pub(crate) input: String,
}

/// Whether a text wishes for anything.
pub(crate) fn any(text: &str) -> bool {
    memmem::find(text.as_bytes(), OPEN.as_bytes()).is_some()
}

/// All wishes of a text, in the order in which they stand there.
///
/// Words that are no marker of ours are prose and mean nothing.
pub(crate) fn read(text: &str) -> Wishes {
    walk(text).0
}

/// The text without its markers, for rules that look at its words.
pub(crate) fn strip(text: &str) -> String {
    walk(text).1
}

/// The wishes of a text, and what stands around them.
fn walk(text: &str) -> (Wishes, String) {
    let mut wishes = Wishes::default();
    if !any(text) {
        return (wishes, text.to_owned());
    }
    let mut around = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, inside)) = rest.split_once(OPEN) {
        around.push_str(before);
        let word_ends = inside.find([' ', ']']).unwrap_or(inside.len());
        let (word, after) = inside.split_at(word_ends);
        rest = wishes.add(word, after.trim_start_matches(' '));
    }
    around.push_str(rest);
    (wishes, around)
}

impl Wishes {
    /// Reads one marker whose word is known, and returns what follows it.
    fn add<'a>(&mut self, word: &str, after: &'a str) -> &'a str {
        let (text, rest) = match word {
            "call" => {
                let (names, input) = after.split_at(after.find([' ', ']']).unwrap_or(after.len()));
                let (input, rest) = argument(input.trim_start_matches(' '));
                self.calls.push(Call {
                    names: names.split('|').map(str::to_owned).collect(),
                    input: object(&input).unwrap_or_else(|| "{}".to_owned()),
                });
                return rest;
            }
            _ => argument(after),
        };
        match word {
            "parallel" => self.parallel = true,
            "say" => self.say = self.say.take().or(Some(text)),
            "json" => self.json = self.json.take().or_else(|| object(&text)),
            "think" => self.think = true,
            "redact" => self.redact = true,
            "preface" => self.preface = self.preface.take().or(Some(text)),
            "refuse" => self.refuse = self.refuse.take().or(Some(text)),
            "stop" => self.stop = self.stop.take().or(Some(text)),
            "long" => self.long = self.long.or_else(|| text.parse().ok()),
            "fault" => self.faults.push(text.parse()),
            _ => {}
        }
        rest
    }
}

/// The argument at the front of `text` in plain form, and what follows its marker.
///
/// A JSON object may hold `]]` itself, so its end is found by reading it.
fn argument(text: &str) -> (String, &str) {
    let json_ends = match text.starts_with('{') {
        true => {
            let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
            values
                .next()
                .and_then(Result::ok)
                .map_or(0, |_| values.byte_offset())
        }
        false => 0,
    };
    let (json, tail) = text.split_at(json_ends);
    let (inside, rest) = tail.split_once(CLOSE).unwrap_or((tail, ""));
    let whole = format!("{json}{inside}");
    let plain = whole.trim();
    let decoded = plain
        .strip_prefix("b64:")
        .and_then(|coded| {
            BASE64_URL_SAFE_NO_PAD
                .decode(coded.trim_end_matches('='))
                .ok()
        })
        .and_then(|bytes| String::from_utf8(bytes).ok());
    (decoded.unwrap_or_else(|| plain.to_owned()), rest)
}

/// The text as it stands when it is a JSON object: numbers keep their spelling, keys their order.
fn object(text: &str) -> Option<String> {
    let raw: &RawValue = serde_json::from_str(text).ok()?;
    raw.get().starts_with('{').then(|| raw.get().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_call(text: &str, names: &[&str], input: &str) {
        let wishes = read(text);
        let want = Call {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            input: input.to_owned(),
        };
        assert_eq!(wishes.calls, [want], "{text}");
    }

    #[test]
    #[rustfmt::skip]
    fn a_call_has_names_and_arguments() {
        check_call("x [[sim:call add {\"a\": 1}]] y",                &["add"],      "{\"a\": 1}");
        check_call("[[sim:call add b64:eyJhIjogMSwgImIiOiAyfQ]]",    &["add"],      "{\"a\": 1, \"b\": 2}");
        check_call("[[sim:call a|b|c {}]]",                          &["a", "b", "c"], "{}");
        check_call("[[sim:call now]]",                               &["now"],      "{}");
        check_call("[[sim:call now b64:...]]",                       &["now"],      "{}");
        check_call("[[sim:call grid {\"g\":[[1],[2]]}]]",            &["grid"],     "{\"g\":[[1],[2]]}");
        check_call("[[sim:call big {\"n\":12345678901234567890123}]]", &["big"],    "{\"n\":12345678901234567890123}");
    }

    #[test]
    fn wishes_stand_in_the_order_of_the_text() {
        let wishes = read("[[sim:call a {}]][[sim:parallel]] and [[sim:call b {}]] [[sim:think]]");
        let names: Vec<_> = wishes.calls.iter().flat_map(|call| &call.names).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(wishes.parallel && wishes.think);
    }

    #[test]
    fn texts_come_plain_or_in_base64url() {
        assert_eq!(read("[[sim:say  good day ]]").say.unwrap(), "good day");
        let coded = read("[[sim:say b64:YmVmb3JlIFNUT1BIRVJFIGFmdGVy]]").say;
        assert_eq!(coded.unwrap(), "before STOPHERE after");
        assert_eq!(
            read("[[sim:json {\"k\":[[]]}]]").json.unwrap(),
            "{\"k\":[[]]}"
        );
        assert_eq!(read("[[sim:long 200]]").long, Some(200));
    }

    #[test]
    fn a_fault_that_does_not_exist_is_told_apart() {
        let wishes = read("[[sim:fault drip 20]] [[sim:fault melt]]");
        assert!(matches!(
            wishes.faults.as_slice(),
            [Ok(Fault::Drip(_)), Err(_)]
        ));
    }

    #[test]
    fn other_words_are_prose() {
        let wishes = read("[[sim:dance]] [[sim:say");
        assert!(wishes.calls.is_empty() && !wishes.parallel);
        assert_eq!(
            strip("what time [[sim:call t {\"a\":[[1]]}]] is it"),
            "what time  is it"
        );
    }
}
