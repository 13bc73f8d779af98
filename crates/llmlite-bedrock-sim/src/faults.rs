//! The ways in which the simulator misbehaves when it is asked to.
//!
//! A fault is written as a word and an argument, in a script as in a prompt: `drip 20`,
//! `error ThrottlingException`, `exception modelStreamErrorException`.

use std::{error::Error, fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::error::Refusal;

/// One way of misbehaving.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Fault {
    /// `error KIND MESSAGE`: an AWS exception with its own status instead of an answer; without
    /// a message it has its usual one.
    /// `throttle`, `error500` and `503` are short for the three usual ones.
    Error(String),
    /// `hang`: no answer at all, not even headers, until the client leaves.
    Hang,
    /// `slow-first-token MS`: silence before the answer, or before its first event.
    SlowFirstToken(Duration),
    /// `drip MS`: a pause before each event but the first.
    Drip(Duration),
    /// `cut`: the connection is closed in the middle of the answer.
    Cut,
    /// `truncate`: the answer ends in the middle, but the HTTP message ends properly.
    Truncate,
    /// `stall`: silence from the middle of the answer on, until the client leaves.
    Stall,
    /// `exception KIND`: an exception frame in the middle of a stream, and its end.
    Exception(String),
    /// `exception-first KIND`: an exception frame in place of a stream's first event.
    ExceptionFirst(String),
    /// `error-frame`: a frame of message type `error` in the middle of a stream, and its end.
    ErrorFrame,
    /// `malformed`: a frame with a wrong checksum in the middle; a whole answer that is no JSON.
    Malformed,
    /// `bad-utf8`: one of the model's events, or its whole answer, has a byte that is no UTF-8.
    BadUtf8,
    /// `bad-json`: one of the model's events, or its whole answer, ends too early.
    BadJson,
    /// `odd`: a block, a delta and an event of kinds that nobody knows, and then the answer.
    Odd,
}

impl Fault {
    /// Bedrock's answer when it has too many requests.
    pub fn throttle() -> Self {
        Self::Error("ThrottlingException".to_owned())
    }
}

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        let unknown = || UnknownFault(text.to_owned());
        let (word, argument) = match text.trim().split_once(char::is_whitespace) {
            Some((word, argument)) => (word, Some(argument.trim())),
            None => (text.trim(), None),
        };
        let kind = || argument.map(str::to_owned).ok_or_else(unknown);
        let pause = || {
            let milliseconds = argument.and_then(|a| a.parse().ok()).ok_or_else(unknown)?;
            Ok(Duration::from_millis(milliseconds))
        };
        let plain = |fault| argument.is_none().then_some(fault).ok_or_else(unknown);
        match word {
            "error" => match Refusal::named(&kind()?) {
                Some(refusal) => Ok(Self::Error(refusal.text())),
                None => Err(unknown()),
            },
            "throttle" => plain(Self::throttle()),
            "error500" => plain(Self::Error("InternalServerException".to_owned())),
            "503" => plain(Self::Error("ServiceUnavailableException".to_owned())),
            "hang" => plain(Self::Hang),
            "slow-first-token" => Ok(Self::SlowFirstToken(pause()?)),
            "drip" => Ok(Self::Drip(pause()?)),
            "cut" => plain(Self::Cut),
            "truncate" => plain(Self::Truncate),
            "stall" => plain(Self::Stall),
            "exception" => Ok(Self::Exception(kind()?)),
            "exception-first" => Ok(Self::ExceptionFirst(kind()?)),
            "error-frame" => plain(Self::ErrorFrame),
            "malformed" => plain(Self::Malformed),
            "bad-utf8" => plain(Self::BadUtf8),
            "bad-json" => plain(Self::BadJson),
            "odd" => plain(Self::Odd),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(kind) => write!(f, "error {kind}"),
            Self::Hang => f.write_str("hang"),
            Self::SlowFirstToken(pause) => write!(f, "slow-first-token {}", pause.as_millis()),
            Self::Drip(pause) => write!(f, "drip {}", pause.as_millis()),
            Self::Cut => f.write_str("cut"),
            Self::Truncate => f.write_str("truncate"),
            Self::Stall => f.write_str("stall"),
            Self::Exception(kind) => write!(f, "exception {kind}"),
            Self::ExceptionFirst(kind) => write!(f, "exception-first {kind}"),
            Self::ErrorFrame => f.write_str("error-frame"),
            Self::Malformed => f.write_str("malformed"),
            Self::BadUtf8 => f.write_str("bad-utf8"),
            Self::BadJson => f.write_str("bad-json"),
            Self::Odd => f.write_str("odd"),
        }
    }
}

