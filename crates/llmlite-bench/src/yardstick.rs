//! Two proxies that do only what cannot be left out.
//!
//! Both take an OpenAI chat completion, build Claude's body from it, sign and forward it, and
//! reshape the answer, streamed or whole.
//! They share the reading and the writing of JSON in [`wire`] and the server in [`server`], so
//! that they differ in what carries the request to Bedrock and in nothing else.

pub mod hyper_proxy;
pub mod sdk_proxy;
pub mod server;
pub mod wire;

use std::time::Duration;

/// The region in the signature; the upstream does not look at it.
pub const REGION: &str = "eu-west-2";

/// How long a connection to the upstream may take to open.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long the head of an answer may take.
pub const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a whole call may take.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(600);

/// Output tokens that are asked for where the client names no limit.
pub const MAX_TOKENS: u32 = 4096;

/// Credentials for an upstream that checks none.
pub fn credentials() -> aws_credential_types::Credentials {
    aws_credential_types::Credentials::new("AKIDYARDSTICK", "yardstick", None, None, "bench")
}

#[cfg(test)]
mod tests;
