//! How many tokens a request may have, before it runs and when Bedrock's count never came.

use llmlite_core::{catalogue::Prices, money::Nanodollars, usage::Tokens};

use crate::price;

/// Fewer bytes than this make no token on average, so a division by it gives an upper bound of
/// what was put out.
const BYTES_PER_TOKEN: u64 = 2;
/// Bytes that make a token as a rule, for rates of tokens: those need no bound, because every
/// estimate is corrected in the end.
const USUAL_BYTES_PER_TOKEN: u64 = 3;
/// An answer of fewer tokens is of no use to anybody.
pub const LEAST_OUTPUT: u32 = 256;
/// What the instructions for the use of tools add.
const TOOL_PROMPT: u64 = 1_000;
/// The most that a picture costs on any model: larger ones are made smaller before they are read,
/// by the newest families to 2,576 pixels on the long side, by the others to 1,568 (1,600 tokens).
const PICTURE: u64 = 4_784;

/// The facts of a request that bound its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Bytes of the body that is sent to the model, without its pictures.
    pub body_bytes: u64,
    /// Fewer bytes than this make no token on average, so a division by it gives an upper bound.
    pub bytes_per_token: Floor,
    /// Pictures in it.
    pub images: u32,
    /// PDF files in it.
    pub pdfs: u32,
    /// Whether it offers tools.
    pub tools: bool,
    /// The most that the model may put out.
    pub max_tokens: u32,
    /// Whether it may think first. Thoughts are billed in full, and the answer has a summary of
    /// them or nothing.
    pub thinks: bool,
    /// The model's context.
    pub context_tokens: u32,
    /// How long the prompt cache is asked to keep a part of the input, if it is; the longest time
    /// where there are several.
    pub cache: Option<CacheLife>,
}

/// How few bytes of input may make one token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Floor {
    /// A token has at least one byte: true of any text, and a bound that no request can break.
    One,
    /// True on average of any text that is worth sending.
    #[default]
    Two,
}

/// How long the prompt cache keeps what it is told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CacheLife {
    /// Five minutes after its last use.
    FiveMinutes,
    /// An hour after its last use.
    OneHour,
}

/// The most that the request can cost.
pub fn worst(facts: &Facts, prices: &Prices) -> Nanodollars {
    cost_with_output(facts, prices, facts.max_tokens)
}

/// What it must be able to cost to be of use: its input, and a short answer.
pub fn least(facts: &Facts, prices: &Prices) -> Nanodollars {
    cost_with_output(facts, prices, facts.max_tokens.min(LEAST_OUTPUT))
}

/// The longest answer for which `amount` is enough, if it is long enough to be of use.
pub fn affordable_output(facts: &Facts, prices: &Prices, amount: Nanodollars) -> Option<u32> {
    let fits = |output: u32| cost_with_output(facts, prices, output) <= amount;
    let least = facts.max_tokens.min(LEAST_OUTPUT);
    if !fits(least) {
        return None;
    }
    let (mut enough, mut most) = (least, facts.max_tokens);
    while enough < most {
        let middle = enough + (most - enough).div_ceil(2);
        if fits(middle) {
            enough = middle;
        } else {
            most = middle - 1;
        }
    }
    Some(enough)
}

/// The most that the request can cost when it puts out so many tokens.
///
/// Long input is dearer as a rule. Where a price list has it otherwise, input that ends just below
/// the threshold costs the most.
fn cost_with_output(facts: &Facts, prices: &Prices, output: u32) -> Nanodollars {
    let output = u64::from(output);
    let whole = Tokens {
        output,
        ..input(facts, prices)
    };
    let bound = price::cost(prices, &whole);
    let Some(long) = prices.long_context else {
        return bound;
    };
    if whole.input_in_all() <= long.above_input_tokens {
        return bound;
    }
    let shorter = Tokens {
        output,
        ..dearest(facts, prices, long.above_input_tokens)
    };
    bound.max(price::cost(prices, &shorter))
}

/// What the request will probably count towards rates of tokens, if it puts out `output`.
pub fn likely(facts: &Facts, output: u32) -> i64 {
    let text = facts.body_bytes.div_ceil(USUAL_BYTES_PER_TOKEN);
    let input = (text + extras(facts)).min(u64::from(facts.context_tokens));
    let output = u64::from(output.min(facts.max_tokens));
    i64::try_from(input + output).unwrap_or(i64::MAX)
}

/// An upper bound of the input, in the kind of token that costs the most of those that the request
/// can have caused: what is written to the cache is dearer than plain input.
pub fn input(facts: &Facts, prices: &Prices) -> Tokens {
    dearest(facts, prices, input_tokens(facts))
}

