//! What is broken during a run: gateways are killed in turn, the database is killed and frozen.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use crate::{Database, Failure, Fleet};

/// How long the database stays away when it was killed.
const DOWN: Duration = Duration::from_secs(3);
/// A gateway that starts while the database is away gives up, and is started again after this, as
/// by whatever looks after it.
const START_AGAIN: Duration = Duration::from_millis(500);
/// For how long it is started again.
const PATIENCE: Duration = Duration::from_secs(90);

/// When what happens, counted from the beginning of the load.
#[derive(Debug, Clone)]
pub struct Chaos {
    /// Time between two kills of a gateway, each of which is started again at once.
    pub kill_every: Option<Duration>,
    /// When the database is killed.
    pub kill_database_at: Option<Duration>,
    /// When the database is frozen, and for how long.
    pub freeze_database_at: Option<(Duration, Duration)>,
}

impl Chaos {
    /// A kill every ten seconds, the database killed after a quarter of the time and frozen from
    /// half of it on, for a tenth.
    pub fn for_a_run_of(seconds: u64) -> Self {
        let part = |share: u64| Duration::from_secs(seconds * share / 100);
        Self {
            kill_every: Some(Duration::from_secs(10)),
            kill_database_at: Some(part(25)),
            freeze_database_at: Some((part(50), part(10))),
        }
    }

    /// Lets it happen for that long; everything runs again at the end.
    pub(super) async fn reign(
        &self,
        fleet: &Fleet,
        database: &mut Database,
        time: Duration,
    ) -> Result<(), Failure> {
        let begin = Instant::now();
        let (gateways, server) = tokio::join!(
            self.kill_gateways(fleet, begin, begin + time),
            self.break_database(database, begin)
        );
        gateways?;
        server?;
        sleep_until(begin + time).await;
        Ok(())
    }

    async fn kill_gateways(
        &self,
        fleet: &Fleet,
        begin: Instant,
        end: Instant,
    ) -> Result<(), Failure> {
        let Some(pause) = self.kill_every else {
            return Ok(());
        };
        let mut due = begin + pause;
        let mut turn = 0;
        // None so late that it could not come back within the run.
        while due + pause / 2 < end {
            sleep_until(due).await;
            let victim = turn % fleet.size();
            fleet.kill(victim).await?;
            start_again(fleet, victim).await?;
            turn += 1;
            due = (due + pause).max(Instant::now());
        }
        Ok(())
    }

    async fn break_database(&self, database: &mut Database, begin: Instant) -> Result<(), Failure> {
        if let Some(at) = self.kill_database_at {
            sleep_until(begin + at).await;
            database.kill().await?;
            sleep(DOWN).await;
            database.revive().await?;
        }
        if let Some((at, time)) = self.freeze_database_at {
            sleep_until(begin + at).await;
            database.freeze()?;
            sleep(time).await;
            database.thaw()?;
        }
        Ok(())
    }
}

async fn start_again(fleet: &Fleet, index: usize) -> Result<(), Failure> {
    let began = Instant::now();
    loop {
        match fleet.begin(index).await {
            Ok(()) => return Ok(()),
            Err(error) if began.elapsed() > PATIENCE => return Err(error),
            Err(_) => sleep(START_AGAIN).await,
        }
    }
}
