use std::{collections::HashMap, error::Error, fmt, sync::Arc};

use llmlite_core::{
    keys::{KeyGrant, KeyHash},
    ports::StoreError,
};
use tokio::sync::OnceCell;

/// What a flight brings home, for all who wait for it.
pub(super) type Outcome = Result<Option<KeyGrant>, Arc<StoreError>>;

/// One question to the database, shared by everybody who has it at the moment.
#[derive(Debug)]
pub(super) struct Flight {
    epoch: u64,
    probe: bool,
    outcome: OnceCell<Outcome>,
}

impl Flight {
    /// The epoch in which the question was put.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn is_probe(&self) -> bool {
        self.probe
    }

    pub(super) fn has_landed(&self) -> bool {
        self.outcome.initialized()
    }

    /// Waits for the outcome. One of those who wait runs `load`; when that one is dropped,
    /// another takes over.
    pub(super) async fn outcome<F: Future<Output = Outcome>>(
        &self,
        load: impl FnOnce() -> F,
    ) -> Result<Option<KeyGrant>, StoreError> {
        match self.outcome.get_or_init(load).await {
            Ok(found) => Ok(found.clone()),
            Err(error) => Err(shared(error)),
        }
    }
}

/// The questions under way, by key.
#[derive(Debug, Default)]
pub(super) struct Flights(HashMap<KeyHash, Arc<Flight>>);

impl Flights {
    pub(super) fn join(&mut self, hash: &KeyHash, epoch: u64) -> Arc<Flight> {
        let flight = self
            .0
            .entry(*hash)
            .or_insert_with(|| Arc::new(Flight::new(epoch, false)));
        Arc::clone(flight)
    }

    /// A flight of its own, in the place of one that began before the database went away.
    pub(super) fn probe(&mut self, hash: &KeyHash, epoch: u64) -> Arc<Flight> {
        let flight = Arc::new(Flight::new(epoch, true));
        self.0.insert(*hash, Arc::clone(&flight));
        flight
    }

    /// Called by each passenger. The flight goes when it has landed, or when this was the last:
    /// one reference is the list's and one the passenger's.
    pub(super) fn leave(&mut self, hash: &KeyHash, flight: &Arc<Flight>) {
        let over = flight.has_landed() || Arc::strong_count(flight) <= 2;
        if over && self.0.get(hash).is_some_and(|f| Arc::ptr_eq(f, flight)) {
            self.0.remove(hash);
        }
    }

    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

impl Flight {
    fn new(epoch: u64, probe: bool) -> Self {
        Self {
            epoch,
            probe,
            outcome: OnceCell::new(),
        }
    }
}

/// The same failure once more, for another of those who waited.
fn shared(error: &Arc<StoreError>) -> StoreError {
    let cause = || Box::new(Shared(Arc::clone(error)));
    match &**error {
        StoreError::Unavailable(_) => StoreError::Unavailable(cause()),
        StoreError::Exists { what } => StoreError::Exists { what: what.clone() },
        StoreError::Missing { what } => StoreError::Missing { what: what.clone() },
        StoreError::Corrupt { what } => StoreError::Corrupt { what },
        StoreError::InvalidData(_) => StoreError::InvalidData(cause()),
        _ => StoreError::Refused(cause()),
    }
}

#[derive(Debug)]
struct Shared(Arc<StoreError>);

impl fmt::Display for Shared {
    /// The cause: what failed is said by the error around it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.source() {
            Some(cause) => fmt::Display::fmt(cause, f),
            None => fmt::Display::fmt(&self.0, f),
        }
    }
}

impl Error for Shared {}
