//! The bodies of answers: one piece or many, with pauses, and endings of all kinds.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use crate::{
    error::Refusal,
    faults::{Midway, Mischief, Spoil},
    frames,
    wire::{
        Reply,
        steps::{self, Step},
    },
};

/// What comes after the last piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The end of the HTTP message.
    Proper,
    /// The connection is closed.
    Broken,
    /// Nothing, until the client leaves.
    Silent,
}

/// A body that makes its pieces when they are asked for, so that a waiting stream is small.
#[derive(Debug)]
pub(crate) struct SimBody {
    source: Source,
    /// What is left of a pause before the next piece.
    resting: Option<Pin<Box<Sleep>>>,
    ending: Ending,
    /// The announced length, which a broken body does not keep.
    length: Option<u64>,
    flushed: bool,
}

#[derive(Debug)]
enum Source {
    Piece(Option<Bytes>),
    Events(Box<Events>),
}

#[derive(Debug)]
struct Events {
    reply: Box<Reply>,
    steps: std::vec::IntoIter<Step>,
    /// A frame after the steps.
    last: Option<Last>,
    pause: Option<Duration>,
    /// The place from which on the next event is spoiled, and how.
    spoil: Option<(usize, Spoil)>,
    started: Instant,
}

#[derive(Debug)]
enum Last {
    Frame(Bytes),
    /// The step's own frame with a wrong checksum.
    Corrupted(Step),
}

impl SimBody {
    pub(crate) fn whole(bytes: Bytes) -> Self {
        let length = Some(bytes.len() as u64);
        Self::broken(bytes, length, Ending::Proper)
    }

    /// A piece that is not what its `length` announces, or that ends in an odd way.
    pub(crate) fn broken(bytes: Bytes, length: Option<u64>, ending: Ending) -> Self {
        Self {
            source: Source::Piece(Some(bytes)),
            resting: None,
            ending,
            length,
            flushed: false,
        }
    }

    /// The events of a stream, as far as a fault lets them come.
    pub(crate) fn events(
        reply: Box<Reply>,
        mut steps: Vec<Step>,
        mischief: Mischief,
        started: Instant,
    ) -> Self {
        let (mut ending, mut last) = (Ending::Proper, None);
        let middle = steps::middle(&steps);
        if let Some(midway) = mischief.midway {
            let mut beyond = steps.split_off(middle.min(steps.len())).into_iter();
            (ending, last) = match midway {
                Midway::Cut => (Ending::Broken, None),
                Midway::Truncate => (Ending::Proper, None),
                Midway::Stall => (Ending::Silent, None),
                Midway::Exception(kind) => {
                    (Ending::Proper, Some(Last::Frame(exception_frame(&kind))))
                }
                Midway::ErrorFrame => {
                    let frame =
                        frames::error("InternalError", "The stream failed as it was asked to.");
                    (Ending::Proper, Some(Last::Frame(frame)))
                }
                Midway::Malformed => (Ending::Proper, beyond.next().map(Last::Corrupted)),
            };
        }
        let events = Events {
            reply,
            steps: steps.into_iter(),
            last,
            pause: mischief.pause,
            spoil: mischief.spoil.map(|spoil| (middle, spoil)),
            started,
        };
        Self {
            source: Source::Events(Box::new(events)),
            resting: mischief.first_pause.map(|pause| Box::pin(sleep(pause))),
            ending,
            length: None,
            flushed: false,
        }
    }
}

impl Body for SimBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(resting) = &mut self.resting {
            ready!(resting.as_mut().poll(cx));
            self.resting = None;
        }
        let (piece, pause) = match &mut self.source {
            Source::Piece(piece) => (piece.take(), None),
            Source::Events(events) => (events.next(), events.pause),
        };
        if let Some(piece) = piece {
            self.resting = pause.map(|pause| Box::pin(sleep(pause)));
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match self.ending {
            Ending::Proper => Poll::Ready(None),
            Ending::Silent => Poll::Pending,
            // Hyper throws away what it holds on an error, so it gets one turn to send it.
            Ending::Broken if !self.flushed => {
                self.flushed = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Ending::Broken => Poll::Ready(Some(Err(io::Error::other("cut as asked for")))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

impl Events {
    fn next(&mut self) -> Option<Bytes> {
        let latency = self.started.elapsed().as_millis();
        let reply = &self.reply;
        for step in self.steps.by_ref() {
            let spoil = self.spoil.filter(|(from, _)| step.nth >= *from);
            let frame = reply.frame(&step, latency, spoil.map(|(_, how)| how));
            if let Some(frame) = frame {
                self.spoil = self.spoil.filter(|_| spoil.is_none());
                return Some(frame);
            }
        }
        Some(match self.last.take()? {
            Last::Frame(frame) => frame,
            Last::Corrupted(step) => {
                let spare = || frames::event("chunk", b"{}");
                frames::corrupted(&reply.frame(&step, latency, None).unwrap_or_else(spare))
            }
        })
    }
}

/// An exception as it comes inside a stream, where names begin in lower case.
pub(crate) fn exception_frame(kind: &str) -> Bytes {
    let word = kind.split_whitespace().next();
    let mut name = word.unwrap_or_default().to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    let named = Refusal::named(kind);
    let message = named.map_or_else(
        || "The stream failed as it was asked to.".to_owned(),
        |refusal| refusal.message,
    );
    let payload = match name.as_str() {
        "modelStreamErrorException" => {
            serde_json::json!({"message": message, "originalStatusCode": 500, "originalMessage": message})
        }
        _ => serde_json::json!({"message": message}),
    };
    frames::exception(&name, payload.to_string().as_bytes())
}
