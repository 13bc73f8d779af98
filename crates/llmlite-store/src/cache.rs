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
    changes::{Change, ChangeListener},
    keys::{KeyGrant, KeyHash},
    limits::Subject,
    ports::{StoreError, clock::Clock, keys::KeyStore},
};
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Meter},
};

use crate::{error::was_unasked, feed::FeedHealth, measures};

use self::{
    bounded::Bounded,
    breaker::{Breaker, Verdict},
    flight::{Flight, Flights, Outcome},
};

/// The measures of [`CachedKeys`].
#[derive(Debug, Clone, Copy)]
pub struct CacheConfig {
    /// How long an answer is given again without asking while nobody can say that it has not
    /// changed. It bounds how late a revocation can take effect then, so it stays under a second
    /// or so.
    pub fresh: Duration,
    /// The same while the feed of changes is proven to be alive. It bounds how long a change can
    /// go unnoticed that was made around the feed, by somebody who turned its triggers off.
    pub followed: Duration,
    /// How long it is remembered that a key does not exist, at most.
    pub unknown: Duration,
    /// How old an answer may be that is given while the database is away.
    pub stale: Duration,
    /// How many keys are remembered, and again how many that do not exist.
    pub capacity: usize,
}

impl Default for CacheConfig {
    /// One second; while the feed is alive five minutes, half a minute for keys that do not
    /// exist; in an outage fifteen minutes. 100,000 keys.
    fn default() -> Self {
        Self {
            fresh: Duration::from_secs(1),
            followed: Duration::from_secs(5 * 60),
            unknown: Duration::from_secs(30),
            stale: Duration::from_secs(15 * 60),
            capacity: 100_000,
        }
    }
}

/// A [`KeyStore`] in front of another: remembers answers, that a key does not exist included.
///
/// While the feed of changes is proven to be alive, an answer is good until a change is heard that
/// concerns it. Concurrent lookups of one key share one question. While the database is unavailable, known
/// keys are answered from memory for a while, and after three failures in a row only one lookup a
/// second tries it, so that requests do not wait for a server that is frozen.
pub struct CachedKeys {
    store: Arc<dyn KeyStore>,
    clock: Arc<dyn Clock>,
    config: CacheConfig,
    feed: Option<Arc<FeedHealth>>,
    lookups: Option<Counter<u64>>,
    state: Mutex<State>,
}

struct State {
    /// Rises with every change: an answer that was asked for before is not remembered.
    epoch: u64,
    known: Bounded<Known>,
    /// Keys that do not exist, and when that was said.
    unknown: Bounded<Instant>,
    flights: Flights,
    breaker: Breaker,
}

struct Known {
    grant: KeyGrant,
    /// When the answer was got.
    at: Instant,
}

/// How long answers are good.
#[derive(Clone, Copy)]
struct Good {
    known: Duration,
    unknown: Duration,
}

/// What to do about a lookup.
enum Step {
    Answer(Option<KeyGrant>),
    Refuse,
    Ask(Arc<Flight>),
}

impl Step {
    /// What to call it among the lookups that are counted.
    fn outcome(&self) -> &'static str {
        match self {
            Self::Answer(_) => "hit",
            Self::Refuse => "refused",
            Self::Ask(_) => "asked",
        }
    }
}

impl CachedKeys {
    /// A cache in front of `store`, with the usual measures, that no feed tells of changes.
    pub fn new(store: Arc<dyn KeyStore>, clock: Arc<dyn Clock>) -> Self {
        Self::with_config(store, clock, CacheConfig::default())
    }

    /// A cache in front of `store`, that no feed tells of changes.
    pub fn with_config(
        store: Arc<dyn KeyStore>,
        clock: Arc<dyn Clock>,
        config: CacheConfig,
    ) -> Self {
        Self {
            store,
            clock,
            config,
            feed: None,
            lookups: None,
            state: Mutex::new(State {
                epoch: 0,
                known: Bounded::new(config.capacity),
                unknown: Bounded::new(config.capacity),
                flights: Flights::default(),
                breaker: Breaker::default(),
            }),
        }
    }

    /// Trusts answers for as long as `feed` is proven to be alive; the cache has to be among the
    /// listeners of that feed.
    #[must_use]
    pub fn followed_by(mut self, feed: Arc<FeedHealth>) -> Self {
        self.feed = Some(feed);
        self
    }

