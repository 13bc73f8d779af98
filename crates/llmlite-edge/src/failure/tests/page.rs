//! `docs/errors.md` is written from what the code answers, and compared here; with
//! `LLMLITE_BLESS` set it is rewritten.

use std::{collections::BTreeMap, fmt::Write, fs, path::Path};

use hyper::HeaderMap;
use llmlite_core::{
    ids::{KeyId, TeamId},
    limits::{Measure, Period, Subject},
};
use llmlite_policy::limiter::{Frees, Reason, Refusal};

use super::{
    limits::{exceeded, limited, month_end, refusal},
    *,
};

const INTRODUCTION: &str = "\
# Errors

This page is written by a test, from what the gateway answers: `cargo xtask bless` rewrites it.

The body of an error is OpenAI's: `{\"error\": {\"message\", \"type\", \"param\", \"code\", \"request_id\"}}`.
`request_id` is also in the header `x-request-id`, and in the operator's log.
An error in the middle of a stream is one `data:` line with the same body; the stream ends after it, without `[DONE]`.

The header `x-should-retry: false` says that another try is in vain, or might be paid for twice; the SDKs of OpenAI and Anthropic obey it.
The headers `retry-after` (seconds, rounded up) and `retry-after-ms` say when another try makes sense.

";

const OF_LIMITS: &str = "
## When a limit refuses

`docs/limits.md` explains how limits work.
A request that is refused never reaches Bedrock, costs nothing, and counts towards no limit.
The message tells of the one limit that refused: whom it binds, how it stands, what this request needs at most, when there is room again, and whom to ask, if the operator has said so.
Of a team, a user or the organisation it tells the totals, and never who used them.
Amounts are US dollars; a budget's ceiling includes what it may be overdrawn by.
The operator can have budgets refused with 429 in place of 402 (`--budget-status 429`): all else stays the same.

";

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "whoever runs the tests says so in the environment"
)]
fn the_page_about_errors_says_what_is_answered() {
    let mut page = INTRODUCTION.to_owned();
    table(&mut page);
    page.push_str(OF_LIMITS);
    for (what, failure) in of_limits() {
        example(&mut page, what, &failure);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md");
    if std::env::var_os("LLMLITE_BLESS").is_some() {
        fs::write(&path, page).unwrap();
        return;
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/errors.md is not what the gateway answers: run `cargo xtask bless` and review it"
    );
}

/// One row for each status, code and advice, with all that leads to it.
fn table(page: &mut String) {
    let mut rows: BTreeMap<(u16, &str, &str), Vec<&str>> = BTreeMap::new();
    let limits = of_limits()
        .into_iter()
        .map(|(what, failure)| (failure, what));
    for (failure, when) in all().into_iter().chain(limits) {
        let answer = failure.explained();
        let code = answer.code.expect("every error has a code");
        let status = answer.status.as_u16();
        let again = advice(failure.answer(Dialect::Chat, &RequestId::new()).headers());
        let whens = rows.entry((status, code, again)).or_default();
        if !whens.contains(&when) {
            whens.push(when);
        }
    }
    page.push_str("| status | `code` | when | try again |\n| --- | --- | --- | --- |\n");
    for ((status, code, again), whens) in rows {
        let when = whens.join("; ");
        writeln!(page, "| {status} | `{code}` | {when} | {again} |").unwrap();
    }
}

fn advice(headers: &HeaderMap) -> &'static str {
    if headers.contains_key("x-should-retry") {
        "no"
    } else if headers.contains_key("retry-after") {
        "after `retry-after`"
    } else if headers.contains_key("allow") {
        "with the method in `allow`"
    } else {
        "as the message says"
    }
}

fn example(page: &mut String, what: &str, failure: &Failure) {
    let id = RequestId::new();
    let response = failure.answer(Dialect::Chat, &id);
    let body = serde_json::to_string_pretty(&failure.in_stream(Dialect::Chat, &id)).unwrap();
    let body = body.replace(id.as_str(), "req_0199a4d2c6b17d3e8f5a6b7c8d9e0f1a");
    writeln!(page, "### {}{}\n", what[..1].to_uppercase(), &what[1..]).unwrap();
    writeln!(page, "```http\nHTTP/1.1 {}", response.status()).unwrap();
    for name in ["retry-after", "retry-after-ms", "x-should-retry"] {
        if let Some(value) = response.headers().get(name) {
            writeln!(page, "{name}: {}", value.to_str().unwrap()).unwrap();
        }
    }
    writeln!(page, "\n{body}\n```\n").unwrap();
}

