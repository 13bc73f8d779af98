//! Holds the books against the bill.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use uuid::Uuid;

use crate::{
    bill::{Item, sums},
    books::{Account, Books, Row},
};

/// The least share of an exhausted team budget that must have been used, in thousandths.
const LEAST_USED: i128 = 970;
/// How many of one kind of mistake are told one by one.
const TOLD: usize = 5;

/// What came out, in nanodollars and thousandths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Generations that the simulator billed, and rows that the ledger has.
    pub generations: usize,
    /// Rows of usage.
    pub rows: usize,
    /// What all generations cost.
    pub billed: i64,
    /// By how much the one who came farthest was billed for more than their limit; below nothing
    /// when nobody was.
    pub overspent: i64,
    /// Rows that are estimates of a generation, and by how much they are dearer together.
    pub estimated: usize,
    /// See there.
    pub estimated_above: i64,
    /// Estimated rows without a generation: the gateway was killed before it called.
    pub never_called: usize,
    /// What those cost together.
    pub never_called_cost: i64,
    /// Team budgets that had run out at the end.
    pub exhausted: usize,
    /// The least and the mean share of those that was settled, in thousandths.
    pub used: (i64, i64),
    /// The least and the mean share of those that was billed.
    pub used_of_bill: (i64, i64),
}

/// Compares; the first part of the answer is what is wrong.
pub(super) fn compare(items: &[Item], books: &Books, exhausted: &[i64]) -> (Vec<String>, Figures) {
    let mut found = Findings::default();
    let mut figures = Figures {
        generations: items.len(),
        rows: books.rows.len(),
        billed: items.iter().map(|item| item.cost).sum(),
        overspent: i64::MIN,
        ..Figures::default()
    };
    budgets(items, books, &mut figures, &mut found);
    rows(items, books, &mut figures, &mut found);
    rollups(books, &mut found);
    shares(items, books, exhausted, &mut figures, &mut found);
    if books.open_lives > 0 {
        let lives = books.open_lives;
        found.add(
            "lives",
            format!("{lives} lives of gateways were not closed"),
        );
    }
    (found.sentences(), figures)
}

