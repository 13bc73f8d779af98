//! Amounts and counts as administrators write and read them: exact, never by way of a float.

use llmlite_core::{
    limits::{Ceiling, Percent},
    money::Nanodollars,
};

use crate::ControlError;

const NANODOLLARS: i64 = 1_000_000_000;
/// Digits after the point that a nanodollar needs.
const PLACES: usize = 9;

/// Reads dollars such as `500`, `12.50`, `$1,000` or `0.000000001`.
///
/// # Errors
///
/// When it is no amount of dollars; the text says why.
pub fn dollars(text: &str) -> Result<Nanodollars, ControlError> {
    let text = text.trim();
    match read_dollars(text) {
        Ok(amount) => Ok(Nanodollars(amount)),
        Err(why) => Err(ControlError::Invalid(format!(
            "{text:?} is no amount of US dollars{why}: write it as 500, 12.50 or 1,000"
        ))),
    }
}

/// Reads dollars, or `unlimited`.
///
/// # Errors
///
/// As [`dollars`].
pub fn budget(text: &str) -> Result<Ceiling, ControlError> {
    match text.trim() {
        "unlimited" => Ok(Ceiling::Unlimited),
        amount => Ok(Ceiling::At(dollars(amount)?.0)),
    }
}

/// Reads a number such as `60` or `100,000`, or `unlimited`. `what` names the thing that is counted.
///
/// # Errors
///
/// When it is neither.
pub fn count(what: &str, text: &str) -> Result<Ceiling, ControlError> {
    let text = text.trim();
    if text == "unlimited" {
        return Ok(Ceiling::Unlimited);
    }
    let number = whole(text).and_then(|digits| digits.parse().ok());
    number.map(Ceiling::At).ok_or_else(|| {
        ControlError::Invalid(format!(
            "{text:?} is no number of {what}: write a whole number such as 60 or 100,000, or \
             unlimited"
        ))
    })
}

/// Reads shares of a budget such as `50,80,95`, or `none`; the smallest comes first.
///
/// # Errors
///
/// When one of them is not from 1 to 100.
pub fn shares(text: &str) -> Result<Vec<Percent>, ControlError> {
    let text = text.trim();
    if text == "none" {
        return Ok(Vec::new());
    }
    let share = |part: &str| {
        let part = part.trim();
        let digits = part.strip_suffix('%').unwrap_or(part).trim_end();
        let number = whole(digits)?.parse::<u8>().ok()?;
        Percent::try_from(number).ok()
    };
    let shares: Option<Vec<_>> = text.split(',').map(share).collect();
    let mut shares = shares.ok_or_else(|| {
        ControlError::Invalid(format!(
            "{text:?} is no list of shares of a budget: write hundredths from 1 to 100 such as \
             50,80,95, or none"
        ))
    })?;
    shares.sort_unstable();
    shares.dedup();
    Ok(shares)
}

/// An amount as people read it, exact: `$12.50`, `$1,000.00`, `$0.000000001`.
pub fn shown_dollars(amount: Nanodollars) -> String {
    let sign = if amount.0 < 0 { "-" } else { "" };
    let amount = amount.0.unsigned_abs();
    let unit = NANODOLLARS.unsigned_abs();
    let places = format!("{:09}", amount % unit);
    let needed = places.trim_end_matches('0').len().max(2);
    let places: String = places.chars().take(needed).collect();
    format!("{sign}${}.{places}", grouped(amount / unit))
}

/// A count as people read it: `100,000`.
pub fn shown_count(count: i64) -> String {
    let sign = if count < 0 { "-" } else { "" };
    format!("{sign}{}", grouped(count.unsigned_abs()))
}

/// Nanodollars, or the end of the sentence that says why not.
fn read_dollars(text: &str) -> Result<i64, &'static str> {
    if text.contains(['£', '€']) {
        return Err(", the only currency here");
    }
    if text.starts_with('-') {
        return Err(" because it is below zero");
    }
    let text = text.strip_prefix('$').unwrap_or(text);
    let (dollars, places) = match text.split_once('.') {
        Some((_, "")) => return Err(""),
        Some(parts) => parts,
        None => (text, ""),
    };
    if !places.bytes().all(|b| b.is_ascii_digit()) {
        return Err("");
    }
    if places.len() > PLACES {
        return Err(" because it has more than nine places after the point");
    }
    let dollars = whole(dollars).ok_or(match dollars.contains(',') {
        true => " because a comma only separates thousands",
        false => "",
    })?;
    const TOO_MUCH: &str =
        " because it is more than $9,223,372,036.854775807, the most that can be counted";
    // Zeros fill the places up to the nanodollar, so that the digits are the amount.
    let digits = format!("{dollars}{places:0<PLACES$}");
    digits.parse().map_err(|_| TOO_MUCH)
}

