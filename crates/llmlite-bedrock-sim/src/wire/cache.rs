//! The prompt cache: which part of a body was seen before, up to a point that asks for keeping it.
//!
//! A real cache forgets after minutes and keeps nothing under some thousand tokens.
//! This one keeps everything, so that short prompts show the same bookkeeping.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, PoisonError},
};

use serde_json::Value;

use crate::{error::Refusal, model::tokens};

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
    bytes: usize,
    blocks: Vec<Boundary>,
}

/// The end of one block.
#[derive(Debug)]
struct Boundary {
    /// Of everything from the start of the body to here.
    hash: u64,
    bytes: usize,
    keep: Option<Keep>,
}

impl Prefix {
    pub(crate) fn of_model(model: &str) -> Self {
        let mut prefix = Self::default();
        model.hash(&mut prefix.hasher);
        prefix
    }

    /// Adds a block; `place` tells equal blocks of different sides apart.
    pub(crate) fn add(&mut self, place: &str, block: &Value) {
        let text = block.to_string();
        (place, &text).hash(&mut self.hasher);
        self.bytes += text.len();
        let hash = self.hasher.finish();
        self.blocks.push(Boundary {
            hash,
            bytes: self.bytes,
            keep: None,
        });
    }

    /// Puts a point behind the newest block.
    pub(crate) fn keep(&mut self, keep: Keep) -> Result<(), Refusal> {
        if let Some(block) = self.blocks.last_mut() {
            block.keep = Some(keep);
        }
        let points = self
            .blocks
            .iter()
            .filter(|block| block.keep.is_some())
            .count();
        match points > MOST_POINTS {
            true => Err(Refusal::validation(format!(
                "A maximum of {MOST_POINTS} blocks with cache_control may be provided. Found {points}."
            ))),
            false => Ok(()),
        }
    }

    /// Places of the points among the blocks.
    fn points(&self) -> impl DoubleEndedIterator<Item = (usize, &Boundary)> {
        let blocks = self.blocks.iter().enumerate();
        blocks.filter(|(_, block)| block.keep.is_some())
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
        let mut counted = known.map_or(0, |block| block.bytes);
        usage.cache_read = take(&mut usage.input, counted);
        for (_, point) in prefix
            .points()
            .filter(|(_, point)| point.bytes > counted)
            .collect::<Vec<_>>()
        {
            let written = take(&mut usage.input, point.bytes - counted);
            counted = point.bytes;
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

/// Moves the tokens of `bytes` out of `left`, as far as there are any.
fn take(left: &mut u64, bytes: usize) -> u64 {
    let tokens = tokens::of_bytes(bytes).min(*left);
    *left -= tokens;
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A prefix of blocks of 42 bytes; a block with a number is a point with that many minutes.
    fn prefix(blocks: &[(&str, Option<u32>)]) -> Prefix {
        let mut prefix = Prefix::of_model("sim.claude");
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
        check(&cache, &[("a", None), ("b", Some(5))],                         (78,  11,  11, 0));
        check(&cache, &[("a", None), ("b", Some(5))],                         (79,  21,  0,  0));
        check(&cache, &[("x", Some(60)), ("b", Some(5))],                     (78,  0,   11, 11));
        check(&cache, &[("x", None), ("b", None)],                            (100, 0,   0,  0));
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
