//! Writing usage: rows, roll-ups and budgets in one statement.

use std::{
    fmt::Write as _,
    time::{Duration, UNIX_EPOCH},
};

use async_trait::async_trait;
use llmlite_core::{
    ids::InstanceId,
    ports::{StoreError, ledger::Ledger},
    quota::AccountKey,
    usage::UsageRecord,
};
use uuid::Uuid;

use crate::store::Store;

#[async_trait]
impl Ledger for Store {
    async fn flush(&self, instance: InstanceId, batch: &[UsageRecord]) -> Result<u64, StoreError> {
        if batch.is_empty() {
            return Ok(0);
        }
        let columns = Columns::of(instance, batch);
        let rows = self.long(FLUSH, &columns.params()).await?;
        rows.first()
            .and_then(|row| row.try_get::<_, i64>(0).ok())
            .and_then(|inserted| u64::try_from(inserted).ok())
            .ok_or(StoreError::Corrupt {
                what: "the count of inserted usage rows",
            })
    }
}

/// A batch turned on its side: one array a column.
#[derive(Default)]
struct Columns<'a> {
    instance: i64,
    event_id: Vec<Uuid>,
    request_id: Vec<&'a str>,
    upstream_request_id: Vec<Option<&'a str>>,
    key_id: Vec<i64>,
    user_id: Vec<Option<i64>>,
    team_id: Vec<Option<i64>>,
    model: Vec<&'a str>,
    bedrock_model_id: Vec<&'a str>,
    region: Vec<&'a str>,
    residency: Vec<&'static str>,
    streamed: Vec<bool>,
    input: Vec<i64>,
    output: Vec<i64>,
    cache_read: Vec<i64>,
    cache_write_5m: Vec<i64>,
    cache_write_1h: Vec<i64>,
    cost: Vec<i64>,
    estimated: Vec<bool>,
    ending: Vec<&'static str>,
    latency_ms: Vec<i64>,
    time_to_first_token_ms: Vec<Option<i64>>,
    charged: Vec<Option<String>>,
}

impl<'a> Columns<'a> {
    fn of(instance: InstanceId, batch: &'a [UsageRecord]) -> Self {
        let mut columns = Self {
            instance: instance.0,
            ..Self::default()
        };
        for record in batch {
            columns.push(record);
        }
        columns
    }

    fn push(&mut self, record: &'a UsageRecord) {
        self.event_id.push(record.event_id.0);
        self.request_id.push(&record.request_id);
        self.upstream_request_id
            .push(record.upstream_request_id.as_deref());
        self.key_id.push(record.key_id.0);
        self.user_id.push(record.user_id.map(|id| id.0));
        self.team_id.push(record.team_id.map(|id| id.0));
        self.model.push(&record.model);
        self.bedrock_model_id.push(&record.bedrock_model_id);
        self.region.push(&record.region);
        self.residency.push(record.residency.as_str());
        self.streamed.push(record.streamed);
        self.input.push(number(record.tokens.input));
        self.output.push(number(record.tokens.output));
        self.cache_read.push(number(record.tokens.cache_read));
        self.cache_write_5m
            .push(number(record.tokens.cache_write_5m));
        self.cache_write_1h
            .push(number(record.tokens.cache_write_1h));
        self.cost.push(record.cost.0);
        self.estimated.push(record.estimated);
        self.ending.push(record.ending.as_str());
        self.latency_ms.push(millis(record.latency));
        self.time_to_first_token_ms
            .push(record.time_to_first_token.map(millis));
        self.charged.push(charged(&record.accounts));
    }

    fn params(&self) -> [&(dyn tokio_postgres::types::ToSql + Sync); 23] {
        [
            &self.instance,
            &self.event_id,
            &self.request_id,
            &self.upstream_request_id,
            &self.key_id,
            &self.user_id,
            &self.team_id,
            &self.model,
            &self.bedrock_model_id,
            &self.region,
            &self.residency,
            &self.streamed,
            &self.input,
            &self.output,
            &self.cache_read,
            &self.cache_write_5m,
            &self.cache_write_1h,
            &self.cost,
            &self.estimated,
            &self.ending,
            &self.latency_ms,
            &self.time_to_first_token_ms,
            &self.charged,
        ]
    }
}

