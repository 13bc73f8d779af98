//! The events of a streamed answer.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_bedrockruntime::{
    primitives::event_stream::EventReceiver,
    types::{ResponseStream, error::ResponseStreamError},
};
use bytes::Bytes;
use llmlite_core::ports::backend::{BackendError, BackendErrorKind as Kind, EventSource};
use tokio::time::timeout;
use tracing::debug;

use crate::error;

type Receiver = EventReceiver<ResponseStream, ResponseStreamError>;

/// A stream whose first event has arrived.
pub(crate) struct Events {
    receiver: Receiver,
    first: Option<Bytes>,
    idle: Duration,
}

impl Events {
    /// Waits for the first event: an exception in its place is an error of the call.
    pub(crate) async fn begin(
        mut receiver: Receiver,
        idle: Duration,
    ) -> Result<Self, BackendError> {
        let Some(first) = receive(&mut receiver).await? else {
            return Err(BackendError::new(
                Kind::BrokenStream,
                "the stream ended before its first event",
            ));
        };
        Ok(Self {
            receiver,
            first: Some(first),
            idle,
        })
    }
}

#[async_trait]
impl EventSource for Events {
    async fn next(&mut self) -> Result<Option<Bytes>, BackendError> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        timeout(self.idle, receive(&mut self.receiver))
            .await
            .map_err(|_| BackendError::new(Kind::Timeout, "the stream went silent"))?
    }
}

async fn receive(receiver: &mut Receiver) -> Result<Option<Bytes>, BackendError> {
    loop {
        match receiver.recv().await {
            Ok(Some(ResponseStream::Chunk(part))) => {
                if let Some(blob) = part.bytes {
                    return Ok(Some(blob.into_inner().into()));
                }
            }
            Ok(Some(_)) => debug!("skipped a frame of an unknown kind"),
            Ok(None) => return Ok(None),
            Err(e) => return Err(error::of_stream(&e)),
        }
    }
}
