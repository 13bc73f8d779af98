//! The prompt cache: which part of a body was seen before, up to a point that asks for keeping it.
//!
//! A real cache forgets after minutes, this one never does.
//! As Claude's, it keeps no prefix that is shorter than the family's least.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, PoisonError},
};

use serde_json::Value;

use crate::{error::Refusal, model::tokens};

use super::family::Family;

/// Blocks before a point that are looked at for a prefix of an earlier request.
const LOOKBACK: usize = 20;
const MOST_POINTS: usize = 4;

/// Input tokens of one request by the price they have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Neither read from the cache nor written to it.
    pub(crate) input: u64,
    pub(crate) cache_read: u64,
    pub(crate) write_5m: u64,
    pub(crate) write_1h: u64,
}

impl Usage {
    pub(crate) fn cache_write(&self) -> u64 {
        self.write_5m + self.write_1h
    }

    pub(crate) fn total_input(&self) -> u64 {
        self.input + self.cache_read + self.cache_write()
    }
}

/// How long a point asks its prefix to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    FiveMinutes,
    OneHour,
}

/// The blocks of a body in the order of the cache (tools, system, messages) and its points.
#[derive(Debug, Default)]
pub(crate) struct Prefix {
    hasher: DefaultHasher,
    /// Bytes of text so far.
    bytes: usize,
    /// Tokens of pictures and documents so far, which have a price of their own.
    media: u64,
    blocks: Vec<Boundary>,
    /// Points in the body; a block may have several.
    points: usize,
    /// Tokens of the shortest prefix that is kept.
    least: Option<u64>,
}

/// The end of one block.
#[derive(Debug)]
struct Boundary {
    /// Of everything from the start of the body to here.
    hash: u64,
    /// Tokens up to here.
    tokens: u64,
    keep: Option<Keep>,
}

impl Prefix {
    pub(crate) fn of(model: &str, family: &Family) -> Self {
        let mut prefix = Self {
            least: family.least_cached,
            ..Self::default()
        };
        model.hash(&mut prefix.hasher);
        prefix
    }

    /// Adds a block; `place` tells equal blocks of different sides apart.
    pub(crate) fn add(&mut self, place: &str, block: &Value) {
        let text = block.to_string();
        (place, &text).hash(&mut self.hasher);
        let data = coded(block);
        self.bytes += text.len().saturating_sub(data.iter().sum());
        self.media += data.into_iter().map(tokens::of_media).sum::<u64>();
        let hash = self.hasher.finish();
        self.blocks.push(Boundary {
            hash,
            tokens: tokens::of_bytes(self.bytes) + self.media,
            keep: None,
        });
    }

    /// Puts a point behind the newest block.
    pub(crate) fn keep(&mut self, keep: Keep) -> Result<(), Refusal> {
        if let Some(block) = self.blocks.last_mut() {
            block.keep = Some(keep);
        }
        self.points += 1;
        let points = self.points;
        match points > MOST_POINTS {
            true => Err(Refusal::validation(format!(
                "A maximum of {MOST_POINTS} blocks with cache_control may be provided. Found {points}."
            ))),
            false => Ok(()),
        }
    }

    /// Places of the points among the blocks; those too near to the start do not count.
    fn points(&self) -> impl DoubleEndedIterator<Item = (usize, &Boundary)> {
        let least = self.least.unwrap_or(u64::MAX);
        let blocks = self.blocks.iter().enumerate();
        blocks.filter(move |(_, block)| block.keep.is_some() && block.tokens >= least)
    }
}

/// What all requests so far have left behind.
#[derive(Debug, Default)]
pub(crate) struct Cache(Mutex<HashSet<u64>>);

impl Cache {
    /// Splits `total` input tokens by what the cache knows.
    pub(crate) fn look(&self, prefix: &Prefix, total: u64) -> Usage {
        let mut usage = Usage {
            input: total,
            ..Usage::default()
        };
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = prefix.points().rev().find_map(|(place, _)| {
            let near = prefix.blocks.iter().take(place + 1).rev().take(LOOKBACK);
            let mut known = near.filter(|block| seen.contains(&block.hash));
            known.next()
        });
        let mut counted = known.map_or(0, |block| block.tokens);
        usage.cache_read = take(&mut usage.input, counted);
        for (_, point) in prefix.points() {
            let Some(more) = point.tokens.checked_sub(counted) else {
                continue;
            };
            let written = take(&mut usage.input, more);
            counted = point.tokens;
            match point.keep {
                Some(Keep::OneHour) => usage.write_1h += written,
                _ => usage.write_5m += written,
            }
        }
        usage
    }

    /// Keeps the prefixes of a request whose answer has begun.
    pub(crate) fn keep(&self, prefix: &Prefix) {
        if prefix.blocks.is_empty() {
            return;
        }
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.extend(prefix.points().map(|(_, point)| point.hash));
    }
}

