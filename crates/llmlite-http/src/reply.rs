//! Building answers.

use bytes::Bytes;
use hyper::{
    Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue},
};
use tokio::sync::mpsc;

use crate::{RequestId, body::Body, request_id};

/// A JSON document.
pub fn json(status: StatusCode, document: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::whole(document));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Server-sent events, each piece sent as it comes, and nothing on the way may hold them back.
pub fn events(pieces: mpsc::Receiver<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::Pieces(pieces));
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// Puts the id of the request into the answer's headers.
pub fn identify(response: &mut Response<Body>, id: &RequestId) {
    set(
        response,
        HeaderName::from_static(request_id::HEADER),
        id.as_str(),
    );
}

/// Sets a header, unless `value` holds a character that no header may hold.
pub fn set(response: &mut Response<Body>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
