//! One streamed answer: reads events, sends chunks, and knows how it ended.

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use bytes::Bytes;
use llmlite_core::{
    ports::backend::{BackendError, EventSource},
    usage::Ending,
};
use llmlite_http::{RequestId, Stop};
use llmlite_openai::{ChatChunk, sse};
use llmlite_translator::{StreamDecoder, StreamError};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::{Instant, sleep, sleep_until, timeout, timeout_at},
};
use tracing::debug;

use crate::{app::App, chat::Form, dialect::Dialect, failure::Failure, meter::Meter, running::Run};
use End::{Abandoned, Complete, Cut, Failed, Shutdown};

/// Pieces that wait for a slow client. When they are full, Bedrock is read no further.
const PIECES: usize = 16;

/// Owns everything that one streamed answer needs.
///
/// A client that leaves closes its channel; the pump reads on, writing nowhere, to the event that
/// carries the usage, because Bedrock bills the whole answer.
pub(crate) struct Pump {
    dialect: Dialect,
    decoder: StreamDecoder,
    meter: Meter,
    client: Client,
    id: RequestId,
    run: Run,
    stop: Stop,
    orphans: Arc<Semaphore>,
    orphan_time: Duration,
    chunks: Vec<ChatChunk>,
    text: Vec<u8>,
}

/// Who reads the answer.
enum Client {
    Reading {
        pieces: mpsc::Sender<Bytes>,
        stall: Duration,
        /// Until when it is to be sent something.
        silent_until: Instant,
    },
    Gone {
        /// When the answer is given up.
        deadline: Instant,
        _place: OwnedSemaphorePermit,
    },
    /// Gone, and there is no room for one more answer that nobody reads.
    Abandoned,
}

/// How long a client may be sent nothing before it is shown that it is alive: half of what the
/// most impatient load balancers wait.
const SILENCE: Duration = Duration::from_secs(15);
/// How long an ended stream is read on for the connection's sake, so that it can be used again;
/// and how long a client that does not read delays the end of a stream that is cut.
const TAIL: Duration = Duration::from_secs(1);

/// What a client can do while the model is silent.
enum Moved {
    Silent,
    Left,
    OutOfTime,
}

impl Client {
    /// Waits until the client leaves, or should be shown that its stream is alive, or has been
    /// gone for too long.
    async fn moves(&self) -> Moved {
        match self {
            Self::Reading {
                pieces,
                silent_until,
                ..
            } => match timeout_at(*silent_until, pieces.closed()).await {
                Ok(()) => Moved::Left,
                Err(_) => Moved::Silent,
            },
            Self::Gone { deadline, .. } => {
                sleep_until(*deadline).await;
                Moved::OutOfTime
            }
            Self::Abandoned => Moved::OutOfTime,
        }
    }
}

/// How the events came to an end.
enum End {
    Complete,
    Failed(Failure),
    Shutdown,
    /// The key was taken back.
    Cut,
    Abandoned,
}

impl End {
    /// Whether the model has stopped, as it says itself. It may go on, for all we know, when the
    /// connection broke, and when it was us who gave up.
    fn is_the_models(&self) -> bool {
        match self {
            Complete => true,
            Cut | Shutdown | Abandoned => false,
            Failed(Failure::Backend(error)) => !error.kind.may_have_run(),
            Failed(Failure::Stream(error)) => matches!(
                error,
                StreamError::Upstream { .. } | StreamError::ModelFault { .. }
            ),
            Failed(_) => false,
        }
    }
}

impl Pump {
    /// A pump, and where its client reads.
    pub(crate) fn new(
        app: &App,
        form: Form,
        id: RequestId,
        run: Run,
        meter: Meter,
    ) -> (Self, mpsc::Receiver<Bytes>) {
        let (pieces, receiver) = mpsc::channel(PIECES);
        let pump = Self {
            dialect: form.dialect,
            decoder: StreamDecoder::new(form.reply, form.stamp),
            meter,
            client: Client::Reading {
                pieces,
                stall: app.write_stall,
                silent_until: Instant::now() + SILENCE,
            },
            id,
            run,
            stop: app.stop.clone(),
            orphans: Arc::clone(&app.orphans),
            orphan_time: app.orphan_time,
            chunks: Vec::new(),
            text: Vec::new(),
        };
        (pump, receiver)
    }

    /// Carries the answer to its end, and bills it.
    pub(crate) async fn run(mut self, mut events: Box<dyn EventSource>) {
        let end = self.carry(&mut events).await;
        if self.decoder.skipped_events() > 0 {
            let events = self.decoder.skipped_events();
            debug!(request.id = %self.id, events, "skipped unknown events");
        }
        // The bill first: whoever has seen the last byte may rely on it.
        self.settle(&end);
        match &end {
            Complete => self.text.extend_from_slice(sse::DONE),
            Failed(failure) => self.write_failure(failure),
            Shutdown => self.write_failure(&Failure::Stopped),
            Cut => self.write_failure(&Failure::Cut),
            Abandoned => return,
        }
        self.send().await;
        // The client's stream ends here, and with it its wait.
        drop(self);
        if matches!(end, Complete) {
            // Whether it came in time or not, there is nothing more to do.
            drop(timeout(TAIL, events.next()).await);
        }
    }

