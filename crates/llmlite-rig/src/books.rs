//! What the gateways wrote down, read with SQL of our own.

use std::collections::HashMap;

use tokio_postgres::Client;
use uuid::Uuid;

use crate::Failure;

/// One row of usage.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) event: Uuid,
    pub(crate) key: i64,
    /// In nanodollars.
    pub(crate) cost: i64,
    pub(crate) estimated: bool,
    pub(crate) ending: String,
}

/// One budget with all that is counted against it, in nanodollars.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    /// `key`, `user` or `team`.
    pub(crate) kind: String,
    pub(crate) subject: i64,
    pub(crate) ceiling: i64,
    pub(crate) settled: i64,
    /// On lease still.
    pub(crate) granted: i64,
    /// What the rows say that were charged to it, and what all rows of the subject say.
    pub(crate) charged: i64,
    pub(crate) used: i64,
}

/// Everything at one moment.
#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) rows: Vec<Row>,
    pub(crate) accounts: Vec<Account>,
    /// Cost by key, as the sums for reports have it.
    pub(crate) rollups: HashMap<i64, i64>,
    /// Lives of gateways that were never closed.
    pub(crate) open_lives: i64,
}

const ROWS: &str = "\
-- rig.rows
SELECT event_id, key_id, cost_nanodollars, estimated, ending FROM usage_event";

/// The two sums over rows take different ways: by what the row says it was charged to, and by whose
/// it is.
const ACCOUNTS: &str = "\
-- rig.accounts
WITH charged AS (
    SELECT c.limit_id, sum(u.cost_nanodollars)::bigint AS cost
      FROM usage_event u, charged_accounts(u.charged) c GROUP BY 1),
used AS (
    SELECT 'key' AS kind, key_id AS id, sum(cost_nanodollars)::bigint AS cost FROM usage_event GROUP BY 2
    UNION ALL
    SELECT 'user', user_id, sum(cost_nanodollars)::bigint FROM usage_event GROUP BY 2
    UNION ALL
    SELECT 'team', team_id, sum(cost_nanodollars)::bigint FROM usage_event GROUP BY 2)
SELECT l.subject_kind, l.subject_id, l.ceiling, coalesce(a.settled, 0), coalesce(a.granted, 0),
       coalesce(c.cost, 0), coalesce(u.cost, 0)
  FROM limits l
  LEFT JOIN budget_accounts a ON a.limit_id = l.id
  LEFT JOIN charged c ON c.limit_id = l.id
  LEFT JOIN used u ON u.kind = l.subject_kind AND u.id = l.subject_id
 WHERE l.measure = 'budget' AND l.each IS NULL AND l.ceiling IS NOT NULL
 ORDER BY l.subject_kind, l.subject_id";

const ROLLUPS: &str = "\
-- rig.rollups
SELECT key_id, sum(cost_nanodollars)::bigint FROM usage_rollup_day GROUP BY key_id";

const OPEN_LIVES: &str = "\
-- rig.open_lives
SELECT count(*) FROM gateway_instances WHERE closed_at IS NULL";

impl Books {
    /// Reads them; nobody may be writing.
    pub(crate) async fn read(client: &Client) -> Result<Self, Failure> {
        let rows = client.query(ROWS, &[]).await?;
        let accounts = client.query(ACCOUNTS, &[]).await?;
        let rollups = client.query(ROLLUPS, &[]).await?;
        let row = |row: &tokio_postgres::Row| -> Result<Row, tokio_postgres::Error> {
            Ok(Row {
                event: row.try_get(0)?,
                key: row.try_get(1)?,
                cost: row.try_get(2)?,
                estimated: row.try_get(3)?,
                ending: row.try_get(4)?,
            })
        };
        let account = |row: &tokio_postgres::Row| -> Result<Account, tokio_postgres::Error> {
            Ok(Account {
                kind: row.try_get(0)?,
                subject: row.try_get(1)?,
                ceiling: row.try_get(2)?,
                settled: row.try_get(3)?,
                granted: row.try_get(4)?,
                charged: row.try_get(5)?,
                used: row.try_get(6)?,
            })
        };
        let sums = rollups
            .iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
        Ok(Self {
            rows: rows.iter().map(row).collect::<Result<_, _>>()?,
            accounts: accounts.iter().map(account).collect::<Result<_, _>>()?,
            rollups: sums.collect::<Result<_, tokio_postgres::Error>>()?,
            open_lives: Self::open_lives(client).await?,
        })
    }

    /// How many lives of gateways were begun and not closed.
    pub(crate) async fn open_lives(client: &Client) -> Result<i64, Failure> {
        Ok(client.query_one(OPEN_LIVES, &[]).await?.try_get(0)?)
    }
}
