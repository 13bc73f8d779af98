//! The same through aws-sdk-bedrockruntime, set up as a service would set it up.

use std::net::SocketAddr;

use aws_sdk_bedrockruntime::{
    Client, Config,
    config::{
        BehaviorVersion, Region, StalledStreamProtectionConfig, retry::RetryConfig,
        timeout::TimeoutConfig,
    },
    primitives::{Blob, event_stream::EventReceiver},
    types::{ResponseStream, error::ResponseStreamError},
};
use bytes::Bytes;
use futures_util::stream;
use http_body_util::StreamBody;
use hyper::{Response, StatusCode, body::Frame};

use super::{
    CALL_TIMEOUT, CONNECT_TIMEOUT, READ_TIMEOUT, REGION, credentials,
    server::{self, AnswerBody, Carrier, Failure},
    wire::{self, ChatRequest, Reshaper},
};
use crate::clock;

/// Carries requests with the AWS SDK.
#[derive(Debug)]
pub struct SdkProxy {
    client: Client,
}

impl SdkProxy {
    /// Forwards to `upstream`.
    pub fn new(upstream: SocketAddr) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .operation_timeout(CALL_TIMEOUT)
            .build();
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .credentials_provider(credentials())
            .endpoint_url(format!("http://{upstream}"))
            .retry_config(RetryConfig::standard())
            .timeout_config(timeouts)
            // A model that thinks sends nothing for a long time.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build();
        Self {
            client: Client::from_conf(config),
        }
    }

    async fn whole(&self, request: &ChatRequest<'_>) -> Result<Response<AnswerBody>, Failure> {
        let answer = self
            .client
            .invoke_model()
            .model_id(request.model.as_ref())
            .content_type("application/json")
            .body(Blob::new(wire::claude_body(request)?))
            .send()
            .await?;
        let created = wire::epoch_seconds(clock::wall());
        let body = wire::reshape(answer.body.as_ref(), &request.model, created)?;
        Ok(server::whole(
            "application/json",
            StatusCode::OK,
            body.into(),
        ))
    }

    async fn streamed(&self, request: &ChatRequest<'_>) -> Result<Response<AnswerBody>, Failure> {
        let answer = self
            .client
            .invoke_model_with_response_stream()
            .model_id(request.model.as_ref())
            .content_type("application/json")
            .body(Blob::new(wire::claude_body(request)?))
            .send()
            .await?;
        let created = wire::epoch_seconds(clock::wall());
        let reshaper = Reshaper::new(&request.model, created, request.wants_usage());
        let chunks = stream::unfold(
            (answer.body, reshaper),
            |(mut events, mut reshaper)| async {
                let chunk = next_chunk(&mut events, &mut reshaper).await?;
                Some((chunk.map(Frame::data), (events, reshaper)))
            },
        );
        Ok(server::events(Box::pin(StreamBody::new(chunks))))
    }
}

impl Carrier for SdkProxy {
    async fn carry(&self, request: &ChatRequest<'_>) -> Result<Response<AnswerBody>, Failure> {
        if request.stream {
            self.streamed(request).await
        } else {
            self.whole(request).await
        }
    }
}

/// What the client gets next, or `None` at the end.
async fn next_chunk(
    events: &mut EventReceiver<ResponseStream, ResponseStreamError>,
    reshaper: &mut Reshaper,
) -> Option<Result<Bytes, Failure>> {
    let mut out = Vec::new();
    loop {
        let part = match events.recv().await {
            Ok(Some(ResponseStream::Chunk(part))) => part,
            Ok(Some(_)) => continue,
            Ok(None) => return None,
            Err(error) => return Some(Err(error.into())),
        };
        let event = part.bytes.unwrap_or_default();
        if let Err(error) = reshaper.push(event.as_ref(), &mut out) {
            return Some(Err(error.into()));
        }
        if !out.is_empty() {
            return Some(Ok(out.into()));
        }
    }
}
