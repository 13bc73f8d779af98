//! How amounts, counts and times are written, for people and in headers.

use std::time::{Duration, SystemTime};

use jiff::{
    Timestamp,
    tz::{self, TimeZone},
};

static LONDON: TimeZone = tz::get!("Europe/London");

/// Nanodollars in a dollar.
const DOLLAR: u64 = 1_000_000_000;
/// Nanodollars in a hundredth of a cent: what people are shown of an amount at most.
const FINE: u64 = 100_000;

/// Which way an amount is rounded that has more places than are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Round {
    Up,
    Down,
}

/// An amount in nanodollars as people read it: `$12.50`, `$0.0123`.
///
/// At most four places, unless nothing would be left of the amount then.
pub(crate) fn dollars(nanos: i64, round: Round) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let amount = nanos.unsigned_abs();
    let shown = match round {
        _ if amount < FINE => amount,
        Round::Up => amount.div_ceil(FINE) * FINE,
        Round::Down => amount / FINE * FINE,
    };
    format!(
        "{sign}${}.{}",
        grouped(&(shown / DOLLAR).to_string()),
        places(shown)
    )
}

/// An amount in nanodollars for programs, exact: `12.50`, `0.0000123`.
pub(crate) fn exact(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let amount = nanos.unsigned_abs();
    format!("{sign}{}.{}", amount / DOLLAR, places(amount))
}

/// The places after the point, two at least.
fn places(amount: u64) -> String {
    let all = format!("{:09}", amount % DOLLAR);
    let needed = all.trim_end_matches('0').len().max(2);
    all.chars().take(needed).collect()
}

/// A number with a comma before every three digits: `10,000`.
pub(crate) fn count(n: i64) -> String {
    let sign = if n < 0 { "-" } else { "" };
    format!("{sign}{}", grouped(&n.unsigned_abs().to_string()))
}

fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Whole seconds, rounded up: whoever waits that long does not come too early.
pub(crate) fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// Whole milliseconds, rounded up.
pub(crate) fn milliseconds(wait: Duration) -> u128 {
    wait.as_nanos().div_ceil(1_000_000)
}

/// A time span as OpenAI writes it in headers: `120ms`, `1s`, `6m0s`, `1h0m0s`.
pub(crate) fn span(wait: Duration) -> String {
    if wait.is_zero() {
        return "0s".to_owned();
    }
    let millis = milliseconds(wait);
    if millis < 1_000 {
        return format!("{millis}ms");
    }
    let all = seconds(wait);
    let (hours, minutes, seconds) = (all / 3600, all / 60 % 60, all % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}

/// A time as programs read it: `2026-12-01T00:00:00Z`.
pub(crate) fn rfc3339(at: SystemTime) -> String {
    timestamp(at).to_string()
}

/// A time as people in London read it, and as programs do:
/// `Tuesday 1 December 2026, 00:00 GMT (2026-12-01T00:00:00Z)`.
pub(crate) fn moment(at: SystemTime) -> String {
    let at = timestamp(at);
    let local = at.to_zoned_datetime(LONDON.clone());
    format!("{} ({at})", local.strftime("%A %-d %B %Y, %H:%M %Z"))
}

/// What lies outside the years that a calendar has is told as their last moment.
fn timestamp(at: SystemTime) -> Timestamp {
    Timestamp::try_from(at).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn an_amount_is_short_and_never_better_than_it_is() {
        let check = |nanos, up, down| {
            assert_eq!((&*dollars(nanos, Round::Up), &*dollars(nanos, Round::Down)), (up, down));
        };
        check(0,                      "$0.00",          "$0.00");
        check(12_500_000_000,         "$12.50",         "$12.50");
        check(20_000_000_000,         "$20.00",         "$20.00");
        check(12_503_219_384,         "$12.5033",       "$12.5032");
        check(19_999_999_999,         "$20.00",         "$19.9999");
        check(1_234_567_000_000_000,  "$1,234,567.00",  "$1,234,567.00");
        check(100_000,                "$0.0001",        "$0.0001");
        check(99_999,                 "$0.000099999",   "$0.000099999");
        check(3_300,                  "$0.0000033",     "$0.0000033");
        check(-1_500_000_000,         "-$1.50",         "-$1.50");
        check(i64::MAX,               "$9,223,372,036.8548", "$9,223,372,036.8547");
    }

    #[test]
    #[rustfmt::skip]
    fn an_amount_for_programs_is_exact() {
        let check = |nanos, want: &str| assert_eq!(exact(nanos), want);
        check(0,                  "0.00");
        check(7_500_000_000,      "7.50");
        check(12_503_219_384,     "12.503219384");
        check(3_300,              "0.0000033");
        check(-1,                 "-0.000000001");
        check(1_000_000_000_000,  "1000.00");
    }

    #[test]
    #[rustfmt::skip]
    fn counts_have_commas() {
        let check = |n, want: &str| assert_eq!(count(n), want);
        check(0,          "0");
        check(999,        "999");
        check(1_000,      "1,000");
        check(-12_345,    "-12,345");
        check(1_234_567,  "1,234,567");
    }

    #[test]
    #[rustfmt::skip]
    fn a_span_is_written_as_openai_does_and_is_never_too_short() {
        let check = |micros, want: &str| assert_eq!(span(Duration::from_micros(micros)), want);
        check(0,              "0s");
        check(1,              "1ms");
        check(120_000,        "120ms");
        check(999_001,        "1s");
        check(1_000_000,      "1s");
        check(1_000_001,      "2s");
        check(20_000_000,     "20s");
        check(62_000_000,     "1m2s");
        check(360_000_000,    "6m0s");
        check(3_600_000_000,  "1h0m0s");
    }

    #[test]
    #[rustfmt::skip]
    fn a_moment_is_told_by_londons_clock_and_by_everybodys() {
        let check = |text: &str, want: &str| {
            let at: Timestamp = text.parse().unwrap();
            let at = SystemTime::try_from(at).unwrap();
            assert_eq!(rfc3339(at), text);
            assert_eq!(moment(at), want);
        };
        check("2026-12-01T00:00:00Z", "Tuesday 1 December 2026, 00:00 GMT (2026-12-01T00:00:00Z)");
        check("2027-06-30T23:00:00Z", "Thursday 1 July 2027, 00:00 BST (2027-06-30T23:00:00Z)");
    }
}
