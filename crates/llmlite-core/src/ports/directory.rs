//! Teams, users and keys: what an administrator changes.

use async_trait::async_trait;

use super::StoreError;
use crate::{
    ids::{KeyId, TeamId},
    people::{KeyInfo, NewKey, Team, User},
};

/// Creates, lists and takes back. The gateway never holds it.
#[async_trait]
pub trait Directory: Send + Sync {
    /// Creates a team. [`StoreError::Exists`] when the name is taken.
    async fn create_team(&self, name: &str) -> Result<Team, StoreError>;

    /// All teams, by name.
    async fn teams(&self) -> Result<Vec<Team>, StoreError>;

    /// The team of that name.
    async fn team(&self, name: &str) -> Result<Option<Team>, StoreError>;

    /// Creates a user. [`StoreError::Exists`] when the address is taken.
    async fn create_user(&self, email: &str, team: Option<TeamId>) -> Result<User, StoreError>;

    /// All users, by address.
    async fn users(&self) -> Result<Vec<User>, StoreError>;

    /// The user with that address.
    async fn user(&self, email: &str) -> Result<Option<User>, StoreError>;

    /// Creates a key.
    async fn create_key(&self, key: &NewKey) -> Result<KeyInfo, StoreError>;

    /// All keys, the newest first.
    async fn keys(&self) -> Result<Vec<KeyInfo>, StoreError>;

    /// One key.
    async fn key(&self, id: KeyId) -> Result<Option<KeyInfo>, StoreError>;

    /// Takes a key back and returns it; one that was revoked before keeps its date.
    /// [`StoreError::Missing`] when there is no such key.
    /// With `cut`, answers that are on their way are ended too, also where it was revoked before.
    async fn revoke_key(&self, id: KeyId, cut: bool) -> Result<KeyInfo, StoreError>;

    /// Makes a key strict or not, and returns it. [`StoreError::Missing`] when there is no such
    /// key.
    async fn set_key_strict(&self, id: KeyId, strict: bool) -> Result<KeyInfo, StoreError>;
}
