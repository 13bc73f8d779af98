//! The catalogue of models: read at the start, and again when it has changed.

use std::{error::Error, fs, path::PathBuf, sync::Arc};

use llmlite_core::{
    catalogue::{Catalogue, ResidencyPolicy, ServedCatalogue},
    changes::{Change, ChangeListener},
};
use llmlite_edge::ServedModels;
use llmlite_store::Store;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

/// Where the catalogue comes from.
pub(crate) struct Source {
    pub(crate) store: Store,
    /// The operator's own models.
    pub(crate) file: Option<PathBuf>,
    pub(crate) residency: ResidencyPolicy,
    pub(crate) region: String,
}

impl Source {
    /// The catalogue of the program, changed by the database's rows, changed by the operator's
    /// file, and cut to what the residency allows.
    pub(crate) async fn read(&self) -> Result<ServedCatalogue, Box<dyn Error + Send + Sync>> {
        let rows = self.store.model_overrides().await?;
        let mut catalogue = Catalogue::embedded().overlaid_with(rows);
        if let Some(path) = &self.file {
            let text = fs::read_to_string(path)
                .map_err(|e| format!("the catalogue {} cannot be read: {e}", path.display()))?;
            catalogue = catalogue.overlaid_with(Catalogue::parse(&text)?);
        }
        let served = ServedCatalogue::new(&catalogue, &self.residency, &self.region)?;
        info!(
            models = served.listed().len(),
            residency = %self.residency.default,
            region = self.region,
            "the catalogue is read"
        );
        Ok(served)
    }

    /// Reads it again whenever `changed` says so, until `over`. One that contradicts itself changes
    /// nothing: what was served goes on being served.
    pub(crate) async fn follow(
        self,
        models: ServedModels,
        changed: Arc<Changed>,
        over: CancellationToken,
    ) {
        loop {
            tokio::select! {
                () = changed.0.notified() => {}
                () = over.cancelled() => return,
            }
            match self.read().await {
                Ok(catalogue) => models.replace(catalogue),
                Err(problem) => {
                    error!(problem, "the catalogue stays as it was");
                }
            }
        }
    }
}

/// Hears that the catalogue may have changed.
#[derive(Default)]
pub(crate) struct Changed(Notify);

impl ChangeListener for Changed {
    fn changed(&self, changes: &[Change]) {
        let concerns = |change: &Change| matches!(change, Change::Models | Change::Anything);
        if changes.iter().any(concerns) {
            self.0.notify_one();
        }
    }
}
