//! Limits: what was set on whom, what comes from defaults, and how they stand.

mod change;
mod state;

use std::{error::Error, time::SystemTime};

use async_trait::async_trait;
use llmlite_core::{
    ids::{KeyId, LimitId},
    keys::{KeyGrant, ModelScope},
    limits::{LimitSetting, Subject},
    ports::{
        StoreError,
        limits::{LimitChange, LimitDirectory, LimitState},
    },
};

use serde_json::Value;

use self::change::Changes;
use crate::{keys::scope, store::Store};

#[async_trait]
impl LimitDirectory for Store {
    async fn limits(&self, subject: Subject) -> Result<Vec<LimitSetting>, StoreError> {
        let (kind, id) = columns(subject);
        let rows = self.lookup(LIST, &[&kind, &id]).await?;
        let settings = rows
            .iter()
            .map(|row| serde_json::from_value(row.try_get(0).ok()?).ok());
        settings.collect::<Option<_>>().ok_or(StoreError::Corrupt {
            what: "a row of limits",
        })
    }

    async fn change_limits(
        &self,
        subject: Subject,
        changes: &[LimitChange],
    ) -> Result<(), StoreError> {
        let (kind, id) = columns(subject);
        let changes = Changes::of(changes).rows()?;
        let found = self.long(change::CHANGE, &[&kind, &id, &changes]).await?;
        is_there(found.len(), subject)
    }

    async fn models(&self, subject: Subject) -> Result<ModelScope, StoreError> {
        let (kind, id) = columns(subject);
        let rows = self.lookup(MODELS, &[&kind, &id]).await?;
        is_there(rows.len(), subject)?;
        let names = rows.first().map(|row| -> Result<_, Box<dyn Error>> {
            let list: Option<Value> = row.try_get(0)?;
            Ok(list.map(serde_json::from_value).transpose()?)
        });
        match names {
            Some(Ok(names)) => Ok(scope(names)),
            _ => Err(StoreError::Corrupt {
                what: "a list of models",
            }),
        }
    }

    async fn set_models(&self, subject: Subject, models: &ModelScope) -> Result<(), StoreError> {
        let names: Option<Vec<&str>> = match models {
            ModelScope::All => None,
            ModelScope::Only(names) => Some(names.iter().map(String::as_str).collect()),
        };
        let (sql, id) = match subject {
            Subject::Key(id) => (SET_KEY_MODELS, id.0),
            Subject::User(id) => (SET_USER_MODELS, id.0),
            Subject::Team(id) => (SET_TEAM_MODELS, id.0),
            Subject::Organisation => {
                self.lookup(SET_ORGANISATION_MODELS, &[&names]).await?;
                return Ok(());
            }
        };
        is_there(self.lookup(sql, &[&id, &names]).await?.len(), subject)
    }

    async fn set_expiry(&self, key: KeyId, at: Option<SystemTime>) -> Result<(), StoreError> {
        let rows = self.lookup(SET_EXPIRY, &[&key.0, &at]).await?;
        is_there(rows.len(), Subject::Key(key))
    }

    async fn grant(&self, key: KeyId) -> Result<Option<KeyGrant>, StoreError> {
        self.grant_of(key).await
    }

    async fn states(&self, limits: &[LimitId]) -> Result<Vec<LimitState>, StoreError> {
        state::states(self, limits).await
    }
}

/// A subject as the table has it.
fn columns(subject: Subject) -> (&'static str, Option<i64>) {
    match subject {
        Subject::Key(id) => ("key", Some(id.0)),
        Subject::User(id) => ("user", Some(id.0)),
        Subject::Team(id) => ("team", Some(id.0)),
        Subject::Organisation => ("organisation", None),
    }
}

fn is_there(found: usize, subject: Subject) -> Result<(), StoreError> {
    if found > 0 {
        return Ok(());
    }
    let (kind, id) = columns(subject);
    Err(StoreError::Missing {
        what: id.map_or_else(|| kind.to_owned(), |id| format!("{kind} {id}")),
    })
}

