//! The models that may be called, which can change while requests run.

use std::sync::{Arc, PoisonError, RwLock};

use llmlite_core::catalogue::ServedCatalogue;

/// The catalogue of the moment. Its clones are the same one.
///
/// A request goes by the catalogue that was there when it came: its prices stay as they were.
#[derive(Debug, Clone)]
pub struct ServedModels(Arc<RwLock<Arc<ServedCatalogue>>>);

impl ServedModels {
    /// Begins with this one.
    pub fn new(catalogue: ServedCatalogue) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(catalogue))))
    }

    /// The present one.
    pub fn now(&self) -> Arc<ServedCatalogue> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on this one.
    pub fn replace(&self, catalogue: ServedCatalogue) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(catalogue);
    }
}
