//! A call turned on its side: one array a column.

use std::time::SystemTime;

use llmlite_core::{ids::InstanceId, quota::Call};
use tokio_postgres::types::ToSql;

/// The parameters of `exchange_quota`.
#[derive(Default)]
pub(super) struct Lines {
    instance: i64,
    number: i64,
    budgets: Budgets,
    rates: Rates,
    refunds: Refunds,
    permits: Permits,
}

#[derive(Default)]
struct Budgets {
    limit: Vec<i64>,
    starts: Vec<SystemTime>,
    ends: Vec<Option<SystemTime>>,
    least: Vec<i64>,
    ask: Vec<i64>,
    want: Vec<i64>,
    give: Vec<i64>,
}

#[derive(Default)]
struct Rates {
    limit: Vec<i64>,
    least: Vec<i64>,
    ask: Vec<i64>,
    want: Vec<i64>,
    extra: Vec<i64>,
}

/// Those of all rates, told apart by the place of their line, which is counted from 1.
#[derive(Default)]
struct Refunds {
    place: Vec<i64>,
    slot: Vec<i64>,
    units: Vec<i64>,
}

#[derive(Default)]
struct Permits {
    limit: Vec<i64>,
    hold: Vec<i64>,
    busy: Vec<i64>,
}

impl Lines {
    pub(super) fn of(instance: InstanceId, call: &Call) -> Self {
        let mut lines = Self {
            instance: instance.0,
            number: i64::try_from(call.number).unwrap_or(i64::MAX),
            ..Self::default()
        };
        lines.add_budgets(call);
        lines.add_rates(call);
        for line in &call.permits {
            lines.permits.limit.push(line.limit.0);
            lines.permits.hold.push(line.hold);
            lines.permits.busy.push(line.busy);
        }
        lines
    }

    pub(super) fn params(&self) -> [&(dyn ToSql + Sync); 20] {
        let Self {
            budgets,
            rates,
            refunds,
            permits,
            ..
        } = self;
        [
            &self.instance,
            &self.number,
            &budgets.limit,
            &budgets.starts,
            &budgets.ends,
            &budgets.least,
            &budgets.ask,
            &budgets.want,
            &budgets.give,
            &rates.limit,
            &rates.least,
            &rates.ask,
            &rates.want,
            &rates.extra,
            &refunds.place,
            &refunds.slot,
            &refunds.units,
            &permits.limit,
            &permits.hold,
            &permits.busy,
        ]
    }

    fn add_budgets(&mut self, call: &Call) {
        for line in &call.budgets {
            self.budgets.limit.push(line.account.limit.0);
            self.budgets.starts.push(line.account.starts);
            self.budgets.ends.push(line.ends);
            self.budgets.least.push(line.least);
            self.budgets.ask.push(line.ask);
            self.budgets.want.push(line.want);
            self.budgets.give.push(line.give);
        }
    }

    fn add_rates(&mut self, call: &Call) {
        for (line, place) in call.rates.iter().zip(1..) {
            self.rates.limit.push(line.limit.0);
            self.rates.least.push(line.least);
            self.rates.ask.push(line.ask);
            self.rates.want.push(line.want);
            self.rates.extra.push(line.extra);
            for (slot, units) in &line.refunds {
                self.refunds.place.push(place);
                self.refunds.slot.push(*slot);
                self.refunds.units.push(*units);
            }
        }
    }
}
