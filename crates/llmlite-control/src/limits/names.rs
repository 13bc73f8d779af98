//! The words of the command line for what limits count.

use llmlite_core::limits::{Measure, Member, Period};

use crate::{ControlError, subjects::Named};

/// `budget/month`, `budget/financial-year`, `rpm`, `tpm` or `parallel`.
pub fn measure_name(measure: Measure) -> String {
    match measure {
        Measure::Budget(period) => format!("budget/{}", period_name(period)),
        Measure::RequestsPerMinute => "rpm".to_owned(),
        Measure::TokensPerMinute => "tpm".to_owned(),
        Measure::ParallelRequests => "parallel".to_owned(),
    }
}

/// The units in which a measure counts: `nanodollars`, `requests` or `tokens`.
pub fn unit_name(measure: Measure) -> &'static str {
    match measure {
        Measure::Budget(_) => "nanodollars",
        Measure::RequestsPerMinute | Measure::ParallelRequests => "requests",
        Measure::TokensPerMinute => "tokens",
    }
}

/// Reads the name of a limit as [`measure_name`] writes it.
pub(super) fn measure(text: &str) -> Result<Measure, ControlError> {
    let text = text.trim();
    match (text, text.split_once('/')) {
        ("rpm", _) => Ok(Measure::RequestsPerMinute),
        ("tpm", _) => Ok(Measure::TokensPerMinute),
        ("parallel", _) => Ok(Measure::ParallelRequests),
        (_, Some(("budget", name))) => Ok(Measure::Budget(period(name)?)),
        ("budget", None) => Err(ControlError::Invalid(format!(
            "\"budget\" does not say of which period: write budget/month, or another of {}",
            periods()
        ))),
        _ => Err(ControlError::Invalid(format!(
            "{text:?} is no limit: write one of budget/month (or another period), rpm, tpm and \
             parallel"
        ))),
    }
}

/// Reads a period.
pub(super) fn period(text: &str) -> Result<Period, ControlError> {
    let word = text.trim();
    if let Ok(period) = word.replace('-', "_").parse() {
        return Ok(period);
    }
    let meant = match word.to_lowercase().as_str() {
        "daily" | "days" | "d" | "24h" => "; day is meant, perhaps",
        "weekly" | "weeks" | "w" => "; week is meant, perhaps",
        "monthly" | "months" | "mo" | "m" | "mth" => "; month is meant, perhaps",
        "year" | "yearly" | "annual" | "years" | "y" | "fy" | "financialyear" => {
            "; financial-year is meant, perhaps, which begins on 1 April"
        }
        "life" | "ever" | "forever" | "total" | "all" | "once" => "; lifetime is meant, perhaps",
        _ => "",
    };
    Err(ControlError::Invalid(format!(
        "{word:?} is no period{meant}: write one of {}",
        periods()
    )))
}

/// Checks that `whose` can have defaults for such members.
pub(super) fn members(whose: &Named, each: Option<Member>) -> Result<(), ControlError> {
    let Some(member) = each else {
        return Ok(());
    };
    if whose.members().contains(&member) {
        return Ok(());
    }
    let words: Vec<_> = whose
        .members()
        .iter()
        .map(|m| crate::subjects::member_word(*m))
        .collect();
    Err(ControlError::Invalid(match words.as_slice() {
        [] => format!("{whose} has no members: leave --each out"),
        words => format!(
            "{whose} has no members of the kind {:?}: give --each {}",
            crate::subjects::member_word(member),
            words.join(" or --each ")
        ),
    }))
}

fn period_name(period: Period) -> String {
    period.as_str().replace('_', "-")
}

fn periods() -> String {
    Period::ALL.map(period_name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_read_by_its_name() {
        let budgets = Period::ALL.map(Measure::Budget);
        let others = [
            Measure::RequestsPerMinute,
            Measure::TokensPerMinute,
            Measure::ParallelRequests,
        ];
        for known in budgets.into_iter().chain(others) {
            assert_eq!(measure(&measure_name(known)).unwrap(), known);
        }
        let underscored = measure("budget/financial_year").unwrap();
        assert_eq!(underscored, Measure::Budget(Period::FinancialYear));
    }

    #[test]
    #[rustfmt::skip]
    fn a_name_that_is_none_is_answered_with_those_that_are() {
        let check = |text, want: &str| assert_eq!(measure(text).unwrap_err().to_string(), want);
        let all = "write one of day, week, month, financial-year, lifetime";
        check("budget",        "\"budget\" does not say of which period: write budget/month, or another of day, week, month, financial-year, lifetime");
        check("budget/",       &format!("\"\" is no period: {all}"));
        check("budget/year",   &format!("\"year\" is no period; financial-year is meant, perhaps, which begins on 1 April: {all}"));
        check("budget/Monthly", &format!("\"Monthly\" is no period; month is meant, perhaps: {all}"));
        check("rps",           "\"rps\" is no limit: write one of budget/month (or another period), rpm, tpm and parallel");
        check("rpm/day",       "\"rpm/day\" is no limit: write one of budget/month (or another period), rpm, tpm and parallel");
    }
}
