//! How long the answers of a key and model usually are: learned from those that it had.
//!
//! It serves rates of tokens alone, whose estimates are corrected in the end; nothing that must
//! never be exceeded depends on it.

use std::{collections::HashMap, mem, sync::Arc};

use llmlite_core::ids::KeyId;

/// Pairs of key and model that are remembered, at most twice over.
const PAIRS: usize = 2_048;
/// Lengths are told apart by half powers of two, up to about four million.
const CLASSES: usize = 44;
/// When so many answers were counted, older ones begin to be forgotten.
const ENOUGH: u16 = 512;

/// The lengths of answers, by key and model.
///
/// There are two tables. When the newer one is full it takes the place of the older one, and what
/// was not looked at for that long is forgotten.
#[derive(Debug, Default)]
pub(crate) struct Lengths {
    newer: HashMap<(KeyId, Arc<str>), Histogram>,
    older: HashMap<(KeyId, Arc<str>), Histogram>,
}

impl Lengths {
    /// A length that 95 of 100 answers do not exceed; None before there was any.
    pub(crate) fn usual(&mut self, key: KeyId, model: &Arc<str>) -> Option<u32> {
        self.find(key, model).map(|histogram| histogram.usual)
    }

    /// An answer had so many tokens.
    pub(crate) fn saw(&mut self, key: KeyId, model: &Arc<str>, tokens: u64) {
        if let Some(histogram) = self.find(key, model) {
            histogram.count(tokens);
            return;
        }
        let mut histogram = Histogram::default();
        histogram.count(tokens);
        self.keep((key, Arc::clone(model)), histogram);
    }

    fn find(&mut self, key: KeyId, model: &Arc<str>) -> Option<&mut Histogram> {
        let pair = (key, Arc::clone(model));
        if let Some(histogram) = self.older.remove(&pair) {
            self.keep(pair.clone(), histogram);
        }
        self.newer.get_mut(&pair)
    }

    fn keep(&mut self, pair: (KeyId, Arc<str>), histogram: Histogram) {
        if self.newer.len() >= PAIRS {
            self.older = mem::take(&mut self.newer);
        }
        self.newer.insert(pair, histogram);
    }
}

#[derive(Debug)]
struct Histogram {
    classes: [u16; CLASSES],
    all: u16,
    usual: u32,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            classes: [0; CLASSES],
            all: 0,
            usual: 0,
        }
    }
}

impl Histogram {
    fn count(&mut self, tokens: u64) {
        if self.all >= ENOUGH {
            self.all = 0;
            for class in &mut self.classes {
                *class /= 2;
                self.all += *class;
            }
        }
        if let Some(class) = self.classes.get_mut(class_of(tokens)) {
            *class += 1;
            self.all += 1;
        }
        self.usual = self.quantile();
    }

    /// The upper end of the class in which the 95th of 100 answers lies.
    fn quantile(&self) -> u32 {
        let above = self.all / 20;
        let mut seen = 0;
        for (class, count) in self.classes.iter().enumerate().rev() {
            seen += count;
            if seen > above {
                return longest_of(class);
            }
        }
        0
    }
}

/// Class 2n begins at 2^n, class 2n + 1 at 1.5 times that.
fn class_of(tokens: u64) -> usize {
    let tokens = tokens.max(1);
    let power = tokens.ilog2();
    let upper_half = power > 0 && tokens >> (power - 1) == 3;
    (2 * power as usize + usize::from(upper_half)).min(CLASSES - 1)
}

fn longest_of(class: usize) -> u32 {
    let begins = 1_u32 << (class / 2).min(30);
    match class % 2 {
        0 => (begins + begins / 2).max(2) - 1,
        _ => begins.saturating_mul(2) - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: KeyId = KeyId(1);

    fn model() -> Arc<str> {
        "claude".into()
    }

    #[track_caller]
    fn learns(answers: &[(u64, usize)], want: Option<u32>) {
        let (mut lengths, model) = (Lengths::default(), model());
        for (tokens, times) in answers {
            for _ in 0..*times {
                lengths.saw(KEY, &model, *tokens);
            }
        }
        assert_eq!(lengths.usual(KEY, &model), want, "{answers:?}");
    }

    #[test]
    #[rustfmt::skip]
    fn the_usual_length_is_one_that_few_answers_exceed() {
        learns(&[],                                None);
        learns(&[(0, 1)],                          Some(1));
        learns(&[(100, 1)],                        Some(127));
        learns(&[(128, 1)],                        Some(191));
        learns(&[(100, 95), (4_000, 4)],           Some(127));
        learns(&[(100, 90), (4_000, 10)],          Some(4_095));
        learns(&[(u64::MAX, 1)],                   Some(4_194_303));
        // Habits change: what was long ago is forgotten.
        learns(&[(4_000, 500), (10, 6_000)],       Some(11));
    }

    #[test]
    fn every_length_lies_in_its_class() {
        for tokens in (1..70_000).chain([1 << 20, (1 << 21) - 1]) {
            let class = class_of(tokens);
            assert!(u64::from(longest_of(class)) >= tokens, "{tokens}");
            assert!(
                class == 0 || u64::from(longest_of(class - 1)) < tokens,
                "{tokens}"
            );
        }
    }

    #[test]
    fn keys_and_models_are_told_apart_and_only_so_many_are_remembered() {
        let (mut lengths, model) = (Lengths::default(), model());
        lengths.saw(KEY, &model, 100);
        assert_eq!(lengths.usual(KeyId(2), &model), None);
        assert_eq!(lengths.usual(KEY, &"other".into()), None);
        for id in 0..10_000 {
            lengths.saw(KeyId(id + 10), &model, 5);
            if id < 5_000 {
                assert!(lengths.usual(KEY, &model).is_some(), "in use after {id}");
            }
        }
        assert_eq!(lengths.usual(KEY, &model), None);
        assert!(lengths.newer.len() + lengths.older.len() <= 2 * PAIRS);
    }
}