/// So many tokens of input, in the kind that costs the most.
fn dearest(facts: &Facts, prices: &Prices, count: u64) -> Tokens {
    let plain = Tokens {
        input: count,
        ..Tokens::default()
    };
    let written_5m = Tokens {
        cache_write_5m: count,
        ..Tokens::default()
    };
    let written_1h = Tokens {
        cache_write_1h: count,
        ..Tokens::default()
    };
    let kinds = [
        (facts.cache >= Some(CacheLife::OneHour), written_1h),
        (facts.cache >= Some(CacheLife::FiveMinutes), written_5m),
        (true, plain),
    ];
    let possible = kinds.into_iter().filter(|(possible, _)| *possible);
    let dearest = possible
        .map(|(_, tokens)| tokens)
        .max_by_key(|tokens| price::cost(prices, tokens));
    dearest.unwrap_or(plain)
}

/// An upper bound of the input.
fn input_tokens(facts: &Facts) -> u64 {
    let context = u64::from(facts.context_tokens);
    if facts.pdfs > 0 {
        // A page costs as text and as a picture, and a few bytes can make a thousand pages.
        return context;
    }
    let prompt = facts.body_bytes.div_ceil(match facts.bytes_per_token {
        Floor::One => 1,
        Floor::Two => 2,
    });
    (prompt + extras(facts)).min(context)
}

/// What is read besides the text of the body.
fn extras(facts: &Facts) -> u64 {
    let tools = if facts.tools { TOOL_PROMPT } else { 0 };
    u64::from(facts.images) * PICTURE + tools
}

/// An upper bound of the output so far, from the bytes that came: of a model that thinks they tell
/// too little.
pub fn output_tokens(facts: &Facts, bytes_seen: u64) -> u64 {
    let most = u64::from(facts.max_tokens);
    match facts.thinks {
        true => most,
        false => bytes_seen.div_ceil(BYTES_PER_TOKEN).min(most),
    }
}

#[cfg(test)]
mod tests {
    use llmlite_core::{
        catalogue::{LongContext, PriceList},
        money::PicodollarsPerToken,
    };

    use super::*;

    const FACTS: Facts = Facts {
        body_bytes: 0,
        bytes_per_token: Floor::Two,
        images: 0,
        pdfs: 0,
        tools: false,
        max_tokens: 100,
        thinks: false,
        context_tokens: 10_000,
        cache: None,
    };

    #[test]
    #[rustfmt::skip]
    fn an_estimate_is_bounded_by_what_the_model_can_take_and_give() {
        let check = |body_bytes, tools, images, pdfs, want| {
            let facts = Facts {
                body_bytes,
                tools,
                images,
                pdfs,
                ..FACTS
            };
            assert_eq!(input_tokens(&facts), want, "{facts:?}");
        };
        //    bytes    tools  images  pdfs  tokens
        check(101,     false, 0,      0,    51);
        check(100,     true,  0,      0,    1_050);
        check(1 << 40, true,  0,      0,    10_000);
        check(100,     false, 1,      0,    50 + 4_784);
        check(100,     true,  1,      0,    1_050 + 4_784);
        check(100,     false, 2,      0,    50 + 2 * 4_784);
        check(100,     true,  2,      0,    10_000);
        check(100,     false, u32::MAX, 0,  10_000);
        // How many pages a PDF has cannot be told: it may fill the context.
        check(100,     false, 0,      1,    10_000);
        let strict = Facts { body_bytes: 101, bytes_per_token: Floor::One, ..FACTS };
        assert_eq!(input_tokens(&strict), 101);
    }

    /// Prices of input and output per token in nanodollars, below and above 1,000 tokens.
    fn prices(base: [i64; 2], long: Option<[i64; 2]>) -> Prices {
        let list = |[input, output]: [i64; 2]| PriceList {
            output: PicodollarsPerToken(output * 1_000),
            ..list([input * 1_000; 3])
        };
        Prices {
            base: list(base),
            long_context: long.map(|prices| LongContext {
                above_input_tokens: 1_000,
                prices: list(prices),
            }),
        }
    }

    #[test]
    #[rustfmt::skip]
    fn the_worst_case_has_the_dearest_prices_that_can_apply() {
        let check = |base, long, bytes, worst_cost, least_cost| {
            let facts = Facts { body_bytes: bytes, max_tokens: 1_000, ..FACTS };
            let prices = prices(base, long);
            assert_eq!(worst(&facts, &prices), Nanodollars(worst_cost), "{bytes}");
            assert_eq!(least(&facts, &prices), Nanodollars(least_cost), "{bytes}");
        };
        //    base    long             bytes   worst                   least
        check([3, 9], None,            200,    300 + 9_000,            300 + 256 * 9);
        check([3, 9], Some([6, 12]),   2_000,  3_000 + 9_000,          3_000 + 256 * 9);
        check([3, 9], Some([6, 12]),   2_002,  1_001 * 6 + 12_000,     1_001 * 6 + 256 * 12);
        // A list on which long input is cheaper: then it may be just short enough.
        check([3, 9], Some([1, 1]),    2_002,  3_000 + 9_000,          3_000 + 256 * 9);
        check([3, 9], Some([3, 1]),    19_998, 9_999 * 3 + 1_000,      9_999 * 3 + 256);
    }