/// Lengths of the base64 data in a block, and in the result that it may be.
fn coded(block: &Value) -> Vec<usize> {
    let parts = block.get("content").and_then(Value::as_array);
    let blocks = parts.into_iter().flatten().chain([block]);
    let sources = blocks.filter_map(|block| block.get("source"));
    let coded = sources.filter(|source| source.get("type").is_some_and(|kind| kind == "base64"));
    let data = coded.filter_map(|source| source.get("data")?.as_str());
    data.map(str::len).collect()
}

/// Moves `tokens` out of `left`, as far as there are so many.
fn take(left: &mut u64, tokens: u64) -> u64 {
    let tokens = tokens.min(*left);
    *left -= tokens;
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A prefix of blocks of 42 bytes; a block with a number is a point with that many minutes.
    fn prefix(blocks: &[(&str, Option<u32>)]) -> Prefix {
        let mut prefix = Prefix::of("sim.claude", Family::of("sim.claude"));
        for (text, keep) in blocks {
            prefix.add("user", &Value::from(format!("{text:<40}")));
            if let Some(minutes) = keep {
                let keep = if *minutes == 60 {
                    Keep::OneHour
                } else {
                    Keep::FiveMinutes
                };
                prefix.keep(keep).unwrap();
            }
        }
        prefix
    }

    #[track_caller]
    fn check(cache: &Cache, blocks: &[(&str, Option<u32>)], want: (u64, u64, u64, u64)) {
        let prefix = prefix(blocks);
        let usage = cache.look(&prefix, 100);
        cache.keep(&prefix);
        let got = (
            usage.input,
            usage.cache_read,
            usage.write_5m,
            usage.write_1h,
        );
        assert_eq!(got, want, "{blocks:?}");
    }

    #[test]
    #[rustfmt::skip]
    fn the_longest_known_prefix_is_read_and_the_rest_up_to_the_last_point_is_written() {
        let cache = Cache::default();
        //             blocks                                                 input read 5m  1h
        check(&cache, &[("a", None), ("b", None)],                            (100, 0,   0,  0));
        check(&cache, &[("a", Some(5)), ("b", None)],                         (89,  0,   11, 0));
        check(&cache, &[("a", Some(5)), ("b", None)],                         (89,  11,  0,  0));
        check(&cache, &[("a", None), ("b", Some(5))],                         (79,  11,  10, 0));
        check(&cache, &[("a", None), ("b", Some(5))],                         (79,  21,  0,  0));
        check(&cache, &[("x", Some(60)), ("b", Some(5))],                     (79,  0,   10, 11));
        check(&cache, &[("x", None), ("b", None)],                            (100, 0,   0,  0));
    }

    #[test]
    fn a_point_too_near_to_the_start_is_neither_written_nor_read() {
        for (model, least) in [
            ("anthropic.claude-opus-4-7", 2_048),
            ("anthropic.claude-haiku-4-5", 4_096),
        ] {
            let cache = Cache::default();
            for (tokens, cached) in [(least - 1, 0), (least - 1, 0), (least, least)] {
                let mut prefix = Prefix::of(model, Family::of(model));
                // The quotes of the text count as well.
                let text = "x".repeat(usize::try_from(tokens * 4 - 2).unwrap());
                prefix.add("user", &Value::from(text));
                prefix.keep(Keep::FiveMinutes).unwrap();
                let usage = cache.look(&prefix, 10_000);
                cache.keep(&prefix);
                assert_eq!((usage.write_5m, usage.cache_read), (cached, 0), "{model}");
            }
        }
    }

    #[test]
    fn a_picture_in_the_prefix_counts_by_the_piece() {
        let mut prefix = Prefix::of("sim.claude", Family::of("sim.claude"));
        let data = "A".repeat(900_000);
        let image =
            serde_json::json!({"type": "image", "source": {"type": "base64", "data": data}});
        let result = serde_json::json!({"type": "tool_result", "content": [image]});
        for block in [&image, &result] {
            prefix.add("user", block);
            prefix.keep(Keep::FiveMinutes).unwrap();
        }
        let usage = Cache::default().look(&prefix, 10_000);
        assert!((3_200..3_300).contains(&usage.write_5m), "{usage:?}");
    }

    #[test]
    fn what_lies_further_back_than_twenty_blocks_is_not_found() {
        for (blocks, read) in [(20, true), (21, false)] {
            let cache = Cache::default();
            cache.keep(&prefix(&[("first", Some(5))]));
            let mut later = vec![("first", None)];
            later.extend(vec![("more", None); blocks - 2]);
            later.push(("last", Some(5)));
            let usage = cache.look(&prefix(&later), 10_000);
            assert_eq!(usage.cache_read > 0, read, "{blocks}");
        }
    }

    #[test]
    fn a_fifth_point_is_refused() {
        let mut prefix = prefix(&[
            ("a", Some(5)),
            ("b", Some(5)),
            ("c", Some(5)),
            ("d", Some(5)),
        ]);
        prefix.add("user", &Value::Null);
        assert!(prefix.keep(Keep::FiveMinutes).is_err());
    }
}