/// The subject of a row of `limits`, as JSON that `Subject` reads.
macro_rules! subject_json {
    ($row:literal) => {
        concat!(
            "CASE ",
            $row,
            ".subject_kind WHEN 'organisation' THEN '\"organisation\"'
              ELSE jsonb_build_object(",
            $row,
            ".subject_kind, ",
            $row,
            ".subject_id) END"
        )
    };
}

/// A ceiling, as JSON that `Ceiling` reads.
macro_rules! ceiling_json {
    ($ceiling:literal) => {
        concat!(
            "CASE WHEN ",
            $ceiling,
            " IS NULL THEN '\"unlimited\"' ELSE jsonb_build_object('at', ",
            $ceiling,
            ") END"
        )
    };
}

/// A row `l` of `limits`, as JSON that `Limit` reads.
macro_rules! limit_json {
    () => {
        concat!(
            "jsonb_build_object(
              'id', l.id,
              'scope', jsonb_build_object(
              'subject', ",
            $crate::limits::subject_json!("l"),
            ",
              'model', l.model),
              'measure', CASE l.measure WHEN 'budget' THEN jsonb_build_object('budget', l.period)
                                        ELSE to_jsonb(l.measure) END,
              'ceiling', ",
            $crate::limits::ceiling_json!("l.ceiling"),
            ",
              'raise', CASE WHEN l.raise_until IS NOT NULL THEN jsonb_build_object(
              'until', l.raise_until, 'to', ",
            $crate::limits::ceiling_json!("l.raise_to"),
            ") END,
              'overdraft', l.overdraft, 'fit', l.fit, 'shadow', l.shadow,
              'thresholds', l.thresholds, 'durability', l.durability)"
        )
    };
}

/// In which order the limits of a subject are told: budgets from the shortest to the longest.
macro_rules! rank {
    () => {
        "array_position(ARRAY['budget', 'requests_per_minute', 'tokens_per_minute',
                              'parallel_requests'], l.measure),
         array_position(ARRAY['day', 'week', 'month', 'financial_year', 'lifetime'], l.period)"
    };
}

pub(crate) use {ceiling_json, limit_json, rank, subject_json};

const LIST: &str = concat!(
    "-- limits.list
SELECT ",
    limit_json!(),
    " || jsonb_build_object('each', l.each, 'inherited_from', CASE WHEN d.id IS NOT NULL THEN ",
    subject_json!("d"),
    " END)
  FROM limits l
  LEFT JOIN limits d ON d.id = l.inherited_from
 WHERE l.subject_kind = $1 AND l.subject_id IS NOT DISTINCT FROM $2::bigint
 ORDER BY l.model NULLS FIRST,
          array_position(ARRAY['team', 'user', 'key'], l.each) NULLS FIRST, ",
    rank!()
);

const MODELS: &str = "\
-- limits.models
SELECT to_jsonb(models) FROM virtual_keys WHERE $1::text = 'key' AND id = $2::bigint
UNION ALL
SELECT to_jsonb(models) FROM users WHERE $1 = 'user' AND id = $2
UNION ALL
SELECT to_jsonb(models) FROM teams WHERE $1 = 'team' AND id = $2
UNION ALL
SELECT (SELECT value FROM settings WHERE key = 'organisation_models') WHERE $1 = 'organisation'";

const SET_KEY_MODELS: &str = "\
-- keys.set_models
UPDATE virtual_keys SET models = $2::text[] WHERE id = $1 RETURNING 1";

const SET_USER_MODELS: &str = "\
-- users.set_models
UPDATE users SET models = $2::text[] WHERE id = $1 RETURNING 1";

const SET_TEAM_MODELS: &str = "\
-- teams.set_models
UPDATE teams SET models = $2::text[] WHERE id = $1 RETURNING 1";

const SET_ORGANISATION_MODELS: &str = "\
-- organisation.set_models
WITH all_of_them AS (
    DELETE FROM settings WHERE key = 'organisation_models' AND $1::text[] IS NULL)
INSERT INTO settings (key, value)
SELECT 'organisation_models', to_jsonb($1::text[]) WHERE $1::text[] IS NOT NULL
ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = now()";

const SET_EXPIRY: &str = "\
-- keys.set_expiry
UPDATE virtual_keys SET expires_at = $2::timestamptz WHERE id = $1 RETURNING 1";
