use std::{collections::BTreeMap, sync::Arc};

use llmlite_core::{
    limits::{Ceiling, LimitSetting, Measure, Member},
    ports::{StoreError, limits::LimitChange},
};
use serde_json::{Value, json};

/// What tells one limit of a subject from another.
type Which = (Option<Member>, Option<Arc<str>>, Measure);

/// The changes of one subject's limits: of several of one limit, the last.
pub(super) struct Changes<'a>(BTreeMap<Which, Option<&'a LimitSetting>>);

impl<'a> Changes<'a> {
    pub(super) fn of(changes: &'a [LimitChange]) -> Self {
        let which = |change: &'a LimitChange| match change {
            LimitChange::Set(s) => {
                let which = (s.each, s.limit.scope.model.clone(), s.limit.measure);
                (which, Some(s))
            }
            LimitChange::Remove {
                model,
                measure,
                each,
            } => ((*each, model.clone(), *measure), None),
        };
        Self(changes.iter().map(which).collect())
    }

    /// One row each, as [`CHANGE`] reads them.
    pub(super) fn rows(&self) -> Result<Value, StoreError> {
        self.0
            .iter()
            .map(|(which, setting)| row(which, *setting))
            .collect::<Result<_, _>>()
            .map_err(|e| StoreError::InvalidData(Box::new(e)))
    }
}

fn row((each, model, measure): &Which, set: Option<&LimitSetting>) -> serde_json::Result<Value> {
    let (measure, period) = match measure {
        Measure::Budget(period) => ("budget", Some(period.as_str())),
        Measure::RequestsPerMinute => ("requests_per_minute", None),
        Measure::TokensPerMinute => ("tokens_per_minute", None),
        Measure::ParallelRequests => ("parallel_requests", None),
    };
    let mut row = json!({
        "each": each, "model": model, "measure": measure, "period": period, "gone": set.is_none(),
    });
    if let (Some(LimitSetting { limit, .. }), Some(row)) = (set, row.as_object_mut()) {
        let raise = serde_json::to_value(limit.raise)?;
        row.extend([
            ("ceiling".to_owned(), json!(number(limit.ceiling))),
            (
                "raise_to".to_owned(),
                json!(limit.raise.and_then(|r| number(r.to))),
            ),
            ("raise_until".to_owned(), json!(raise.get("until"))),
            ("overdraft".to_owned(), json!(limit.overdraft)),
            ("fit".to_owned(), json!(limit.fit)),
            ("shadow".to_owned(), json!(limit.shadow)),
            ("thresholds".to_owned(), json!(limit.thresholds)),
            ("durability".to_owned(), json!(limit.durability)),
        ]);
    }
    Ok(row)
}

/// In the database, no number means unlimited.
fn number(ceiling: Ceiling) -> Option<i64> {
    match ceiling {
        Ceiling::Unlimited => None,
        Ceiling::At(n) => Some(n),
    }
}

/// A limit of the subject's own is not deleted but given up (`inherited_from = id`): a default takes
/// its row and its number over, and what has been used with it, or it goes (function `inherit`).
/// The organisation is nobody's member, and defaults come from nowhere.
pub(super) const CHANGE: &str = "\
-- limits.change
WITH subject AS (
    SELECT $1::text AS kind, $2::bigint AS id
     WHERE CASE $1::text WHEN 'key' THEN EXISTS (SELECT FROM virtual_keys WHERE id = $2)
                         WHEN 'user' THEN EXISTS (SELECT FROM users WHERE id = $2)
                         WHEN 'team' THEN EXISTS (SELECT FROM teams WHERE id = $2)
                         ELSE true END),
given AS (
    SELECT s.kind AS subject_kind, s.id AS subject_id, g.*
      FROM subject s,
           jsonb_to_recordset($3::jsonb) AS g(
               each text, model text, measure text, period text, gone boolean, ceiling bigint,
               raise_to bigint, raise_until timestamptz, overdraft bigint, fit text, shadow boolean,
               thresholds smallint[], durability text)),
unwanted AS (
    SELECT l.id, l.each IS NULL AND l.subject_kind <> 'organisation' AS can_inherit
      FROM limits l
      JOIN given g ON g.gone AND l.subject_kind = g.subject_kind AND l.measure = g.measure
       AND l.subject_id IS NOT DISTINCT FROM g.subject_id
       AND l.each IS NOT DISTINCT FROM g.each
       AND l.model IS NOT DISTINCT FROM g.model
       AND l.period IS NOT DISTINCT FROM g.period
     WHERE l.inherited_from IS NULL),
given_up AS (
    UPDATE limits l SET inherited_from = l.id FROM unwanted u WHERE l.id = u.id AND u.can_inherit),
deleted AS (
    DELETE FROM limits l USING unwanted u WHERE l.id = u.id AND NOT u.can_inherit),
set_to AS (
    INSERT INTO limits (subject_kind, subject_id, each, model, measure, period, ceiling, raise_to,
                        raise_until, overdraft, fit, shadow, thresholds, durability)
    SELECT subject_kind, subject_id, each, model, measure, period, ceiling, raise_to,
           raise_until, overdraft, fit, shadow, thresholds, durability
      FROM given
     WHERE NOT gone
    ON CONFLICT ON CONSTRAINT limits_one_of_a_kind DO UPDATE SET
        ceiling = excluded.ceiling, raise_to = excluded.raise_to,
        raise_until = excluded.raise_until, overdraft = excluded.overdraft, fit = excluded.fit,
        shadow = excluded.shadow, thresholds = excluded.thresholds,
        durability = excluded.durability, inherited_from = NULL, updated_at = now())
SELECT FROM subject";
