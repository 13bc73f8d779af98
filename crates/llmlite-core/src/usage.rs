//! What one request used: the record that becomes a row in the ledger.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    catalogue::Residency,
    ids::{EventId, KeyId, TeamId, UserId},
    money::Nanodollars,
    quota::AccountKey,
};

/// Tokens as Bedrock bills them: cache reads and writes are not part of `input`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Input that was neither read from nor written to the prompt cache.
    pub input: u64,
    /// Output, thinking included.
    pub output: u64,
    /// Input read from the prompt cache.
    pub cache_read: u64,
    /// Input written to the prompt cache for five minutes.
    pub cache_write_5m: u64,
    /// Input written to the prompt cache for an hour.
    pub cache_write_1h: u64,
}

impl Tokens {
    /// All input: plain, read from the cache and written to it.
    pub fn input_in_all(&self) -> u64 {
        self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h
    }

    /// Input written to the prompt cache, for whichever time.
    pub fn cache_write(&self) -> u64 {
        self.cache_write_5m + self.cache_write_1h
    }
}

/// How a request that reached Bedrock ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Bedrock's end event was seen, and all of the answer was handed to the client.
    Complete,
    /// The client left; the answer was read to its end all the same, because Bedrock bills it.
    ClientGone,
    /// Bedrock failed, or its stream broke off before the end event.
    UpstreamFailed,
    /// The gateway was stopped before the answer had ended, or the key was taken back and its
    /// answers cut.
    Shutdown,
}

impl Ending {
    /// The name in the database and in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::ClientGone => "client_gone",
            Self::UpstreamFailed => "upstream_failed",
            Self::Shutdown => "shutdown",
        }
    }
}

/// One row of the ledger: written once for each request that reached Bedrock.
///
/// It holds no text of a prompt or an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageRecord {
    /// Idempotency key; also the time that the row is filed under.
    pub event_id: EventId,
    /// The id in the client's answer, its headers and our logs.
    pub request_id: Arc<str>,
    /// Bedrock's own request id, where it gave one.
    pub upstream_request_id: Option<Arc<str>>,
    /// The key that made the request.
    pub key_id: KeyId,
    /// The key's holder, if it has one.
    pub user_id: Option<UserId>,
    /// The team that is charged, if any.
    pub team_id: Option<TeamId>,
    /// The friendly name of the model.
    pub model: Arc<str>,
    /// The id that Bedrock was called with.
    pub bedrock_model_id: Arc<str>,
    /// The region that was called.
    pub region: Arc<str>,
    /// How far the request was allowed to travel from that region.
    pub residency: Residency,
    /// Whether the client asked for a stream.
    pub streamed: bool,
    /// What Bedrock counted, or our estimate.
    pub tokens: Tokens,
    /// What it costs at the catalogue's prices.
    pub cost: Nanodollars,
    /// The budgets that are charged with the whole cost, each.
    #[serde(default)]
    pub accounts: Vec<AccountKey>,
    /// The tokens are our estimate, because Bedrock's count never came.
    pub estimated: bool,
    /// How it ended.
    pub ending: Ending,
    /// From the call of Bedrock to the last byte of its answer.
    pub latency: Duration,
    /// From the call of Bedrock to its first content, if any came.
    pub time_to_first_token: Option<Duration>,
}
