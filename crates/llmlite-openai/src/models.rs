//! The answers of `GET /v1/models` and `GET /v1/models/{id}`.

use serde::Serialize;

/// All models that the caller may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelList {
    object: &'static str,
    /// The models, in the order they are shown.
    pub data: Vec<ModelObject>,
}

impl ModelList {
    /// A list of `data`.
    pub fn new(data: Vec<ModelObject>) -> Self {
        Self {
            object: "list",
            data,
        }
    }
}

/// One model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelObject {
    /// The name that a request puts into `model`.
    pub id: String,
    object: &'static str,
    /// When the model was published, in Unix seconds.
    pub created: i64,
    /// Who made the model.
    pub owned_by: String,
}

impl ModelObject {
    /// The model `id`, published at `created` (Unix seconds) by `owned_by`.
    pub fn new(id: impl Into<String>, created: i64, owned_by: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            object: "model",
            created,
            owned_by: owned_by.into(),
        }
    }
}