    async fn carry(&mut self, events: &mut Box<dyn EventSource>) -> End {
        loop {
            let event = match self.next(events).await {
                ControlFlow::Continue(event) => event,
                ControlFlow::Break(end) => return end,
            };
            let result = match event {
                Ok(Some(event)) => self.translate(&event),
                Ok(None) => self.finish(),
                Err(error) => ControlFlow::Break(Failed(Failure::Backend(error))),
            };
            if let ControlFlow::Break(end) = result {
                return end;
            }
            self.send().await;
        }
    }

    /// The next event, or the reason to wait for none.
    async fn next(
        &mut self,
        events: &mut Box<dyn EventSource>,
    ) -> ControlFlow<End, Result<Option<Bytes>, BackendError>> {
        loop {
            let happened = tokio::select! {
                biased;
                // Before the events, of which there may always be one more.
                () = self.stop.stopped() => return ControlFlow::Break(Shutdown),
                () = self.run.cut() => return ControlFlow::Break(Cut),
                event = events.next() => return ControlFlow::Continue(event),
                happened = self.client.moves() => happened,
            };
            match happened {
                Moved::Silent => {
                    self.text.extend_from_slice(sse::KEEP_ALIVE);
                    self.send().await;
                }
                Moved::Left => self.orphan(),
                Moved::OutOfTime => return ControlFlow::Break(Abandoned),
            }
        }
    }

    fn translate(&mut self, event: &[u8]) -> ControlFlow<End> {
        if let Err(error) = self.decoder.push(event, &mut self.chunks) {
            return ControlFlow::Break(Failed(Failure::Stream(error)));
        }
        let (seen, counted) = (self.decoder.seen_bytes(), self.decoder.usage());
        self.meter.saw(seen, counted);
        self.frame();
        if self.decoder.is_complete() {
            return self.finish();
        }
        ControlFlow::Continue(())
    }

    fn finish(&mut self) -> ControlFlow<End> {
        let finished = self.decoder.finish(&mut self.chunks);
        self.frame();
        ControlFlow::Break(match finished {
            Ok(()) => Complete,
            Err(error) => Failed(Failure::Stream(error)),
        })
    }

    fn settle(&mut self, end: &End) {
        let gone = match &self.client {
            Client::Reading { pieces, .. } => pieces.is_closed(),
            Client::Gone { .. } | Client::Abandoned => true,
        };
        let ending = match end {
            Complete | Abandoned if gone => Ending::ClientGone,
            Complete => Ending::Complete,
            Failed(_) | Abandoned => Ending::UpstreamFailed,
            Shutdown | Cut => Ending::Shutdown,
        };
        match self.decoder.final_usage() {
            Some(usage) => self.meter.complete(usage, ending),
            None if end.is_the_models() => self.meter.uncounted(ending),
            None => self.meter.abandoned(ending),
        }
    }

    /// Chunks to text. While nobody reads, to nothing.
    fn frame(&mut self) {
        let reading = matches!(self.client, Client::Reading { .. });
        for chunk in self.chunks.drain(..) {
            if reading && let Err(error) = self.dialect.piece(&mut self.text, chunk) {
                debug!(request.id = %self.id, %error, "a chunk cannot be written");
            }
        }
    }

    fn write_failure(&mut self, failure: &Failure) {
        let body = failure.in_stream(self.dialect, &self.id);
        if let Err(error) = sse::data(&mut self.text, &body) {
            debug!(request.id = %self.id, %error, "an error cannot be written");
        }
    }

    /// Sends what has been framed; a client that takes nothing for too long counts as gone.
    async fn send(&mut self) {
        if self.text.is_empty() {
            return;
        }
        let piece = Bytes::from(std::mem::take(&mut self.text));
        let Client::Reading {
            pieces,
            stall,
            silent_until,
        } = &mut self.client
        else {
            return;
        };
        let sent = match pieces.try_send(piece) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Closed(_)) => false,
            Err(mpsc::error::TrySendError::Full(piece)) => tokio::select! {
                biased;
                sent = pieces.send(piece) => sent.is_ok(),
                () = sleep(*stall) => false,
                () = cut_off(&self.run) => false,
            },
        };
        if sent {
            // Only this counts: what Bedrock sends need not come through to the client.
            *silent_until = Instant::now() + SILENCE;
        } else {
            self.orphan();
        }
    }

    /// The client is gone: read on for the bill, if there is room for that.
    fn orphan(&mut self) {
        self.client = match Arc::clone(&self.orphans).try_acquire_owned() {
            Ok(place) => Client::Gone {
                deadline: Instant::now() + self.orphan_time,
                _place: place,
            },
            Err(_) => Client::Abandoned,
        };
    }
}

/// Returns a moment after the key was taken back: long enough for a client that reads at all.
async fn cut_off(run: &Run) {
    run.cut().await;
    sleep(TAIL).await;
}
