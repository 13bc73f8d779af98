//! Reports, from the roll-ups only.

use async_trait::async_trait;
use llmlite_core::{
    money::Nanodollars,
    ports::{
        StoreError,
        reports::{GroupBy, Reports, UsageLine, UsageQuery},
    },
    usage::Tokens,
};
use tokio_postgres::Row;

use crate::store::Store;

#[async_trait]
impl Reports for Store {
    async fn usage(&self, query: &UsageQuery) -> Result<Vec<UsageLine>, StoreError> {
        let statement = match query.group_by {
            GroupBy::Day => BY_DAY,
            GroupBy::Model => BY_MODEL,
            GroupBy::Key => BY_KEY,
            GroupBy::User => BY_USER,
            GroupBy::Team => BY_TEAM,
        };
        self.long(statement, &[&query.from, &query.to])
            .await?
            .iter()
            .map(|row| {
                line(row).ok_or(StoreError::Corrupt {
                    what: "a sum of usage_rollup_day",
                })
            })
            .collect()
    }
}

fn line(row: &Row) -> Option<UsageLine> {
    let count = |column: &str| {
        row.try_get::<_, i64>(column)
            .ok()
            .and_then(|n| u64::try_from(n).ok())
    };
    Some(UsageLine {
        group: row.try_get("name").ok()?,
        requests: count("requests")?,
        failed: count("failed")?,
        tokens: Tokens {
            input: count("input_tokens")?,
            output: count("output_tokens")?,
            cache_read: count("cache_read_tokens")?,
            cache_write_5m: count("cache_write_5m_tokens")?,
            cache_write_1h: count("cache_write_1h_tokens")?,
        },
        cost: Nanodollars(row.try_get("cost_nanodollars").ok()?),
    })
}

/// A report's statement: what a line is called, where the names come from, and the order.
macro_rules! report {
    ($name:literal, $label:literal, $join:literal, $group:literal, $order:literal) => {
        concat!(
            "-- ",
            $name,
            "\nSELECT ",
            $label,
            " AS name, sum(requests)::int8 AS requests, sum(failed)::int8 AS failed,
       sum(input_tokens)::int8 AS input_tokens, sum(output_tokens)::int8 AS output_tokens,
       sum(cache_read_tokens)::int8 AS cache_read_tokens,
       sum(cache_write_5m_tokens)::int8 AS cache_write_5m_tokens,
       sum(cache_write_1h_tokens)::int8 AS cache_write_1h_tokens,
       sum(cost_nanodollars)::int8 AS cost_nanodollars
  FROM usage_rollup_day r ",
            $join,
            "
 WHERE day BETWEEN $1::text::date AND $2::text::date
 GROUP BY ",
            $group,
            "
 ORDER BY ",
            $order
        )
    };
}

const BY_DAY: &str = report!(
    "reports.by_day",
    "to_char(day, 'YYYY-MM-DD')",
    "",
    "day",
    "day"
);

const BY_MODEL: &str = report!(
    "reports.by_model",
    "model",
    "",
    "model",
    "sum(cost_nanodollars) DESC, model"
);

// What was deleted since keeps a line of its own, under its number. The names of keys need not
// differ, so a key's number stands beside its name.

const BY_KEY: &str = report!(
    "reports.by_key",
    "coalesce(min(k.name) || ' (' || r.key_id || ')', 'key ' || r.key_id)",
    "LEFT JOIN virtual_keys k ON k.id = r.key_id",
    "r.key_id",
    "sum(cost_nanodollars) DESC, r.key_id"
);

const BY_USER: &str = report!(
    "reports.by_user",
    "coalesce(min(u.email), 'user ' || r.user_id)",
    "LEFT JOIN users u ON u.id = r.user_id",
    "r.user_id",
    "sum(cost_nanodollars) DESC, r.user_id"
);

const BY_TEAM: &str = report!(
    "reports.by_team",
    "coalesce(min(t.name), 'team ' || r.team_id)",
    "LEFT JOIN teams t ON t.id = r.team_id",
    "r.team_id",
    "sum(cost_nanodollars) DESC, r.team_id"
);