/// The digits of a whole number, without the commas between its thousands.
fn whole(text: &str) -> Option<String> {
    let groups: Vec<&str> = text.split(',').collect();
    let (first, rest) = groups.split_first()?;
    let all_digits = groups.iter().all(|g| g.bytes().all(|b| b.is_ascii_digit()));
    let in_threes = rest.iter().all(|group| group.len() == 3);
    let begins_well = !first.is_empty() && (rest.is_empty() || first.len() <= 3);
    (all_digits && in_threes && begins_well).then(|| groups.concat())
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn dollars_are_read_to_the_nanodollar() {
        let check = |text, want: i64| assert_eq!(dollars(text).unwrap(), Nanodollars(want), "{text}");
        check("500",                     500_000_000_000);
        check(" $500 ",                  500_000_000_000);
        check("0",                       0);
        check("0.1",                     100_000_000);
        check("12.50",                   12_500_000_000);
        check("1,000",                   1_000_000_000_000);
        check("$12,345,678.9",           12_345_678_900_000_000);
        check("0.000000001",             1);
        check("9223372036.854775807",    i64::MAX);
    }

    #[test]
    #[rustfmt::skip]
    fn what_is_no_amount_of_dollars_is_refused_with_the_reason() {
        let check = |text, why: &str| {
            let said = dollars(text).unwrap_err().to_string();
            assert!(said.contains(&format!("is no amount of US dollars{why}: write it as")), "{said}");
        };
        check("",                        "");
        check("$",                       "");
        check("five",                    "");
        check("1e3",                     "");
        check("5k",                      "");
        check("5.",                      "");
        check(".5",                      "");
        check("5.5.5",                   "");
        check("5 000",                   "");
        check("$$5",                     "");
        check("+5",                      "");
        check("unlimited",               "");
        check("-5",                      " because it is below zero");
        check("£500",                    ", the only currency here");
        check("500€",                    ", the only currency here");
        check("0.0000000001",            " because it has more than nine places after the point");
        check("1,50",                    " because a comma only separates thousands");
        check("1.000,50",                "");
        check("1000,000",                " because a comma only separates thousands");
        check(",500",                    " because a comma only separates thousands");
        check("9223372036.854775808",    " because it is more than $9,223,372,036.854775807, the most that can be counted");
        check("99999999999999999999999", " because it is more than $9,223,372,036.854775807, the most that can be counted");
    }

    #[test]
    #[rustfmt::skip]
    fn a_count_is_a_whole_number_or_unlimited() {
        let check = |text, want| assert_eq!(count("requests", text).ok(), want, "{text:?}");
        check("60",                   Some(Ceiling::At(60)));
        check("0",                    Some(Ceiling::At(0)));
        check("100,000",              Some(Ceiling::At(100_000)));
        check("unlimited",            Some(Ceiling::Unlimited));
        check("9223372036854775807",  Some(Ceiling::At(i64::MAX)));
        check("9223372036854775808",  None);
        check("-1",                   None);
        check("1.5",                  None);
        check("60/min",               None);
        check("10k",                  None);
        check("1,00",                 None);
        check("",                     None);
        assert_eq!(budget(" unlimited ").unwrap(), Ceiling::Unlimited);
        assert_eq!(budget("1").unwrap(), Ceiling::At(NANODOLLARS));
    }

    #[test]
    #[rustfmt::skip]
    fn shares_are_sorted_and_said_once() {
        let check = |text, want: Option<&[u8]>| {
            let got = shares(text).ok();
            let got: Option<Vec<u8>> = got.map(|all| all.into_iter().map(u8::from).collect());
            assert_eq!(got.as_deref(), want, "{text:?}");
        };
        check("50,80,95",        Some(&[50, 80, 95]));
        check("95 %, 50%,50",    Some(&[50, 95]));
        check("100",             Some(&[100]));
        check("none",            Some(&[]));
        check("",                None);
        check("0",               None);
        check("101",             None);
        check("256",             None);
        check("80.5",            None);
        check("50,,80",          None);
        check("50;80",           None);
    }

    #[test]
    #[rustfmt::skip]
    fn what_is_shown_is_exact() {
        let check = |nanos, want: &str| assert_eq!(shown_dollars(Nanodollars(nanos)), want);
        check(0,                      "$0.00");
        check(12_500_000_000,         "$12.50");
        check(1_234_567_000_000_000,  "$1,234,567.00");
        check(1,                      "$0.000000001");
        check(-1_500_000_000,         "-$1.50");
        check(i64::MIN,               "-$9,223,372,036.854775808");
        assert_eq!([0, 999, 1_000, -12_345].map(shown_count), ["0", "999", "1,000", "-12,345"]);
    }
}
