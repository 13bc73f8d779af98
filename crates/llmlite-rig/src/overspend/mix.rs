//! What is asked for while budgets run out.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rand::{RngExt as _, rngs::StdRng};
use tokio::time::Instant;

use crate::{
    client::Outcome,
    load::{Ask, Plan},
    people::{Key, People},
};

/// Of a hundred requests so many are streams.
const STREAMED: u32 = 70;
/// A request that was made before the budget ran out may be answered this long after.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// In which steps the course of a run is told.
pub(super) const SPAN: Duration = Duration::from_secs(10);
/// Refusals in that time without which nobody can say that a budget has run out.
const REFUSALS: usize = 5;

/// Teams evenly, and within a team some keys far more than others.
#[derive(Debug)]
pub(super) struct Mix {
    teams: Vec<Vec<Arc<Key>>>,
    seen: Mutex<HashMap<i64, Seen>>,
    begun: Instant,
    /// What came of the requests that were made in each [`SPAN`].
    course: Mutex<Vec<BTreeMap<String, u64>>>,
}

/// How requests of one team went.
#[derive(Debug, Default)]
struct Seen {
    last_admitted: Option<Instant>,
    /// Refusals since then, for want of money, by when they were made.
    refused: Vec<Instant>,
}

impl Mix {
    pub(super) fn of(people: &People) -> Self {
        Self {
            teams: people.teams.iter().map(|team| team.keys.clone()).collect(),
            seen: Mutex::default(),
            begun: Instant::now(),
            course: Mutex::default(),
        }
    }

    /// What came of the requests that were made in each [`SPAN`].
    pub(super) fn course(&self) -> Vec<BTreeMap<String, u64>> {
        let course = self.course.lock();
        course.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, begun: Instant, outcome: &Outcome) {
        let span = (begun - self.begun).as_secs() / SPAN.as_secs();
        let span = usize::try_from(span).unwrap_or_default();
        let mut course = self.course.lock().unwrap_or_else(PoisonError::into_inner);
        if course.len() <= span {
            course.resize_with(span + 1, BTreeMap::new);
        }
        if let Some(counts) = course.get_mut(span) {
            *counts.entry(outcome.to_string()).or_default() += 1;
        }
    }

    /// The teams of which nobody got anything any more, though they asked.
    pub(super) fn exhausted(&self, now: Instant) -> Vec<i64> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let is_exhausted = |seen: &Seen| {
            let lately = seen
                .refused
                .iter()
                .filter(|at| now - **at < LAST_WORDS)
                .count();
            seen.last_admitted.is_none_or(|at| now - at > LAST_WORDS) && lately >= REFUSALS
        };
        let teams = seen.iter().filter(|(_, seen)| is_exhausted(seen));
        teams.map(|(team, _)| *team).collect()
    }
}

impl Plan for Mix {
    fn next(&self, random: &mut StdRng) -> Ask {
        let team = self.teams.get(random.random_range(0..self.teams.len()));
        let keys = team.expect("the place was drawn among the teams");
        let skewed = random.random::<f64>().powf(1.5) * keys.len() as f64;
        let key = keys.get(skewed as usize).or(keys.first());
        let streamed = random.random_range(0..100) < STREAMED;
        Ask {
            key: Arc::clone(key.expect("every team has keys")),
            streamed,
            words: random.random_range(20..=100),
            pace: match streamed {
                true => random.random_range(10..=40),
                false => random.random_range(100..=600),
            },
            max_tokens: 160,
        }
    }

    fn pause(&self, outcome: &Outcome, random: &mut StdRng) -> Duration {
        match outcome {
            Outcome::Answered => Duration::ZERO,
            // Who is refused comes back, but not in a tight loop.
            _ => Duration::from_millis(random.random_range(150..=450)),
        }
    }

    fn note(&self, ask: &Ask, _gateway: usize, begun: Instant, outcome: &Outcome) {
        self.count(begun, outcome);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = seen.entry(ask.key.team).or_default();
        match outcome {
            Outcome::Refused(_, code) if code == "insufficient_quota" => seen.refused.push(begun),
            Outcome::Refused(..) | Outcome::Unreachable => {}
            // Broken ones were admitted too, as far as anybody knows.
            Outcome::Answered | Outcome::Broken => {
                seen.last_admitted = seen.last_admitted.max(Some(begun));
                seen.refused.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask() -> Ask {
        let key = Key {
            id: 3,
            user: 2,
            team: 1,
            plaintext: String::new(),
        };
        Ask {
            key: Arc::new(key),
            streamed: false,
            words: 1,
            pace: 0,
            max_tokens: 1,
        }
    }

    #[track_caller]
    fn check(events: &[(u64, Option<&str>)], want: &[i64]) {
        let mix = Mix {
            teams: Vec::new(),
            seen: Mutex::default(),
            begun: Instant::now(),
            course: Mutex::default(),
        };
        let begin = Instant::now();
        for (second, refusal) in events {
            let outcome = match refusal {
                Some(code) => Outcome::Refused(402, (*code).to_owned()),
                None => Outcome::Answered,
            };
            mix.note(&ask(), 0, begin + Duration::from_secs(*second), &outcome);
        }
        assert_eq!(mix.exhausted(begin + Duration::from_secs(20)), want);
    }

    #[test]
    fn a_team_is_exhausted_when_it_gets_nothing_but_refusals_for_want_of_money() {
        let no_money = |second| (second, Some("insufficient_quota"));
        let five = [15, 16, 17, 18, 19].map(no_money);
        let seldom = [1, 2, 3, 18, 19].map(no_money);
        let others = [16, 16, 17, 18, 19].map(|second| (second, Some("rate_limit_exceeded")));
        check(&[&[(3, None)], &five[1..], &[no_money(19)]].concat(), &[1]);
        check(&[&five[..], &[(19, None)]].concat(), &[]);
        check(&seldom, &[]);
        check(&others, &[]);
        check(&[], &[]);
    }
}
