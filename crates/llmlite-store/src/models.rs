//! The operator's entries of the model catalogue.

use llmlite_core::{catalogue::Catalogue, ports::StoreError};
use serde_json::{Value, json};

use crate::store::Store;

impl Store {
    /// The operator's entries, in the order in which they were given; lay them over
    /// [`Catalogue::embedded`].
    ///
    /// # Errors
    ///
    /// [`StoreError::Corrupt`] when an entry is none, such as one of a newer release.
    pub async fn model_overrides(&self) -> Result<Catalogue, StoreError> {
        let corrupt = StoreError::Corrupt {
            what: "models.entry",
        };
        let rows = self.lookup(LIST, &[]).await?;
        let entries: Result<Vec<Value>, _> = rows.iter().map(|row| row.try_get(0)).collect();
        let Ok(entries) = entries else {
            return Err(corrupt);
        };
        Catalogue::parse(&json!({ "models": entries }).to_string()).map_err(|_| corrupt)
    }

    /// Makes these the operator's entries, all in one step; those that were there and are not
    /// among them are removed.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached or refuses.
    pub async fn replace_model_overrides(&self, models: &Catalogue) -> Result<(), StoreError> {
        let entries: Result<Vec<Value>, _> =
            models.models.iter().map(serde_json::to_value).collect();
        let entries = entries.map_err(|_| StoreError::Corrupt {
            what: "an entry of the catalogue",
        })?;
        self.lookup(REPLACE, &[&entries]).await?;
        Ok(())
    }
}

const LIST: &str = "\
-- models.list
SELECT entry FROM models ORDER BY position, name";

const REPLACE: &str = "\
-- models.replace
WITH given AS (
    SELECT entry ->> 'name' AS name, (place - 1)::int4 AS position, entry
      FROM unnest($1::jsonb[]) WITH ORDINALITY AS t(entry, place)),
gone AS (
    DELETE FROM models WHERE name NOT IN (SELECT name FROM given))
INSERT INTO models (name, position, entry)
SELECT name, position, entry FROM given
ON CONFLICT (name) DO UPDATE
   SET position = excluded.position, entry = excluded.entry, updated_at = now()";
