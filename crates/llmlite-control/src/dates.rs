//! Dates as administrators write and read them: UTC, but for limits, which go by London's calendar.

use std::{
    ops::RangeInclusive,
    time::{Duration, SystemTime},
};

use jiff::{
    Timestamp, civil,
    tz::{self, TimeZone},
};
use time::{
    Date, OffsetDateTime, UtcDateTime,
    format_description::{BorrowedFormatItem, well_known::Rfc3339},
    macros::{format_description, utc_datetime},
};

use crate::ControlError;

static LONDON: TimeZone = tz::get!("Europe/London");

const DAY: &[BorrowedFormatItem<'static>] = format_description!("[year]-[month]-[day]");

/// The years in which a time can be written in every form that we read and write.
const YEARS: RangeInclusive<UtcDateTime> =
    utc_datetime!(1970-01-01 00:00)..=utc_datetime!(9999-12-31 23:59:59.999999999);

/// The time as `2026-11-01T09:30:00Z`, whole seconds.
///
/// A time outside the years 1970 to 9999, which can only have been put into the database by hand,
/// is shown as the nearest one inside: a list must not fail because of one row.
pub fn rfc3339(at: SystemTime) -> String {
    utc(at)
        .truncate_to_second()
        .format(&Rfc3339)
        .expect("the years 1970 to 9999 fit RFC 3339")
}

/// Reads when a key shall expire: a span from `now` such as `30d` (`w`, `d`, `h`, `m` for minutes,
/// `s`), a time such as `2026-12-31T18:00:00Z`, or a day such as `2026-12-31`, which means its
/// first moment in UTC.
///
/// # Errors
///
/// When it is none of these, or outside the years 1970 to 9999 in UTC.
pub fn expiry(text: &str, now: SystemTime) -> Result<SystemTime, ControlError> {
    let text = text.trim();
    let at = span(text)
        .and_then(|span| utc(now).checked_add(span.try_into().ok()?))
        .or_else(|| OffsetDateTime::parse(text, &Rfc3339).ok()?.checked_to_utc())
        .or_else(|| Some(day(text).ok()?.midnight().as_utc()));
    match at {
        Some(at) if YEARS.contains(&at) => Ok(at.into()),
        _ => Err(ControlError::Invalid(format!(
            "{text:?} is no time to expire: give a span such as 30d or 12h, a day such as \
             2026-12-31, or a time such as 2026-12-31T18:00:00Z, not after the year 9999 (UTC)"
        ))),
    }
}

/// Reads until when a limit is raised: a span from `now`, a time, or a day as [`expiry`] reads them,
/// but the day begins at midnight in London, as the periods of budgets do.
///
/// # Errors
///
/// When it is none of these, or not after `now`.
pub fn until(text: &str, now: SystemTime) -> Result<SystemTime, ControlError> {
    let text = text.trim();
    let midnight = text.parse::<civil::Date>().ok().and_then(london_midnight);
    let at = match midnight {
        // A time that a calendar's day is a part of parses as a day too.
        Some(at) if day(text).is_ok() => at,
        _ => expiry(text, now).map_err(|_| {
            ControlError::Invalid(format!(
                "{text:?} is no time for a raise to end: give a day such as 2026-12-01, which \
                 begins at midnight in London, a time such as 2026-12-01T18:00:00Z, or a span such \
                 as 30d or 12h"
            ))
        })?,
    };
    if at <= now {
        return Err(ControlError::Invalid(format!(
            "a raise cannot end in the past, at {}",
            london(at)
        )));
    }
    Ok(at)
}

/// The time as people in London read it: `2026-12-01 00:00 GMT`. One after the last day of the year
/// 9999 that every place on earth has is shown as that.
pub fn london(at: SystemTime) -> String {
    let at = Timestamp::try_from(SystemTime::from(utc(at))).unwrap_or(Timestamp::MAX);
    let local = at.to_zoned_datetime(LONDON.clone());
    local.strftime("%Y-%m-%d %H:%M %Z").to_string()
}

fn london_midnight(day: civil::Date) -> Option<SystemTime> {
    let midnight = LONDON.to_timestamp(day.at(0, 0, 0, 0)).ok()?;
    midnight.try_into().ok()
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
    utc(at).date()
}

/// The time in UTC, or the nearest one within [`YEARS`].
fn utc(at: SystemTime) -> UtcDateTime {
    let (first, last) = YEARS.into_inner();
    at.clamp(first.into(), last.into()).into()
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
        check("9999-12-31T23:59:59.9Z",     Some("9999-12-31T23:59:59Z"));
        check("9999-12-31T23:59:59-01:00",  None);
        check("1970-01-01T00:30:00+00:30",  Some("1970-01-01T00:00:00Z"));
        check("1970-01-01T00:00:00+00:30",  None);
        check("0000-01-01T00:00:00+23:59",  None);
        check("1969-12-31",                 None);
        check("-0001-12-31",                None);
        check("9999999d",                   None);
        check("99999999999999999999d",      None);
        check("18446744073709551615w",      None);
        check("2026-02-30",                 None);
        check("31/12/2026",                 None);
    }

    #[test]
    fn a_time_that_cannot_be_written_is_shown_as_the_nearest_one_that_can() {
        const CENTURY: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);
        let check = |at, want| assert_eq!(rfc3339(at), want);
        let (first, last) = YEARS.into_inner();
        check(SystemTime::from(first), "1970-01-01T00:00:00Z");
        check(SystemTime::from(first) - CENTURY, "1970-01-01T00:00:00Z");
        check(SystemTime::from(last), "9999-12-31T23:59:59Z");
        check(SystemTime::from(last) + CENTURY, "9999-12-31T23:59:59Z");
        // As far as PostgreSQL's "infinity" and "-infinity" lie from its own epoch.
        let infinity = Duration::from_micros(i64::MAX.unsigned_abs());
        check(SystemTime::from(last) + infinity, "9999-12-31T23:59:59Z");
        check(SystemTime::from(first) - infinity, "1970-01-01T00:00:00Z");
    }

    #[test]
    #[rustfmt::skip]
    fn a_raise_ends_at_a_midnight_of_london_or_at_a_time() {
        let now = datetime!(2026-11-15 12:34:56 UTC).into();
        let check = |text, want: Option<&str>| {
            let got = until(text, now).ok();
            assert_eq!(got.map(rfc3339).as_deref(), want, "{text:?}");
        };
        check("2026-12-01",            Some("2026-12-01T00:00:00Z"));
        check(" 2027-07-01 ",          Some("2027-06-30T23:00:00Z"));
        check("2027-07-01T18:00:00Z",  Some("2027-07-01T18:00:00Z"));
        check("30d",                   Some("2026-12-15T12:34:56Z"));
        check("2026-11-15",            None);
        check("2026-11-15T12:34:56Z",  None);
        check("20261201",              None);
        check("01/12/2026",            None);
        check("tomorrow",              None);
    }

    #[test]
    #[rustfmt::skip]
    fn a_time_is_told_by_londons_clock() {
        let check = |at: OffsetDateTime, want: &str| assert_eq!(london(at.into()), want);
        check(datetime!(2026-12-01 00:00 UTC), "2026-12-01 00:00 GMT");
        check(datetime!(2027-06-30 23:00 UTC), "2027-07-01 00:00 BST");
        check(datetime!(9999-12-31 23:59 UTC), "9999-12-30 22:00 GMT");
    }

    #[test]
    fn days_are_those_of_utc() {
        let late = datetime!(2026-11-30 23:30:00 -05:00).into();
        assert_eq!(iso_day(day_of(late)), "2026-12-01");
    }
}
