//! Looking keys up, with all that binds them.

use std::{collections::BTreeSet, sync::Arc, time::SystemTime};

use async_trait::async_trait;
use llmlite_core::{
    ids::{KeyId, TeamId, UserId},
    keys::{KeyGrant, KeyHash, ModelScope},
    limits::{Limit, Rules},
    ports::{StoreError, keys::KeyStore},
};
use serde_json::Value;
use tokio_postgres::Row;

use crate::{
    limits::{limit_json, rank},
    store::Store,
};

#[async_trait]
impl KeyStore for Store {
    async fn find(&self, hash: &KeyHash) -> Result<Option<KeyGrant>, StoreError> {
        let rows = self.lookup(FIND, &[&hash.as_bytes().as_slice()]).await?;
        rows.first().map(grant).transpose()
    }
}

impl Store {
    /// What the key of this number grants.
    pub(crate) async fn grant_of(&self, key: KeyId) -> Result<Option<KeyGrant>, StoreError> {
        let rows = self.lookup(SHOW, &[&key.0]).await?;
        rows.first().map(grant).transpose()
    }
}

fn grant(row: &Row) -> Result<KeyGrant, StoreError> {
    read(row).map_err(|_| StoreError::Corrupt {
        what: "a row of virtual_keys, or its limits",
    })
}

fn read(row: &Row) -> Result<KeyGrant, Box<dyn std::error::Error + Send + Sync>> {
    let organisation: Option<Value> = row.try_get("organisation_models")?;
    let limits: Vec<Limit> = serde_json::from_value(row.try_get("limits")?)?;
    Ok(KeyGrant {
        key_id: KeyId(row.try_get("id")?),
        name: Arc::from(row.try_get::<_, &str>("name")?),
        user_id: row.try_get::<_, Option<i64>>("user_id")?.map(UserId),
        team_id: row.try_get::<_, Option<i64>>("team_id")?.map(TeamId),
        models: all_allow([
            row.try_get("models")?,
            row.try_get("user_models")?,
            row.try_get("team_models")?,
            organisation.map(serde_json::from_value).transpose()?,
        ]),
        expires_at: row.try_get::<_, Option<SystemTime>>("expires_at")?,
        revoked_at: row.try_get::<_, Option<SystemTime>>("revoked_at")?,
        cut_streams: row.try_get("cut_streams")?,
        strict: row.try_get("strict")?,
        rules: Arc::new(Rules::new(limits)),
    })
}

/// In the database, no list means every model.
pub(crate) fn scope(models: Option<Vec<String>>) -> ModelScope {
    models.map_or(ModelScope::All, |names| {
        ModelScope::Only(names.into_iter().collect())
    })
}

/// The models that stand in all lists that there are.
fn all_allow(lists: [Option<Vec<String>>; 4]) -> ModelScope {
    let sets = lists.into_iter().flatten().map(BTreeSet::from_iter);
    sets.reduce(|left: BTreeSet<String>, right| left.intersection(&right).cloned().collect())
        .map_or(ModelScope::All, ModelScope::Only)
}

/// The limits come in the order in which refusals name them: those of the key first, and of each
/// subject the budgets first.
macro_rules! grant_from {
    ($name:literal, $which:literal) => {
        concat!(
            "-- ",
            $name,
            "
SELECT k.id, k.name, k.user_id, t.id AS team_id, k.expires_at, k.revoked_at, k.cut_streams, k.strict,
       k.models, u.models AS user_models, t.models AS team_models,
       (SELECT value FROM settings WHERE key = 'organisation_models') AS organisation_models,
       (SELECT coalesce(jsonb_agg(",
            limit_json!(),
            " ORDER BY place, ",
            rank!(),
            ", l.model NULLS FIRST), '[]')
          FROM (SELECT 1 AS place, * FROM limits
                 WHERE subject_kind = 'key' AND subject_id = k.id AND each IS NULL
                UNION ALL
                SELECT 2, * FROM limits
                 WHERE subject_kind = 'user' AND subject_id = k.user_id AND each IS NULL
                UNION ALL
                SELECT 3, * FROM limits
                 WHERE subject_kind = 'team' AND subject_id = t.id AND each IS NULL
                UNION ALL
                SELECT 4, * FROM limits
                 WHERE subject_kind = 'organisation' AND subject_id IS NULL AND each IS NULL) l
       ) AS limits
  FROM virtual_keys k
  LEFT JOIN users u ON u.id = k.user_id
  LEFT JOIN teams t ON t.id = coalesce(k.team_id, u.team_id)
 WHERE ",
            $which
        )
    };
}

const FIND: &str = grant_from!("keys.find", "k.hash = $1");

const SHOW: &str = grant_from!("keys.grant", "k.id = $1");

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &str) -> Option<Vec<String>> {
        (names != "all").then(|| names.split_whitespace().map(str::to_owned).collect())
    }

    #[track_caller]
    fn check(lists: [&str; 4], want: &str) {
        assert_eq!(all_allow(lists.map(list)), scope(list(want)), "{lists:?}");
    }

    #[test]
    fn a_model_may_be_called_that_stands_in_every_list_there_is() {
        check(["all", "all", "all", "all"], "all");
        check(["a b", "all", "all", "all"], "a b");
        check(["all", "all", "all", "b"], "b");
        check(["a b c", "c b", "all", "b d"], "b");
        check(["a", "b", "all", "all"], "");
        check(["", "all", "a", "all"], "");
    }
}
