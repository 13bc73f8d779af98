use std::time::SystemTime;

use llmlite_core::{
    ids::LimitId,
    limits::{Period, Window},
    ports::{StoreError, limits::LimitState},
    quota::AccountKey,
};
use tokio_postgres::Row;

use crate::store::Store;

/// How these limits stand, in their order; one that is not there stands at nothing.
pub(super) async fn states(
    store: &Store,
    limits: &[LimitId],
) -> Result<Vec<LimitState>, StoreError> {
    let ids: Vec<i64> = limits.iter().map(|limit| limit.0).collect();
    let rows = store.lookup(STATES, &[&ids]).await?;
    let states = rows.iter().map(|row| state(row).ok());
    states.collect::<Option<_>>().ok_or(StoreError::Corrupt {
        what: "the state of a limit",
    })
}

fn state(row: &Row) -> Result<LimitState, Box<dyn std::error::Error>> {
    let limit = LimitId(row.try_get("id")?);
    let (used, leased) = (row.try_get("used")?, row.try_get("leased")?);
    let Some(period) = row.try_get::<_, Option<&str>>("period")? else {
        return Ok(LimitState {
            limit,
            used,
            leased,
            account: None,
        });
    };
    let now: SystemTime = row.try_get("now")?;
    let starts = Window::of(period.parse::<Period>()?, now).starts;
    // The last account may be one of a window that is over, before anything is used in this one.
    let opened = row.try_get::<_, Option<SystemTime>>("starts")? == Some(starts);
    let (used, leased) = if opened { (used, leased) } else { (0, 0) };
    Ok(LimitState {
        limit,
        used,
        leased,
        account: Some(AccountKey { limit, starts }),
    })
}

/// Of a ring, the slots that have not left it by now; of permits, those of instances that count.
const STATES: &str = "\
-- limits.states
SELECT given.id, l.period, clock.now, a.starts,
       CASE l.measure
            WHEN 'budget' THEN coalesce(a.settled, 0)
            WHEN 'parallel_requests' THEN 0
            ELSE coalesce((SELECT sum(r.used[i])::bigint
                             FROM rate_windows r, generate_series(1, 31) AS i
                            WHERE r.limit_id = l.id AND r.head + i > clock.slot), 0)
       END AS used,
       CASE l.measure
            WHEN 'budget' THEN coalesce(a.granted, 0)
            WHEN 'parallel_requests' THEN
                 coalesce((SELECT sum(p.permits)::bigint
                             FROM permit_leases p JOIN gateway_instances i ON i.id = p.instance_id
                            WHERE p.limit_id = l.id AND is_heard(i, clock.now)), 0)
            ELSE 0
       END AS leased
  FROM (SELECT now, floor(extract(epoch FROM now) / 2)::bigint AS slot
          FROM (SELECT clock_timestamp() AS now OFFSET 0) c) clock
 CROSS JOIN unnest($1::bigint[]) WITH ORDINALITY AS given(id, place)
  LEFT JOIN limits l ON l.id = given.id
  LEFT JOIN LATERAL (
       SELECT * FROM budget_accounts b WHERE b.limit_id = l.id AND b.starts <= clock.now
        ORDER BY b.starts DESC LIMIT 1) a ON l.measure = 'budget'
 ORDER BY given.place";
