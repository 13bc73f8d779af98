//! From a request to what is answered, without any waiting: the middle of the simulator.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hyper::http::request::Parts;
use serde_json::Value;

use crate::{
    auth,
    bill::{self, Bill, BillLine},
    error::Refusal,
    faults::{Instead, Midway, Mischief},
    model::{self, Said, markers},
    record::{RecordedRequest, Records},
    script::{Playing, Script},
    wire::{
        Dialect, Reply, Request,
        cache::Cache,
        steps::{self, Step},
    },
};

use self::facts::{claude_name, count, input_tokens, labels, make_room};

pub(crate) mod facts;

/// Everything that requests share.
#[derive(Debug)]
pub(crate) struct Service {
    playing: Mutex<Playing>,
    cache: Cache,
    pub(crate) bill: Bill,
    pub(crate) records: Records,
}

/// One call of a model.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) operation: Operation,
    pub(crate) model: &'a str,
    pub(crate) parts: &'a Parts,
    pub(crate) body: &'a Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Answer { dialect: Dialect, streamed: bool },
    CountTokens,
}

/// By what a line of the bill is known again.
struct Labels {
    metadata: Option<Value>,
    tag: Option<String>,
}

/// What the client gets.
#[derive(Debug)]
pub(crate) enum Outcome {
    Refused(Refusal),
    Silence,
    Count(u64),
    Whole {
        reply: Box<Reply>,
        mischief: Mischief,
    },
    Stream {
        reply: Box<Reply>,
        steps: Vec<Step>,
        mischief: Mischief,
    },
    /// A stream whose only frame is this exception.
    ExceptionFrame(String),
}

impl Operation {
    pub(crate) fn named(name: &str) -> Option<Self> {
        let answer = |dialect, streamed| Some(Self::Answer { dialect, streamed });
        match name {
            "invoke" => answer(Dialect::Invoke, false),
            "invoke-with-response-stream" => answer(Dialect::Invoke, true),
            "converse" => answer(Dialect::Converse, false),
            "converse-stream" => answer(Dialect::Converse, true),
            "count-tokens" => Some(Self::CountTokens),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Answer {
                dialect: Dialect::Invoke,
                streamed: false,
            } => "invoke",
            Self::Answer {
                dialect: Dialect::Invoke,
                streamed: true,
            } => "invoke-with-response-stream",
            Self::Answer {
                dialect: Dialect::Converse,
                streamed: false,
            } => "converse",
            Self::Answer {
                dialect: Dialect::Converse,
                streamed: true,
            } => "converse-stream",
            Self::CountTokens => "count-tokens",
        }
    }
}

impl Outcome {
    fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) => Some(refusal.status),
            Self::Silence => None,
            _ => Some(200),
        }
    }
}

impl Service {
    pub(crate) fn new(script: Script) -> Self {
        Self {
            playing: Mutex::new(Playing::new(script)),
            cache: Cache::default(),
            bill: Bill::default(),
            records: Records::default(),
        }
    }

    pub(crate) fn play(&self, script: Script) {
        *self.playing() = Playing::new(script);
    }

    pub(crate) fn script(&self) -> Script {
        self.playing().script.clone()
    }

    /// Decides on a call, bills it and remembers it.
    pub(crate) fn call(&self, call: &Call<'_>) -> Outcome {
        let outcome = match call.operation {
            Operation::Answer { dialect, streamed } => self.answer(call, dialect, streamed),
            Operation::CountTokens => self
                .admit(call)
                .and_then(|()| count(call))
                .map(Outcome::Count),
        };
        let outcome = outcome.unwrap_or_else(Outcome::Refused);
        let keep = self.playing().script.keep_requests;
        if keep > 0 {
            self.records.add(call.record(outcome.status()), keep);
        }
        outcome
    }

    fn admit(&self, call: &Call<'_>) -> Result<(), Refusal> {
        let (region, secret, serves) = {
            let playing = self.playing();
            let script = &playing.script;
            (
                script.region.clone(),
                script.secret.clone(),
                playing.serves(call.model),
            )
        };
        auth::check(call.parts, call.body, region.as_deref(), secret.as_deref())?;
        match serves {
            true => Ok(()),
            false => Err(Refusal::validation(
                "The provided model identifier is invalid.",
            )),
        }
    }

