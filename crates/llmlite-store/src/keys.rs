//! Looking keys up.

use std::{sync::Arc, time::SystemTime};

use async_trait::async_trait;
use llmlite_core::{
    ids::{KeyId, TeamId, UserId},
    keys::{KeyGrant, KeyHash, ModelScope},
    ports::{StoreError, keys::KeyStore},
};
use tokio_postgres::{Error, Row};

use crate::store::Store;

#[async_trait]
impl KeyStore for Store {
    async fn find(&self, hash: &KeyHash) -> Result<Option<KeyGrant>, StoreError> {
        let rows = self.lookup(FIND, &[&hash.as_bytes().as_slice()]).await?;
        rows.first()
            .map(grant)
            .transpose()
            .map_err(|_| StoreError::Corrupt {
                what: "a row of virtual_keys",
            })
    }
}

fn grant(row: &Row) -> Result<KeyGrant, Error> {
    Ok(KeyGrant {
        key_id: KeyId(row.try_get("id")?),
        name: Arc::from(row.try_get::<_, &str>("name")?),
        user_id: row.try_get::<_, Option<i64>>("user_id")?.map(UserId),
        team_id: row.try_get::<_, Option<i64>>("team_id")?.map(TeamId),
        models: scope(row.try_get("models")?),
        expires_at: row.try_get::<_, Option<SystemTime>>("expires_at")?,
        revoked_at: row.try_get::<_, Option<SystemTime>>("revoked_at")?,
        strict: row.try_get("strict")?,
        rules: Arc::default(),
    })
}

/// In the database, no list means every model.
pub(crate) fn scope(models: Option<Vec<String>>) -> ModelScope {
    models.map_or(ModelScope::All, |names| {
        ModelScope::Only(names.into_iter().collect())
    })
}

const FIND: &str = "\
-- keys.find
SELECT k.id, k.name, k.user_id, coalesce(k.team_id, u.team_id) AS team_id, k.models,
       k.expires_at, k.revoked_at, k.strict
  FROM virtual_keys k
  LEFT JOIN users u ON u.id = k.user_id
 WHERE k.hash = $1";