    #[test]
    fn a_short_answer_needs_no_more_than_it_may_have() {
        let facts = Facts {
            max_tokens: 10,
            ..FACTS
        };
        let prices = prices([1, 1], None);
        assert_eq!(least(&facts, &prices), worst(&facts, &prices));
    }

    #[test]
    #[rustfmt::skip]
    fn an_amount_pays_for_so_much_output_and_no_more() {
        let check = |amount, want| {
            let facts = Facts { body_bytes: 200, max_tokens: 1_000, ..FACTS };
            let got = affordable_output(&facts, &prices([3, 9], None), Nanodollars(amount));
            assert_eq!(got, want, "{amount}");
        };
        check(300 + 1_000 * 9,     Some(1_000));
        check(i64::MAX,            Some(1_000));
        check(300 + 1_000 * 9 - 1, Some(999));
        check(300 + 500 * 9 + 8,   Some(500));
        check(300 + 256 * 9,       Some(256));
        check(300 + 256 * 9 - 1,   None);
        check(0,                   None);
    }

    #[test]
    fn a_rate_of_tokens_is_asked_for_what_is_likely() {
        let facts = Facts {
            body_bytes: 300,
            tools: true,
            ..FACTS
        };
        assert_eq!(likely(&facts, 50), 100 + 1_000 + 50);
        assert_eq!(likely(&facts, 500), 100 + 1_000 + 100);
    }

    #[test]
    fn output_is_bounded_by_what_came_unless_the_model_thinks() {
        let check = |thinks, bytes, want| {
            let facts = Facts { thinks, ..FACTS };
            assert_eq!(output_tokens(&facts, bytes), want, "{thinks} {bytes}");
        };
        check(false, 0, 0);
        check(false, 3, 2);
        check(false, 1 << 40, 100);
        check(true, 0, 100);
        check(true, 1 << 40, 100);
    }

    fn list([input, cache_write_5m, cache_write_1h]: [i64; 3]) -> PriceList {
        PriceList {
            input: PicodollarsPerToken(input),
            output: PicodollarsPerToken(99_000),
            cache_read: PicodollarsPerToken(1_000),
            cache_write_5m: PicodollarsPerToken(cache_write_5m),
            cache_write_1h: PicodollarsPerToken(cache_write_1h),
        }
    }

    /// Prices are those of plain input and of both kinds of writes; long input begins above 1,000
    /// tokens. `want` are the tokens of these three kinds.
    #[track_caller]
    fn check(cache: Option<CacheLife>, base: [i64; 3], long: [i64; 3], bytes: u64, want: [u64; 3]) {
        let facts = Facts {
            body_bytes: bytes,
            cache,
            ..FACTS
        };
        let prices = Prices {
            base: list(base),
            long_context: Some(LongContext {
                above_input_tokens: 1_000,
                prices: list(long),
            }),
        };
        let [input, cache_write_5m, cache_write_1h] = want;
        let want = Tokens {
            input,
            cache_write_5m,
            cache_write_1h,
            ..Tokens::default()
        };
        assert_eq!(super::input(&facts, &prices), want);
    }

    #[test]
    #[rustfmt::skip]
    fn input_that_may_have_been_written_to_the_cache_is_estimated_at_the_dearest_price() {
        let five = Some(CacheLife::FiveMinutes);
        let hour = Some(CacheLife::OneHour);
        let dear  = [3_000, 3_750, 6_000];
        let cheap = [3_000, 2_000, 1_000];
        let odd   = [3_000, 5_000, 4_000];
        //    cache  prices  long   bytes   in   5m   1h
        check(None,  dear,   dear,   200, [100,   0,   0]);
        check(five,  dear,   dear,   200, [  0, 100,   0]);
        check(hour,  dear,   dear,   200, [  0,   0, 100]);
        // A price list may say otherwise; then plain input is the dearest, or the shorter write.
        check(five,  cheap,  dear,   200, [100,   0,   0]);
        check(hour,  cheap,  dear,   200, [100,   0,   0]);
        check(hour,  odd,    dear,   200, [  0, 100,   0]);
        // For long input its own list decides.
        check(five,  dear,   cheap, 2002, [1001,  0,   0]);
        check(five,  cheap,  dear,  2002, [0,  1001,   0]);
        check(hour,  dear,   dear,     0, [  0,   0,   0]);
    }
}
