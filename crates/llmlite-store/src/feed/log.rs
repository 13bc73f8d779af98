use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use llmlite_core::{
    changes::{Change, ChangeListener},
    ids::{KeyId, LimitId, TeamId, UserId},
    limits::Subject,
    ports::StoreError,
};
use tokio_postgres::{Client, Error, Row, Statement};

use super::{health::FeedHealth, listener::Lost};
use crate::store::Store;

/// The database's log of changes, read from where this process has got to, and passed on.
pub(super) struct Log {
    store: Store,
    health: Arc<FeedHealth>,
    listeners: Vec<Arc<dyn ChangeListener>>,
    /// The number of the last change that the listeners know of. Held while they are told, which
    /// keeps changes in their order.
    applied: Mutex<Option<i64>>,
}

/// A connection of its own to read the log on.
pub(super) struct Reading<'a> {
    client: &'a Client,
    statement: Statement,
}

/// What a question was put for, and when.
struct Asked {
    from: Option<i64>,
    at: Instant,
}

/// The log from some number on.
#[derive(Debug, Default)]
struct Page {
    /// The number of the newest change of all.
    newest: i64,
    /// By rising number.
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    seq: i64,
    change: Change,
    /// How long ago it was made, when the page was read.
    age: Duration,
}

impl<'a> Reading<'a> {
    pub(super) async fn prepare(client: &'a Client) -> Result<Self, Error> {
        let statement = client.prepare(READ).await?;
        Ok(Self { client, statement })
    }
}

impl Log {
    pub(super) fn new(
        store: Store,
        health: Arc<FeedHealth>,
        listeners: Vec<Arc<dyn ChangeListener>>,
    ) -> Self {
        Self {
            store,
            health,
            listeners,
            applied: Mutex::new(None),
        }
    }

    pub(super) fn health(&self) -> &FeedHealth {
        &self.health
    }

    /// Reads on from where this process is, on a connection of the lookups.
    pub(super) async fn read(&self) -> Result<(), StoreError> {
        let asked = self.ask();
        let rows = self.store.lookup(READ, &[&asked.from]).await?;
        self.take(&asked, &rows).map_err(|_| StoreError::Corrupt {
            what: "a row of changes",
        })
    }

    /// The same, on a connection that is told of changes.
    pub(super) async fn read_on(&self, reading: &Reading<'_>) -> Result<(), Lost> {
        let asked = self.ask();
        let rows = reading
            .client
            .query(&reading.statement, &[&asked.from])
            .await?;
        Ok(self.take(&asked, &rows)?)
    }

    pub(super) fn tell(&self, changes: &[Change]) {
        if !changes.is_empty() {
            self.listeners.iter().for_each(|l| l.changed(changes));
        }
    }

    fn ask(&self) -> Asked {
        Asked {
            from: *self.applied.lock().unwrap_or_else(PoisonError::into_inner),
            at: self.health.now(),
        }
    }

    fn take(&self, asked: &Asked, rows: &[Row]) -> Result<(), Error> {
        let page = page(rows)?;
        let mut applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        let news = page.since(*applied, asked.from);
        self.tell(&news.changes);
        *applied = Some(news.applied);
        self.health.confirm(asked.at, news.applied);
        if let Some(age) = news.oldest {
            let told = self.health.now().saturating_duration_since(asked.at);
            self.health.set_delay(age + told);
        }
        Ok(())
    }
}

/// What a page says that was not known.
#[derive(Debug, PartialEq, Eq)]
struct News {
    changes: Vec<Change>,
    applied: i64,
    /// How long ago the oldest of them was made, when the page was read.
    oldest: Option<Duration>,
}

impl Page {
    /// The news for those who know of everything up to `applied`, in a page that was asked for when
    /// that was `asked`.
    fn since(&self, applied: Option<i64>, asked: Option<i64>) -> News {
        let Some(known) = applied else {
            return self.anything();
        };
        // The numbers went back: this is another database, or an older state of it.
        if asked.is_some_and(|asked| self.newest < asked) {
            return self.anything();
        }
        if self.newest <= known {
            return News {
                changes: Vec::new(),
                applied: known,
                oldest: None,
            };
        }
        let new = self.entries.iter().filter(|entry| entry.seq > known);
        if !new.clone().map(|e| e.seq).eq(known + 1..=self.newest) {
            return self.anything();
        }
        News {
            changes: new.clone().map(|entry| entry.change).collect(),
            applied: self.newest,
            oldest: new.map(|entry| entry.age).max(),
        }
    }

    fn anything(&self) -> News {
        News {
            changes: vec![Change::Anything],
            applied: self.newest,
            oldest: None,
        }
    }
}

/// The newest number stands in each row, and alone where there is no entry.
fn page(rows: &[Row]) -> Result<Page, Error> {
    let mut page = Page::default();
    for row in rows {
        page.newest = row.try_get("newest")?;
        if let Some(seq) = row.try_get::<_, Option<i64>>("seq")? {
            let (made, read): (SystemTime, SystemTime) = (row.try_get("at")?, row.try_get("now")?);
            page.entries.push(Entry {
                seq,
                change: change(
                    row.try_get("kind")?,
                    row.try_get("id")?,
                    row.try_get("subject_kind")?,
                    row.try_get("subject_id")?,
                ),
                age: read.duration_since(made).unwrap_or_default(),
            });
        }
    }
    Ok(page)
}

