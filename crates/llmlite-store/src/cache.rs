//! Keeps lookups of keys off the request path, and answers through a short outage.

mod bounded;
mod breaker;
mod flight;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use llmlite_core::{
    ids::{KeyId, TeamId, UserId},
    keys::{KeyGrant, KeyHash},
    ports::{StoreError, clock::Clock, keys::KeyStore},
};

use crate::error::was_unasked;

use self::{
    bounded::Bounded,
    breaker::{Breaker, Verdict},
    flight::{Flight, Flights, Outcome},
};

/// The measures of [`CachedKeys`].
#[derive(Debug, Clone, Copy)]
pub struct CacheConfig {
    /// How long an answer is given again without asking. It bounds how late a revocation can
    /// take effect when notifications are cut, so it stays under a second or so.
    pub fresh: Duration,
    /// How old an answer may be that is given while the database is away.
    pub stale: Duration,
    /// How many keys are remembered, and again how many that do not exist.
    pub capacity: usize,
}

impl Default for CacheConfig {
    /// One second, fifteen minutes, 100,000 keys.
    fn default() -> Self {
        Self {
            fresh: Duration::from_secs(1),
            stale: Duration::from_secs(15 * 60),
            capacity: 100_000,
        }
    }
}

/// Something that keys depend on has changed in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// A key was created, changed, revoked or deleted.
    Key(KeyId),
    /// A user was.
    User(UserId),
    /// A team was.
    Team(TeamId),
    /// Something was that this program knows nothing of.
    Anything,
}

/// A [`KeyStore`] in front of another: remembers answers, that a key does not exist included.
///
/// Concurrent lookups of one key share one question. While the database is unavailable, known
/// keys are answered from memory for a while, and after three failures in a row only one lookup a
/// second tries it, so that requests do not wait for a server that is frozen.
pub struct CachedKeys {
    store: Arc<dyn KeyStore>,
    clock: Arc<dyn Clock>,
    config: CacheConfig,
    state: Mutex<State>,
}

struct State {
    /// Rises with every change: answers of an older epoch are no longer fresh.
    epoch: u64,
    known: Bounded<Known>,
    unknown: Bounded<Stamp>,
    flights: Flights,
    breaker: Breaker,
}

struct Known {
    grant: KeyGrant,
    stamp: Stamp,
}

/// When an answer was got.
#[derive(Clone, Copy)]
struct Stamp {
    at: Instant,
    epoch: u64,
}

/// What to do about a lookup.
enum Step {
    Answer(Option<KeyGrant>),
    Refuse,
    Ask(Arc<Flight>),
}

impl CachedKeys {
    /// A cache in front of `store`, with the usual measures.
    pub fn new(store: Arc<dyn KeyStore>, clock: Arc<dyn Clock>) -> Self {
        Self::with_config(store, clock, CacheConfig::default())
    }

    /// A cache in front of `store`.
    pub fn with_config(
        store: Arc<dyn KeyStore>,
        clock: Arc<dyn Clock>,
        config: CacheConfig,
    ) -> Self {
        Self {
            store,
            clock,
            config,
            state: Mutex::new(State {
                epoch: 0,
                known: Bounded::new(config.capacity),
                unknown: Bounded::new(config.capacity),
                flights: Flights::default(),
                breaker: Breaker::default(),
            }),
        }
    }

    /// Forgets what these changes may have made wrong, and asks again for everything else.
    ///
    /// An answer that is under way is still given to those who wait for it, but not remembered.
    pub fn apply(&self, changes: &[Change]) {
        if changes.is_empty() {
            return;
        }
        let mut state = self.lock();
        state
            .known
            .retain(|known| !changes.iter().any(|change| change.concerns(&known.grant)));
        state.next_epoch();
    }

    /// Asks again for everything, as after a time in which changes may have been missed.
    ///
    /// The answers stay as a reserve for an outage.
    pub fn expire_everything(&self) {
        self.lock().next_epoch();
    }

