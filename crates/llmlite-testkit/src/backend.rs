use std::{
    collections::VecDeque,
    future::pending,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use llmlite_core::ports::backend::{
    BackendError, BackendErrorKind, EventSource, ModelAnswer, ModelBackend, ModelCall, ModelStream,
};
use serde_json::Value;
use tokio::sync::Semaphore;

/// What the backend does with one call.
#[derive(Debug, Clone)]
pub enum Turn {
    /// Answers a whole call with this Anthropic message.
    Answer(Value),
    /// Answers a streamed call with these steps, in order, and then ends the connection.
    Stream(Vec<Step>),
    /// Fails the call, whole or streamed, before its answer begins.
    Fail(BackendErrorKind),
    /// Never answers the call, whole or streamed.
    Silence,
}

/// One step of a streamed answer.
#[derive(Debug, Clone)]
pub enum Step {
    /// Sends an Anthropic event.
    Event(Value),
    /// Sends bytes that may be no event at all.
    Raw(Bytes),
    /// Waits until the test adds a permit to the semaphore.
    Wait(Arc<Semaphore>),
    /// Breaks off with an error.
    Fail(BackendErrorKind),
}

/// A model that says what a test has written down, one turn a call, and remembers what it was
/// asked.
///
/// A call beyond the script, or of the other kind than its turn, fails as
/// [`BackendErrorKind::Misconfigured`].
#[derive(Debug, Default)]
pub struct ScriptedBackend {
    turns: Mutex<VecDeque<Turn>>,
    calls: Mutex<Vec<ModelCall>>,
}

impl ScriptedBackend {
    /// A backend that will take these turns.
    pub fn new(turns: impl IntoIterator<Item = Turn>) -> Self {
        Self {
            turns: Mutex::new(turns.into_iter().collect()),
            calls: Mutex::default(),
        }
    }

    /// Adds a turn at the end of the script.
    pub fn push(&self, turn: Turn) {
        lock(&self.turns).push_back(turn);
    }

    /// The calls so far, in order.
    pub fn calls(&self) -> Vec<ModelCall> {
        lock(&self.calls).clone()
    }

    fn next_turn(&self, call: ModelCall) -> Option<Turn> {
        let mut calls = lock(&self.calls);
        calls.push(call);
        lock(&self.turns).pop_front()
    }
}

#[async_trait]
impl ModelBackend for ScriptedBackend {
    async fn invoke(&self, call: ModelCall) -> Result<ModelAnswer, BackendError> {
        match self.next_turn(call) {
            Some(Turn::Answer(message)) => Ok(ModelAnswer {
                body: message.to_string().into_bytes(),
                upstream_request_id: request_id(),
            }),
            Some(Turn::Fail(kind)) => Err(failure(kind)),
            Some(Turn::Silence) => pending().await,
            _ => Err(failure(BackendErrorKind::Misconfigured)),
        }
    }

    async fn invoke_stream(&self, call: ModelCall) -> Result<ModelStream, BackendError> {
        match self.next_turn(call) {
            Some(Turn::Stream(steps)) => Ok(ModelStream {
                events: Box::new(Script(steps.into())),
                upstream_request_id: request_id(),
            }),
            Some(Turn::Fail(kind)) => Err(failure(kind)),
            Some(Turn::Silence) => pending().await,
            _ => Err(failure(BackendErrorKind::Misconfigured)),
        }
    }
}

struct Script(VecDeque<Step>);

#[async_trait]
impl EventSource for Script {
    async fn next(&mut self) -> Result<Option<Bytes>, BackendError> {
        // A step leaves the script only when it is done, so that a dropped call loses nothing.
        while let Some(Step::Wait(gate)) = self.0.front() {
            if let Ok(permit) = Arc::clone(gate).acquire_owned().await {
                permit.forget();
            }
            self.0.pop_front();
        }
        match self.0.pop_front() {
            None | Some(Step::Wait(_)) => Ok(None),
            Some(Step::Event(event)) => Ok(Some(event.to_string().into())),
            Some(Step::Raw(bytes)) => Ok(Some(bytes)),
            Some(Step::Fail(kind)) => Err(failure(kind)),
        }
    }
}

fn failure(kind: BackendErrorKind) -> BackendError {
    BackendError {
        upstream_request_id: request_id(),
        retry_after: (kind == BackendErrorKind::Throttled).then_some(Duration::from_secs(1)),
        ..BackendError::new(kind, "the script says so")
    }
}

fn request_id() -> Option<Arc<str>> {
    Some(Arc::from("scripted-request"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use llmlite_core::ids::EventId;
    use serde_json::json;

    use super::*;
    use crate::build::at;

    fn call() -> ModelCall {
        ModelCall {
            bedrock_model_id: Arc::from("anthropic.test"),
            body: b"{}".to_vec(),
            event_id: EventId::new(at(1)),
        }
    }

    #[tokio::test]
    async fn a_stream_keeps_its_place_when_a_call_is_dropped_while_it_waits() {
        let gate = Arc::new(Semaphore::new(0));
        let backend = ScriptedBackend::new([Turn::Stream(vec![
            Step::Wait(Arc::clone(&gate)),
            Step::Event(json!({ "type": "ping" })),
            Step::Fail(BackendErrorKind::BrokenStream),
        ])]);
        let mut events = backend.invoke_stream(call()).await.unwrap().events;
        tokio::select! {
            biased;
            _ = events.next() => panic!("nobody has opened the gate"),
            () = std::future::ready(()) => {}
        }
        gate.add_permits(1);
        let ping = events.next().await.unwrap().unwrap();
        assert_eq!(&ping[..], br#"{"type":"ping"}"#);
        let broken = events.next().await.unwrap_err();
        assert_eq!(broken.kind, BackendErrorKind::BrokenStream);
        assert!(events.next().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_call_beyond_the_script_fails_and_is_remembered() {
        let backend = ScriptedBackend::default();
        let error = backend.invoke(call()).await.unwrap_err();
        assert_eq!(error.kind, BackendErrorKind::Misconfigured);
        assert_eq!(backend.calls().len(), 1);
    }
}
