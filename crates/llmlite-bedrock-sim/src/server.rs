//! HTTP/1.1 around the service.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::{
    Method, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderValue},
    http::response::Builder,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    time::{Instant, sleep},
};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::{
    error::Refusal,
    faults::{Midway, Mischief},
    service::{Call, Operation, Outcome, Service, facts::decoded},
    wire::{Dialect, Reply},
};

use self::body::{Ending, SimBody};

mod body;
mod control;

/// The longest body that Bedrock takes.
const MOST_BYTES: usize = 25_000_000;
/// Pause after a failed accept, which is a want of file descriptors mostly.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// Serves until it is dropped, and all connections with it.
pub(crate) async fn run(listener: TcpListener, service: Arc<Service>) {
    let connections = TaskTracker::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(serve_connection(stream, Arc::clone(&service)));
            }
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn serve_connection(stream: TcpStream, service: Arc<Service>) {
    // Without it small events would wait for the acknowledgement of earlier ones.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let handler = service_fn(|request| {
        let service = Arc::clone(&service);
        async move { Ok::<_, Infallible>(handle(&service, request).await) }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), handler);
    // A client that leaves, and a body that breaks off on purpose, both end in an error here.
    drop(connection.await);
}

async fn handle(service: &Service, request: hyper::Request<Incoming>) -> Response<SimBody> {
    let started = Instant::now();
    let request_id = Uuid::now_v7().to_string();
    let (parts, body) = request.into_parts();
    let refuse = |refusal: &Refusal| refused(&request_id, refusal);

    let Ok(body) = Limited::new(body, MOST_BYTES).collect().await else {
        return refuse(&Refusal::validation(
            "The request body is longer than 25000000 bytes",
        ));
    };
    let body = body.to_bytes();
    let path = parts.uri.path();
    if let Some(control) = path.strip_prefix("/_sim/") {
        return control::handle(service, &parts.method, control, &body);
    }
    let target = path
        .strip_prefix("/model/")
        .and_then(|rest| rest.rsplit_once('/'));
    let operation = target.and_then(|(_, name)| Operation::named(name));
    let (Some((model, _)), Some(operation), &Method::POST) = (target, operation, &parts.method)
    else {
        return refuse(&Refusal::new(
            404,
            "UnknownOperationException",
            "The requested operation is not known",
        ));
    };
    let call = Call {
        request_id: &request_id,
        operation,
        model: &decoded(model),
        parts: &parts,
        body: &body,
    };
    match service.call(&call) {
        Outcome::Refused(refusal) => refuse(&refusal),
        Outcome::Silence => std::future::pending().await,
        Outcome::Count(tokens) => {
            let counted = format!(r#"{{"inputTokens":{tokens}}}"#);
            finish(headed(200, &request_id), SimBody::whole(counted.into()))
        }
        Outcome::Whole { reply, mischief } => {
            if let Some(pause) = mischief.first_pause {
                sleep(pause).await;
            }
            whole(&request_id, &reply, &mischief, started.elapsed())
        }
        Outcome::Stream {
            reply,
            steps,
            mischief,
        } => {
            let dialect = reply.dialect;
            let body = SimBody::events(reply, steps, mischief, started);
            finish(streaming(dialect, &request_id), body)
        }
        Outcome::ExceptionFrame(kind) => {
            let Operation::Answer { dialect, .. } = operation else {
                return refuse(&Refusal::validation("only answers are streamed"));
            };
            let body = SimBody::broken(body::exception_frame(&kind), None, Ending::Proper);
            finish(streaming(dialect, &request_id), body)
        }
    }
}

/// An answer in one piece, or the half of it that a fault leaves.
fn whole(
    request_id: &str,
    reply: &Reply,
    mischief: &Mischief,
    latency: Duration,
) -> Response<SimBody> {
    let mut head = headed(200, request_id);
    if reply.dialect == Dialect::Invoke {
        head = counted(head, reply, latency);
    }
    let text = reply.whole(latency.as_millis());
    let text = match mischief.spoil {
        Some(spoil) => Bytes::from(spoil.apply(&text)),
        None => Bytes::from(text),
    };
    let half = text.slice(..text.len() / 2);
    let length = Some(text.len() as u64);
    let body = match &mischief.midway {
        Some(Midway::Cut) => SimBody::broken(half, length, Ending::Broken),
        Some(Midway::Stall) => SimBody::broken(half, length, Ending::Silent),
        Some(Midway::Truncate | Midway::Malformed) => SimBody::broken(half, None, Ending::Proper),
        Some(Midway::Exception(_) | Midway::ErrorFrame) | None => SimBody::whole(text),
    };
    finish(head, body)
}

/// The token counts, which `InvokeModel` gives in headers since its body is the model's own.
fn counted(head: Builder, reply: &Reply, latency: Duration) -> Builder {
    let latency = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
    head.header("x-amzn-bedrock-input-token-count", reply.usage.input)
        .header(
            "x-amzn-bedrock-output-token-count",
            reply.answer.output_tokens,
        )
        .header(
            "x-amzn-bedrock-cache-read-input-token-count",
            reply.usage.cache_read,
        )
        .header(
            "x-amzn-bedrock-cache-write-input-token-count",
            reply.usage.cache_write(),
        )
        .header("x-amzn-bedrock-invocation-latency", latency)
}

fn streaming(dialect: Dialect, request_id: &str) -> Builder {
    let head = Response::builder()
        .header("x-amzn-requestid", request_id)
        .header(
            CONTENT_TYPE,
            HeaderValue::from_static("application/vnd.amazon.eventstream"),
        );
    match dialect {
        Dialect::Invoke => head.header("x-amzn-bedrock-content-type", "application/json"),
        Dialect::Converse => head,
    }
}

fn refused(request_id: &str, refusal: &Refusal) -> Response<SimBody> {
    let head = headed(refusal.status, request_id).header("x-amzn-errortype", &refusal.kind);
    let body = serde_json::json!({"message": refusal.message}).to_string();
    finish(head, SimBody::whole(body.into()))
}

fn headed(status: u16, request_id: &str) -> Builder {
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .header("x-amzn-requestid", request_id)
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
}

/// Joins head and body; a fault's name that is no header value leaves the head empty.
fn finish(head: Builder, body: SimBody) -> Response<SimBody> {
    head.body(body).unwrap_or_else(|_| {
        let mut bare = Response::new(SimBody::whole(Bytes::new()));
        *bare.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        bare
    })
}
