//! What a world is made of: limits, keys, habits of clients, faults. All of it from the seed.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use llmlite_core::{
    ids::{KeyId, LimitId, TeamId},
    limits::{Ceiling, Fit, Limit, Measure, Percent, Period, Raise, Scope, Subject},
    money::Nanodollars,
};
use llmlite_policy::{BudgetOutage, RateOutage, Settings};

use crate::random::Random;

/// A thousandth of a second, in the simulation's unit.
pub(crate) const MILLI: u64 = 1_000;
/// A second, in the simulation's unit.
pub(crate) const SECOND: u64 = 1_000 * MILLI;

/// Moments at which calendars do something, in seconds since 1970.
const BEGINNINGS: [u64; 7] = [
    1_795_514_400, // an ordinary morning
    1_795_564_780, // just before midnight
    1_806_195_580, // just before London's clocks go forward
    1_806_274_780, // just before the end of that day
    1_824_944_380, // just before they go back
    1_825_027_180, // just before the end of that day
    1_806_533_980, // just before a financial year ends
];

#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) instances: usize,
    /// Seconds since 1970 by the database's clock when it begins.
    pub(crate) beginning: u64,
    /// For each key the limits that bind it.
    pub(crate) rules: Vec<Arc<[Limit]>>,
    /// Limits without a ceiling at the beginning.
    pub(crate) open: Vec<LimitId>,
    pub(crate) settings: Settings,
    /// How long there are requests and faults.
    pub(crate) lasts: u64,
    /// The average time between two requests.
    pub(crate) pause: i64,
    pub(crate) worst: (i64, i64),
    pub(crate) tokens: (i64, i64),
    /// How long a request takes.
    pub(crate) takes: (i64, i64),
    /// So many of a thousand requests are given up before they are sent.
    pub(crate) unsent: i64,
    /// So many of a thousand requests cost more than their worst case.
    pub(crate) underestimated: i64,
    /// Whether the database's clock may be an hour off. Nothing is promised of rates and permits
    /// then, but everything of money.
    pub(crate) leaps: bool,
    /// The average time between two faults.
    pub(crate) fault_pause: i64,
    /// So many of a thousand messages are lost, or arrive twice, or late.
    pub(crate) lost: i64,
    pub(crate) twice: i64,
    pub(crate) late: i64,
}

impl Scenario {
    pub(crate) fn new(random: &mut Random) -> Self {
        let worst = (random.range(1, 20), random.range(20, 120));
        let keys = random.range(1, 4);
        let beginning = *random.pick(&BEGINNINGS);
        let rules = limits(random, keys, worst.1, beginning);
        let without_raise = rules.iter().flat_map(|rules| rules.iter());
        let without_raise = without_raise.filter(|limit| limit.raise.is_none());
        let mut open: Vec<LimitId> = without_raise.map(|limit| limit.id).collect();
        open.retain(|_| random.chance(80));
        let idle = *random.pick(&[2, 4, 4, 30]);
        let settings = Settings {
            horizon: Duration::from_secs(*random.pick(&[1, 10, 120])),
            idle: Duration::from_secs(idle),
            budget_outage: match random.chance(150) {
                true => BudgetOutage::AllowUpTo(Nanodollars(random.range(1, 200))),
                false => BudgetOutage::Deny,
            },
            rate_outage: match random.chance(250) {
                true => RateOutage::Deny,
                false => RateOutage::Share,
            },
            ..Settings::default()
        };
        let seconds = match random.chance(60) {
            true => random.range(90, 140),
            false => random.range(10, 35),
        };
        Self {
            instances: usize::try_from(random.range(2, 6)).unwrap_or(2),
            beginning,
            rules,
            open,
            settings,
            lasts: seconds.cast_unsigned() * SECOND,
            pause: random.range(30, 400) * MILLI.cast_signed(),
            worst,
            tokens: (random.range(1, 10), random.range(10, 60)),
            takes: (
                random.range(1, 50) * 1_000,
                match random.chance(150) {
                    true => random.range(5_000, 100_000) * 1_000,
                    false => random.range(100, 6_000) * 1_000,
                },
            ),
            unsent: 30,
            underestimated: *random.pick(&[0, 0, 0, 20]),
            leaps: random.chance(150),
            fault_pause: *random.pick(&[1_000, 5_000, 20_000]) * 1_000,
            lost: *random.pick(&[0, 5, 30]),
            twice: *random.pick(&[0, 5, 30]),
            late: *random.pick(&[0, 10, 50]),
        }
    }

    /// Nothing goes wrong, and there is far too much to do.
    pub(crate) fn overload(limit: Limit, worst: i64) -> Self {
        let seconds = 310;
        let per_second = match (limit.ceiling, limit.measure) {
            (Ceiling::At(n), Measure::RequestsPerMinute) => 5 * n / 60,
            _ => 50,
        };
        Self {
            instances: 5,
            beginning: 1_795_514_400,
            rules: vec![[limit].into()],
            open: Vec::new(),
            settings: Settings::default(),
            lasts: seconds * SECOND,
            pause: SECOND.cast_signed() / per_second.max(1),
            worst: (worst / 2, worst),
            tokens: (1, 2),
            takes: (100_000, 2_000_000),
            unsent: 0,
            underestimated: 0,
            leaps: false,
            fault_pause: i64::MAX / 8,
            lost: 0,
            twice: 0,
            late: 0,
        }
    }

