//! What the simulator was sent.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use serde_json::{Value, json};

/// One request as it arrived, and how it was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedRequest {
    /// Bedrock's id of the request, as in `x-amzn-requestid`.
    pub request_id: String,
    /// The last part of the path: `invoke`, `converse-stream`, ...
    pub operation: String,
    /// The model id of the path, percent-decoded.
    pub model: String,
    /// Names in lower case and values, in the order of the wire; without credentials.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte.
    pub body: Bytes,
    /// Status of the answer, or `None` when a fault left it without one.
    pub status: Option<u16>,
}

impl RecordedRequest {
    /// The body as JSON, or null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The form in which the control endpoint shows it.
    pub(crate) fn shown(&self) -> Value {
        json!({
            "request_id": self.request_id,
            "operation": self.operation,
            "model": self.model,
            "headers": self.headers,
            "body": self.json(),
            "status": self.status,
        })
    }
}

#[derive(Debug, Default)]
pub(crate) struct Records(Mutex<VecDeque<RecordedRequest>>);

impl Records {
    /// Remembers a request and forgets those beyond the newest `most`.
    pub(crate) fn add(&self, request: RecordedRequest, most: usize) {
        let mut requests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        requests.push_back(request);
        let beyond = requests.len().saturating_sub(most);
        requests.drain(..beyond);
    }

    pub(crate) fn all(&self) -> Vec<RecordedRequest> {
        let requests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        requests.iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}
