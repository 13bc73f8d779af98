//! Limits, with what members have from defaults.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::SystemTime,
};

use async_trait::async_trait;
use llmlite_core::{
    ids::{KeyId, LimitId},
    keys::{KeyGrant, ModelScope},
    limits::{LimitSetting, Measure, Member, Rules, Subject, Window},
    money::Nanodollars,
    people::KeyInfo,
    ports::{
        StoreError,
        limits::{LimitChange, LimitDirectory, LimitState},
    },
    quota::AccountKey,
};

use super::{MemoryStore, State};

/// What tells one limit from another, in the order in which limits are listed.
type Which = (Subject, Option<Arc<str>>, Option<Member>, Measure);

/// All that was set about limits.
#[derive(Default)]
pub(super) struct Book {
    /// What was set, with whom it was set on.
    set: BTreeMap<Which, LimitSetting>,
    /// What there is: what was set, and what members have from defaults.
    all: BTreeMap<Which, LimitSetting>,
    last: i64,
    /// How limits stand because a test says so: used and leased.
    standing: BTreeMap<LimitId, (i64, i64)>,
    /// The models that users, teams and the organisation may call; a key's are in the directory.
    models: BTreeMap<Subject, ModelScope>,
}

impl MemoryStore {
    /// Lets a limit stand like this from now on, in the units of its measure.
    pub fn set_standing(&self, limit: LimitId, used: i64, leased: i64) {
        self.state().book.standing.insert(limit, (used, leased));
    }
}

#[async_trait]
impl LimitDirectory for MemoryStore {
    async fn limits(&self, subject: Subject) -> Result<Vec<LimitSetting>, StoreError> {
        let mut state = self.enter()?;
        state.inherit();
        Ok(state.limits_of(subject).cloned().collect())
    }

    async fn change_limits(
        &self,
        subject: Subject,
        changes: &[LimitChange],
    ) -> Result<(), StoreError> {
        let mut state = self.enter()?;
        state.must_have(subject)?;
        state.inherit();
        for change in changes {
            match change {
                LimitChange::Set(setting) => {
                    let limit = &setting.limit;
                    let model = limit.scope.model.clone();
                    let which = (subject, model, setting.each, limit.measure);
                    let mut setting = setting.clone();
                    setting.inherited_from = None;
                    setting.limit.scope.subject = subject;
                    state.book.set.insert(which, setting);
                }
                LimitChange::Remove {
                    model,
                    measure,
                    each,
                } => {
                    let which = (subject, model.clone(), *each, *measure);
                    state.book.set.remove(&which);
                }
            }
        }
        state.inherit();
        Ok(())
    }

    async fn models(&self, subject: Subject) -> Result<ModelScope, StoreError> {
        let state = self.enter()?;
        state.must_have(subject)?;
        Ok(state.models_of(subject))
    }

    async fn set_models(&self, subject: Subject, models: &ModelScope) -> Result<(), StoreError> {
        let mut state = self.enter()?;
        state.must_have(subject)?;
        match subject {
            Subject::Key(id) => state.key_of(id)?.models = models.clone(),
            _ => {
                state.book.models.insert(subject, models.clone());
            }
        }
        Ok(())
    }

    async fn set_expiry(&self, key: KeyId, at: Option<SystemTime>) -> Result<(), StoreError> {
        self.enter()?.key_of(key)?.expires_at = at;
        Ok(())
    }

    async fn grant(&self, key: KeyId) -> Result<Option<KeyGrant>, StoreError> {
        let mut state = self.enter()?;
        state.inherit();
        let found = state.keys.iter().find(|found| found.id == key);
        Ok(found.map(|key| state.granted(key)))
    }

    async fn states(&self, limits: &[LimitId]) -> Result<Vec<LimitState>, StoreError> {
        let now = self.clock.now();
        let mut state = self.enter()?;
        state.inherit();
        Ok(limits.iter().map(|id| state.standing(*id, now)).collect())
    }
}

impl State {
    /// What is behind a key, with all that binds it.
    pub(super) fn granted(&self, key: &KeyInfo) -> KeyGrant {
        let user = key.user.as_ref().map(|user| Subject::User(user.id));
        let team = key.team.as_ref().map(|team| Subject::Team(team.id));
        let own = Subject::Key(key.id);
        let subjects = [Some(own), user, team, Some(Subject::Organisation)];
        let mut limits = Vec::new();
        let mut models = ModelScope::All;
        for subject in subjects.into_iter().flatten() {
            let mut bound: Vec<_> = self
                .limits_of(subject)
                .filter(|setting| setting.each.is_none())
                .map(|setting| setting.limit.clone())
                .collect();
            bound.sort_by_key(|limit| limit.measure);
            limits.extend(bound);
            models = both(models, self.models_of(subject));
        }
        KeyGrant {
            key_id: key.id,
            name: Arc::from(key.name.as_str()),
            user_id: key.user.as_ref().map(|user| user.id),
            team_id: key.team.as_ref().map(|team| team.id),
            models,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            cut_streams: self.cut.contains(&key.id),
            strict: key.strict,
            rules: Arc::new(Rules::new(limits)),
        }
    }

