use std::time::SystemTime;

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, Weekday},
    tz::{self, TimeZone},
};

use super::Period;

static LONDON: TimeZone = tz::get!("Europe/London");

/// One turn of a period: this day, this month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// Its first moment, always a whole second.
    pub starts: SystemTime,
    /// The first moment after it, if it ever ends.
    pub ends: Option<SystemTime>,
}

impl Window {
    /// The window of `period` that `at` lies in, by London's calendar.
    pub fn of(period: Period, at: SystemTime) -> Self {
        let at = Timestamp::try_from(at).unwrap_or(Timestamp::MAX);
        let today = LONDON.to_datetime(at).date();
        let (first, next) = match period {
            Period::Day => (today, today.tomorrow().ok()),
            Period::Week => {
                let past = today.weekday().since(Weekday::Monday);
                let first = today.saturating_sub(i32::from(past).days());
                (first, first.checked_add(1.week()).ok())
            }
            Period::Month => {
                let first = today.first_of_month();
                (first, first.checked_add(1.month()).ok())
            }
            Period::FinancialYear => {
                let first = first_of_april(today);
                (first, first.checked_add(1.year()).ok())
            }
            Period::Lifetime => {
                return Self {
                    starts: SystemTime::UNIX_EPOCH,
                    ends: None,
                };
            }
        };
        Self {
            starts: midnight(first).unwrap_or(SystemTime::UNIX_EPOCH),
            ends: next.and_then(midnight),
        }
    }

    /// Whether `at` lies in it.
    pub fn contains(&self, at: SystemTime) -> bool {
        self.starts <= at && self.ends.is_none_or(|ends| at < ends)
    }
}

/// The last 1 April up to `day`.
fn first_of_april(day: Date) -> Date {
    let years_back = if day.month() < 4 { 1 } else { 0 };
    let year = day.year().saturating_sub(years_back);
    Date::new(year, 4, 1).unwrap_or(day)
}

/// London's clocks change at one in the morning, so every midnight exists, once.
fn midnight(day: Date) -> Option<SystemTime> {
    let midnight = LONDON.to_timestamp(day.at(0, 0, 0, 0)).ok()?;
    SystemTime::try_from(midnight).ok()
}
