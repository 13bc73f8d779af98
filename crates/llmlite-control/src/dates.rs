//! Dates as administrators write and read them: always UTC.

use std::time::{Duration, SystemTime};

use time::{
    Date, OffsetDateTime,
    format_description::{BorrowedFormatItem, well_known::Rfc3339},
    macros::format_description,
};

use crate::ControlError;

const DAY: &[BorrowedFormatItem<'static>] = format_description!("[year]-[month]-[day]");

/// The time as `2026-11-01T09:30:00Z`, whole seconds.
pub fn rfc3339(at: SystemTime) -> String {
    let at = OffsetDateTime::from(at).truncate_to_second();
    at.format(&Rfc3339)
        .expect("years 0 to 9999 fit RFC 3339, and neither clocks nor `expiry` leave them")
}

/// Reads when a key shall expire: a span from `now` such as `30d` (`w`, `d`, `h`, `m` for minutes,
/// `s`), a time such as `2026-12-31T18:00:00Z`, or a day such as `2026-12-31`, which means its
/// first moment in UTC.
///
/// # Errors
///
/// When it is none of these, or after the year 9999.
pub fn expiry(text: &str, now: SystemTime) -> Result<SystemTime, ControlError> {
    let text = text.trim();
    let at = span(text)
        .and_then(|span| OffsetDateTime::from(now).checked_add(span.try_into().ok()?))
        .or_else(|| OffsetDateTime::parse(text, &Rfc3339).ok())
        .or_else(|| Some(day(text).ok()?.midnight().assume_utc()));
    match at {
        Some(at) => Ok(at.into()),
        None => Err(ControlError::Invalid(format!(
            "{text:?} is no time to expire: give a span such as 30d or 12h, a day such as \
             2026-12-31, or a time such as 2026-12-31T18:00:00Z"
        ))),
    }
}

/// Reads a day such as `2026-11-01`.
pub(crate) fn day(text: &str) -> Result<Date, ControlError> {
    Date::parse(text.trim(), DAY).map_err(|_| {
        ControlError::Invalid(format!("{text:?} is no day: give it as 2026-11-01 (UTC)"))
    })
}

/// The day in the form that [`day`] reads.
pub(crate) fn iso_day(day: Date) -> String {
    day.format(DAY)
        .expect("a date has a year, a month and a day")
}

/// The day on which `at` lies, in UTC.
pub(crate) fn day_of(at: SystemTime) -> Date {
    OffsetDateTime::from(at).date()
}

fn span(text: &str) -> Option<Duration> {
    let unit = text.chars().next_back()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        'w' => 7 * 24 * 60 * 60,
        _ => return None,
    };
    let count = text.strip_suffix(unit)?;
    if !count.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(Duration::from_secs(
        count.parse::<u64>().ok()?.checked_mul(seconds)?,
    ))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[track_caller]
    fn check(text: &str, want: Option<&str>) {
        let now = datetime!(2026-11-15 12:34:56.789 UTC).into();
        let got = expiry(text, now).ok().map(rfc3339);
        assert_eq!(got.as_deref(), want, "{text:?}");
    }

    #[test]
    #[rustfmt::skip]
    fn a_key_expires_after_a_span_or_on_a_date() {
        check("90s",                        Some("2026-11-15T12:36:26Z"));
        check("5m",                         Some("2026-11-15T12:39:56Z"));
        check("12h",                        Some("2026-11-16T00:34:56Z"));
        check("30d",                        Some("2026-12-15T12:34:56Z"));
        check(" 2w ",                       Some("2026-11-29T12:34:56Z"));
        check("2026-12-31",                 Some("2026-12-31T00:00:00Z"));
        check("2026-12-31T18:00:00Z",       Some("2026-12-31T18:00:00Z"));
        check("2026-12-31T18:00:00+02:00",  Some("2026-12-31T16:00:00Z"));
        // A time that has passed is read; that it is no use is for the caller to say.
        check("2020-01-01",                 Some("2020-01-01T00:00:00Z"));
        check("",                           None);
        check("d",                          None);
        check("30",                         None);
        check("+30d",                       None);
        check("-1d",                        None);
        check("1.5d",                       None);
        check("30 days",                    None);
        check("30é",                        None);
        check("9999999d",                   None);
        check("99999999999999999999d",      None);
        check("18446744073709551615w",      None);
        check("2026-02-30",                 None);
        check("31/12/2026",                 None);
    }

    #[test]
    fn days_are_those_of_utc() {
        let late = datetime!(2026-11-30 23:30:00 -05:00).into();
        assert_eq!(iso_day(day_of(late)), "2026-12-01");
    }
}