/// What a newer schema says in another way concerns everything.
fn change(
    kind: &str,
    id: Option<i64>,
    subject_kind: Option<&str>,
    subject_id: Option<i64>,
) -> Change {
    let limit = |id| {
        let subject = match (subject_kind?, subject_id) {
            ("key", Some(id)) => Subject::Key(KeyId(id)),
            ("user", Some(id)) => Subject::User(UserId(id)),
            ("team", Some(id)) => Subject::Team(TeamId(id)),
            ("organisation", None) => Subject::Organisation,
            _ => return None,
        };
        let id = LimitId(id);
        Some(Change::Limit { id, subject })
    };
    match (kind, id) {
        ("key", Some(id)) => Change::Key(KeyId(id)),
        ("user", Some(id)) => Change::User(UserId(id)),
        ("team", Some(id)) => Change::Team(TeamId(id)),
        ("limit", Some(id)) => limit(id).unwrap_or(Change::Anything),
        ("models", None) => Change::Models,
        _ => Change::Anything,
    }
}

/// A thousand entries at most: whoever is further behind is told that anything has changed.
const READ: &str = "\
-- feed.read
SELECT n.seq AS newest, clock_timestamp() AS now,
       c.seq, c.at, c.kind, c.id, c.subject_kind, c.subject_id
  FROM change_counter n
  LEFT JOIN LATERAL (
       SELECT * FROM changes WHERE seq > $1::bigint ORDER BY seq LIMIT 1000) c ON true
 ORDER BY c.seq";

#[cfg(test)]
mod tests {
    use super::*;

    fn page(newest: i64, entries: &[i64]) -> Page {
        let entry = |&seq| Entry {
            seq,
            change: Change::Key(KeyId(seq)),
            age: Duration::from_millis(1),
        };
        let entries = entries.iter().map(entry).collect();
        Page { newest, entries }
    }

    /// Which keys are told of; none for anything at all.
    #[track_caller]
    fn check(
        (newest, entries): (i64, &[i64]),
        applied: Option<i64>,
        asked: Option<i64>,
        want: Option<&[i64]>,
        then: i64,
    ) {
        let news = page(newest, entries).since(applied, asked);
        let want = want.map_or(vec![Change::Anything], |keys| {
            keys.iter().map(|&id| Change::Key(KeyId(id))).collect()
        });
        assert_eq!((news.changes, news.applied), (want, then));
    }

    #[test]
    #[rustfmt::skip]
    fn nothing_is_missed_told_twice_or_out_of_order() {
        //    newest, entries      applied  asked    told                 then
        check((7, &[]),            None,    None,    None,                7);
        check((7, &[]),            Some(7), Some(7), Some(&[]),           7);
        check((9, &[8, 9]),        Some(7), Some(7), Some(&[8, 9]),       9);
        // Another reading was faster.
        check((9, &[8, 9]),        Some(8), Some(7), Some(&[9]),          9);
        check((9, &[8, 9]),        Some(9), Some(7), Some(&[]),           9);
        check((9, &[8, 9]),        Some(12), Some(7), Some(&[]),          12);
        check((9, &[]),            Some(9), None,    Some(&[]),           9);
        check((9, &[]),            Some(8), None,    None,                9);
        // The log has been pruned, or is longer than what is read of it.
        check((9, &[9]),           Some(7), Some(7), None,                9);
        check((9, &[]),            Some(7), Some(7), None,                9);
        check((9, &[8]),           Some(7), Some(7), None,                9);
        check((10, &[8, 10]),      Some(7), Some(7), None,                10);
        // Another database.
        check((3, &[]),            Some(7), Some(7), None,                3);
    }

    #[test]
    #[rustfmt::skip]
    fn an_entry_names_what_changed_and_an_unknown_one_concerns_everything() {
        let limit = |subject| Change::Limit { id: LimitId(4), subject };
        assert_eq!(change("key", Some(12), None, None), Change::Key(KeyId(12)));
        assert_eq!(change("user", Some(5), None, None), Change::User(UserId(5)));
        assert_eq!(change("team", Some(3), None, None), Change::Team(TeamId(3)));
        assert_eq!(change("models", None, None, None), Change::Models);
        assert_eq!(change("limit", Some(4), Some("key"), Some(1)), limit(Subject::Key(KeyId(1))));
        assert_eq!(change("limit", Some(4), Some("user"), Some(2)), limit(Subject::User(UserId(2))));
        assert_eq!(change("limit", Some(4), Some("team"), Some(3)), limit(Subject::Team(TeamId(3))));
        assert_eq!(change("limit", Some(4), Some("organisation"), None), limit(Subject::Organisation));
        for (kind, id, subject) in [
            ("many", None, None), ("organisation", None, None), ("key", None, None),
            ("limit", Some(4), None), ("limit", Some(4), Some("star")), ("star", Some(1), None),
        ] {
            assert_eq!(change(kind, id, subject, None), Change::Anything, "{kind}");
        }
    }
}
