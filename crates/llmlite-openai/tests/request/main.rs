//! What is read from a request, and what a client is told when it cannot be read.
#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failing helper fails its test"
)]

mod bounds;
mod conversation;
mod dialects;
mod errors;
mod hints;
mod properties;
mod settings;

use llmlite_openai::RequestErrorKind::{self, Invalid};
use llmlite_openai::{ChatRequest, RequestError};

/// Reads `body`, which must be a request.
#[track_caller]
fn parsed(body: &str) -> ChatRequest<'_> {
    match ChatRequest::parse(body.as_bytes()) {
        Ok(request) => request,
        Err(error) => panic!("{}: {error}", start(body)),
    }
}

/// The start of `body`, which may be too long to show.
fn start(body: &str) -> String {
    body.chars().take(300).collect()
}

/// A request with `field` among others.
fn with_field(field: &str) -> String {
    format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}],{field},"user":"u"}}"#)
}

/// A request with these messages.
fn with_messages(messages: &str) -> String {
    format!(r#"{{"model":"m","messages":{messages}}}"#)
}

/// Reads `body`, which must be refused.
#[track_caller]
fn error(body: &str) -> RequestError {
    match ChatRequest::parse(body.as_bytes()) {
        Ok(request) => panic!("{} was read: {request:?}", start(body)),
        Err(error) => error,
    }
}

/// Checks that `body` is refused at `param` with words that contain `message`.
#[track_caller]
fn refused(body: &str, kind: RequestErrorKind, param: Option<&str>, message: &str) {
    let error = error(body);
    assert_eq!(
        (error.kind, error.param.as_deref()),
        (kind, param),
        "{}: {error}",
        start(body)
    );
    assert!(error.message.contains(message), "{}: {error}", start(body));
}

/// Checks that `field` in a request is refused at `param`.
#[track_caller]
fn refused_field(field: &str, param: &str, message: &str) {
    refused(&with_field(field), Invalid, Some(param), message);
}

/// Checks that `messages` are refused at `param`.
#[track_caller]
fn refused_messages(messages: &str, param: &str, message: &str) {
    refused(&with_messages(messages), Invalid, Some(param), message);
}
