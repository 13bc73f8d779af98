//! Sums over sixty seconds, wherever those begin.

const MINUTE_MS: u64 = 60_000;
const SLOT_MS: u64 = 2_000;

/// What was admitted, and when.
#[derive(Debug, Default)]
pub(super) struct Admissions(Vec<(u64, u64)>);

impl Admissions {
    pub(super) fn add(&mut self, at_ms: u64, units: u64) {
        self.0.push((at_ms, units));
    }

    /// Units in the worst sixty seconds: of times less than 60,000 ms apart.
    ///
    /// The worst ones end with an admission, so only those have to be looked at.
    pub(super) fn worst_minute(&mut self) -> u64 {
        self.0.sort_unstable();
        let (mut worst, mut sum) = (0, 0);
        let mut oldest = self.0.iter().peekable();
        for (at, units) in &self.0 {
            sum += units;
            while let Some((_, gone)) = oldest.next_if(|(old, _)| old + MINUTE_MS <= *at) {
                sum -= gone;
            }
            worst = worst.max(sum);
        }
        worst
    }

    /// The shortest time that holds more than `limit` units, in milliseconds, if any does.
    pub(super) fn tightest(&mut self, limit: u64) -> Option<u64> {
        self.0.sort_unstable();
        let (mut tightest, mut sum): (Option<u64>, u64) = (None, 0);
        let mut oldest = self.0.iter().peekable();
        for (at, units) in &self.0 {
            sum += units;
            while let Some((old, gone)) = oldest.next_if(|_| sum > limit) {
                tightest = Some(tightest.map_or(at - old, |least| least.min(at - old)));
                sum -= gone;
            }
        }
        tightest
    }

    /// Units in the whole cycles since the first admission, and how many milliseconds those are.
    ///
    /// The first cycle begins with the slot of that admission: slots begin every two seconds since
    /// 1970.
    pub(super) fn in_cycles(&self, cycle_ms: u64) -> Option<(u64, u64)> {
        let first = self.0.iter().map(|(at, _)| *at).min()? / SLOT_MS * SLOT_MS;
        let last = self.0.iter().map(|(at, _)| *at).max()?;
        let whole = (last - first) / cycle_ms * cycle_ms;
        let inside = self.0.iter().filter(|(at, _)| *at < first + whole);
        (whole > 0).then(|| (inside.map(|(_, units)| units).sum(), whole))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(admitted: &[(u64, u64)], worst: u64, cycles: Option<(u64, u64)>) {
        let mut admissions = Admissions::default();
        for (at, units) in admitted {
            admissions.add(*at, *units);
        }
        assert_eq!(admissions.worst_minute(), worst, "{admitted:?}");
        assert_eq!(admissions.in_cycles(62_000), cycles, "{admitted:?}");
    }

    #[test]
    #[rustfmt::skip]
    fn a_minute_slides_and_cycles_are_whole() {
        check(&[],                                                  0, None);
        check(&[(5, 3)],                                            3, None);
        check(&[(0, 3), (59_999, 4)],                               7, None);
        check(&[(0, 3), (60_000, 4)],                               4, None);
        check(&[(60_000, 4), (0, 3), (59_999, 1)],                  5, None);
        check(&[(0, 1), (30_000, 2), (61_000, 4), (62_000, 8)],    14, Some((7, 62_000)));
        check(&[(9, 1), (61_999, 2), (62_000, 4), (100_000, 8)],   14, Some((3, 62_000)));
        check(&[(2_009, 1), (63_999, 2), (64_000, 4)],              6, Some((3, 62_000)));
        check(&[(0, 1), (62_000, 2), (124_000, 4)],                 4, Some((3, 124_000)));
    }

    #[test]
    fn the_shortest_time_that_holds_too_much_is_found() {
        let mut admissions = Admissions::default();
        for (at, units) in [(0, 2), (100, 1), (110, 1), (400, 1), (405, 2)] {
            admissions.add(at, units);
        }
        let found = [1, 2, 3, 4, 6, 7].map(|limit| admissions.tightest(limit));
        assert_eq!(
            found,
            [Some(0), Some(5), Some(110), Some(305), Some(405), None]
        );
    }
}
