//! Teams, users and keys.

use std::time::SystemTime;

use async_trait::async_trait;
use llmlite_core::{
    ids::{KeyId, TeamId, UserId},
    keys::ModelScope,
    people::{KeyInfo, NewKey, Team, User},
    ports::{StoreError, directory::Directory},
};
use tokio_postgres::{Error, Row};

use crate::{error::name_existing, keys::scope, store::Store};

#[async_trait]
impl Directory for Store {
    async fn create_team(&self, name: &str) -> Result<Team, StoreError> {
        let rows = self
            .lookup(CREATE_TEAM, &[&name])
            .await
            .map_err(|e| name_existing(e, || format!("team \"{name}\"")))?;
        one(&rows, team)?.ok_or(NO_ROW)
    }

    async fn teams(&self) -> Result<Vec<Team>, StoreError> {
        all(&self.lookup(TEAMS, &[]).await?, team)
    }

    async fn team(&self, name: &str) -> Result<Option<Team>, StoreError> {
        one(&self.lookup(TEAM, &[&name]).await?, team)
    }

    async fn create_user(&self, email: &str, team: Option<TeamId>) -> Result<User, StoreError> {
        let rows = self
            .lookup(CREATE_USER, &[&email, &team.map(|t| t.0)])
            .await
            .map_err(|e| name_existing(e, || format!("user \"{email}\"")))?;
        one(&rows, user)?.ok_or(NO_ROW)
    }

    async fn users(&self) -> Result<Vec<User>, StoreError> {
        all(&self.lookup(USERS, &[]).await?, user)
    }

    async fn user(&self, email: &str) -> Result<Option<User>, StoreError> {
        one(&self.lookup(USER, &[&email]).await?, user)
    }

    async fn create_key(&self, key: &NewKey) -> Result<KeyInfo, StoreError> {
        let models: Option<Vec<&str>> = match &key.models {
            ModelScope::All => None,
            ModelScope::Only(names) => Some(names.iter().map(String::as_str).collect()),
        };
        let rows = self
            .lookup(
                CREATE_KEY,
                &[
                    &key.name,
                    &key.hash.as_bytes().as_slice(),
                    &key.last_four,
                    &key.user.map(|u| u.0),
                    &key.team.map(|t| t.0),
                    &models,
                    &key.expires_at,
                    &key.strict,
                ],
            )
            .await
            .map_err(|e| name_existing(e, || "this key".to_owned()))?;
        one(&rows, key_info)?.ok_or(NO_ROW)
    }

    async fn keys(&self) -> Result<Vec<KeyInfo>, StoreError> {
        all(&self.lookup(KEYS, &[]).await?, key_info)
    }

    async fn key(&self, id: KeyId) -> Result<Option<KeyInfo>, StoreError> {
        one(&self.lookup(KEY, &[&id.0]).await?, key_info)
    }

    async fn revoke_key(&self, id: KeyId, cut: bool) -> Result<KeyInfo, StoreError> {
        let rows = self.lookup(REVOKE_KEY, &[&id.0, &cut]).await?;
        one(&rows, key_info)?.ok_or_else(|| no_key(id))
    }

    async fn set_key_strict(&self, id: KeyId, strict: bool) -> Result<KeyInfo, StoreError> {
        let rows = self.lookup(SET_KEY_STRICT, &[&id.0, &strict]).await?;
        one(&rows, key_info)?.ok_or_else(|| no_key(id))
    }
}

/// A statement that always returns a row returned none.
const NO_ROW: StoreError = StoreError::Corrupt {
    what: "an insert that returned no row",
};

fn no_key(id: KeyId) -> StoreError {
    StoreError::Missing {
        what: format!("key {id}"),
    }
}

fn one<T>(rows: &[Row], read: fn(&Row) -> Result<T, Error>) -> Result<Option<T>, StoreError> {
    Ok(all(rows, read)?.into_iter().next())
}

fn all<T>(rows: &[Row], read: fn(&Row) -> Result<T, Error>) -> Result<Vec<T>, StoreError> {
    rows.iter()
        .map(read)
        .collect::<Result<_, _>>()
        .map_err(|_| StoreError::Corrupt {
            what: "a row of teams, users or virtual_keys",
        })
}

fn team(row: &Row) -> Result<Team, Error> {
    Ok(Team {
        id: TeamId(row.try_get("team_id")?),
        name: row.try_get("team_name")?,
        created_at: row.try_get("team_created_at")?,
    })
}

fn user(row: &Row) -> Result<User, Error> {
    Ok(User {
        id: UserId(row.try_get("user_id")?),
        email: row.try_get("email")?,
        team: joined(row, "team_id", team)?,
        created_at: row.try_get("user_created_at")?,
    })
}

