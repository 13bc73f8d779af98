//! Whose requests are under way, so that a key that is taken back can be cut off from them.

use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use llmlite_core::{
    changes::{Change, ChangeListener},
    ids::{KeyId, TeamId, UserId},
    keys::{KeyGrant, KeyHash},
    ports::keys::KeyStore,
};
use tokio::{sync::Notify, task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// So many keys are looked up at a time.
const AT_ONCE: usize = 4;
/// How long it takes until a look-up that failed is tried again.
const PAUSE: Duration = Duration::from_millis(500);

/// The requests under way, by key.
#[derive(Default)]
pub(crate) struct Running {
    book: Mutex<Book>,
    /// A key may have been taken back.
    doubt: Notify,
}

#[derive(Default)]
struct Book {
    keys: HashMap<KeyHash, Requests>,
    /// Keys that have to be looked up again.
    doubtful: HashSet<KeyHash>,
}

/// Those of one key.
struct Requests {
    count: usize,
    key: KeyId,
    user: Option<UserId>,
    team: Option<TeamId>,
    cut: CancellationToken,
}

/// A request under way: from before its key is looked up for the last time to its end.
pub(crate) struct Run {
    running: Arc<Running>,
    key: KeyHash,
    cut: CancellationToken,
}

impl Run {
    /// Returns when the key was taken back in a way that cuts its answers.
    pub(crate) async fn cut(&self) {
        self.cut.cancelled().await;
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let mut book = self.running.book();
        let Some(requests) = book.keys.get_mut(&self.key) else {
            return;
        };
        requests.count -= 1;
        if requests.count == 0 {
            book.keys.remove(&self.key);
            book.doubtful.remove(&self.key);
        }
    }
}

impl Running {
    /// Enters a request of that key, which grants this so far.
    pub(crate) fn enter(self: &Arc<Self>, key: KeyHash, grant: &KeyGrant) -> Run {
        let mut book = self.book();
        let requests = book.keys.entry(key).or_insert_with(|| Requests {
            count: 0,
            key: grant.key_id,
            user: grant.user_id,
            team: grant.team_id,
            cut: CancellationToken::new(),
        });
        requests.count += 1;
        Run {
            running: Arc::clone(self),
            key,
            cut: requests.cut.clone(),
        }
    }

    /// Looks up the keys that a change may be about, again and again until `keys` says what they
    /// grant, and cuts the requests of those that were taken back that way. Never returns.
    pub(crate) async fn watch(self: Arc<Self>, keys: Arc<dyn KeyStore>) {
        loop {
            self.doubt.notified().await;
            loop {
                let doubtful = mem::take(&mut self.book().doubtful);
                if doubtful.is_empty() {
                    break;
                }
                if !Arc::clone(&self).look_up(doubtful, &keys).await {
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Returns whether all of them were answered.
    async fn look_up(
        self: Arc<Self>,
        doubtful: HashSet<KeyHash>,
        keys: &Arc<dyn KeyStore>,
    ) -> bool {
        let mut look_ups = JoinSet::new();
        let mut all = true;
        for key in doubtful {
            if look_ups.len() >= AT_ONCE {
                all &= look_ups.join_next().await.is_none_or(is_done);
            }
            let (running, keys) = (Arc::clone(&self), Arc::clone(keys));
            look_ups.spawn(async move {
                match keys.find(&key).await {
                    Ok(Some(grant)) if grant.is_cut() => running.cut(&key, &grant),
                    Ok(_) => {}
                    Err(error) => {
                        warn!(%error, "it cannot be found out whether a key was taken back");
                        running.doubt_again(key);
                        return false;
                    }
                }
                true
            });
        }
        while let Some(done) = look_ups.join_next().await {
            all &= is_done(done);
        }
        all
    }

    /// Requests that come from now on are not cut: they are refused.
    fn cut(&self, key: &KeyHash, grant: &KeyGrant) {
        let mut book = self.book();
        let Some(requests) = book.keys.get_mut(key) else {
            return;
        };
        info!(
            key.id = %grant.key_id, requests = requests.count,
            "a key was taken back, its answers are cut"
        );
        mem::take(&mut requests.cut).cancel();
    }

    fn doubt_again(&self, key: KeyHash) {
        let mut book = self.book();
        if book.keys.contains_key(&key) {
            book.doubtful.insert(key);
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ChangeListener for Running {
    fn changed(&self, changes: &[Change]) {
        let mut guard = self.book();
        let book = &mut *guard;
        let concerned = book
            .keys
            .iter()
            .filter(|(_, requests)| changes.iter().any(|change| requests.are_meant_by(change)));
        book.doubtful.extend(concerned.map(|(key, _)| *key));
        if !book.doubtful.is_empty() {
            self.doubt.notify_one();
        }
    }
}

impl Requests {
    /// Whether the change can be that their key was taken back.
    fn are_meant_by(&self, change: &Change) -> bool {
        match *change {
            Change::Key(key) => self.key == key,
            Change::User(user) => self.user == Some(user),
            Change::Team(team) => self.team == Some(team),
            Change::Anything => true,
            Change::Limit { .. } | Change::Models | Change::Recall(_) => false,
        }
    }
}

/// A look-up that panicked has found nothing out, and would again.
fn is_done(look_up: Result<bool, tokio::task::JoinError>) -> bool {
    look_up.unwrap_or(true)
}

#[cfg(test)]
mod tests;
