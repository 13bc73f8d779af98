//! The loads under which everyone is measured.

use std::{fmt::Write as _, net::SocketAddr, time::Duration};

use serde_json::json;

use crate::{
    load::{Pattern, Question, http},
    upstream::answers::{self, Pace},
};

/// A model id that is the same to the yardsticks, which pass it on, and to the gateway, whose
/// catalogue knows it as an alias.
const MODEL: &str = "anthropic.claude-3-5-sonnet-20241022-v2:0";

/// The name of the figure that is calculated from a long and a short stream.
pub(super) const PER_DELTA: &str = "CPU a streamed delta at full load";

/// One load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scenario {
    /// What it is called in the table.
    pub(super) name: &'static str,
    pub(super) pattern: Pattern,
    pub(super) connections: usize,
    /// About how many bytes the client's body has.
    body: usize,
    /// How the answer is streamed, if it is.
    pub(super) stream: Option<Pace>,
}

/// Deltas far enough apart that each is a packet of its own, as a model sends them.
const LONG: Pace = Pace {
    deltas: 64,
    gap: Duration::from_millis(4),
};
/// Streams at a time under full load: 32,000 deltas a second, which is more than one core of the
/// load generator could make out of fewer and faster streams.
const STREAMS: usize = 128;
const SHORT: Pace = Pace { deltas: 4, ..LONG };
const KB: usize = 1024;

impl Scenario {
    pub(super) const LONG_STREAM: Self =
        Self::full_load("stream of 64 deltas, 1 KB", KB, Some(LONG));
    pub(super) const SHORT_STREAM: Self =
        Self::full_load("stream of 4 deltas, 1 KB", KB, Some(SHORT));

    /// All of them, in the order in which they are run.
    pub(super) const ALL: [Self; 8] = [
        Self::full_load("whole, 1 KB", KB, None),
        Self::full_load("whole, 32 KB", 32 * KB, None),
        Self::SHORT_STREAM,
        Self::LONG_STREAM,
        Self::full_load("stream of 64 deltas, 32 KB", 32 * KB, Some(LONG)),
        Self::at_rate("whole, 1 KB, 1000/s", 1000, KB, None),
        Self::at_rate("whole, 32 KB, 1000/s", 1000, 32 * KB, None),
        Self::at_rate("stream of 64 deltas, 1 KB, 50/s", 50, KB, Some(LONG)),
    ];

    const fn full_load(name: &'static str, body: usize, stream: Option<Pace>) -> Self {
        Self {
            name,
            pattern: Pattern::Saturate,
            connections: if stream.is_some() { STREAMS } else { 32 },
            body,
            stream,
        }
    }

    const fn at_rate(name: &'static str, rate: u32, body: usize, stream: Option<Pace>) -> Self {
        Self {
            name,
            pattern: Pattern::Rate(rate),
            connections: 64,
            body,
            stream,
        }
    }

    pub(super) fn is_full_load(&self) -> bool {
        self.pattern == Pattern::Saturate
    }

    /// Where only CPU time counts, the load generator reads many deltas at a time, or it would be
    /// busy before the program that it measures is.
    pub(super) fn rest(&self) -> Duration {
        if self.is_full_load() && self.stream.is_some() {
            Duration::from_millis(16)
        } else {
            Duration::ZERO
        }
    }

    /// The name of its figure of how much of the core was in use.
    pub(super) fn core_name(&self) -> String {
        format!("core in use: {}", self.name)
    }

    /// The name of its figure of CPU time a request.
    pub(super) fn cpu_name(&self) -> String {
        let at = if self.is_full_load() {
            " at full load"
        } else {
            ""
        };
        format!("CPU a request{at}: {}", self.name)
    }

    /// What a client sends to a contestant at `address`.
    pub(super) fn question(&self, address: SocketAddr, key: Option<&str>) -> Question {
        let body = json!({
            "model": MODEL,
            "messages": conversation(self.body),
            "max_tokens": 1024,
            "temperature": 0.7,
            "stream": self.stream.is_some(),
            "stream_options": self.stream.map(|_| json!({"include_usage": true})),
        });
        let last = if self.stream.is_some() {
            "[DONE]"
        } else {
            answers::LAST
        };
        let bearer = key.map(|key| format!("Bearer {key}"));
        question(
            address,
            "/v1/chat/completions",
            bearer.as_deref(),
            &body,
            answers::FIRST,
            last,
        )
    }

    /// What a client that needs no gateway sends to the upstream at `address`.
    pub(super) fn direct(&self, address: SocketAddr) -> Question {
        let body = json!({
            "anthropic_version": "bedrock-2023-05-31",
            "messages": conversation(self.body),
            "max_tokens": 1024,
            "temperature": 0.7,
        });
        let (operation, first, last) = if self.stream.is_some() {
            let (first, last) = (answers::first_on_the_wire(), answers::last_on_the_wire());
            ("invoke-with-response-stream", first, last)
        } else {
            (
                "invoke",
                answers::FIRST.to_owned(),
                answers::LAST.to_owned(),
            )
        };
        question(
            address,
            &format!("/model/{MODEL}/{operation}"),
            None,
            &body,
            &first,
            &last,
        )
    }
}

fn question(
    address: SocketAddr,
    path: &str,
    authorization: Option<&str>,
    body: &serde_json::Value,
    first: &str,
    last: &str,
) -> Question {
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(authorization.map(|value| ("authorization", value)));
    let body = body.to_string();
    let request = http::request(
        "POST",
        path,
        &address.to_string(),
        &headers,
        body.as_bytes(),
    );
    Question {
        address,
        request: request.into(),
        first: first.into(),
        last: last.into(),
    }
}

/// A few turns of conversation that are `size` bytes as JSON, or a few more.
fn conversation(size: usize) -> serde_json::Value {
    const TURNS: usize = 4;
    let mut messages = vec![json!({"role": "system", "content": "You review code, briefly."})];
    for turn in 0..=TURNS {
        let role = if turn % 2 == 0 { "user" } else { "assistant" };
        messages
            .push(json!({"role": role, "content": prose(size.saturating_sub(400) / (TURNS + 1))}));
    }
    messages.into()
}

/// About `size` bytes of text with the line ends and quotes that real prompts have.
fn prose(size: usize) -> String {
    let mut text = String::with_capacity(size + 80);
    let mut line = 0;
    while text.len() < size {
        line += 1;
        // Writing into a string cannot fail.
        let _written = writeln!(
            text,
            "{line}: let total = sum(\"orders\", &filter)?; // checked twice"
        );
    }
    text.truncate(size);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_have_about_the_size_in_their_name() {
        let address = SocketAddr::from(([127, 0, 0, 1], 9));
        for scenario in Scenario::ALL {
            for question in [scenario.question(address, None), scenario.direct(address)] {
                let head = http::request_head(&question.request).unwrap().unwrap();
                assert_eq!(head.length, question.request.len());
                let wanted = scenario.body;
                let size = head.length;
                assert!(
                    size > wanted * 8 / 10 && size < wanted * 13 / 10,
                    "{size} for {wanted}"
                );
            }
        }
    }

    #[test]
    fn the_marks_of_an_answer_are_not_in_the_question() {
        let address = SocketAddr::from(([127, 0, 0, 1], 9));
        for scenario in Scenario::ALL {
            let question = scenario.question(address, Some("key"));
            let found = |mark: &str| memchr::memmem::find(&question.request, mark.as_bytes());
            assert_eq!(found(&question.first), None);
            assert_eq!(found(&question.last), None);
        }
    }
}
