use std::{collections::BTreeMap, sync::Arc};

use super::{Durability, Limit};

/// All limits that bind one key, sorted out by model ahead of time: a request costs one look-up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    overall: Arc<[Limit]>,
    by_model: BTreeMap<Arc<str>, Arc<[Limit]>>,
}

impl Rules {
    /// Sorts out `limits`, whose order is kept: it is the order in which refusals are reported.
    pub fn new(limits: Vec<Limit>) -> Self {
        let models = limits.iter().filter_map(|limit| limit.scope.model.clone());
        let by_model = models.map(|model| {
            let bound = limits
                .iter()
                .filter(|limit| limit.scope.model.as_ref().is_none_or(|m| *m == model));
            (Arc::clone(&model), bound.cloned().collect())
        });
        let by_model = by_model.collect();
        let overall = limits
            .into_iter()
            .filter(|limit| limit.scope.model.is_none())
            .collect();
        Self { overall, by_model }
    }

    /// The limits that bind a call of the model of that friendly name.
    pub fn of(&self, model: &str) -> &Arc<[Limit]> {
        self.by_model.get(model).unwrap_or(&self.overall)
    }

    /// The limits that bind every call, of whichever model.
    pub fn overall(&self) -> &Arc<[Limit]> {
        &self.overall
    }

    /// Where a call of the model of that friendly name is written down before it is made: in the
    /// safest place that one of its budgets asks for, if any does.
    pub fn durability(&self, model: &str) -> Option<Durability> {
        self.of(model).iter().filter_map(|l| l.durability).max()
    }

    /// Every limit once: those for all models, then those for one.
    pub fn all(&self) -> impl Iterator<Item = &Limit> {
        let of_one_model = self.by_model.iter().flat_map(|(model, limits)| {
            limits
                .iter()
                .filter(move |limit| limit.scope.model.as_ref() == Some(model))
        });
        self.overall.iter().chain(of_one_model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::{KeyId, LimitId},
        limits::{Ceiling, Fit, Measure, Scope, Subject},
        money::Nanodollars,
    };

    fn limit(id: i64, model: Option<&str>) -> Limit {
        Limit {
            id: LimitId(id),
            scope: Scope {
                subject: Subject::Key(KeyId(1)),
                model: model.map(Arc::from),
            },
            measure: Measure::RequestsPerMinute,
            ceiling: Ceiling::At(1),
            raise: None,
            overdraft: Nanodollars::ZERO,
            fit: Fit::Deny,
            shadow: false,
            thresholds: Vec::new(),
            durability: None,
        }
    }

    #[test]
    fn the_safest_place_that_a_budget_asks_for_counts_for_calls_that_it_pays_for() {
        let asks = |id, model, durability| Limit {
            durability,
            ..limit(id, model)
        };
        let rules = Rules::new(vec![
            asks(1, None, None),
            asks(2, None, Some(Durability::Journal)),
            asks(3, Some("opus"), Some(Durability::Sync)),
            asks(4, Some("opus"), Some(Durability::Async)),
        ]);
        assert_eq!(rules.durability("opus"), Some(Durability::Sync));
        assert_eq!(rules.durability("haiku"), Some(Durability::Journal));
        assert_eq!(Rules::default().durability("opus"), None);
    }

    #[test]
    fn a_call_is_bound_by_the_limits_for_all_models_and_for_its_own() {
        let limits = [
            limit(1, Some("opus")),
            limit(2, None),
            limit(3, Some("haiku")),
            limit(4, None),
        ];
        let rules = Rules::new(limits.to_vec());
        let ids = |limits: &[Limit]| limits.iter().map(|l| l.id.0).collect::<Vec<_>>();
        assert_eq!(ids(rules.of("opus")), [1, 2, 4]);
        assert_eq!(ids(rules.of("haiku")), [2, 3, 4]);
        assert_eq!(ids(rules.of("sonnet")), [2, 4]);
        assert_eq!(ids(rules.overall()), [2, 4]);
        assert_eq!(rules.all().count(), 4);
        assert_eq!(ids(Rules::default().of("opus")), [0_i64; 0]);
    }
}
