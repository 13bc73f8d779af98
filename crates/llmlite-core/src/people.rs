//! Teams, users and keys as an administrator sees them.

use std::time::SystemTime;

use crate::{
    ids::{KeyId, TeamId, UserId},
    keys::{KeyHash, KeyStatus, ModelScope},
};

/// A group of users that is charged together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// Its number.
    pub id: TeamId,
    /// Its unique name.
    pub name: String,
    /// When it was created.
    pub created_at: SystemTime,
}

/// A person or a service that holds keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Their number.
    pub id: UserId,
    /// Their unique e-mail address, in lower case.
    pub email: String,
    /// The team they belong to, if any.
    pub team: Option<Team>,
    /// When they were created.
    pub created_at: SystemTime,
}

/// A virtual key as an administrator sees it: everything but the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its number.
    pub id: KeyId,
    /// What its creator called it.
    pub name: String,
    /// The last four characters of the key, to tell two keys apart.
    pub last_four: String,
    /// Who holds it, if anybody.
    pub user: Option<User>,
    /// The team that is charged: the key's own, else its user's.
    pub team: Option<Team>,
    /// The models it may call.
    pub models: ModelScope,
    /// When it was created.
    pub created_at: SystemTime,
    /// When it stops working, if ever.
    pub expires_at: Option<SystemTime>,
    /// When it was taken back, if it was.
    pub revoked_at: Option<SystemTime>,
    /// Requests with it are refused where they would otherwise be adjusted, or ignored in part.
    pub strict: bool,
}

impl KeyInfo {
    /// Whether it can be used at `now`.
    pub fn status(&self, now: SystemTime) -> KeyStatus {
        KeyStatus::at(now, self.expires_at, self.revoked_at)
    }
}

/// What is stored of a key that is being created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// What to call it.
    pub name: String,
    /// The only form in which the key is stored.
    pub hash: KeyHash,
    /// The last four characters of the key, to tell two keys apart.
    pub last_four: String,
    /// Who holds it, if anybody.
    pub user: Option<UserId>,
    /// The team that is charged; if absent, the user's.
    pub team: Option<TeamId>,
    /// The models it may call.
    pub models: ModelScope,
    /// When it stops working, if ever.
    pub expires_at: Option<SystemTime>,
    /// Requests with it are refused where they would otherwise be adjusted, or ignored in part.
    pub strict: bool,
}
