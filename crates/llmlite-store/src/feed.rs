//! Hears of changes from the database, on a connection of its own.

mod probe;

use std::{fmt, future::poll_fn, mem, sync::Arc, task::Poll, time::Duration};

use llmlite_core::ids::{KeyId, TeamId, UserId};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Notify,
    time::{sleep, timeout},
};
use tokio_postgres::{AsyncMessage, Client, Connection, Notification};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};

use crate::{
    cache::{CachedKeys, Change},
    database::{CONNECT_TIMEOUT, Database},
    error::said,
    store::Store,
};

use self::probe::{Probes, is_probe};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often the connection has to prove that it still hears.
const PROBE_EVERY: Duration = Duration::from_secs(10);
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

impl Store {
    /// Tells `cache` of every change of a key, user or team, until `stop` is cancelled.
    ///
    /// A connection that is lost is made again, after a pause that grows to five seconds; one
    /// that is silently deaf is found by a notification that it sends itself every ten seconds.
    /// After each gap the cache asks again for everything.
    pub fn follow_changes(
        &self,
        cache: Arc<CachedKeys>,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) {
        let database = self.listener().clone();
        tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = follow(&database, &cache) => {}
            }
        });
    }
}

async fn follow(database: &Database, cache: &CachedKeys) {
    let mut pause = FIRST_PAUSE;
    loop {
        let connected = Notify::new();
        let lost = listen(database, cache, &connected).await;
        // A permit is left behind by a connection that got as far as listening.
        if timeout(Duration::ZERO, connected.notified()).await.is_ok() {
            pause = FIRST_PAUSE;
        }
        warn!(reason = %lost, retry_in_ms = pause.as_millis(), "the feed of key changes broke off");
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Listens until the connection is lost, and says how.
async fn listen(database: &Database, cache: &CachedKeys, connected: &Notify) -> Lost {
    let (client, mut connection) = match timeout(CONNECT_TIMEOUT, database.connect()).await {
        Ok(Ok(both)) => both,
        Ok(Err(e)) => return Lost::from(e),
        Err(_) => return Lost::Silent("connecting"),
    };
    let probes = Probes::new();
    tokio::select! {
        lost = converse(&client, cache, connected, &probes) => lost,
        lost = receive(&mut connection, cache, &probes) => lost,
    }
}

/// Speaks: subscribes, and then proves from time to time that the subscription still works.
async fn converse(
    client: &Client,
    cache: &CachedKeys,
    connected: &Notify,
    probes: &Probes,
) -> Lost {
    if let Err(lost) = say(client.batch_execute(LISTEN)).await {
        return lost;
    }
    // Whatever changed before this moment was not heard.
    cache.expire_everything();
    connected.notify_one();
    info!("the feed of key changes is connected");
    let mut number = 0;
    loop {
        sleep(PROBE_EVERY).await;
        number += 1;
        let payload = probes.payload(number);
        if let Err(lost) = say(client.execute(PROBE, &[&payload])).await {
            return lost;
        }
        if timeout(ANSWER_LIMIT, probes.heard(number)).await.is_err() {
            return Lost::Silent("waiting for a notification of its own");
        }
    }
}

async fn say<T>(
    statement: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<(), Lost> {
    match timeout(ANSWER_LIMIT, statement).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(e)) => Err(Lost::from(e)),
        Err(_) => Err(Lost::Silent("waiting for an answer")),
    }
}

/// Hears: drives the connection and passes changes on.
async fn receive<S, T>(
    connection: &mut Connection<S, T>,
    cache: &CachedKeys,
    probes: &Probes,
) -> Lost
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let heard = match next_batch(connection).await {
            Ok(heard) => heard,
            Err(lost) => return lost,
        };
        heard.iter().for_each(|n| probes.hear(n.payload()));
        let changes: Vec<Change> = heard.iter().filter_map(|n| change(n.payload())).collect();
        cache.apply(&changes);
    }
}

/// All notifications that have arrived, at least one: an import of many keys is one pass over
/// the cache and not many.
async fn next_batch<S, T>(connection: &mut Connection<S, T>) -> Result<Vec<Notification>, Lost>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut heard = Vec::new();
    poll_fn(|cx| {
        loop {
            match connection.poll_message(cx) {
                Poll::Ready(Some(Ok(AsyncMessage::Notification(n)))) => heard.push(n),
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(e))) => return Poll::Ready(Err(Lost::from(e))),
                Poll::Ready(None) => return Poll::Ready(Err(Lost::Closed)),
                Poll::Pending if heard.is_empty() => return Poll::Pending,
                Poll::Pending => return Poll::Ready(Ok(mem::take(&mut heard))),
            }
        }
    })
    .await
}

/// Reads `virtual_keys 12`. What a newer schema says in another way concerns everything.
fn change(payload: &str) -> Option<Change> {
    if is_probe(payload) {
        return None;
    }
    let read = || {
        let (table, id) = payload.split_once(' ')?;
        let id = id.parse().ok()?;
        match table {
            "virtual_keys" => Some(Change::Key(KeyId(id))),
            "users" => Some(Change::User(UserId(id))),
            "teams" => Some(Change::Team(TeamId(id))),
            _ => None,
        }
    };
    Some(read().unwrap_or(Change::Anything))
}

/// Why the feed broke off, for the log.
enum Lost {
    Failed(String),
    Closed,
    Silent(&'static str),
}

impl From<tokio_postgres::Error> for Lost {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Failed(said(&error))
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(why) => f.write_str(why),
            Self::Closed => f.write_str("the database closed the connection"),
            Self::Silent(when) => write!(f, "silence while {when}"),
        }
    }
}

const LISTEN: &str = "\
-- feed.listen
LISTEN llmlite_changes";

const PROBE: &str = "\
-- feed.probe
SELECT pg_notify('llmlite_changes', $1)";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(payload: &str, want: Option<Change>) {
        assert_eq!(change(payload), want, "{payload}");
    }

    #[test]
    fn a_notification_names_what_changed() {
        check("virtual_keys 12", Some(Change::Key(KeyId(12))));
        check("users 5", Some(Change::User(UserId(5))));
        check("teams 3", Some(Change::Team(TeamId(3))));
        check("budgets 3", Some(Change::Anything));
        check("virtual_keys x", Some(Change::Anything));
        check("", Some(Change::Anything));
        check("probe", Some(Change::Anything));
        check(&Probes::new().payload(7), None);
    }
}