    /// Works out anew what members have from defaults. A limit of a kind keeps its number as long
    /// as there is one, wherever it comes from.
    pub(super) fn inherit(&mut self) {
        let mut all = self.book.set.clone();
        for (member, kind, holders) in self.members() {
            for holder in holders {
                let defaults =
                    self.book.set.iter().filter(|((subject, _, each, _), _)| {
                        *subject == holder && *each == Some(kind)
                    });
                for ((_, model, _, measure), default) in defaults {
                    let which = (member, model.clone(), None, *measure);
                    all.entry(which).or_insert_with(|| {
                        let mut setting = default.clone();
                        setting.each = None;
                        setting.inherited_from = Some(holder);
                        setting.limit.scope.subject = member;
                        setting
                    });
                }
            }
        }
        for (which, setting) in &mut all {
            setting.limit.id = match self.book.all.get(which) {
                Some(known) => known.limit.id,
                None => {
                    self.book.last += 1;
                    LimitId(self.book.last)
                }
            };
        }
        self.book.all = all;
    }

    /// Who can have something from a default, and from whose, the nearest first.
    fn members(&self) -> Vec<(Subject, Member, Vec<Subject>)> {
        let mut members = Vec::new();
        for team in &self.teams {
            let holders = vec![Subject::Organisation];
            members.push((Subject::Team(team.id), Member::Team, holders));
        }
        for user in &self.users {
            let team = user.team.as_ref().map(|team| Subject::Team(team.id));
            let holders = team.into_iter().chain([Subject::Organisation]).collect();
            members.push((Subject::User(user.id), Member::User, holders));
        }
        for key in &self.keys {
            let user = key.user.as_ref().map(|user| Subject::User(user.id));
            let team = key.team.as_ref().map(|team| Subject::Team(team.id));
            let above = [user, team, Some(Subject::Organisation)];
            let holders = above.into_iter().flatten().collect();
            members.push((Subject::Key(key.id), Member::Key, holders));
        }
        members
    }

    fn limits_of(&self, subject: Subject) -> impl Iterator<Item = &LimitSetting> {
        let all = self.book.all.iter();
        all.filter(move |((whose, ..), _)| *whose == subject)
            .map(|(_, setting)| setting)
    }

    fn models_of(&self, subject: Subject) -> ModelScope {
        let known = match subject {
            Subject::Key(id) => {
                let key = self.keys.iter().find(|key| key.id == id);
                key.map(|key| &key.models)
            }
            _ => self.book.models.get(&subject),
        };
        known.cloned().unwrap_or(ModelScope::All)
    }

    fn must_have(&self, subject: Subject) -> Result<(), StoreError> {
        let (found, what) = match subject {
            Subject::Key(id) => (
                self.keys.iter().any(|key| key.id == id),
                format!("key {id}"),
            ),
            Subject::User(id) => (
                self.users.iter().any(|user| user.id == id),
                format!("user {id}"),
            ),
            Subject::Team(id) => (
                self.teams.iter().any(|team| team.id == id),
                format!("team {id}"),
            ),
            Subject::Organisation => return Ok(()),
        };
        if found {
            Ok(())
        } else {
            Err(StoreError::Missing { what })
        }
    }

    fn standing(&self, limit: LimitId, now: SystemTime) -> LimitState {
        let found = self.book.all.values().find(|s| s.limit.id == limit);
        let account = found.and_then(|setting| match setting.limit.measure {
            Measure::Budget(period) => Some(AccountKey {
                limit,
                starts: Window::of(period, now).starts,
            }),
            _ => None,
        });
        let told = self.book.standing.get(&limit).copied();
        let (used, leased) = told.unwrap_or_else(|| {
            let charged = self
                .usage
                .values()
                .filter(|record| account.is_some_and(|account| record.accounts.contains(&account)));
            (charged.map(|record| record.cost).sum::<Nanodollars>().0, 0)
        });
        LimitState {
            limit,
            used,
            leased,
            account,
        }
    }
}

/// The models that both allow.
fn both(left: ModelScope, right: ModelScope) -> ModelScope {
    match (left, right) {
        (ModelScope::All, other) | (other, ModelScope::All) => other,
        (ModelScope::Only(left), ModelScope::Only(right)) => {
            let names: BTreeSet<_> = left.intersection(&right).cloned().collect();
            ModelScope::Only(names)
        }
    }
}

#[cfg(test)]
mod tests;
