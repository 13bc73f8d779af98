use super::{PriceList, Prices};
use crate::{
    money::{Nanodollars, PicodollarsPerToken},
    usage::Tokens,
};

impl Prices {
    /// The cost of one request: exact in picodollars, then rounded up to a nanodollar once.
    pub fn cost(&self, tokens: &Tokens) -> Nanodollars {
        let list = self.list_for(tokens);
        let part = |count: u64, price: PicodollarsPerToken| i128::from(count) * i128::from(price.0);
        let pico = part(tokens.input, list.input)
            + part(tokens.output, list.output)
            + part(tokens.cache_read, list.cache_read)
            + part(tokens.cache_write_5m, list.cache_write_5m)
            + part(tokens.cache_write_1h, list.cache_write_1h);
        let nano = pico / 1000 + i128::from(pico % 1000 != 0);
        Nanodollars(i64::try_from(nano).unwrap_or(i64::MAX))
    }

    /// Long input is dearer, and then all tokens are.
    fn list_for(&self, tokens: &Tokens) -> &PriceList {
        match &self.long_context {
            Some(long) if tokens.input_in_all() > long.above_input_tokens => &long.prices,
            _ => &self.base,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::LongContext;

    fn list(factor: i64) -> PriceList {
        let price = |p| PicodollarsPerToken(p * factor);
        PriceList {
            input: price(3_000_000),
            output: price(15_000_000),
            cache_read: price(300_000),
            cache_write_5m: price(3_750_000),
            cache_write_1h: price(6_000_000),
        }
    }

    #[track_caller]
    fn check(tokens: [u64; 5], want: i64) {
        let prices = Prices {
            base: list(1),
            long_context: Some(LongContext {
                above_input_tokens: 1_000,
                prices: list(2),
            }),
        };
        let [input, output, cache_read, cache_write_5m, cache_write_1h] = tokens;
        let tokens = Tokens {
            input,
            output,
            cache_read,
            cache_write_5m,
            cache_write_1h,
        };
        assert_eq!(prices.cost(&tokens), Nanodollars(want));
    }

    #[test]
    #[rustfmt::skip]
    fn each_kind_of_token_has_its_price_and_long_input_raises_them_all() {
        //    in   out  read  5m  1h     nanodollars
        check([0,    0,   0,   0,  0],        0);
        check([1,    0,   0,   0,  0],    3_000);
        check([10,  20,   0,   0,  0],  330_000);
        check([0,    0, 100,   0,  0],   30_000);
        check([0,    0,   0, 100,  0],  375_000);
        check([0,    0,   0,   0, 10],   60_000);
        check([1000, 1,   0,   0,  0], 3_015_000);
        check([1000, 1,   1,   0,  0], 6_030_600);
        check([1,    1, 998,   1,  1], 2 * (3_000 + 15_000 + 299_400 + 3_750 + 6_000));
    }

    #[test]
    fn a_part_of_a_nanodollar_is_rounded_up_once() {
        let mut prices = Prices {
            base: list(0),
            long_context: None,
        };
        prices.base.input = PicodollarsPerToken(1);
        prices.base.output = PicodollarsPerToken(1);
        let tokens = |input, output| Tokens {
            input,
            output,
            ..Tokens::default()
        };
        assert_eq!(prices.cost(&tokens(1, 1)), Nanodollars(1));
        assert_eq!(prices.cost(&tokens(999, 1)), Nanodollars(1));
        assert_eq!(prices.cost(&tokens(1000, 1)), Nanodollars(2));
    }

    #[test]
    fn absurd_counts_do_not_overflow() {
        let prices = Prices {
            base: list(1_000_000),
            long_context: None,
        };
        let tokens = Tokens {
            input: u64::MAX / 4,
            ..Tokens::default()
        };
        assert_eq!(prices.cost(&tokens), Nanodollars(i64::MAX));
    }
}