    pub(crate) fn ceilings(&self) -> impl Iterator<Item = (LimitId, Ceiling)> {
        let limits = self.rules.iter().flat_map(|rules| rules.iter());
        limits.map(|limit| (limit.id, limit.ceiling))
    }

    /// The ceilings at the beginning.
    pub(crate) fn first_ceilings(&self) -> impl Iterator<Item = (LimitId, Ceiling)> {
        let limits = self.rules.iter().flat_map(|rules| rules.iter());
        limits.map(|limit| {
            let raised = limit.raise.map_or(limit.ceiling, |raise| raise.to);
            let is_open = self.open.contains(&limit.id);
            (limit.id, if is_open { Ceiling::Unlimited } else { raised })
        })
    }

    /// The limits that are raised for a while, and when that is over, from the beginning on.
    pub(crate) fn raises(&self) -> Vec<(LimitId, u64)> {
        let limits = self.rules.iter().flat_map(|rules| rules.iter());
        let begins = SystemTime::UNIX_EPOCH + Duration::from_secs(self.beginning);
        let ends = limits.filter_map(|limit| {
            let lasts = limit.raise?.until.duration_since(begins).ok()?;
            Some((limit.id, u64::try_from(lasts.as_micros()).ok()?))
        });
        let once: BTreeMap<LimitId, u64> = ends.collect();
        once.into_iter().collect()
    }
}

/// A handful of limits of every kind: of the organisation, a team, each key, and of one model.
fn limits(random: &mut Random, keys: i64, worst: i64, beginning: u64) -> Vec<Arc<[Limit]>> {
    let period = *random.pick(&Period::ALL);
    let day = Measure::Budget(Period::Day);
    let (rpm, tpm) = (Measure::RequestsPerMinute, Measure::TokensPerMinute);
    let mut budget = |id, subject, measure| {
        let ceiling = worst * *random.pick(&[1, 5, 20, 100, 1_000]);
        let mut limit = limit(id, subject, measure, ceiling);
        limit.fit = *random.pick(&[Fit::Deny, Fit::Deny, Fit::Clamp]);
        if random.chance(500) {
            limit.thresholds.clear();
        }
        if random.chance(150) {
            let ends = Duration::from_secs(beginning + random.range(3, 30).cast_unsigned());
            limit.raise = Some(Raise {
                to: Ceiling::At(ceiling * *random.pick(&[2, 10])),
                until: SystemTime::UNIX_EPOCH + ends,
            });
        }
        limit
    };
    let team = Subject::Team(TeamId(1));
    let mut shared = vec![
        budget(1, Subject::Organisation, day),
        budget(2, team, Measure::Budget(period)),
    ];
    if random.chance(200) {
        shared.push(limit(3, team, rpm, random.range(5, 200)));
    }
    if random.chance(300) {
        shared.push(limit(4, team, tpm, random.range(200, 3_000)));
    }
    if random.chance(500) {
        shared.push(limit(
            5,
            team,
            Measure::ParallelRequests,
            random.range(1, 12),
        ));
    }
    if random.chance(300) {
        let ceiling = random.range(1, 5);
        let mut watched = limit(6, team, Measure::ParallelRequests, ceiling);
        watched.shadow = true;
        shared.push(watched);
    }
    let of_key = |key: i64| {
        let subject = Subject::Key(KeyId(key));
        let mut rules = shared.clone();
        if random.chance(600) {
            let ceiling = worst * *random.pick(&[2, 10, 50]);
            rules.push(limit(10 + key, subject, day, ceiling));
        }
        if random.chance(500) {
            rules.push(limit(20 + key, subject, rpm, random.range(3, 100)));
        }
        if random.chance(200) {
            rules.push(limit(30 + key, subject, tpm, random.range(100, 2_000)));
        }
        if random.chance(150) {
            let mut watched = limit(40 + key, subject, Measure::Budget(Period::Week), worst);
            watched.shadow = true;
            rules.push(watched);
        }
        rules.into()
    };
    (0..keys).map(of_key).collect()
}

fn limit(id: i64, subject: Subject, measure: Measure, ceiling: i64) -> Limit {
    let thresholds = match measure {
        Measure::Budget(_) => [50, 80, 95]
            .map(|n| Percent::try_from(n).expect("a share"))
            .into(),
        _ => Vec::new(),
    };
    Limit {
        id: LimitId(id),
        scope: Scope {
            subject,
            model: None,
        },
        measure,
        ceiling: Ceiling::At(ceiling),
        raise: None,
        overdraft: Nanodollars::ZERO,
        fit: Fit::Deny,
        shadow: false,
        thresholds,
        durability: None,
    }
}
