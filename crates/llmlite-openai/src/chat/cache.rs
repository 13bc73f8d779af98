//! Wishes for the prompt cache.

use serde::Deserialize;
use serde::de::Deserializer;

use crate::read::{self, Hint, Text};

/// Wish for a prompt cache breakpoint after something, in Anthropic's form
/// (`{"type":"ephemeral","ttl":"5m"}`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheControl {
    /// How long the cached prefix is to live; the provider's default if absent or unknown.
    pub ttl: Option<CacheTtl>,
}

/// How long a cached prefix is to live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheTtl {
    /// Five minutes.
    FiveMinutes,
    /// One hour; OpenAI's `30m` and `24h` are read as this, the nearest that Claude has.
    OneHour,
}

/// Settings of the prompt cache for the whole request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheOptions {
    /// Whether only the breakpoints that the client sets are wanted.
    pub explicit: bool,
    /// How long cached prefixes are to live.
    pub ttl: Option<CacheTtl>,
}

impl CacheTtl {
    fn read(text: &str) -> Option<Self> {
        match text {
            "5m" => Some(Self::FiveMinutes),
            "30m" | "1h" | "24h" => Some(Self::OneHour),
            _ => None,
        }
    }
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    ttl: Option<Hint<Text<'a>>>,
    #[serde(borrow)]
    mode: Option<Hint<Text<'a>>>,
}

impl<'de> Deserialize<'de> for CacheControl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (_, ttl) = wish(deserializer)?;
        Ok(Self { ttl })
    }
}

impl<'de> Deserialize<'de> for CacheOptions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (explicit, ttl) = wish(deserializer)?;
        Ok(Self { explicit, ttl })
    }
}

fn wish<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(bool, Option<CacheTtl>), D::Error> {
    read::object(deserializer, |raw: Raw<'de>| {
        let explicit = Hint::of(raw.mode).is_some_and(|mode| mode.0 == "explicit");
        let ttl = Hint::of(raw.ttl).and_then(|ttl| CacheTtl::read(&ttl.0));
        Ok((explicit, ttl))
    })
}
