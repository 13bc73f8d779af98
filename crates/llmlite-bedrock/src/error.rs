//! What the SDK's errors mean.

use std::{error::Error, sync::Arc, time::Duration};

use aws_sdk_bedrockruntime::{
    error::SdkError, operation::RequestId, types::error::ResponseStreamError,
};
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::DispatchFailure};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use hyper_util::client::legacy::Error as ClientError;
use llmlite_core::ports::backend::{BackendError, BackendErrorKind as Kind};

/// An error of a call, before any event of its answer.
pub(crate) fn of_call<E>(error: &SdkError<E, HttpResponse>) -> BackendError
where
    E: ProvideErrorMetadata + RequestId + Error + 'static,
{
    let Some(service) = error.as_service_error() else {
        return BackendError::new(kind_without_answer(error), chain(error));
    };
    let status = error.raw_response().map_or(500, |r| r.status().as_u16());
    let code = service.code();
    BackendError {
        said: service.message().map(str::to_owned),
        upstream_request_id: service.request_id().map(Arc::from),
        retry_after: error.raw_response().and_then(retry_after),
        ..BackendError::new(
            classify(code, service.message(), status),
            format!("{} with status {status}", code.unwrap_or("no code")),
        )
    }
}

fn kind_without_answer<E>(error: &SdkError<E, HttpResponse>) -> Kind {
    match error {
        SdkError::TimeoutError(_) => Kind::Timeout,
        SdkError::DispatchFailure(failure) => dispatch_kind(failure),
        SdkError::ResponseError(_) => Kind::BrokenStream,
        _ => Kind::NoCredentials,
    }
}

/// An error inside a stream: an exception frame, a broken frame, a broken connection.
pub(crate) fn of_stream<R>(error: &SdkError<ResponseStreamError, R>) -> BackendError
where
    R: std::fmt::Debug + 'static,
{
    let Some(exception) = error.as_service_error() else {
        return BackendError::new(Kind::BrokenStream, chain(error));
    };
    BackendError {
        said: exception.message().map(str::to_owned),
        ..BackendError::new(exception_kind(exception), "an exception in the stream")
    }
}

/// Exceptions in a stream carry no code, only their type.
fn exception_kind(exception: &ResponseStreamError) -> Kind {
    use ResponseStreamError as E;
    match exception {
        E::ThrottlingException(_) => Kind::Throttled,
        E::ServiceUnavailableException(_) => Kind::Overloaded,
        E::ModelStreamErrorException(_) => Kind::Model,
        E::ModelTimeoutException(_) => Kind::Timeout,
        E::ValidationException(_) => validation(exception.message().unwrap_or_default()),
        E::InternalServerException(_) => Kind::Internal,
        _ => classify(exception.code(), exception.message(), 500),
    }
}

fn classify(code: Option<&str>, message: Option<&str>, status: u16) -> Kind {
    let code = code.unwrap_or_default().to_ascii_lowercase();
    match code.trim_end_matches("exception") {
        "throttling" | "toomanyrequests" => Kind::Throttled,
        "servicequotaexceeded" => Kind::QuotaExceeded,
        "modelnotready" => Kind::NotReady,
        "serviceunavailable" => Kind::Overloaded,
        "internalserver" | "internalfailure" => Kind::Internal,
        "modelerror" | "modelstreamerror" => Kind::Model,
        "modeltimeout" => Kind::Timeout,
        "validation" => validation(message.unwrap_or_default()),
        "resourcenotfound" => Kind::Misconfigured,
        "accessdenied"
        | "unrecognizedclient"
        | "expiredtoken"
        | "invalidsignature"
        | "missingauthenticationtoken"
        | "incompletesignature"
        | "invalidclienttokenid" => Kind::AccessDenied,
        _ => by_status(status),
    }
}

/// An answer without a name that we know: from a proxy on the way, or a new one.
fn by_status(status: u16) -> Kind {
    match status {
        400 | 413 => Kind::Invalid,
        401 | 403 => Kind::AccessDenied,
        404 => Kind::Misconfigured,
        408 | 504 => Kind::Timeout,
        429 => Kind::Throttled,
        _ => Kind::Unexplained,
    }
}

fn validation(message: &str) -> Kind {
    const OVERFLOW: [&str; 5] = [
        "input is too long for requested model",
        "prompt is too long",
        "too many total text bytes",
        "input length and `max_tokens` exceed context limit",
        "maximum context length",
    ];
    const OUR_MISTAKE: [&str; 3] = [
        "provided model identifier is invalid",
        "on-demand throughput isn",
        "don't have access to the model with the specified model id",
    ];
    let message = message.to_ascii_lowercase();
    let has = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
    if has(&OVERFLOW) {
        Kind::ContextOverflow
    } else if has(&OUR_MISTAKE) {
        Kind::Misconfigured
    } else {
        Kind::Invalid
    }
}

/// A call that got no answer: whether it can have been billed depends on how far it got.
fn dispatch_kind(failure: &DispatchFailure) -> Kind {
    let mut cause: Option<&(dyn Error + 'static)> = failure
        .as_connector_error()
        .map(|e| e as &(dyn Error + 'static));
    let mut was_sent = failure.is_timeout() || failure.is_io();
    while let Some(error) = cause {
        if let Some(client) = error.downcast_ref::<ClientError>() {
            if client.is_connect() {
                return Kind::Unreachable;
            }
            was_sent = true;
        }
        if error.to_string().contains("connect timeout") {
            return Kind::Unreachable;
        }
        cause = error.source();
    }
    match (failure.is_timeout(), was_sent) {
        (true, _) => Kind::Timeout,
        (false, true) => Kind::BrokenStream,
        // It failed before there was a connection: nothing to sign with.
        (false, false) => Kind::NoCredentials,
    }
}

fn retry_after(response: &HttpResponse) -> Option<Duration> {
    let seconds = response.headers().get("retry-after")?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The error and its causes in one line, for the log.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: &str, message: &str, status: u16, want: Kind) {
        let code = (!code.is_empty()).then_some(code);
        assert_eq!(classify(code, Some(message), status), want);
    }

    #[test]
    #[rustfmt::skip]
    fn bedrocks_errors_are_told_apart() {
        check("ThrottlingException",          "slow down",                   429, Kind::Throttled);
        check("throttlingException",          "slow down",                   500, Kind::Throttled);
        check("ServiceQuotaExceededException","",                            400, Kind::QuotaExceeded);
        check("ModelNotReadyException",       "",                            429, Kind::NotReady);
        check("ServiceUnavailableException",  "",                            503, Kind::Overloaded);
        check("InternalServerException",      "",                            500, Kind::Internal);
        check("ModelErrorException",          "",                            424, Kind::Model);
        check("ModelTimeoutException",        "",                            408, Kind::Timeout);
        check("ValidationException",          "messages.0: bad",             400, Kind::Invalid);
        check("ValidationException",          "Input is too long for requested model.", 400, Kind::ContextOverflow);
        check("ValidationException",          "The provided model identifier is invalid.", 400, Kind::Misconfigured);
        check("ResourceNotFoundException",    "",                            404, Kind::Misconfigured);
        check("AccessDeniedException",        "",                            403, Kind::AccessDenied);
        check("ExpiredTokenException",        "",                            403, Kind::AccessDenied);
        check("ValidationException",          "You don't have access to the model with the specified model ID.", 400, Kind::Misconfigured);
        check("",                             "<html>",                      502, Kind::Unexplained);
        check("",                             "",                            429, Kind::Throttled);
        check("BrandNewException",            "",                            500, Kind::Unexplained);
    }
}
