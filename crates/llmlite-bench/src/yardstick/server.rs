//! The HTTP server of both yardsticks: hyper with the settings of any careful server.

use std::{future::Future, io, pin::Pin, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use super::wire::{self, ChatRequest};

/// What went wrong on the way; a yardstick has one answer for all of it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The body of an answer.
pub type AnswerBody = Pin<Box<dyn Body<Data = Bytes, Error = Failure> + Send>>;

/// Carries a request to Bedrock and its answer back.
pub trait Carrier: Send + Sync + 'static {
    /// Answers `request`.
    fn carry(
        &self,
        request: &ChatRequest<'_>,
    ) -> impl Future<Output = Result<Response<AnswerBody>, Failure>> + Send;
}

/// Serves what `carrier` makes on `listener` until the process ends, on a runtime like the
/// gateway's.
///
/// # Errors
/// When the runtime cannot be made or the listener fails.
pub fn run<C: Carrier>(
    listener: std::net::TcpListener,
    carrier: impl FnOnce() -> C,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(async { serve(TcpListener::from_std(listener)?, carrier()).await })
}

async fn serve<C: Carrier>(listener: TcpListener, carrier: C) -> io::Result<()> {
    let carrier = Arc::new(carrier);
    loop {
        let (socket, _) = listener.accept().await?;
        #[expect(
            clippy::disallowed_methods,
            reason = "a yardstick is killed, never drained"
        )]
        tokio::spawn(connection(socket, Arc::clone(&carrier)));
    }
}

async fn connection<C: Carrier>(socket: TcpStream, carrier: Arc<C>) {
    // A connection that fails is the client's affair; the load generator counts it.
    if socket.set_nodelay(true).is_err() {
        return;
    }
    let service = service_fn(|request| answer(request, Arc::clone(&carrier)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(75))
        .serve_connection(TokioIo::new(socket), service);
    drop(connection.await);
}

async fn answer<C: Carrier>(
    request: Request<Incoming>,
    carrier: Arc<C>,
) -> Result<Response<AnswerBody>, Failure> {
    match (request.method(), request.uri().path()) {
        (&Method::POST, "/v1/chat/completions") => {
            let body = collect(request.into_body()).await?;
            match wire::read_request(&body) {
                Ok(request) => carrier.carry(&request).await,
                Err(error) => Ok(plain(StatusCode::BAD_REQUEST, error.to_string())),
            }
        }
        (&Method::GET, "/health/ready") => Ok(plain(StatusCode::OK, "ready".to_owned())),
        _ => Ok(plain(StatusCode::NOT_FOUND, "no such route".to_owned())),
    }
}

/// Reads a body into one piece, at once where its length is known.
///
/// # Errors
/// When the connection fails.
pub async fn collect(mut body: Incoming) -> Result<Bytes, hyper::Error> {
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or_default();
    let mut whole = BytesMut::with_capacity(expected.min(1 << 20));
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            whole.extend_from_slice(&data);
        }
    }
    Ok(whole.freeze())
}

/// An answer in one piece.
pub fn whole(content_type: &'static str, status: StatusCode, body: Bytes) -> Response<AnswerBody> {
    let body: AnswerBody = Box::pin(Full::new(body).map_err(|never| match never {}));
    respond(content_type, status, body)
}

/// An answer in pieces, as a stream of server-sent events.
pub fn events(body: AnswerBody) -> Response<AnswerBody> {
    respond("text/event-stream", StatusCode::OK, body)
}

fn plain(status: StatusCode, text: String) -> Response<AnswerBody> {
    whole("text/plain; charset=utf-8", status, text.into())
}

fn respond(
    content_type: &'static str,
    status: StatusCode,
    body: AnswerBody,
) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let value = hyper::header::HeaderValue::from_static(content_type);
    response
        .headers_mut()
        .insert(hyper::header::CONTENT_TYPE, value);
    response
}
