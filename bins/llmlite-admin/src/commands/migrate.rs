//! `migrate`.

use llmlite_store::{Migrated, StoreConfig};
use serde::Serialize;

use crate::{failure::Failure, output::Output};

pub(super) async fn run(database: StoreConfig, output: Output) -> Result<(), Failure> {
    let migrated = llmlite_store::migrate(database).await?;
    let view = MigratedView::from(&migrated);
    output.answer(&view, || view.text())
}

/// What was done to the schema.
#[derive(Serialize)]
struct MigratedView {
    /// The migrations that were missing, in order.
    applied: Vec<String>,
    /// The newest migration that the database has now.
    version: u32,
    /// How many monthly partitions were missing.
    partitions: u32,
}

impl From<&Migrated> for MigratedView {
    fn from(migrated: &Migrated) -> Self {
        Self {
            applied: migrated.applied.clone(),
            version: migrated.version,
            partitions: migrated.partitions,
        }
    }
}

impl MigratedView {
    fn text(&self) -> String {
        let mut lines: Vec<_> = self
            .applied
            .iter()
            .map(|name| format!("applied {name}\n"))
            .collect();
        if self.partitions > 0 {
            lines.push(format!(
                "made {} monthly partitions of the ledger\n",
                self.partitions
            ));
        }
        lines.push(match self.applied.is_empty() {
            true => format!("the schema is up to date, at version {}\n", self.version),
            false => format!("the schema is at version {} now\n", self.version),
        });
        lines.concat()
    }
}
