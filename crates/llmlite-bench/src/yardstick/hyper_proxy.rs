//! The floor: hyper on both sides, aws-sigv4 for the signature, frames decoded as they come.

use std::{
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use aws_smithy_runtime_api::client::identity::Identity;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode, Uri,
    body::{Body, Frame, Incoming},
    header::{CONTENT_TYPE, HeaderValue},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde::Deserialize;

use super::{
    CONNECT_TIMEOUT, READ_TIMEOUT, REGION, credentials,
    server::{self, AnswerBody, Carrier, Failure},
    wire::{self, ChatRequest, Reshaper},
};
use crate::clock;

/// Carries requests with hyper's own client.
#[derive(Debug)]
pub struct HyperProxy {
    client: Client<HttpConnector, Full<Bytes>>,
    upstream: SocketAddr,
    identity: Identity,
}

impl HyperProxy {
    /// Forwards to `upstream` over connections that are kept.
    pub fn new(upstream: SocketAddr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        Self {
            client: Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .build(connector),
            upstream,
            identity: credentials().into(),
        }
    }

    async fn send(&self, request: &ChatRequest<'_>) -> Result<Response<Incoming>, Failure> {
        let operation = if request.stream {
            "invoke-with-response-stream"
        } else {
            "invoke"
        };
        let model = request.model.replace(':', "%3A");
        let uri = format!("http://{}/model/{model}/{operation}", self.upstream);
        let body = wire::claude_body(request)?;
        let mut upstream = Request::post(uri.parse::<Uri>()?)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(())?;
        self.sign(&uri, &body, &mut upstream)?;
        let upstream = upstream.map(|()| Full::new(Bytes::from(body)));
        Ok(tokio::time::timeout(READ_TIMEOUT, self.client.request(upstream)).await??)
    }

    fn sign(&self, uri: &str, body: &[u8], request: &mut Request<()>) -> Result<(), Failure> {
        let parameters = v4::SigningParams::builder()
            .identity(&self.identity)
            .region(REGION)
            .name("bedrock")
            .time(clock::wall())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let headers = [("content-type", "application/json")];
        let signable =
            SignableRequest::new("POST", uri, headers.into_iter(), SignableBody::Bytes(body))?;
        let (instructions, _) = sign(signable, &parameters)?.into_parts();
        instructions.apply_to_request_http1x(request);
        Ok(())
    }
}

impl Carrier for HyperProxy {
    async fn carry(&self, request: &ChatRequest<'_>) -> Result<Response<AnswerBody>, Failure> {
        let answer = self.send(request).await?;
        if answer.status() != StatusCode::OK {
            let status = answer.status();
            let body = server::collect(answer.into_body()).await?;
            return Ok(server::whole("application/json", status, body));
        }
        let created = wire::epoch_seconds(clock::wall());
        if request.stream {
            let reshaper = Reshaper::new(&request.model, created, request.wants_usage());
            return Ok(server::events(Box::pin(Reshaped {
                upstream: answer.into_body(),
                frames: Frames::default(),
                reshaper,
            })));
        }
        let body = server::collect(answer.into_body()).await?;
        let body = wire::reshape(&body, &request.model, created)?;
        Ok(server::whole(
            "application/json",
            StatusCode::OK,
            body.into(),
        ))
    }
}

/// The client's body, made from the upstream's whenever the connection has room.
struct Reshaped {
    upstream: Incoming,
    frames: Frames,
    reshaper: Reshaper,
}

impl Body for Reshaped {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let this = &mut *self;
        loop {
            let Some(frame) = ready!(Pin::new(&mut this.upstream).poll_frame(cx)) else {
                return Poll::Ready(None);
            };
            let Ok(data) = frame?.into_data() else {
                continue;
            };
            let out = this.frames.push(&data, &mut this.reshaper)?;
            if !out.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(out.into()))));
            }
        }
    }
}

/// Cuts the upstream's bytes into frames.
#[derive(Default)]
struct Frames {
    decoder: MessageFrameDecoder,
    buffer: BytesMut,
}

impl Frames {
    /// What the client gets for all the frames that `data` completes.
    fn push(&mut self, data: &[u8], reshaper: &mut Reshaper) -> Result<Vec<u8>, Failure> {
        self.buffer.extend_from_slice(data);
        let mut out = Vec::new();
        while let DecodedFrame::Complete(message) = self.decoder.decode_frame(&mut self.buffer)? {
            let chunk: EventChunk<'_> = serde_json::from_slice(message.payload())?;
            reshaper.push(&STANDARD.decode(chunk.bytes)?, &mut out)?;
        }
        Ok(out)
    }
}

/// The payload of a frame. An exception's payload has no `bytes`, and so ends the stream.
#[derive(Deserialize)]
struct EventChunk<'a> {
    bytes: &'a str,
}
