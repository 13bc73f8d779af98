//! What clients are told when a request is refused, and why a body could not be read.

use serde::Serialize;
use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use crate::locate;

/// The body of every refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorObject,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorObject {
    /// For people.
    pub message: String,
    /// The family of the error, such as `invalid_request_error`.
    pub r#type: Cow<'static, str>,
    /// The field that is wrong, such as `messages[2].content`; else `null`.
    pub param: Option<String>,
    /// For programs, such as `model_not_found`; else `null`.
    pub code: Option<Cow<'static, str>>,
    /// The id under which the request is logged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl ErrorBody {
    /// An error of family `kind`, with nothing but a message.
    pub fn new(kind: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            error: ErrorObject {
                message: message.into(),
                r#type: kind.into(),
                param: None,
                code: None,
                request_id: None,
            },
        }
    }

    /// Names the field that is wrong.
    #[must_use]
    pub fn with_param(mut self, param: Option<String>) -> Self {
        self.error.param = param;
        self
    }

    /// Sets the code for programs.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.error.code = Some(code.into());
        self
    }

    /// Sets the id under which the request is logged.
    #[must_use]
    pub fn with_request_id(mut self, request_id: impl Into<String>) -> Self {
        self.error.request_id = Some(request_id.into());
        self
    }
}

/// Why a request body could not be read.
///
/// The message holds no text of the client's prompts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestError {
    /// The field that is wrong, as a path such as `messages[2].content`.
    pub param: Option<String>,
    /// What is wrong with it.
    pub message: String,
    /// The family of the fault.
    pub kind: RequestErrorKind,
}

/// The family of a fault in a request body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestErrorKind {
    /// The body is not JSON, is cut off, or is nested too deeply.
    NotJson,
    /// The body is JSON, but a field is missing, doubled or of the wrong type.
    Invalid,
}

/// Text of the client for an error message: quoted, and at most 40 characters of it.
///
/// ```
/// use llmlite_openai::error::excerpt;
///
/// assert_eq!(excerpt("wizard"), r#""wizard""#);
/// assert_eq!(excerpt(&"x".repeat(41)), format!(r#""{}"…"#, "x".repeat(40)));
/// ```
pub fn excerpt(text: &str) -> String {
    const LONGEST: usize = 40;
    match text.char_indices().nth(LONGEST) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.param, self.kind) {
            (Some(param), RequestErrorKind::Invalid) => write!(f, "{param}: {}", self.message),
            _ => f.write_str(&self.message),
        }
    }
}

impl Error for RequestError {}

impl RequestError {
    /// Finds out which field of `body` the JSON reader's `error` is about.
    pub(crate) fn at(body: &[u8], error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let position = text.rfind(" at line ").unwrap_or(text.len());
        let (text, position) = text.split_at(position);
        if !error.is_data() {
            let message = format!("the body is not valid JSON: {text}{position}");
            return Self {
                param: None,
                message,
                kind: RequestErrorKind::NotJson,
            };
        }
        let path = locate::path(body, error.line(), error.column());
        let (field, message) = plain(text);
        let param = match (path.is_empty(), field) {
            (true, None) => None,
            (true, Some(field)) => Some(field.to_owned()),
            (false, None) => Some(path),
            (false, Some(field)) => Some(format!("{path}.{field}")),
        };
        Self {
            param,
            message,
            kind: RequestErrorKind::Invalid,
        }
    }
}

/// Splits serde's words into a field below the position (if any) and a message for people.
fn plain(text: &str) -> (Option<&str>, String) {
    if let Some(field) = text
        .strip_prefix("missing field `")
        .and_then(|rest| rest.strip_suffix('`'))
    {
        return (Some(field), format!("`{field}` is missing"));
    }
    if let Some(rest) = text.strip_prefix("field `")
        && let Some((field, message)) = rest.split_once("`: ")
    {
        return (Some(field), message.to_owned());
    }
    if text.starts_with("duplicate field `") {
        return (None, "the field is given twice".to_owned());
    }
    for prefix in ["invalid type: ", "invalid value: "] {
        if let Some(rest) = text.strip_prefix(prefix) {
            return (None, mismatch(rest));
        }
    }
    (None, text.to_owned())
}

/// `string "text of the client", expected f64` becomes `expected a number, got a string`.
fn mismatch(text: &str) -> String {
    let (got, expected) = text
        .rsplit_once(", expected ")
        .unwrap_or((text, "something else"));
    let expected = match expected {
        "f64" => "a number",
        "u64" | "u32" => "a whole number that is not negative",
        "i64" => "a whole number",
        "a sequence" => "a list",
        "a map" | "a JSON object" => "an object",
        "a boolean" => "true or false",
        other => other,
    };
    let got = match got.split([' ', '`']).next() {
        Some("string") => "a string",
        Some("sequence") => "a list",
        Some("map") => "an object",
        Some("null") => "null",
        Some("boolean") => "true or false",
        _ => got,
    };
    format!("expected {expected}, got {got}")
}