fn of_limits() -> Vec<(&'static str, Failure)> {
    let (key, team) = (Subject::Key(KeyId(1)), Subject::Team(TeamId(2)));
    let month = Measure::Budget(Period::Month);
    let cent = 10_000_000;
    let told = |refusal| {
        let contact = Some(Arc::from("platform-team@example.org"));
        let budgets = BudgetRefusal::default();
        limited(refusal, Manner { contact, budgets })
    };
    let by = |subject, measure, numbers, frees| {
        told(refusal(exceeded(subject, measure, numbers), frees))
    };
    let without_limit = |reason| {
        told(Refusal {
            reason,
            limit: None,
            frees: Frees::In(Duration::from_secs(2)),
        })
    };
    let soon = Frees::In(Duration::from_millis(11_200));
    let at_month_end = Frees::At(month_end());
    let used_up = [2_000 * cent, 1_925 * cent, 50 * cent, 61 * cent];
    vec![
        (
            "a budget is used up, or too little of it is left",
            by(team, month, used_up, at_month_end),
        ),
        (
            "the request could cost more than a whole budget",
            by(key, month, [50 * cent, 0, 0, 61 * cent], at_month_end),
        ),
        (
            "too many requests in the last minute",
            by(key, Measure::RequestsPerMinute, [60, 60, 0, 1], soon),
        ),
        (
            "too many tokens in the last minute",
            by(
                team,
                Measure::TokensPerMinute,
                [100_000, 98_500, 0, 9_192],
                soon,
            ),
        ),
        (
            "the request may take more tokens than a minute ever allows",
            by(
                key,
                Measure::TokensPerMinute,
                [10_000, 0, 0, 40_000],
                Frees::Never,
            ),
        ),
        (
            "too many requests at a time",
            by(
                key,
                Measure::ParallelRequests,
                [4, 4, 0, 1],
                Frees::In(Duration::from_secs(1)),
            ),
        ),
        (
            "a limit is zero",
            by(key, Measure::RequestsPerMinute, [0, 0, 0, 1], Frees::Never),
        ),
        (
            "the database is away, and what the gateway may spend without it is used up",
            without_limit(Reason::StoreAway),
        ),
        (
            "this instance of the gateway is being stopped",
            without_limit(Reason::Draining),
        ),
    ]
}

#[rustfmt::skip]
fn all() -> Vec<(Failure, &'static str)> {
    let usage = llmlite_translator::Usage::default();
    let fault = |reason| Failure::Decode(DecodeError::ModelFault { reason, usage });
    let request = RequestError { param: None, message: String::new(), kind: llmlite_openai::RequestErrorKind::Invalid };
    let stopped = "the gateway was stopped before the answer had ended";
    let broke_off = "the model's answer broke off or could not be understood";
    let misconfigured = "the gateway's own access to Bedrock is wrong; its operator must act";
    vec![
        (Failure::Request(request),                     "the body is not JSON, or a field is wrong: `param` says which"),
        (backend(Kind::Invalid),                        "Bedrock found the request invalid"),
        (Failure::Header { header: HeaderName::from_static("x-llmlite-cache"), values: ["auto", "off"] },
                                                        "a header of the gateway's has a value that it does not take"),
        (backend(Kind::ContextOverflow),                "the conversation does not fit into the model's context"),
        (CredentialError::Ambiguous.into(),             "two headers carry two different keys"),
        (ReadError::Broken.into(),                      "the body broke off"),
        (CredentialError::Missing.into(),               "no key"),
        (CredentialError::Malformed.into(),             "a key that cannot be read"),
        (Failure::UnknownKey,                           "a key that is unknown, revoked or expired; which, is not told"),
        (Failure::Cut,                                  "a key that was revoked at once (`--now`) while the answer was on its way"),
        (Failure::Residency { model: "m".into(), needs: Residency::Eu, allowed: Residency::InRegion },
                                                        "the model is served only further away than the operator allows"),
        (Failure::UnknownModel { model: "m".into() },   "no such model, or not for this key"),
        (Failure::NoSuchRoute,                          "no such path"),
        (Failure::WrongMethod { allowed: Method::POST }, "the path takes another method"),
        (ReadError::TooSlow.into(),                     "the body did not arrive in time"),
        (ReadError::TooLarge { limit: 1 }.into(),       "the body is over the limit"),
        (Failure::MediaType,                            "the body is not declared as JSON"),
        (Failure::ContentEncoding,                      "the body is compressed"),
        (backend(Kind::Throttled),                      "Bedrock limits the gateway"),
        (backend(Kind::QuotaExceeded),                  "a quota of the gateway's account at Bedrock is used up"),
        (Failure::Lost,                                 "the gateway failed"),
        (backend(Kind::Internal),                       "Bedrock failed"),
        (Failure::Stream(StreamError::Truncated),       broke_off),
        (Failure::Decode(DecodeError::NoUsage),         broke_off),
        (backend(Kind::BrokenStream),                   broke_off),
        (backend(Kind::Unreachable),                    "Bedrock could not be reached"),
        (backend(Kind::Model),                          "the model failed"),
        (fault("malformed_tool_use"),                   "the model says itself that its answer is malformed; it is billed"),
        (fault("malformed_model_output"),               "the model says itself that its answer is malformed; it is billed"),
        (backend(Kind::AccessDenied),                   misconfigured),
        (backend(Kind::Misconfigured),                  misconfigured),
        (Failure::Store(StoreError::Unavailable("down".into())), "the database is away, and the key is not known without it"),
        (denied(Denial::LedgerFull),                    "the database is away, and no more usage can be kept for it"),
        (denied(Denial::NotListed),                     "the database is away, and a budget wants each request to be written there before it runs"),
        (backend(Kind::Overloaded),                     "Bedrock has no capacity"),
        (Failure::Busy,                                 "the gateway has as many requests under way as it takes"),
        (backend(Kind::NotReady),                       "the model is being made ready"),
        (Failure::Stopped,                              stopped),
        (backend(Kind::Timeout),                        "the model did not answer in time"),
    ]
}
