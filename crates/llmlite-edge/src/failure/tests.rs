use llmlite_core::ports::backend::BackendErrorKind as Kind;

use super::*;

mod limits;
mod page;

#[track_caller]
fn check(failure: &Failure, status: u16, kind: &str, code: &str, words: &str) {
    let answer = failure.explained();
    assert_eq!(answer.status.as_u16(), status);
    assert_eq!(answer.kind, kind);
    assert_eq!(answer.code, Some(code));
    assert!(answer.message.contains(words), "{}", answer.message);
}

fn denied(denial: Denial) -> Failure {
    Failure::denied(denial, &Arc::default(), None)
}

fn backend(kind: Kind) -> Failure {
    Failure::Backend(BackendError {
        said: Some("for arn:aws:bedrock:eu-west-2:123456789012:x".into()),
        ..BackendError::new(kind, "secret")
    })
}

#[test]
#[rustfmt::skip]
fn each_failure_has_its_status_and_code() {
    let invalid = "invalid_request_error";
    let server = "server_error";
    let unavailable = || StoreError::Unavailable("down".into());
    check(&CredentialError::Missing.into(),   401, invalid, "invalid_api_key", "is needed");
    check(&CredentialError::Malformed.into(), 401, invalid, "invalid_api_key", "cannot be read");
    check(&CredentialError::Ambiguous.into(), 400, invalid, "ambiguous_api_key", "two different");
    check(&Failure::UnknownKey,               401, invalid, "invalid_api_key", "unknown, revoked or expired");
    check(&denied(Denial::KeyRevoked),         401, invalid, "invalid_api_key", "unknown, revoked or expired");
    check(&denied(Denial::KeyExpired),         401, invalid, "invalid_api_key", "unknown, revoked or expired");
    check(&denied(Denial::LedgerFull),         503, server,  "temporarily_unavailable", "database");
    check(&denied(Denial::NotListed),          503, server,  "temporarily_unavailable", "database");
    check(&Failure::Cut,                      401, invalid, "invalid_api_key", "was revoked while");
    check(&Failure::NoSuchRoute,              404, invalid, "not_found", "/v1");
    check(&Failure::WrongMethod { allowed: Method::POST }, 405, invalid, "method_not_allowed", "POST");
    check(&Failure::MediaType,                415, invalid, "unsupported_media_type", "application/json");
    check(&Failure::Header { header: HeaderName::from_static("x-llmlite-cache"), values: ["auto", "off"] },
                                              400, invalid, "invalid_header", "x-llmlite-cache takes one of two values: auto or off");
    check(&ReadError::TooLarge { limit: 9 }.into(), 413, invalid, "request_too_large", "at most 9 bytes");
    check(&ReadError::TooSlow.into(),         408, invalid, "request_timeout", "in time");
    check(&Failure::UnknownModel { model: "x\ny".into() }, 404, invalid, "model_not_found", "\"xy\"");
    check(&Failure::Residency { model: "m".into(), needs: Residency::Eu, allowed: Residency::InRegion },
                                              403, invalid, "model_not_allowed", "\"in-region\"; its operator");
    check(&unavailable().into(),              503, server,  "temporarily_unavailable", "try again");
    check(&StoreError::Corrupt { what: "row" }.into(), 500, server, "internal_error", "failed");
    check(&backend(Kind::Throttled),          429, "rate_limit_error", "rate_limit_exceeded", "limits");
    check(&backend(Kind::QuotaExceeded),      429, "rate_limit_error", "rate_limit_exceeded", "quota");
    check(&backend(Kind::NotReady),           503, server,  "model_not_ready", "ready");
    check(&backend(Kind::Overloaded),         503, server,  "overloaded", "capacity");
    check(&backend(Kind::Internal),           502, server,  "upstream_error", "Bedrock failed");
    check(&backend(Kind::Model),              502, server,  "model_error", "failed");
    check(&backend(Kind::Timeout),            504, server,  "timeout", "in time");
    check(&backend(Kind::Invalid),            400, invalid, "invalid_request", "for [resource]");
    check(&backend(Kind::ContextOverflow),    400, invalid, "context_length_exceeded", "prompt is too long");
    check(&backend(Kind::Misconfigured),      502, server,  "upstream_misconfigured", "operator");
    check(&backend(Kind::AccessDenied),       502, server,  "upstream_access_denied", "operator");
    check(&backend(Kind::Unreachable),        502, server,  "upstream_unreachable", "reached");
    check(&backend(Kind::NoCredentials),      502, server,  "upstream_access_denied", "credentials");
    check(&backend(Kind::BrokenStream),       502, server,  "upstream_error", "broke off");
    check(&backend(Kind::Unexplained),        502, server,  "upstream_error", "broke off");
    let usage = llmlite_translator::Usage::default();
    for reason in ["malformed_tool_use", "malformed_model_output"] {
        check(&Failure::Decode(DecodeError::ModelFault { reason, usage }), 502, server, reason, "malformed");
        check(&Failure::Stream(StreamError::ModelFault { reason }),        502, server, reason, "malformed");
    }
    check(&Failure::Stream(StreamError::Truncated), 502, server, "upstream_error", "broke off");
    check(&Failure::Busy,                     503, server,  "overloaded", "under way");
    check(&Failure::Lost,                     500, server,  "internal_error", "failed");
}

