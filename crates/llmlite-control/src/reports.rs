//! What was used and what it cost.

use llmlite_core::{
    money::Nanodollars,
    ports::{
        clock::Clock,
        reports::{GroupBy, Reports, UsageLine, UsageQuery},
    },
    usage::Tokens,
};

use crate::{
    ControlError,
    dates::{day, day_of, iso_day},
};

/// A report and the question that it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageReport {
    /// The question, with the days that were really asked for.
    pub query: UsageQuery,
    /// The lines, the most expensive first (days in order).
    pub lines: Vec<UsageLine>,
    /// All lines together; its group is `None`.
    pub total: UsageLine,
}

/// Adds up what was used from the day `from` to the day `to`, both included, in UTC.
///
/// Without `to` it ends today; without `from` it begins with the month in which it ends.
///
/// # Errors
///
/// When a day is no day, or the last comes before the first.
pub async fn usage(
    reports: &dyn Reports,
    clock: &dyn Clock,
    group_by: GroupBy,
    from: Option<&str>,
    to: Option<&str>,
) -> Result<UsageReport, ControlError> {
    let last = match to {
        Some(text) => day(text)?,
        None => day_of(clock.now()),
    };
    let first = match from {
        Some(text) => day(text)?,
        None => last.replace_day(1).expect("every month has a first day"),
    };
    let query = UsageQuery {
        group_by,
        from: iso_day(first),
        to: iso_day(last),
    };
    if first > last {
        return Err(ControlError::Invalid(format!(
            "the report would begin on {} and end before it, on {}",
            query.from, query.to
        )));
    }
    let lines = reports.usage(&query).await?;
    let total = total(&lines);
    Ok(UsageReport {
        query,
        lines,
        total,
    })
}

fn total(lines: &[UsageLine]) -> UsageLine {
    let sum = |of: fn(&UsageLine) -> u64| lines.iter().map(of).fold(0, u64::saturating_add);
    UsageLine {
        group: None,
        requests: sum(|line| line.requests),
        failed: sum(|line| line.failed),
        tokens: Tokens {
            input: sum(|line| line.tokens.input),
            output: sum(|line| line.tokens.output),
            cache_read: sum(|line| line.tokens.cache_read),
            cache_write_5m: sum(|line| line.tokens.cache_write_5m),
            cache_write_1h: sum(|line| line.tokens.cache_write_1h),
        },
        cost: lines.iter().map(|line| line.cost).sum::<Nanodollars>(),
    }
}
