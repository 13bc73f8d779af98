//! Finds gateways that were lost together with their disk, and charges what they had under way.
//!
//! A gateway that is killed settles everything itself when it is started again on its disk. Only of
//! one that never comes back nobody else hears.

use std::{collections::HashMap, path::Path, time::Duration};

use llmlite_core::{
    ids::InstanceId,
    ports::{
        StoreError,
        orphans::{OpenLife, OrphanLeases, Orphans},
    },
};
use llmlite_store::Store;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::lives;

/// How often it is looked for them, at most and at least; in between, a twentieth of how long they
/// have to be silent.
const PACES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];
/// Looks that may fail in a row without what was seen before being forgotten.
const MISSED: u32 = 3;

/// When a gateway counts as lost, and what happens then.
pub(crate) struct Settings {
    /// How long nothing was heard of it.
    pub(crate) after: Duration,
    /// What becomes of its leases.
    pub(crate) leases: OrphanLeases,
    /// Where journals lie on this disk: what is found there was not lost.
    pub(crate) folder: Box<Path>,
}

/// Looks for lost gateways until it is over.
pub(crate) async fn watch(
    store: Store,
    me: InstanceId,
    settings: Settings,
    over: CancellationToken,
) {
    let [shortest, longest] = PACES;
    let pace = (settings.after / 20).clamp(shortest, longest);
    let mut seen = Seen::new(pace * MISSED);
    loop {
        // Not all gateways at once.
        tokio::select! {
            () = sleep(pace.mul_f64(rand::random_range(0.75..=1.25))) => {}
            () = over.cancelled() => return,
        }
        let looked = tokio::select! {
            looked = look(&store, me, &settings, &mut seen, &over) => looked,
            () = over.cancelled() => return,
        };
        if let Err(error) = looked {
            warn!(%error, "cannot look for gateways that were lost");
        }
    }
}

async fn look(
    store: &Store,
    me: InstanceId,
    settings: &Settings,
    seen: &mut Seen,
    over: &CancellationToken,
) -> Result<(), StoreError> {
    let mut lives = store.open().await?;
    lives.retain(|life| life.instance != me);
    let lost = seen.silent(Instant::now(), &lives, settings.after);
    if !lost.is_empty() {
        // One whose journal is on this disk is settled by that, which knows more.
        lives::settle(store.clone(), settings.folder.clone(), over.clone()).await;
    }
    for life in lost {
        if store.orphan(&life, settings.leases).await? {
            error!(
                instance = %life.instance, host = life.host, silent_s = life.silent.as_secs(),
                leases = ?settings.leases,
                "a gateway is taken for lost with its disk: what it had under way is charged"
            );
        }
    }
    for charged in store.charge_left_behind().await? {
        info!(
            instance = %charged.instance, charged = charged.charged, refused = charged.refused,
            "charged what a lost gateway had under way"
        );
    }
    Ok(())
}

/// For how long lives have been silent while somebody was listening.
///
/// While the database is away, all are silent, and none is lost; so only the time counts in which
/// it was looked again and again, by this machine's own clock.
struct Seen {
    /// How far two looks may be apart.
    gap: Duration,
    last: Option<Instant>,
    /// The last call of each, and since when it has been the last.
    calls: HashMap<InstanceId, (i64, Instant)>,
}

impl Seen {
    fn new(gap: Duration) -> Self {
        Self {
            gap,
            last: None,
            calls: HashMap::new(),
        }
    }

    /// Those of `lives` that have made no call for so long.
    fn silent(&mut self, now: Instant, lives: &[OpenLife], after: Duration) -> Vec<OpenLife> {
        if self.last.is_none_or(|last| now - last > self.gap) {
            self.calls.clear();
        }
        self.last = Some(now);
        let calls = lives.iter().map(|life| {
            let before = self.calls.get(&life.instance);
            let before = before.filter(|(call, _)| *call == life.call);
            let since = before.map_or(now, |(_, since)| *since);
            (life.instance, (life.call, since))
        });
        self.calls = calls.collect();
        let is_silent = |life: &&OpenLife| {
            let seen = self.calls.get(&life.instance);
            seen.is_some_and(|(_, since)| now - *since >= after)
        };
        lives.iter().filter(is_silent).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER: Duration = Duration::from_secs(600);

    fn life(instance: i64, call: i64) -> OpenLife {
        OpenLife {
            instance: InstanceId(instance),
            host: "gateway".to_owned(),
            call,
            silent: Duration::from_secs(100_000),
        }
    }

    /// Looks every 30 seconds, and returns after how many looks life 1 was lost, if it was.
    fn lost_after(calls: impl Fn(u32) -> i64, missed: impl Fn(u32) -> bool) -> Option<u32> {
        let began = Instant::now();
        let mut seen = Seen::new(Duration::from_secs(90));
        (0..100).find(|look| {
            let now = began + Duration::from_secs(30) * *look;
            let lives = [life(1, calls(*look)), life(2, i64::from(*look))];
            let lost = match missed(*look) {
                true => Vec::new(),
                false => seen.silent(now, &lives, AFTER),
            };
            assert!(lost.iter().all(|life| life.instance == InstanceId(1)));
            !lost.is_empty()
        })
    }

    #[test]
    fn only_silence_that_was_listened_to_counts() {
        let never = |_| false;
        assert_eq!(
            lost_after(|_| 5, never),
            Some(20),
            "whatever the database's clock says"
        );
        assert_eq!(lost_after(i64::from, never), None, "it calls");
        assert_eq!(
            lost_after(|look| i64::from(look / 15), never),
            None,
            "now and then"
        );
        assert_eq!(lost_after(|look| i64::from(look > 10), never), Some(31));
        let two_missed = |look| matches!(look, 10 | 11);
        assert_eq!(lost_after(|_| 5, two_missed), Some(20));
        let an_outage = |look| (10..14).contains(&look);
        assert_eq!(
            lost_after(|_| 5, an_outage),
            Some(34),
            "nobody could be heard"
        );
    }
}
