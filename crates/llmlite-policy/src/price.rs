//! What tokens cost.

use llmlite_core::{catalogue::Prices, money::Nanodollars, usage::Tokens};

/// The cost of one request: exact in picodollars, then rounded up to a nanodollar once.
pub fn cost(prices: &Prices, tokens: &Tokens) -> Nanodollars {
    prices.cost(tokens)
}