impl TryFrom<String> for Fault {
    type Error = UnknownFault;

    fn try_from(text: String) -> Result<Self, UnknownFault> {
        text.parse()
    }
}

impl From<Fault> for String {
    fn from(fault: Fault) -> Self {
        fault.to_string()
    }
}

/// The text names no fault, or its argument is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownFault(String);

impl fmt::Display for UnknownFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the simulator knows no fault `{}`", self.0)
    }
}

impl Error for UnknownFault {}

/// What all faults of one request come to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mischief {
    pub(crate) instead: Option<Instead>,
    pub(crate) first_pause: Option<Duration>,
    pub(crate) pause: Option<Duration>,
    pub(crate) midway: Option<Midway>,
    pub(crate) spoil: Option<Spoil>,
    /// Whether the answer has things of no known kind.
    pub(crate) odd: bool,
}

/// What comes in place of an answer.
#[derive(Debug, Clone)]
pub(crate) enum Instead {
    Error(Refusal),
    Silence,
    /// For streams only: a whole answer becomes the error of this name.
    ExceptionFrame(String),
}

/// How an answer breaks off in its middle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Midway {
    Cut,
    Truncate,
    Stall,
    Exception(String),
    ErrorFrame,
    Malformed,
}

/// What is wrong with the text of one event, whose frame is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spoil {
    Utf8,
    Json,
}

impl Spoil {
    /// The text with a byte that is no UTF-8 at the end of its last string, or half of the text.
    pub(crate) fn apply(self, text: &str) -> Vec<u8> {
        let (front, back) = match self {
            Self::Utf8 => text.split_at(text.rfind('"').unwrap_or(text.len())),
            Self::Json => {
                return text
                    .as_bytes()
                    .iter()
                    .take(text.len() / 2)
                    .copied()
                    .collect();
            }
        };
        [front.as_bytes(), b"\xff", back.as_bytes()].concat()
    }
}

impl Mischief {
    /// Of two faults that exclude each other the first one counts.
    pub(crate) fn add(&mut self, fault: &Fault) {
        match fault {
            Fault::Error(kind) => {
                let refusal = Refusal::named(kind).map(Instead::Error);
                self.instead = self.instead.take().or(refusal);
            }
            Fault::Hang => self.put_instead(Instead::Silence),
            Fault::ExceptionFirst(kind) => self.put_instead(Instead::ExceptionFrame(kind.clone())),
            Fault::SlowFirstToken(pause) => self.first_pause = self.first_pause.or(Some(*pause)),
            Fault::Drip(pause) => self.pause = self.pause.or(Some(*pause)),
            Fault::Cut => self.put_midway(Midway::Cut),
            Fault::Truncate => self.put_midway(Midway::Truncate),
            Fault::Stall => self.put_midway(Midway::Stall),
            Fault::Exception(kind) => self.put_midway(Midway::Exception(kind.clone())),
            Fault::ErrorFrame => self.put_midway(Midway::ErrorFrame),
            Fault::Malformed => self.put_midway(Midway::Malformed),
            Fault::BadUtf8 => self.spoil = self.spoil.or(Some(Spoil::Utf8)),
            Fault::BadJson => self.spoil = self.spoil.or(Some(Spoil::Json)),
            Fault::Odd => self.odd = true,
        }
    }

    fn put_instead(&mut self, instead: Instead) {
        self.instead.get_or_insert(instead);
    }

    fn put_midway(&mut self, midway: Midway) {
        self.midway.get_or_insert(midway);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_reads_back_as_it_was_written() {
        for text in [
            "error ModelTimeoutException",
            "error ValidationException prompt is too long: 3 tokens > 2 maximum",
            "hang",
            "slow-first-token 250",
            "drip 20",
            "cut",
            "truncate",
            "stall",
            "exception modelStreamErrorException",
            "exception-first throttlingException",
            "error-frame",
            "malformed",
            "bad-utf8",
            "bad-json",
            "odd",
        ] {
            assert_eq!(text.parse::<Fault>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn short_names_stand_for_the_usual_errors() {
        for (short, long) in [
            ("throttle", "error ThrottlingException"),
            ("error500", "error InternalServerException"),
            ("503", "error ServiceUnavailableException"),
        ] {
            assert_eq!(short.parse::<Fault>().unwrap().to_string(), long);
        }
    }

    #[test]
    fn what_is_no_fault_is_refused() {
        for text in [
            "",
            "melt",
            "drip",
            "drip soon",
            "cut 3",
            "exception",
            "error OddException",
        ] {
            assert!(text.parse::<Fault>().is_err(), "{text}");
        }
    }
}