/// Sentences of each kind, of which only some are told.
#[derive(Debug, Default)]
struct Findings(Vec<(&'static str, Vec<String>)>);

impl Findings {
    fn add(&mut self, kind: &'static str, sentence: String) {
        match self.0.iter_mut().find(|(name, _)| *name == kind) {
            Some((_, sentences)) => sentences.push(sentence),
            None => self.0.push((kind, vec![sentence])),
        }
    }

    fn sentences(self) -> Vec<String> {
        let mut all = Vec::new();
        for (kind, mut sentences) in self.0 {
            let more = sentences.len().saturating_sub(TOLD);
            sentences.truncate(TOLD);
            all.extend(sentences);
            if more > 0 {
                all.push(format!("and {more} more of that kind ({kind})"));
            }
        }
        all
    }
}

/// Nobody is billed for more than their limit, and each account is what its rows add up to.
fn budgets(items: &[Item], books: &Books, figures: &mut Figures, found: &mut Findings) {
    let billed = Billed::of(items);
    for account in &books.accounts {
        let (kind, subject, ceiling) = (&account.kind, account.subject, account.ceiling);
        let who = format!("{kind} {subject}");
        let billed = billed.for_account(account);
        figures.overspent = figures.overspent.max(billed - ceiling);
        if billed > ceiling {
            let above = billed - ceiling;
            found.add(
                "overspent",
                format!("{who} was billed {above} n$ above its limit of {ceiling} n$"),
            );
        }
        let Account {
            settled,
            granted,
            charged,
            used,
            ..
        } = *account;
        if settled + granted > ceiling {
            found.add(
                "oversold",
                format!("{who} has {settled} n$ settled and {granted} n$ leased of {ceiling} n$"),
            );
        }
        if granted != 0 {
            found.add(
                "leased",
                format!("{who} has {granted} n$ on lease to nobody"),
            );
        }
        if settled != charged || settled != used {
            found.add(
                "settled",
                format!("{who} has {settled} n$ settled, rows charge it with {charged} n$, its rows add up to {used} n$"),
            );
        }
    }
}

struct Billed {
    keys: HashMap<i64, i64>,
    users: HashMap<i64, i64>,
    teams: HashMap<i64, i64>,
}

impl Billed {
    fn of(items: &[Item]) -> Self {
        Self {
            keys: sums(items, |item| item.key),
            users: sums(items, |item| item.user),
            teams: sums(items, |item| item.team),
        }
    }

    fn for_account(&self, account: &Account) -> i64 {
        let sums = match account.kind.as_str() {
            "key" => &self.keys,
            "user" => &self.users,
            _ => &self.teams,
        };
        sums.get(&account.subject).copied().unwrap_or_default()
    }
}

/// Every generation has one row, which says what it cost.
fn rows(items: &[Item], books: &Books, figures: &mut Figures, found: &mut Findings) {
    let by_event: HashMap<Uuid, &Row> = books.rows.iter().map(|row| (row.event, row)).collect();
    if by_event.len() < books.rows.len() {
        found.add("doubled", "some requests have two rows".to_owned());
    }
    let mut generated = HashSet::with_capacity(items.len());
    for item in items {
        let event = item.event;
        if !generated.insert(event) {
            found.add(
                "generated twice",
                format!("request {event} was generated twice"),
            );
            continue;
        }
        match by_event.get(&event) {
            None => found.add("lost", format!("generation {event} has no row")),
            Some(row) => one_row(item, row, figures, found),
        }
    }
    for row in &books.rows {
        if generated.contains(&row.event) {
            continue;
        }
        if !row.estimated {
            let Row { event, ending, .. } = row;
            found.add(
                "invented",
                format!("row {event} ({ending}) is of no generation, and no estimate"),
            );
        }
        figures.never_called += 1;
        figures.never_called_cost += row.cost;
    }
}

fn one_row(item: &Item, row: &Row, figures: &mut Figures, found: &mut Findings) {
    let Item {
        event, key, cost, ..
    } = *item;
    if row.key != key {
        found.add(
            "misfiled",
            format!(
                "row {event} is filed under key {} instead of {key}",
                row.key
            ),
        );
    }
    if row.estimated {
        figures.estimated += 1;
        figures.estimated_above += row.cost - cost;
        if row.cost < cost {
            found.add(
                "underestimated",
                format!(
                    "row {event} is estimated at {} n$ and cost {cost} n$",
                    row.cost
                ),
            );
        }
    } else if row.cost != cost {
        found.add(
            "priced wrongly",
            format!("row {event} says {} n$ and cost {cost} n$", row.cost),
        );
    }
}

/// The sums for reports are those of the rows.
fn rollups(books: &Books, found: &mut Findings) {
    let mut by_key: HashMap<i64, i64> = HashMap::new();
    for row in &books.rows {
        *by_key.entry(row.key).or_default() += row.cost;
    }
    let keys: HashSet<i64> = by_key.keys().chain(books.rollups.keys()).copied().collect();
    for key in keys {
        let sum = |map: &HashMap<i64, i64>| map.get(&key).copied().unwrap_or_default();
        let (rows, rollup) = (sum(&by_key), sum(&books.rollups));
        if rows != rollup {
            found.add(
                "rolled up",
                format!("key {key} has rows of {rows} n$ and a roll-up of {rollup} n$"),
            );
        }
    }
}

/// Nearly all of a budget that ran out was used.
fn shares(
    items: &[Item],
    books: &Books,
    exhausted: &[i64],
    figures: &mut Figures,
    found: &mut Findings,
) {
    let billed = sums(items, |item| item.team);
    let thousandths = |part: i64, whole: i64| i128::from(part) * 1_000 / i128::from(whole.max(1));
    let mut used = Vec::new();
    let mut used_of_bill = Vec::new();
    let teams = books
        .accounts
        .iter()
        .filter(|account| account.kind == "team");
    for account in teams.filter(|account| exhausted.contains(&account.subject)) {
        let share = thousandths(account.settled, account.ceiling);
        if share < LEAST_USED {
            let (team, share) = (account.subject, percent(share));
            found.add(
                "unused",
                format!(
                    "team {team} was refused everything with only {share} % of its budget used"
                ),
            );
        }
        used.push(share);
        let billed = billed.get(&account.subject).copied().unwrap_or_default();
        used_of_bill.push(thousandths(billed, account.ceiling));
    }
    figures.exhausted = used.len();
    figures.used = least_and_mean(&used);
    figures.used_of_bill = least_and_mean(&used_of_bill);
}

fn least_and_mean(shares: &[i128]) -> (i64, i64) {
    let least = shares.iter().min().copied().unwrap_or_default();
    let mean = shares.iter().sum::<i128>() / shares.len().max(1) as i128;
    let narrow = |share| i64::try_from(share).unwrap_or(i64::MAX);
    (narrow(least), narrow(mean))
}

fn percent(thousandths: impl Into<i128>) -> String {
    let thousandths = thousandths.into();
    format!("{}.{}", thousandths / 10, thousandths % 10)
}

fn dollars(nanodollars: i64) -> String {
    let sign = if nanodollars < 0 { "-" } else { "" };
    let amount = nanodollars.unsigned_abs();
    format!(
        "{sign}${}.{:09}",
        amount / 1_000_000_000,
        amount % 1_000_000_000
    )
}

impl Figures {
    /// All of them in one line.
    pub(super) fn in_short(&self) -> String {
        let Self {
            generations,
            rows,
            exhausted,
            estimated,
            never_called,
            ..
        } = self;
        format!(
            "{exhausted} team budgets ran out, used {} % at least, {} % in the mean (billed {} %); \
             overspent {}; {generations} generations, {rows} rows, {estimated} estimated (+{}), \
             {never_called} never called ({})",
            percent(self.used.0),
            percent(self.used.1),
            percent(self.used_of_bill.1),
            dollars(self.overspent.max(0)),
            dollars(self.estimated_above),
            dollars(self.never_called_cost),
        )
    }
}

impl fmt::Display for Figures {
    /// A line for each, ending with a line break.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (used, of_bill) = (self.used, self.used_of_bill);
        writeln!(
            f,
            "billed by the simulator   {} for {} generations",
            dollars(self.billed),
            self.generations
        )?;
        writeln!(f, "rows in the ledger        {}", self.rows)?;
        writeln!(
            f,
            "estimated after a kill    {}, together {} above the bill",
            self.estimated,
            dollars(self.estimated_above)
        )?;
        writeln!(
            f,
            "killed before the call    {}, charged {}",
            self.never_called,
            dollars(self.never_called_cost)
        )?;
        writeln!(
            f,
            "nearest to a limit        {} n$ {} it",
            self.overspent.unsigned_abs(),
            if self.overspent > 0 { "above" } else { "below" }
        )?;
        writeln!(f, "exhausted team budgets    {}", self.exhausted)?;
        writeln!(
            f,
            "used of those             {} % at least, {} % in the mean",
            percent(used.0),
            percent(used.1)
        )?;
        writeln!(
            f,
            "billed of those           {} % at least, {} % in the mean",
            percent(of_bill.0),
            percent(of_bill.1)
        )
    }
}

#[cfg(test)]
mod tests;
