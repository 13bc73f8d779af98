//! What `exchange_quota` says, read back into an answer: one array a column, in the order of the
//! call's lines.

use std::time::SystemTime;

use llmlite_core::{
    ids::LimitId,
    limits::Ceiling,
    ports::quota::QuotaFailure,
    quota::{AccountKey, Answer, BudgetAnswer, Call, PermitAnswer, RateAnswer},
};
use tokio_postgres::{Row, types::FromSql};

/// The answer is not what the function gives.
#[derive(Debug)]
pub(super) struct Unreadable;

/// The answer to `call`, or why it was not carried out.
pub(super) fn read(row: &Row, call: &Call) -> Result<Result<Answer, QuotaFailure>, Unreadable> {
    match get::<&str>(row, "outcome")? {
        "done" => {}
        "fenced" => return Ok(Err(QuotaFailure::Fenced)),
        "stale" => return Ok(Err(QuotaFailure::Unknown)),
        _ => return Err(Unreadable),
    }
    Ok(Ok(Answer {
        number: call.number,
        clock: get(row, "clock")?,
        live: get(row, "live")?,
        budgets: budgets(row, call)?,
        rates: rates(row, call)?,
        permits: permits(row, call)?,
        recalled: recalled(row)?,
    }))
}

fn budgets(row: &Row, call: &Call) -> Result<Vec<BudgetAnswer>, Unreadable> {
    let column = |name| Column::read(row, name, call.budgets.len());
    let mut ceilings = column("budget_ceilings")?;
    let mut overdrafts = column("budget_overdrafts")?;
    let mut settled = column("budget_settled")?;
    let mut others = column("budget_others")?;
    let mut left = column("budget_left")?;
    let mut granted = column("budget_granted")?;
    let mut drawn = column("budget_drawn")?;
    let lines = call.budgets.iter();
    let answers = lines.map(|line| {
        Ok(BudgetAnswer {
            account: line.account,
            ceiling: ceilings.ceiling()?,
            overdraft: overdrafts.number()?,
            settled: settled.number()?,
            others: others.number()?,
            left: left.number()?,
            granted: granted.number()?,
            drawn: drawn.number()?,
        })
    });
    answers.collect()
}

fn rates(row: &Row, call: &Call) -> Result<Vec<RateAnswer>, Unreadable> {
    let column = |name| Column::read(row, name, call.rates.len());
    let mut ceilings = column("rate_ceilings")?;
    let mut granted = column("rate_granted")?;
    let mut slots = column("rate_slots")?;
    let mut left = column("rate_left")?;
    let mut frees = column("rate_frees")?;
    let lines = call.rates.iter();
    let answers = lines.map(|line| {
        Ok(RateAnswer {
            limit: line.limit,
            ceiling: ceilings.ceiling()?,
            granted: granted.number()?,
            slot: slots.number()?,
            left: left.number()?,
            frees: frees.next()?,
        })
    });
    answers.collect()
}

fn permits(row: &Row, call: &Call) -> Result<Vec<PermitAnswer>, Unreadable> {
    let column = |name| Column::read(row, name, call.permits.len());
    let mut ceilings = column("permit_ceilings")?;
    let mut held = column("permit_held")?;
    let mut others = column("permit_others")?;
    let lines = call.permits.iter();
    let answers = lines.map(|line| {
        Ok(PermitAnswer {
            limit: line.limit,
            ceiling: ceilings.ceiling()?,
            held: held.number()?,
            others: others.number()?,
        })
    });
    answers.collect()
}

fn recalled(row: &Row) -> Result<Vec<AccountKey>, Unreadable> {
    let limits: Option<Vec<i64>> = get(row, "recalled_limits")?;
    let starts: Option<Vec<SystemTime>> = get(row, "recalled_starts")?;
    let (limits, starts) = (limits.unwrap_or_default(), starts.unwrap_or_default());
    let accounts = limits.into_iter().zip(starts);
    let accounts = accounts.map(|(limit, starts)| AccountKey {
        limit: LimitId(limit),
        starts,
    });
    Ok(accounts.collect())
}

/// The numbers of a column, one for each line; null where there is no line.
struct Column(std::vec::IntoIter<Option<i64>>);

impl Column {
    fn read(row: &Row, name: &str, lines: usize) -> Result<Self, Unreadable> {
        let numbers: Option<Vec<Option<i64>>> = get(row, name)?;
        let numbers = numbers.unwrap_or_default();
        if numbers.len() != lines {
            return Err(Unreadable);
        }
        Ok(Self(numbers.into_iter()))
    }

    fn next(&mut self) -> Result<Option<i64>, Unreadable> {
        self.0.next().ok_or(Unreadable)
    }

    fn number(&mut self) -> Result<i64, Unreadable> {
        self.next()?.ok_or(Unreadable)
    }

    fn ceiling(&mut self) -> Result<Ceiling, Unreadable> {
        Ok(self.next()?.map_or(Ceiling::Unlimited, Ceiling::At))
    }
}

fn get<'a, T: FromSql<'a>>(row: &'a Row, name: &str) -> Result<T, Unreadable> {
    row.try_get(name).map_err(|_| Unreadable)
}