#[test]
fn an_answer_carries_the_request_id_and_what_a_client_should_do() {
    let id = RequestId::new();
    let response = backend(Kind::Throttled).answer(Dialect::Chat, &id);
    assert_eq!(response.headers()["retry-after"], "2");
    assert_eq!(response.headers()["retry-after-ms"], "2000");
    let response = Failure::UnknownKey.answer(Dialect::Chat, &id);
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
    assert_eq!(response.headers()["x-should-retry"], "false");
    let body = serde_json::to_value(Failure::UnknownKey.in_stream(Dialect::Chat, &id)).unwrap();
    assert_eq!(body["error"]["request_id"], id.as_str());
    let response = Failure::WrongMethod {
        allowed: Method::GET,
    }
    .answer(Dialect::Chat, &id);
    assert_eq!(response.headers()["allow"], "GET");
}

#[test]
fn what_may_have_been_paid_for_is_not_to_be_tried_again_by_itself() {
    let should_retry = |failure: Failure| {
        let response = failure.answer(Dialect::Chat, &RequestId::new());
        response.headers().get("x-should-retry").is_none()
    };
    assert!(should_retry(backend(Kind::Throttled)));
    assert!(should_retry(backend(Kind::Internal)));
    assert!(!should_retry(backend(Kind::Timeout)));
    assert!(!should_retry(backend(Kind::BrokenStream)));
    assert!(!should_retry(backend(Kind::QuotaExceeded)));
    assert!(!should_retry(denied(Denial::KeyRevoked)));
    assert!(!should_retry(Failure::Cut));
}

#[test]
#[rustfmt::skip]
fn a_failure_names_the_field_as_the_client_does() {
    let check = |dialect, failure: Failure, param: &str, start: &str| {
        let body = serde_json::to_value(failure.in_stream(dialect, &RequestId::new())).unwrap();
        assert_eq!(body["error"]["param"], param);
        let message = body["error"]["message"].as_str().unwrap();
        assert!(message.starts_with(start), "{message}");
    };
    let read = |param: &str| Failure::Request(RequestError {
        param: Some(param.to_owned()),
        message: "it is wrong".to_owned(),
        kind: llmlite_openai::RequestErrorKind::Invalid,
    });
    let encode = || Failure::Encode(EncodeError::NoUserMessage);
    let (chat, text) = (Dialect::Chat, Dialect::Text);
    check(chat, encode(),                       "messages",              "messages: at least");
    check(text, encode(),                       "prompt",                "prompt: at least");
    check(text, read("messages[0].content"),    "prompt",                "prompt: it is wrong");
    check(chat, read("messages[0].content"),    "messages[0].content",   "messages[0].content: it");
    check(text, read("messages_of_mine"),       "messages_of_mine",      "messages_of_mine: it");
    check(text, read("max_completion_tokens"),  "max_completion_tokens", "max_completion_tokens: it");
    check(text, backend(Kind::ContextOverflow), "prompt",                "prompt is too long");
    check(chat, backend(Kind::ContextOverflow), "messages",              "prompt is too long");
}
