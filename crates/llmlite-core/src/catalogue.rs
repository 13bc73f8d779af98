//! The model catalogue: which models there are, where each may be called, what it can do and
//! what it costs. It is data; no code parses a model id to learn what a model can do.

mod abilities;
mod cost;
mod residency;
mod served;

pub use abilities::{Abilities, Adaptive, PromptCache, Sampling, Thinking, ThinkingOff};
pub use residency::{Residency, ResidencyPolicy};
pub use served::{Contradiction, Lookup, ServedCatalogue, ServedModel};

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::money::PicodollarsPerToken;

const EMBEDDED: &str = include_str!("../catalogue.json");

/// All models that are known, by friendly name, whether they may be called or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// The entries, in the order in which they are listed.
    pub models: Vec<ModelEntry>,
}

/// One model under its friendly name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelEntry {
    /// The friendly name that clients use and reports show, such as `claude-sonnet-4-5`.
    pub name: String,
    /// Other names by which clients may ask for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// The name for people, such as `Claude Sonnet 4.5`.
    pub display_name: String,
    /// When it was released, in seconds since 1970, where its id says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<i64>,
    /// How many tokens of input and output fit together.
    pub context_tokens: u32,
    /// How many tokens it can put out at most.
    pub max_output_tokens: u32,
    /// What it can do.
    pub abilities: Abilities,
    /// Where it may be called, with what id and at which price; at least one.
    pub routes: BTreeMap<Residency, Route>,
    /// An operator added or changed this entry; it did not come with the program.
    #[serde(skip)]
    pub configured: bool,
}

/// How a model is reached under one residency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// What Bedrock is called with: a model id, an inference profile id or an ARN.
    pub id: String,
    /// What it costs there.
    pub prices: Prices,
}

/// Prices in picodollars per token (one US dollar per million tokens is 1,000,000).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prices {
    /// The prices of a request with ordinary input.
    #[serde(flatten)]
    pub base: PriceList,
    /// The prices of a request with long input; they hold for all of its tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long_context: Option<LongContext>,
}

/// One price for each kind of token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceList {
    /// Plain input.
    pub input: PicodollarsPerToken,
    /// Output, thinking included.
    pub output: PicodollarsPerToken,
    /// Input read from the prompt cache.
    pub cache_read: PicodollarsPerToken,
    /// Input written to the prompt cache for five minutes.
    pub cache_write_5m: PicodollarsPerToken,
    /// Input written to the prompt cache for an hour.
    pub cache_write_1h: PicodollarsPerToken,
}

/// The prices above a length of input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LongContext {
    /// They hold when the whole input, cache included, is longer than this.
    pub above_input_tokens: u64,
    /// The prices.
    #[serde(flatten)]
    pub prices: PriceList,
}

impl Catalogue {
    /// The catalogue that comes with the program.
    ///
    /// # Panics
    ///
    /// Never: a test reads it.
    pub fn embedded() -> Self {
        serde_json::from_str(EMBEDDED).expect("the embedded catalogue is tested")
    }

    /// Reads an operator's entries: `{"models": [...]}` in the form that
    /// `llmlite-admin model list --json` prints.
    ///
    /// # Errors
    ///
    /// When it is not JSON of that form; the text says where and what was expected.
    pub fn parse(json: &str) -> Result<Self, MalformedCatalogue> {
        let mut catalogue: Self =
            serde_json::from_str(json).map_err(|e| MalformedCatalogue(e.to_string()))?;
        for model in &mut catalogue.models {
            model.configured = true;
            model.check()?;
        }
        Ok(catalogue)
    }

    /// Adds the entries of `other`, each in the place of an entry of the same name.
    #[must_use]
    pub fn overlaid_with(mut self, other: Self) -> Self {
        for entry in other.models {
            match self.models.iter_mut().find(|m| m.name == entry.name) {
                Some(place) => *place = entry,
                None => self.models.push(entry),
            }
        }
        self
    }
}

impl ModelEntry {
    fn check(&self) -> Result<(), MalformedCatalogue> {
        let wrong = |what: &str| {
            Err(MalformedCatalogue(format!(
                "model \"{}\": {what}",
                self.name
            )))
        };
        if self.name.is_empty()
            || self
                .name
                .chars()
                .any(|c| c.is_whitespace() || c.is_control())
        {
            return wrong("a name is needed, without spaces");
        }
        if self.routes.is_empty() {
            return wrong("at least one route is needed: in-region, eu or global");
        }
        if self.max_output_tokens == 0 || self.context_tokens == 0 {
            return wrong("context_tokens and max_output_tokens must be above zero");
        }
        let priced = |p: &PriceList| {
            [
                p.input,
                p.output,
                p.cache_read,
                p.cache_write_5m,
                p.cache_write_1h,
            ]
            .iter()
            .all(|price| price.0 >= 0)
        };
        let all_priced = self.routes.values().all(|route| {
            priced(&route.prices.base)
                && route.prices.long_context.is_none_or(|l| priced(&l.prices))
        });
        if !all_priced {
            return wrong("prices must not be negative");
        }
        Ok(())
    }
}

/// A catalogue that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MalformedCatalogue(String);

impl fmt::Display for MalformedCatalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the catalogue cannot be read: {}", self.0)
    }
}

impl std::error::Error for MalformedCatalogue {}

#[cfg(test)]
mod tests;