    async fn load(&self, hash: &KeyHash, flight: &Flight) -> Outcome {
        let answer = self.store.find(hash).await;
        let now = self.clock.instant();
        let mut state = self.lock();
        match answer {
            Err(error @ StoreError::Unavailable(_)) => {
                if !was_unasked(&error) {
                    state.breaker.failed(now);
                } else if flight.is_probe() {
                    state.breaker.found_nothing_out(now);
                }
                match state.reserve(hash, now, self.config.stale) {
                    Some(grant) => Ok(Some(grant)),
                    None => Err(Arc::new(error)),
                }
            }
            Err(error) => {
                state.breaker.answered();
                Err(Arc::new(error))
            }
            Ok(found) => {
                state.breaker.answered();
                state.remember(hash, &found, now, flight.epoch());
                Ok(found)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl KeyStore for CachedKeys {
    async fn find(&self, hash: &KeyHash) -> Result<Option<KeyGrant>, StoreError> {
        let step = self.lock().plan(hash, self.clock.instant(), &self.config);
        match step {
            Step::Answer(answer) => Ok(answer),
            Step::Refuse => Err(StoreError::Unavailable(
                "it did not answer a moment ago".into(),
            )),
            Step::Ask(flight) => {
                // Before anything is awaited, because from an await a caller may not come back.
                let boarded = Boarded {
                    cache: self,
                    hash,
                    flight,
                };
                let flight = &boarded.flight;
                flight.outcome(|| self.load(hash, flight)).await
            }
        }
    }
}

impl State {
    fn plan(&mut self, hash: &KeyHash, now: Instant, config: &CacheConfig) -> Step {
        let fresh = |stamp: Stamp, epoch| {
            stamp.epoch == epoch && now.saturating_duration_since(stamp.at) < config.fresh
        };
        if let Some(known) = self.known.get(hash).filter(|k| fresh(k.stamp, self.epoch)) {
            return Step::Answer(Some(known.grant.clone()));
        }
        if self
            .unknown
            .get(hash)
            .is_some_and(|s| fresh(*s, self.epoch))
        {
            return Step::Answer(None);
        }
        match self.breaker.ask(now) {
            Verdict::Go => Step::Ask(self.flights.join(hash, self.epoch)),
            Verdict::Probe => Step::Ask(self.flights.probe(hash, self.epoch)),
            Verdict::Spare => match self.reserve(hash, now, config.stale) {
                Some(grant) => Step::Answer(Some(grant)),
                None => Step::Refuse,
            },
        }
    }

    /// An older answer, good enough while there is no newer one to be had.
    fn reserve(&self, hash: &KeyHash, now: Instant, stale: Duration) -> Option<KeyGrant> {
        let known = self.known.get(hash)?;
        (now.saturating_duration_since(known.stamp.at) < stale).then(|| known.grant.clone())
    }

    /// Keeps an answer, unless something changed since it was asked for.
    fn remember(&mut self, hash: &KeyHash, found: &Option<KeyGrant>, now: Instant, asked_in: u64) {
        if asked_in != self.epoch {
            return;
        }
        let stamp = Stamp {
            at: now,
            epoch: asked_in,
        };
        match found {
            Some(grant) => {
                let grant = grant.clone();
                self.known.insert(*hash, Known { grant, stamp });
                self.unknown.remove(hash);
            }
            None => {
                self.unknown.insert(*hash, stamp);
                self.known.remove(hash);
            }
        }
    }

    fn next_epoch(&mut self) {
        self.epoch += 1;
        // Whoever comes from now on must not join a question that was put before the change.
        self.flights.forget();
    }
}

impl Change {
    fn concerns(self, grant: &KeyGrant) -> bool {
        match self {
            Self::Key(id) => grant.key_id == id,
            Self::User(id) => grant.user_id == Some(id),
            Self::Team(id) => grant.team_id == Some(id),
            Self::Anything => true,
        }
    }
}

/// A caller who waits for a flight; the last one to leave takes the flight off the list, also
/// when all of them hang up before it has landed.
///
/// A probe that is left half way has found nothing out, even when it was left before it asked.
struct Boarded<'a> {
    cache: &'a CachedKeys,
    hash: &'a KeyHash,
    flight: Arc<Flight>,
}

impl Drop for Boarded<'_> {
    fn drop(&mut self) {
        let now = self.cache.clock.instant();
        let mut state = self.cache.lock();
        state.flights.leave(self.hash, &self.flight);
        if self.flight.is_probe() && !self.flight.has_landed() {
            state.breaker.found_nothing_out(now);
        }
    }
}

impl fmt::Debug for CachedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedKeys")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
