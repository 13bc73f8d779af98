//! Money without floating point: prices in picodollars per token, amounts in nanodollars.

use std::{fmt, iter::Sum, ops::Add};

use serde::{Deserialize, Serialize};

/// An amount in billionths of a US dollar.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Nanodollars(pub i64);

impl Nanodollars {
    /// Nothing.
    pub const ZERO: Self = Self(0);
}

impl Add for Nanodollars {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sum for Nanodollars {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Nanodollars {
    /// Dollars with all nine places, so that a printed sum can be checked by hand: `0.000123000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let amount = self.0.unsigned_abs();
        f.pad(&format!(
            "{sign}{}.{:09}",
            amount / 1_000_000_000,
            amount % 1_000_000_000
        ))
    }
}

/// A price in trillionths of a US dollar per token: one dollar per million tokens is 1,000,000.
///
/// Every published price is a whole number of these, so no price is ever rounded.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct PicodollarsPerToken(pub i64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_prints_all_its_places() {
        assert_eq!(Nanodollars(1_002_000_003).to_string(), "1.002000003");
        assert_eq!(Nanodollars(-5).to_string(), "-0.000000005");
        assert_eq!(Nanodollars(i64::MIN).to_string(), "-9223372036.854775808");
    }
}