/// PostgreSQL's integers are signed; no count of tokens comes near the end of them.
fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Pairs of a limit and the beginning of its window, as the text of an array: an array of arrays
/// would have to be as long in every row.
fn charged(accounts: &[AccountKey]) -> Option<String> {
    let mut text = String::new();
    for account in accounts {
        let since = account.starts.duration_since(UNIX_EPOCH);
        let seconds = since.unwrap_or_default().as_secs();
        let comma = if text.is_empty() { '{' } else { ',' };
        write!(text, "{comma}{},{seconds}", account.limit).expect("a string takes any text");
    }
    (!text.is_empty()).then(|| text + "}")
}

/// Everything after `ins` sees only the rows that were really inserted, so a batch that is sent
/// twice counts once. Rows are inserted in the order of their ids, roll-ups in the order of their
/// key, and accounts, which others are waiting for too, come last and in their order; so two
/// flushes cannot wait for each other.
const FLUSH: &str = "\
-- ledger.flush
WITH ins AS (
    INSERT INTO usage_event (
        event_id, ts, request_id, upstream_request_id, key_id, user_id, team_id, model,
        bedrock_model_id, region, residency, streamed, input_tokens, output_tokens,
        cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cost_nanodollars,
        estimated, ending, latency_ms, time_to_first_token_ms, instance_id, charged)
    SELECT event_id, event_time(event_id), request_id, upstream_request_id, key_id, user_id,
           team_id, model, bedrock_model_id, region, residency, streamed, input_tokens,
           output_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens,
           cost_nanodollars, estimated, ending, latency_ms, time_to_first_token_ms, $1::int8,
           charged::int8[]
      FROM unnest($2::uuid[], $3::text[], $4::text[], $5::int8[], $6::int8[], $7::int8[],
                  $8::text[], $9::text[], $10::text[], $11::text[], $12::bool[], $13::int8[],
                  $14::int8[], $15::int8[], $16::int8[], $17::int8[], $18::int8[], $19::bool[],
                  $20::text[], $21::int8[], $22::int8[], $23::text[])
        AS t(event_id, request_id, upstream_request_id, key_id, user_id, team_id, model,
             bedrock_model_id, region, residency, streamed, input_tokens, output_tokens,
             cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cost_nanodollars,
             estimated, ending, latency_ms, time_to_first_token_ms, charged)
     ORDER BY event_id
    ON CONFLICT DO NOTHING
    RETURNING *),
sums AS (
    INSERT INTO usage_rollup_day AS r (
        day, key_id, user_id, team_id, model, requests, failed, estimated, input_tokens,
        output_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens,
        cost_nanodollars)
    SELECT (ts AT TIME ZONE 'UTC')::date, key_id, user_id, team_id, model, count(*),
           count(*) FILTER (WHERE ending IN ('upstream_failed', 'shutdown')),
           count(*) FILTER (WHERE estimated), sum(input_tokens), sum(output_tokens),
           sum(cache_read_tokens), sum(cache_write_5m_tokens), sum(cache_write_1h_tokens),
           sum(cost_nanodollars)
      FROM ins
     GROUP BY 1, 2, 3, 4, 5
     ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT ON CONSTRAINT usage_rollup_day_is_one_row DO UPDATE SET
        requests = r.requests + excluded.requests,
        failed = r.failed + excluded.failed,
        estimated = r.estimated + excluded.estimated,
        input_tokens = r.input_tokens + excluded.input_tokens,
        output_tokens = r.output_tokens + excluded.output_tokens,
        cache_read_tokens = r.cache_read_tokens + excluded.cache_read_tokens,
        cache_write_5m_tokens = r.cache_write_5m_tokens + excluded.cache_write_5m_tokens,
        cache_write_1h_tokens = r.cache_write_1h_tokens + excluded.cache_write_1h_tokens,
        cost_nanodollars = r.cost_nanodollars + excluded.cost_nanodollars
    RETURNING requests),
charges AS (
    SELECT account.limit_id, account.starts,
           sum(greatest(cost_nanodollars, 0))::int8 AS cost,
           sum(least(cost_nanodollars, 0))::int8 AS correction
      FROM ins, charged_accounts(ins.charged) AS account
     WHERE cost_nanodollars <> 0
     GROUP BY 1, 2)
SELECT written.rows,
       CASE WHEN charged.accounts > 0 THEN
           charge_budgets($1::int8, charged.limits, charged.starts, charged.costs, charged.corrections)
       END
  FROM (SELECT count(*) FROM sums) AS summed,
       (SELECT count(*) AS rows FROM ins) AS written,
       (SELECT count(*) AS accounts, array_agg(limit_id) AS limits, array_agg(starts) AS starts,
               array_agg(cost) AS costs, array_agg(correction) AS corrections
          FROM charges) AS charged";
