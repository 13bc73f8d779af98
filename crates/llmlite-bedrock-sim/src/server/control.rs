//! The control endpoint: what tests in other languages have instead of the library.
//!
//! `POST /_sim/script` changes the named members of the script, `GET` and `DELETE` of
//! `/_sim/bill` and `/_sim/requests` show and empty them.

use hyper::{Method, Response, StatusCode, header::CONTENT_TYPE};
use serde_json::{Value, json};

use crate::{script::Script, service::Service};

use super::{SimBody, finish};

pub(super) fn handle(
    service: &Service,
    method: &Method,
    path: &str,
    body: &[u8],
) -> Response<SimBody> {
    match (method.as_str(), path) {
        ("GET", "bill") => reply(StatusCode::OK, &json!(service.bill.lines())),
        ("DELETE", "bill") => {
            service.bill.clear();
            reply(StatusCode::OK, &json!([]))
        }
        ("GET", "requests") => {
            let shown = service
                .records
                .all()
                .iter()
                .map(|request| request.shown())
                .collect();
            reply(StatusCode::OK, &Value::Array(shown))
        }
        ("DELETE", "requests") => {
            service.records.clear();
            reply(StatusCode::OK, &json!([]))
        }
        ("GET", "script") => reply(StatusCode::OK, &public(&service.script())),
        ("POST", "script") => match changed(&service.script(), body) {
            Ok(script) => {
                let shown = public(&script);
                service.play(script);
                reply(StatusCode::OK, &shown)
            }
            Err(error) => reply(
                StatusCode::BAD_REQUEST,
                &json!({"message": error.to_string()}),
            ),
        },
        _ => reply(
            StatusCode::NOT_FOUND,
            &json!({"message": "the simulator has no such control"}),
        ),
    }
}

/// The script with the members that `body` names; faults and answers that were used up come back
/// only when they are named again.
fn changed(script: &Script, body: &[u8]) -> Result<Script, serde_json::Error> {
    let change: serde_json::Map<String, Value> = serde_json::from_slice(body)?;
    let spent = Script {
        faults: Vec::new(),
        answers: Vec::new(),
        ..script.clone()
    };
    let mut whole = serde_json::to_value(spent)?;
    if let Value::Object(members) = &mut whole {
        members.extend(change);
    }
    serde_json::from_value(whole)
}

/// The script as it may be shown: without the secret.
fn public(script: &Script) -> Value {
    json!(Script {
        secret: None,
        ..script.clone()
    })
}

fn reply(status: StatusCode, body: &Value) -> Response<SimBody> {
    let head = Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "application/json");
    finish(head, SimBody::whole(body.to_string().into()))
}