fn key_info(row: &Row) -> Result<KeyInfo, Error> {
    let holder = joined(row, "user_id", |row| {
        Ok(User {
            id: UserId(row.try_get("user_id")?),
            email: row.try_get("email")?,
            team: joined(row, "user_team_id", |row| {
                Ok(Team {
                    id: TeamId(row.try_get("user_team_id")?),
                    name: row.try_get("user_team_name")?,
                    created_at: row.try_get("user_team_created_at")?,
                })
            })?,
            created_at: row.try_get("user_created_at")?,
        })
    })?;
    Ok(KeyInfo {
        id: KeyId(row.try_get("id")?),
        name: row.try_get("name")?,
        last_four: row.try_get("last_four")?,
        user: holder,
        team: joined(row, "team_id", team)?,
        models: scope(row.try_get("models")?),
        created_at: row.try_get("created_at")?,
        expires_at: row.try_get::<_, Option<SystemTime>>("expires_at")?,
        revoked_at: row.try_get::<_, Option<SystemTime>>("revoked_at")?,
        strict: row.try_get("strict")?,
    })
}

/// Reads what an outer join brought, unless it brought nothing.
fn joined<T>(
    row: &Row,
    id: &str,
    read: impl Fn(&Row) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    row.try_get::<_, Option<i64>>(id)?
        .map(|_| read(row))
        .transpose()
}

const CREATE_TEAM: &str = "\
-- teams.create
INSERT INTO teams (name) VALUES ($1)
RETURNING id AS team_id, name AS team_name, created_at AS team_created_at";

const TEAMS: &str = "\
-- teams.list
SELECT id AS team_id, name AS team_name, created_at AS team_created_at
  FROM teams
 ORDER BY name";

const TEAM: &str = "\
-- teams.find
SELECT id AS team_id, name AS team_name, created_at AS team_created_at
  FROM teams
 WHERE name = $1";

const CREATE_USER: &str = "\
-- users.create
WITH u AS (INSERT INTO users (email, team_id) VALUES ($1, $2) RETURNING *)
SELECT u.id AS user_id, u.email, u.created_at AS user_created_at,
       t.id AS team_id, t.name AS team_name, t.created_at AS team_created_at
  FROM u LEFT JOIN teams t ON t.id = u.team_id";

const USERS: &str = "\
-- users.list
SELECT u.id AS user_id, u.email, u.created_at AS user_created_at,
       t.id AS team_id, t.name AS team_name, t.created_at AS team_created_at
  FROM users u LEFT JOIN teams t ON t.id = u.team_id
 ORDER BY u.email";

const USER: &str = "\
-- users.find
SELECT u.id AS user_id, u.email, u.created_at AS user_created_at,
       t.id AS team_id, t.name AS team_name, t.created_at AS team_created_at
  FROM users u LEFT JOIN teams t ON t.id = u.team_id
 WHERE u.email = $1";

/// A key with its holder, the holder's team, and the team that is charged.
macro_rules! key_info_from {
    ($name:literal, $with:literal, $source:literal, $rest:literal) => {
        concat!(
            "-- ",
            $name,
            "\n",
            $with,
            "SELECT k.id, k.name, k.last_four, k.models, k.created_at, k.expires_at, k.revoked_at,
       k.strict,
       u.id AS user_id, u.email, u.created_at AS user_created_at,
       ut.id AS user_team_id, ut.name AS user_team_name, ut.created_at AS user_team_created_at,
       t.id AS team_id, t.name AS team_name, t.created_at AS team_created_at
  FROM ",
            $source,
            " k
  LEFT JOIN users u ON u.id = k.user_id
  LEFT JOIN teams ut ON ut.id = u.team_id
  LEFT JOIN teams t ON t.id = coalesce(k.team_id, u.team_id)
 ",
            $rest
        )
    };
}

const CREATE_KEY: &str = key_info_from!(
    "keys.create",
    "WITH created AS (
    INSERT INTO virtual_keys (name, hash, last_four, user_id, team_id, models, expires_at,
                              strict)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    RETURNING *)
",
    "created",
    ""
);

const KEYS: &str = key_info_from!("keys.list", "", "virtual_keys", "ORDER BY k.id DESC");

const KEY: &str = key_info_from!("keys.show", "", "virtual_keys", "WHERE k.id = $1");

/// The first date stays.
const REVOKE_KEY: &str = key_info_from!(
    "keys.revoke",
    "WITH revoked AS (
    UPDATE virtual_keys SET revoked_at = coalesce(revoked_at, now()), cut_streams = cut_streams OR $2
     WHERE id = $1 RETURNING *)
",
    "revoked",
    ""
);

const SET_KEY_STRICT: &str = key_info_from!(
    "keys.set_strict",
    "WITH changed AS (
    UPDATE virtual_keys SET strict = $2 WHERE id = $1 RETURNING *)
",
    "changed",
    ""
);
