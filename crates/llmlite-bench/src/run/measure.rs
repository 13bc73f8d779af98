//! Runs the loads and writes the figures down.

use std::{io, time::Duration};

use hdrhistogram::Histogram;

use super::{
    Settings,
    scenario::{PER_DELTA, Scenario},
};
use crate::{
    load::{self, Effort, Outcome, Question},
    process::Running,
    report::{Board, Contestant, Unit},
    upstream,
};

/// Everything that is running, and the board for its figures.
pub(super) struct Bench<'a> {
    pub(super) settings: &'a Settings,
    pub(super) upstream: &'a Running,
    pub(super) contestants: &'a [(Contestant, Running)],
    /// The gateway's virtual key.
    pub(super) key: Option<&'a str>,
    pub(super) board: &'a mut Board,
    /// What the gateway's ledger has to hold.
    pub(super) answered_by_gateway: u64,
}

/// Quantiles of the time to the first piece and to the end of an answer, in microseconds.
#[derive(Debug, Clone, Copy)]
struct Times {
    whole: [f64; 2],
    first: [f64; 2],
}

const QUANTILES: [(f64, &str); 2] = [(0.5, "p50"), (0.99, "p99")];

impl Bench<'_> {
    /// Takes every figure once, beginning with another contestant each round.
    pub(super) fn round(&mut self, round: u32) -> io::Result<()> {
        let contestants = self.contestants;
        let shift = round as usize % contestants.len().max(1);
        let turns = || {
            contestants
                .iter()
                .cycle()
                .skip(shift)
                .take(contestants.len())
        };
        for scenario in Scenario::ALL {
            if let Some(pace) = scenario.stream {
                upstream::set_pace(self.upstream.address, pace)?;
            }
            let direct = if scenario.is_full_load() {
                None
            } else {
                Some(self.direct(&scenario)?)
            };
            for (who, running) in turns() {
                match &direct {
                    None => self.full_load(&scenario, *who, running)?,
                    Some(direct) => self.at_rate(&scenario, *who, running, direct)?,
                }
            }
        }
        for (who, _) in contestants {
            self.per_delta(*who);
        }
        Ok(())
    }

    /// Writes down how much memory everyone holds now.
    pub(super) fn memory(&mut self, name: &str) -> io::Result<()> {
        for (who, running) in self.contestants {
            let mebibytes = lossy(running.resident()?) / 1024.0 / 1024.0;
            self.board.add(name, Unit::Mebibytes, *who, mebibytes);
        }
        Ok(())
    }

    fn full_load(&mut self, scenario: &Scenario, who: Contestant, on: &Running) -> io::Result<()> {
        let (outcome, cpu) = self.ask_contestant(scenario, who, on)?;
        let requests = outcome.answered;
        let seconds = outcome.elapsed.as_secs_f64();
        let name = scenario.name;
        let mut add = |name: &str, unit, figure| self.board.add(name, unit, who, figure);
        add(
            &scenario.cpu_name(),
            Unit::Microseconds,
            micros(cpu) / requests,
        );
        add(
            &format!("rate: {name}"),
            Unit::RequestsPerSecond,
            requests / seconds,
        );
        add(
            &scenario.core_name(),
            Unit::Percent,
            cpu.as_secs_f64() / seconds * 100.0,
        );
        Ok(())
    }

    fn at_rate(
        &mut self,
        scenario: &Scenario,
        who: Contestant,
        on: &Running,
        direct: &Times,
    ) -> io::Result<()> {
        let (outcome, cpu) = self.ask_contestant(scenario, who, on)?;
        let times = Times::of(&outcome);
        let (what, through, direct) = if scenario.stream.is_some() {
            ("time to first token", times.first, direct.first)
        } else {
            ("latency", times.whole, direct.whole)
        };
        for ((through, direct), (_, quantile)) in through.iter().zip(direct).zip(QUANTILES) {
            let name = format!("added {what} {quantile}: {}", scenario.name);
            self.board
                .add(&name, Unit::Microseconds, who, through - direct);
        }
        let each = micros(cpu) / outcome.answered;
        self.board
            .add(&scenario.cpu_name(), Unit::Microseconds, who, each);
        Ok(())
    }

    /// The times without anything in between.
    fn direct(&self, scenario: &Scenario) -> io::Result<Times> {
        let question = scenario.direct(self.upstream.address);
        let (outcome, (), ()) = load::run(&question, self.effort(scenario), || ())?;
        match outcome.failed {
            None => Ok(Times::of(&outcome)),
            Some((count, reason)) => {
                let what = format!("failed {count} requests of \"{}\": {reason}", scenario.name);
                Err(self.upstream.failure(&what))
            }
        }
    }

    /// The load on one contestant, and its CPU time meanwhile.
    fn ask_contestant(
        &mut self,
        scenario: &Scenario,
        who: Contestant,
        on: &Running,
    ) -> io::Result<(Outcome, Duration)> {
        let question: Question = scenario.question(on.address, self.key);
        let (outcome, before, after) = load::run(&question, self.effort(scenario), || on.cpu())?;
        if let Some((count, reason)) = outcome.failed {
            let what = format!("failed {count} requests of \"{}\": {reason}", scenario.name);
            return Err(on.failure(&what));
        }
        if outcome.answered_in_all == 0 {
            return Err(on.failure(&format!("answered nothing of \"{}\"", scenario.name)));
        }
        if who == Contestant::Gateway {
            self.answered_by_gateway += outcome.answered_in_all;
        }
        Ok((outcome, after?.saturating_sub(before?)))
    }

    fn effort(&self, scenario: &Scenario) -> Effort {
        Effort {
            pattern: scenario.pattern,
            connections: scenario.connections,
            rest: scenario.rest(),
            warm_up: self.settings.warm_up,
            window: self.settings.window,
        }
    }

    /// What a delta costs: the difference between a long and a short stream of this round.
    fn per_delta(&mut self, who: Contestant) {
        let latest = |scenario: &Scenario| {
            let row = self.board.row(&scenario.cpu_name())?;
            Some((
                *row.rounds(who).last()?,
                lossy(scenario.stream?.deltas as u64),
            ))
        };
        if let (Some((long, many)), Some((short, few))) = (
            latest(&Scenario::LONG_STREAM),
            latest(&Scenario::SHORT_STREAM),
        ) {
            let each = (long - short) / (many - few);
            self.board.add(PER_DELTA, Unit::Microseconds, who, each);
        }
    }
}

impl Times {
    fn of(outcome: &Outcome) -> Self {
        let both =
            |times: &Histogram<u64>| QUANTILES.map(|(q, _)| lossy(times.value_at_quantile(q)));
        Self {
            whole: both(&outcome.whole),
            first: both(&outcome.first),
        }
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// As a float: no count here comes near the 2^53 up to which that is exact.
fn lossy(count: u64) -> f64 {
    count as f64
}
