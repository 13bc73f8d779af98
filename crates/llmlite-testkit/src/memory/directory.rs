use async_trait::async_trait;
use llmlite_core::{
    ids::{KeyId, TeamId, UserId},
    people::{KeyInfo, NewKey, Team, User},
    ports::{StoreError, directory::Directory},
};

use super::{MemoryStore, State};

#[async_trait]
impl Directory for MemoryStore {
    async fn create_team(&self, name: &str) -> Result<Team, StoreError> {
        let mut state = self.enter()?;
        if state.teams.iter().any(|team| team.name == name) {
            return Err(exists("team", name));
        }
        let team = Team {
            id: TeamId(next(state.teams.len())),
            name: name.to_owned(),
            created_at: self.clock.now(),
        };
        state.teams.push(team.clone());
        Ok(team)
    }

    async fn teams(&self) -> Result<Vec<Team>, StoreError> {
        let mut teams = self.enter()?.teams.clone();
        teams.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(teams)
    }

    async fn team(&self, name: &str) -> Result<Option<Team>, StoreError> {
        let state = self.enter()?;
        Ok(state.teams.iter().find(|team| team.name == name).cloned())
    }

    async fn create_user(&self, email: &str, team: Option<TeamId>) -> Result<User, StoreError> {
        let mut state = self.enter()?;
        if state.users.iter().any(|user| user.email == email) {
            return Err(exists("user", email));
        }
        let user = User {
            id: UserId(next(state.users.len())),
            email: email.to_owned(),
            team: team.map(|id| state.team_of(id)).transpose()?,
            created_at: self.clock.now(),
        };
        state.users.push(user.clone());
        Ok(user)
    }

    async fn users(&self) -> Result<Vec<User>, StoreError> {
        let mut users = self.enter()?.users.clone();
        users.sort_by(|a, b| a.email.cmp(&b.email));
        Ok(users)
    }

    async fn user(&self, email: &str) -> Result<Option<User>, StoreError> {
        let state = self.enter()?;
        Ok(state.users.iter().find(|user| user.email == email).cloned())
    }

    async fn create_key(&self, key: &NewKey) -> Result<KeyInfo, StoreError> {
        let mut state = self.enter()?;
        if state.hashes.contains_key(&key.hash) {
            return Err(StoreError::Exists {
                what: "this key".to_owned(),
            });
        }
        let user = key.user.map(|id| state.user_of(id)).transpose()?;
        let own_team = key.team.map(|id| state.team_of(id)).transpose()?;
        let info = KeyInfo {
            id: KeyId(next(state.keys.len())),
            name: key.name.clone(),
            last_four: key.last_four.clone(),
            team: own_team.or_else(|| user.as_ref().and_then(|user| user.team.clone())),
            user,
            models: key.models.clone(),
            created_at: self.clock.now(),
            expires_at: key.expires_at,
            revoked_at: None,
            strict: key.strict,
        };
        state.hashes.insert(key.hash, info.id);
        state.keys.push(info.clone());
        Ok(info)
    }

    async fn keys(&self) -> Result<Vec<KeyInfo>, StoreError> {
        Ok(self.enter()?.keys.iter().rev().cloned().collect())
    }

    async fn key(&self, id: KeyId) -> Result<Option<KeyInfo>, StoreError> {
        let state = self.enter()?;
        Ok(state.keys.iter().find(|key| key.id == id).cloned())
    }

    async fn revoke_key(&self, id: KeyId, cut: bool) -> Result<KeyInfo, StoreError> {
        let now = self.clock.now();
        let mut state = self.enter()?;
        let key = state.key_of(id)?;
        key.revoked_at.get_or_insert(now);
        let key = key.clone();
        if cut {
            state.cut.insert(id);
        }
        Ok(key)
    }

    async fn set_key_strict(&self, id: KeyId, strict: bool) -> Result<KeyInfo, StoreError> {
        let mut state = self.enter()?;
        let key = state.key_of(id)?;
        key.strict = strict;
        Ok(key.clone())
    }
}

impl State {
    pub(super) fn key_of(&mut self, id: KeyId) -> Result<&mut KeyInfo, StoreError> {
        let found = self.keys.iter_mut().find(|key| key.id == id);
        found.ok_or_else(|| StoreError::Missing {
            what: format!("key {id}"),
        })
    }

    fn team_of(&self, id: TeamId) -> Result<Team, StoreError> {
        let found = self.teams.iter().find(|team| team.id == id);
        found.cloned().ok_or_else(|| no_such("team"))
    }

    fn user_of(&self, id: UserId) -> Result<User, StoreError> {
        let found = self.users.iter().find(|user| user.id == id);
        found.cloned().ok_or_else(|| no_such("user"))
    }
}

/// What a foreign key says.
fn no_such(what: &str) -> StoreError {
    StoreError::InvalidData(format!("there is no such {what}").into())
}

fn exists(what: &str, name: &str) -> StoreError {
    StoreError::Exists {
        what: format!("{what} \"{name}\""),
    }
}

fn next(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX).saturating_add(1)
}