    /// Counts lookups with an instrument of `meter`.
    #[must_use]
    pub fn measured_by(mut self, meter: &Meter) -> Self {
        self.lookups = Some(measures::lookups(meter));
        self
    }

    fn good_at(&self, now: Instant) -> Good {
        let proven = self.feed.as_ref().is_some_and(|f| f.is_proven_at(now));
        if proven {
            Good {
                known: self.config.followed,
                unknown: self.config.unknown,
            }
        } else {
            Good {
                known: self.config.fresh,
                unknown: self.config.fresh,
            }
        }
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
        let now = self.clock.instant();
        let good = self.good_at(now);
        let step = self.lock().plan(hash, now, good, self.config.stale);
        if let Some(lookups) = &self.lookups {
            lookups.add(1, &[KeyValue::new("outcome", step.outcome())]);
        }
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

impl ChangeListener for CachedKeys {
    /// Forgets what these changes may have made wrong.
    ///
    /// An answer that is under way is still given to those who wait for it, but not remembered.
    fn changed(&self, changes: &[Change]) {
        if changes.iter().any(is_about_keys) {
            self.lock().forget(changes);
        }
    }
}

impl State {
    fn plan(&mut self, hash: &KeyHash, now: Instant, good: Good, stale: Duration) -> Step {
        let within = |at: Instant, good| now.saturating_duration_since(at) < good;
        if let Some(known) = self.known.get(hash).filter(|k| within(k.at, good.known)) {
            return Step::Answer(Some(known.grant.clone()));
        }
        if self
            .unknown
            .get(hash)
            .is_some_and(|&at| within(at, good.unknown))
        {
            return Step::Answer(None);
        }
        match self.breaker.ask(now) {
            Verdict::Go => Step::Ask(self.flights.join(hash, self.epoch)),
            Verdict::Probe => Step::Ask(self.flights.probe(hash, self.epoch)),
            Verdict::Spare => match self.reserve(hash, now, stale) {
                Some(grant) => Step::Answer(Some(grant)),
                None => Step::Refuse,
            },
        }
    }

    /// An older answer, good enough while there is no newer one to be had.
    fn reserve(&self, hash: &KeyHash, now: Instant, stale: Duration) -> Option<KeyGrant> {
        let known = self.known.get(hash)?;
        (now.saturating_duration_since(known.at) < stale).then(|| known.grant.clone())
    }

    /// Keeps an answer, unless something changed since it was asked for.
    fn remember(&mut self, hash: &KeyHash, found: &Option<KeyGrant>, now: Instant, asked_in: u64) {
        if asked_in != self.epoch {
            return;
        }
        match found {
            Some(grant) => {
                let grant = grant.clone();
                self.known.insert(*hash, Known { grant, at: now });
                self.unknown.remove(hash);
            }
            None => {
                self.unknown.insert(*hash, now);
                self.known.remove(hash);
            }
        }
    }

    fn forget(&mut self, changes: &[Change]) {
        self.known
            .retain(|known| !changes.iter().any(|change| concerns(change, &known.grant)));
        // Which key a new one is, a hash does not tell.
        if changes
            .iter()
            .any(|c| matches!(c, Change::Key(_) | Change::Anything))
        {
            self.unknown.retain(|_| false);
        }
        self.epoch += 1;
        // Whoever comes from now on must not join a question that was put before the change.
        self.flights.forget();
    }
}

/// Whether a change can be one of what keys grant.
fn is_about_keys(change: &Change) -> bool {
    !matches!(change, Change::Models | Change::Recall(_))
}

fn concerns(change: &Change, grant: &KeyGrant) -> bool {
    match *change {
        Change::Key(id)
        | Change::Limit {
            subject: Subject::Key(id),
            ..
        } => grant.key_id == id,
        Change::User(id)
        | Change::Limit {
            subject: Subject::User(id),
            ..
        } => grant.user_id == Some(id),
        Change::Team(id)
        | Change::Limit {
            subject: Subject::Team(id),
            ..
        } => grant.team_id == Some(id),
        Change::Limit {
            subject: Subject::Organisation,
            ..
        }
        | Change::Anything => true,
        Change::Models | Change::Recall(_) => false,
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
