use std::{fmt, future::poll_fn, mem, task::Poll, time::Duration};

use llmlite_core::{changes::Change, ids::LimitId, quota::AccountKey};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Notify,
    time::{sleep, timeout},
};
use tokio_postgres::{AsyncMessage, Client, Connection, Notification};
use tracing::{info, warn};

use super::{
    log::{Log, Reading},
    probe::{Probes, is_probe},
};
use crate::{
    database::{CONNECT_TIMEOUT, Database},
    error::said,
};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often the connection has to prove that it still hears.
const PROBE_EVERY: Duration = Duration::from_secs(10);
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// Listens, on one connection after the other.
pub(super) async fn follow(database: &Database, log: &Log) {
    let mut pause = FIRST_PAUSE;
    loop {
        let lost = listen(database, log).await;
        if log.health().is_listening() {
            log.health().set_listening(false);
            pause = FIRST_PAUSE;
        }
        warn!(reason = %lost, retry_in_ms = pause.as_millis(), "the feed of changes broke off");
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Listens until the connection is lost, and says how.
async fn listen(database: &Database, log: &Log) -> Lost {
    let (client, mut connection) = match timeout(CONNECT_TIMEOUT, database.connect()).await {
        Ok(Ok(both)) => both,
        Ok(Err(e)) => return Lost::from(e),
        Err(_) => return Lost::Silent("connecting"),
    };
    let (probes, news) = (Probes::new(), Notify::new());
    tokio::select! {
        lost = converse(&client, log, &probes, &news) => lost,
        lost = receive(&mut connection, log, &probes, &news) => lost,
    }
}

/// Speaks: subscribes, reads what there is to read, and proves from time to time that the
/// subscription still works.
async fn converse(client: &Client, log: &Log, probes: &Probes, news: &Notify) -> Lost {
    match subscribe(client, log).await {
        Err(lost) => lost,
        Ok(reading) => {
            log.health().set_listening(true);
            info!("the feed of changes is connected");
            tokio::select! {
                lost = prove(client, probes) => lost,
                lost = read_news(log, &reading, news) => lost,
            }
        }
    }
}

async fn subscribe<'a>(client: &'a Client, log: &Log) -> Result<Reading<'a>, Lost> {
    in_time(client.batch_execute(LISTEN)).await?;
    let reading = in_time(Reading::prepare(client)).await?;
    // What was committed before this connection listened was not heard on it.
    in_time(log.read_on(&reading)).await?;
    Ok(reading)
}

async fn prove(client: &Client, probes: &Probes) -> Lost {
    let mut number = 0;
    loop {
        sleep(PROBE_EVERY).await;
        number += 1;
        let payload = probes.payload(number);
        if let Err(lost) = in_time(client.execute(PROBE, &[&payload])).await {
            return lost;
        }
        if timeout(ANSWER_LIMIT, probes.heard(number)).await.is_err() {
            return Lost::Silent("waiting for a notification of its own");
        }
    }
}

/// On the connection that has just been heard of, so that the lookups' troubles are not the feed's.
async fn read_news(log: &Log, reading: &Reading<'_>, news: &Notify) -> Lost {
    loop {
        news.notified().await;
        if let Err(lost) = in_time(log.read_on(reading)).await {
            return lost;
        }
    }
}

async fn in_time<T, E>(work: impl Future<Output = Result<T, E>>) -> Result<T, Lost>
where
    Lost: From<E>,
{
    match timeout(ANSWER_LIMIT, work).await {
        Ok(done) => done.map_err(Lost::from),
        Err(_) => Err(Lost::Silent("waiting for an answer")),
    }
}

/// Hears: drives the connection, and says when there is something to read.
async fn receive<S, T>(
    connection: &mut Connection<S, T>,
    log: &Log,
    probes: &Probes,
    news: &Notify,
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
        let mut recalls = Vec::new();
        for payload in heard.iter().map(Notification::payload) {
            if is_probe(payload) {
                probes.hear(payload);
            } else if let Some(account) = recall(payload) {
                recalls.push(Change::Recall(account));
            } else {
                news.notify_one();
            }
        }
        log.tell(&recalls);
    }
}

/// All notifications that have arrived, at least one: a change of many things is read once.
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

/// Reads `recall 12 1795478400`: a limit, and when the window of its account begins, in seconds
/// since 1970. It is not in the log, because whoever misses it is told with its next exchange.
fn recall(payload: &str) -> Option<AccountKey> {
    let (limit, starts) = payload.strip_prefix("recall ")?.split_once(' ')?;
    let limit = LimitId(limit.parse().ok()?);
    let since = Duration::from_secs(starts.parse().ok()?);
    let starts = std::time::UNIX_EPOCH.checked_add(since)?;
    Some(AccountKey { limit, starts })
}

/// Why the feed broke off, for the log.
pub(super) enum Lost {
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

/// The connection is called after what it does, so that an operator can tell it from the others.
const LISTEN: &str = "\
-- feed.listen
SELECT set_config('application_name', current_setting('application_name') || ' changes', false);
LISTEN llmlite_changes";

const PROBE: &str = "\
-- feed.probe
SELECT pg_notify('llmlite_changes', $1)";

#[cfg(test)]
mod tests {
    use llmlite_testkit::build::at;

    use super::*;

    #[track_caller]
    fn check(payload: &str, want: Option<(i64, u64)>) {
        let want = want.map(|(limit, starts)| AccountKey {
            limit: LimitId(limit),
            starts: at(starts),
        });
        assert_eq!(recall(payload), want, "{payload}");
    }

    #[test]
    fn a_recall_names_its_account_and_everything_else_is_a_reason_to_read() {
        check("recall 12 1795478400", Some((12, 1_795_478_400)));
        check("recall 12 0", Some((12, 0)));
        check("recall 12", None);
        check("recall x 1", None);
        check("recall 1 -1", None);
        check("recall 1 18446744073709551615", None);
        check("changes 12", None);
        check("virtual_keys 12", None);
        check("", None);
    }
}