    fn answer(
        &self,
        call: &Call<'_>,
        dialect: Dialect,
        streamed: bool,
    ) -> Result<Outcome, Refusal> {
        self.admit(call)?;
        let mut mischief = Mischief::default();
        for fault in self.playing().faults() {
            mischief.add(&fault);
        }
        if let Some(instead) = mischief.instead {
            return instead.outcome(streamed);
        }
        let mut request = dialect.read(call.body, call.model)?;
        make_room(call.body, &mut request)?;
        let metadata = labels(call.parts, &request)?;
        let (mut wishes, done) = match self.playing().answer() {
            Some(text) => (markers::read(&text), 0),
            None => {
                let (mut wishes, done) = model::wishes(&request.talk);
                model::forget_old_faults(&request.talk, &mut wishes);
                (wishes, done)
            }
        };
        for fault in wishes.faults.drain(..) {
            mischief.add(&fault.map_err(|unknown| Refusal::validation(unknown.to_string()))?);
        }
        if let Some(instead) = mischief.take_instead(streamed) {
            return instead.outcome(streamed);
        }
        let mut answer = model::answer(&request.talk, &wishes, done);
        if mischief.odd {
            answer.said.insert(0, Said::Odd);
        }
        let labels = Labels {
            metadata,
            tag: bill::tag(&request.talk),
        };
        let reply = self.reply(call, dialect, &request, answer);
        Ok(self.begin(call, reply, labels, mischief, streamed))
    }

    fn reply(
        &self,
        call: &Call<'_>,
        dialect: Dialect,
        request: &Request,
        answer: model::Answer,
    ) -> Box<Reply> {
        let total = input_tokens(call.body, request);
        let usage = self.cache.look(&request.prefix, total);
        self.cache.keep(&request.prefix);
        let id = call.request_id.replace('-', "");
        Box::new(Reply {
            dialect,
            answer,
            usage,
            model: claude_name(call.model).to_owned(),
            message_id: format!("msg_bdrk_{}", id.get(8..).unwrap_or(&id)),
            names_stop: request.names_stop,
        })
    }

    /// The model begins to generate: from here on it is paid for.
    fn begin(
        &self,
        call: &Call<'_>,
        reply: Box<Reply>,
        labels: Labels,
        mischief: Mischief,
        streamed: bool,
    ) -> Outcome {
        let steps = if streamed {
            steps::plan(&reply.answer)
        } else {
            Vec::new()
        };
        let broken = streamed && mischief.midway.is_some();
        let output_tokens = match broken {
            true => steps
                .iter()
                .take(steps::middle(&steps))
                .map(|step| step.tokens)
                .sum::<u64>()
                .max(1),
            false => reply.answer.output_tokens,
        };
        self.bill.add(BillLine {
            request_id: call.request_id.to_owned(),
            begun_at_ms: bill::now_ms(),
            model: call.model.to_owned(),
            metadata: labels.metadata,
            tag: labels.tag,
            input_tokens: reply.usage.input,
            output_tokens,
            cache_read_tokens: reply.usage.cache_read,
            cache_write_tokens: reply.usage.cache_write(),
            cache_write_1h_tokens: reply.usage.write_1h,
            streamed,
            complete: !broken,
        });
        match streamed {
            true => Outcome::Stream {
                reply,
                steps,
                mischief,
            },
            false => Outcome::Whole { reply, mischief },
        }
    }

    fn playing(&self) -> MutexGuard<'_, Playing> {
        self.playing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Instead {
    fn outcome(self, streamed: bool) -> Result<Outcome, Refusal> {
        match self {
            Self::Error(refusal) => Err(refusal),
            Self::Silence => Ok(Outcome::Silence),
            Self::ExceptionFrame(kind) if streamed => Ok(Outcome::ExceptionFrame(kind)),
            Self::ExceptionFrame(kind) => Err(failure(&kind)),
        }
    }
}

impl Mischief {
    /// What comes in place of an answer; a whole answer cannot fail in its middle, only at once.
    fn take_instead(&mut self, streamed: bool) -> Option<Instead> {
        if self.instead.is_some() || streamed {
            return self.instead.take();
        }
        match &self.midway {
            Some(Midway::Exception(kind)) => Some(Instead::Error(failure(kind))),
            Some(Midway::ErrorFrame) => Some(Instead::Error(failure("InternalServerException"))),
            _ => None,
        }
    }
}

impl Call<'_> {
    fn record(&self, status: Option<u16>) -> RecordedRequest {
        let secret = ["authorization", "x-amz-security-token"];
        let headers = self
            .parts
            .headers
            .iter()
            .filter(|(name, _)| !secret.contains(&name.as_str()));
        RecordedRequest {
            request_id: self.request_id.to_owned(),
            operation: self.operation.name().to_owned(),
            model: self.model.to_owned(),
            headers: headers
                .map(|(name, value)| {
                    (
                        name.to_string(),
                        String::from_utf8_lossy(value.as_bytes()).into_owned(),
                    )
                })
                .collect(),
            body: self.body.clone(),
            status,
        }
    }
}

/// A failure by its name; names that AWS does not have count as failures of the service.
fn failure(kind: &str) -> Refusal {
    Refusal::named(kind)
        .unwrap_or_else(|| Refusal::new(500, kind, "The system failed as it was asked to."))
}
