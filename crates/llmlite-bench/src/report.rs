//! Keeps the figures of all rounds and tells them as a table and as JSON.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use serde::Serialize;

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contestant {
    /// The minimal hyper proxy.
    YardstickHyper,
    /// The minimal proxy over the AWS SDK.
    YardstickSdk,
    /// The gateway with everything switched on.
    Gateway,
}

impl Contestant {
    /// All of them, in the order of the table's columns.
    pub const ALL: [Self; 3] = [Self::YardstickHyper, Self::YardstickSdk, Self::Gateway];

    /// As it is written in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::YardstickHyper => "yardstick-hyper",
            Self::YardstickSdk => "yardstick-sdk",
            Self::Gateway => "gateway",
        }
    }
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Microseconds.
    Microseconds,
    /// Milliseconds.
    Milliseconds,
    /// Mebibytes.
    Mebibytes,
    /// Requests in a second.
    RequestsPerSecond,
    /// A part of one core, in percent.
    Percent,
}

impl Unit {
    fn symbol(self) -> &'static str {
        match self {
            Self::Microseconds => "µs",
            Self::Milliseconds => "ms",
            Self::Mebibytes => "MiB",
            Self::RequestsPerSecond => "/s",
            Self::Percent => "%",
        }
    }
}

/// The figures of one kind, a list of rounds for each contestant.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// What it is.
    pub name: String,
    /// What it counts.
    pub unit: Unit,
    figures: Vec<(Contestant, Vec<f64>)>,
}

impl Row {
    /// The rounds of `who`, in their order.
    pub fn rounds(&self, who: Contestant) -> &[f64] {
        let found = self.figures.iter().find(|(name, _)| *name == who);
        found.map_or(&[], |(_, rounds)| rounds)
    }

    /// The ratio of the gateway to the SDK yardstick, round by round.
    pub fn ratios(&self) -> Vec<f64> {
        let gateway = self.rounds(Contestant::Gateway);
        let yardstick = self.rounds(Contestant::YardstickSdk);
        let pairs = gateway.iter().zip(yardstick);
        pairs
            .filter(|(_, y)| **y > 0.0)
            .map(|(g, y)| g / y)
            .collect()
    }
}

/// All figures.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Board {
    /// In the order in which they were first told.
    pub rows: Vec<Row>,
}

impl Board {
    /// Adds the figure of one round.
    pub fn add(&mut self, name: &str, unit: Unit, who: Contestant, figure: f64) {
        let position = self.rows.iter().position(|row| row.name == name);
        let row = match position.and_then(|index| self.rows.get_mut(index)) {
            Some(row) => row,
            None => self.rows.push_mut(Row {
                name: name.to_owned(),
                unit,
                figures: Vec::new(),
            }),
        };
        match row.figures.iter_mut().find(|(name, _)| *name == who) {
            Some((_, rounds)) => rounds.push(figure),
            None => row.figures.push((who, vec![figure])),
        }
    }

    /// The figures called `name`.
    pub fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }

    /// Writes the table: medians, the lowest and the highest round, and the gateway's ratio to
    /// the SDK yardstick.
    ///
    /// # Errors
    /// When `out` fails.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let names = Contestant::ALL.map(|who| who.name().to_owned());
        line(
            out,
            "median [lowest - highest round]",
            &names,
            "gateway/sdk",
        )?;
        for row in &self.rows {
            let name = format!("{}, {}", row.name, row.unit.symbol());
            let cells = Contestant::ALL.map(|who| spread(row.rounds(who)));
            let ratio = median(&row.ratios()).map(|ratio| format!("{ratio:.2}"));
            line(out, &name, &cells, &ratio.unwrap_or_default())?;
        }
        Ok(())
    }
}

/// One line of the table, wide enough for the longest name and the widest figures.
fn line(out: &mut impl Write, name: &str, cells: &[String; 3], ratio: &str) -> io::Result<()> {
    let [hyper, sdk, gateway] = cells;
    writeln!(
        out,
        "{name:<68}{hyper:>24}{sdk:>24}{gateway:>24}{ratio:>13}"
    )
}

/// The middle one of `figures`, or the mean of the middle two.
pub fn median(figures: &[f64]) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get((sorted.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

fn spread(rounds: &[f64]) -> String {
    let Some(median) = median(rounds) else {
        return "-".to_owned();
    };
    let lowest = rounds.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = rounds.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut text = number(median);
    if rounds.len() > 1 {
        // Writing into a string cannot fail.
        let _written = write!(text, " [{} - {}]", number(lowest), number(highest));
    }
    text
}

/// Three digits that count are enough for any figure here.
fn number(figure: f64) -> String {
    if figure.abs() >= 100.0 {
        format!("{figure:.0}")
    } else if figure.abs() >= 10.0 {
        format!("{figure:.1}")
    } else {
        format!("{figure:.2}")
    }
}

/// What the gateway is to reach.
#[derive(Debug, Clone, Serialize)]
pub struct Goal {
    /// What is limited, with the limit.
    pub name: String,
    /// What it came to, or nothing when it was not measured.
    pub figure: Option<f64>,
    /// The highest figure that is good enough.
    pub limit: f64,
}

impl Goal {
    /// Whether the goal is reached.
    pub fn is_held(&self) -> bool {
        self.figure.is_some_and(|figure| figure <= self.limit)
    }

    /// One line: the goal, the figure, and `held` or `missed`.
    pub fn line(&self) -> String {
        let figure = self.figure.map_or("not measured".to_owned(), number);
        let verdict = if self.is_held() { "held" } else { "missed" };
        format!("goal: {}: {figure}: {verdict}", self.name)
    }
}

#[cfg(test)]
mod tests;
