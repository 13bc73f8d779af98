//! Settings of limits, in words.

use llmlite_core::money::Nanodollars;
use llmlite_edge::{BudgetOutage, BudgetRefusal, Floor, RateOutage};

const NANO: u32 = 9;

/// Reads `deny` or `allow-up-to=DOLLARS`.
pub(super) fn budget_outage(text: &str) -> Result<BudgetOutage, String> {
    if text == "deny" {
        return Ok(BudgetOutage::Deny);
    }
    let amount = text.strip_prefix("allow-up-to=").and_then(dollars);
    amount
        .map(BudgetOutage::AllowUpTo)
        .ok_or_else(|| "expected deny, or allow-up-to=DOLLARS such as allow-up-to=2.50".to_owned())
}

/// Reads `share` or `deny`.
pub(super) fn rate_outage(text: &str) -> Result<RateOutage, String> {
    match text {
        "share" => Ok(RateOutage::Share),
        "deny" => Ok(RateOutage::Deny),
        _ => Err("expected share or deny".to_owned()),
    }
}

/// Reads `1` or `2`.
pub(super) fn floor(text: &str) -> Result<Floor, String> {
    match text {
        "1" => Ok(Floor::One),
        "2" => Ok(Floor::Two),
        _ => Err("expected 1 or 2".to_owned()),
    }
}

/// Reads `402` or `429`.
pub(super) fn budget_status(text: &str) -> Result<BudgetRefusal, String> {
    match text {
        "402" => Ok(BudgetRefusal::PaymentRequired),
        "429" => Ok(BudgetRefusal::TooManyRequests),
        _ => Err("expected 402 or 429".to_owned()),
    }
}

/// An amount such as `2.50`, exact to the nanodollar.
fn dollars(text: &str) -> Option<Nanodollars> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(part) {
        return None;
    }
    let places = u32::try_from(part.len()).ok()?;
    let scale = 10_i64.pow(NANO.checked_sub(places)?);
    let whole = whole.parse::<i64>().ok()?.checked_mul(10_i64.pow(NANO))?;
    let part = part.parse::<i64>().ok()?.checked_mul(scale)?;
    whole.checked_add(part).map(Nanodollars)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn an_outage_of_the_database_allows_nothing_or_an_exact_amount() {
        let check = |text, want: Option<i64>| {
            let allowed = match budget_outage(text) {
                Ok(BudgetOutage::Deny) => Some(0),
                Ok(BudgetOutage::AllowUpTo(amount)) => Some(amount.0),
                Err(_) => None,
            };
            assert_eq!(allowed, want, "{text}");
        };
        check("deny",                          Some(0));
        check("allow-up-to=2.50",              Some(2_500_000_000));
        check("allow-up-to=3",                 Some(3_000_000_000));
        check("allow-up-to=0.000000001",       Some(1));
        check("allow-up-to=9223372036",        Some(9_223_372_036_000_000_000));
        check("allow-up-to=9223372037",        None);
        check("allow-up-to=0.0000000001",      None);
        for bad in ["", "allow", "allow-up-to", "allow-up-to=", "allow-up-to=-1", "allow-up-to=1.", "allow-up-to=.5", "allow-up-to=$1", "allow-up-to=1e3"] {
            check(bad, None);
        }
    }
}
