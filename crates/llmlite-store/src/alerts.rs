//! The outbox of alerts: the announcements that somebody outside has yet to hear of.

use std::time::Duration;

use async_trait::async_trait;
use llmlite_core::{
    ids::{KeyId, LimitId, TeamId, UserId},
    limits::{Percent, Period, Scope, Subject, Window},
    money::Nanodollars,
    ports::{
        StoreError,
        alerts::{AlertId, AlertOutbox, BudgetAlert, DueAlert},
    },
};
use tokio_postgres::{Row, types::FromSql};

use crate::store::Store;

#[async_trait]
impl AlertOutbox for Store {
    async fn claim(&self, most: u32, hold: Duration) -> Result<Vec<DueAlert>, StoreError> {
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 2] =
            [&i64::from(most), &hold.as_secs_f64()];
        let rows = self.lookup(CLAIM, &params).await?;
        rows.iter().map(due).collect()
    }

    async fn delivered(&self, id: AlertId) -> Result<(), StoreError> {
        self.lookup(DELIVERED, &[&id.0]).await?;
        Ok(())
    }

    async fn failed(
        &self,
        id: AlertId,
        attempt: u32,
        pause: Option<Duration>,
    ) -> Result<(), StoreError> {
        let attempt = i32::try_from(attempt).unwrap_or(i32::MAX);
        let pause = pause.map(|pause| pause.as_secs_f64());
        self.lookup(FAILED, &[&id.0, &attempt, &pause]).await?;
        Ok(())
    }
}

fn due(row: &Row) -> Result<DueAlert, StoreError> {
    let attempts: i32 = get(row, "attempts")?;
    Ok(DueAlert {
        id: AlertId(get(row, "id")?),
        attempt: u32::try_from(attempts).map_err(|_| corrupt())?,
        alert: alert(row)?,
    })
}

fn alert(row: &Row) -> Result<BudgetAlert, StoreError> {
    let period: Period = get::<&str>(row, "period")?.parse().map_err(|_| corrupt())?;
    let threshold: i16 = get(row, "threshold")?;
    let threshold = u8::try_from(threshold).map_err(|_| corrupt())?;
    Ok(BudgetAlert {
        limit: LimitId(get(row, "limit_id")?),
        scope: Scope {
            subject: subject(row)?,
            model: get::<Option<&str>>(row, "model")?.map(Into::into),
        },
        team: get(row, "team")?,
        period,
        window: Window::of(period, get(row, "starts")?),
        threshold: Percent::try_from(threshold).map_err(|_| corrupt())?,
        used: Nanodollars(get(row, "settled")?),
        ceiling: Nanodollars(get(row, "ceiling")?),
        at: get(row, "announced_at")?,
    })
}

fn subject(row: &Row) -> Result<Subject, StoreError> {
    let id: Option<i64> = get(row, "subject_id")?;
    match (get(row, "subject_kind")?, id) {
        ("key", Some(id)) => Ok(Subject::Key(KeyId(id))),
        ("user", Some(id)) => Ok(Subject::User(UserId(id))),
        ("team", Some(id)) => Ok(Subject::Team(TeamId(id))),
        ("organisation", None) => Ok(Subject::Organisation),
        _ => Err(corrupt()),
    }
}

fn get<'a, T: FromSql<'a>>(row: &'a Row, column: &str) -> Result<T, StoreError> {
    row.try_get(column).map_err(|_| corrupt())
}

fn corrupt() -> StoreError {
    StoreError::Corrupt {
        what: "a row of the outbox of alerts",
    }
}

/// Of a limit that was taken away there is nothing to tell any more.
const CLAIM: &str = "\
-- alerts.claim
WITH due AS (
    SELECT a.id
      FROM budget_announcements a
     WHERE a.delivered_at IS NULL AND a.given_up_at IS NULL
       AND a.due_at <= clock_timestamp()
       AND a.announced_at > clock_timestamp() - interval '3 days'
       AND EXISTS (SELECT FROM limits l WHERE l.id = a.limit_id)
     ORDER BY a.due_at
     LIMIT $1
       FOR UPDATE SKIP LOCKED),
claimed AS (
    UPDATE budget_announcements a
       SET attempts = a.attempts + 1,
           due_at = clock_timestamp() + make_interval(secs => $2)
      FROM due
     WHERE a.id = due.id
    RETURNING a.*)
SELECT c.id, c.attempts, c.limit_id, c.starts, c.threshold, c.settled, c.ceiling, c.announced_at,
       l.subject_kind, l.subject_id, l.model, l.period, t.name AS team
  FROM claimed c
  JOIN limits l ON l.id = c.limit_id
  LEFT JOIN teams t ON l.subject_kind = 'team' AND t.id = l.subject_id
 ORDER BY c.announced_at, c.id";

/// One that was given up by somebody slower is delivered all the same.
const DELIVERED: &str = "\
-- alerts.delivered
UPDATE budget_announcements
   SET delivered_at = clock_timestamp(), given_up_at = NULL
 WHERE id = $1 AND delivered_at IS NULL";

const FAILED: &str = "\
-- alerts.failed
UPDATE budget_announcements
   SET due_at = CASE WHEN $3::float8 IS NULL THEN due_at
                     ELSE clock_timestamp() + make_interval(secs => $3::float8) END,
       given_up_at = CASE WHEN $3::float8 IS NULL THEN clock_timestamp() END
 WHERE id = $1 AND attempts = $2 AND delivered_at IS NULL";
