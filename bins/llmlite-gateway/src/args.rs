//! The command line and the environment. No other file reads a variable.

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};
use llmlite_core::{
    catalogue::{Residency, ResidencyPolicy},
    keys::Pepper,
};
use llmlite_telemetry::Format;

/// Serves an OpenAI-compatible API for Claude on Amazon Bedrock.
///
/// AWS credentials come from the usual places: the environment, a profile, the task's role.
#[derive(Debug, Parser)]
#[command(name = "llmlite-gateway", version)]
pub(crate) struct Args {
    /// Address to listen on; port 0 takes any free one, and the first line printed says which
    #[arg(long, env = "LLMLITE_LISTEN", default_value = "127.0.0.1:4000")]
    pub(crate) listen: SocketAddr,

    /// The database: postgres://user@host:port/name
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: DatabaseUrl,

    /// A PEM file of certificate authorities for the database's TLS, next to the system's
    #[arg(long, env = "LLMLITE_DATABASE_CA", value_name = "FILE")]
    pub(crate) database_ca: Option<PathBuf>,

    /// The secret that keys are hashed under: 32 random bytes in hexadecimal
    #[arg(long, env = "LLMLITE_KEY_PEPPER", hide_env_values = true, value_parser = Pepper::parse)]
    pub(crate) key_pepper: Pepper,

    /// The one AWS region that Bedrock is called in
    #[arg(long, env = "LLMLITE_REGION", default_value = "eu-west-2")]
    pub(crate) region: String,

    /// Another address of Bedrock, such as a VPC endpoint
    #[arg(long, env = "LLMLITE_BEDROCK_ENDPOINT", value_name = "URL")]
    pub(crate) bedrock_endpoint: Option<String>,

    /// Allow a Bedrock endpoint that is not AWS: a simulator
    #[arg(long, env = "LLMLITE_DEVELOPMENT")]
    pub(crate) development: bool,

    /// How far a request may travel from the region: in-region, eu or global
    #[arg(long, env = "LLMLITE_RESIDENCY", default_value = "in-region")]
    pub(crate) residency: Residency,

    /// An exception for one model, as NAME=RESIDENCY; may be repeated
    #[arg(
        long,
        env = "LLMLITE_MODEL_RESIDENCY",
        value_name = "NAME=RESIDENCY",
        value_delimiter = ',',
        value_parser = ResidencyPolicy::exception
    )]
    pub(crate) model_residency: Vec<(String, Residency)>,

    /// A file with models to add to the catalogue, or to change
    #[arg(long, env = "LLMLITE_CATALOGUE", value_name = "FILE")]
    pub(crate) catalogue: Option<PathBuf>,

    /// Whether prompts are cached for clients that do not ask for it; a request can say otherwise
    /// with the header x-llmlite-cache
    #[arg(long, env = "LLMLITE_PROMPT_CACHE", value_enum, default_value_t = PromptCache::Auto)]
    pub(crate) prompt_cache: PromptCache,

    /// Largest request body, in bytes
    #[arg(long, env = "LLMLITE_BODY_BYTES", default_value_t = 32 << 20)]
    pub(crate) body_bytes: usize,

    /// How long running requests may take after SIGTERM
    #[arg(long, env = "LLMLITE_DRAIN_SECONDS", default_value = "110", value_parser = seconds)]
    pub(crate) drain_seconds: Duration,

    /// What to log: a level (error, warn, info, debug, trace), or one for each part of the program
    #[arg(long, env = "LLMLITE_LOG", default_value = "info")]
    pub(crate) log: String,

    /// How a log line looks: json or text
    #[arg(long, env = "LLMLITE_LOG_FORMAT", default_value = "json")]
    pub(crate) log_format: Format,
}

/// Who decides what of a prompt is cached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PromptCache {
    /// The gateway, where a client asks for nothing
    Auto,
    /// Only the client
    Off,
}

/// An address that may hold a password, so its `Debug` shows nothing.
#[derive(Clone)]
pub(crate) struct DatabaseUrl(pub(crate) String);

impl From<String> for DatabaseUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseUrl(..)")
    }
}

impl Args {
    pub(crate) fn residency_policy(&self) -> ResidencyPolicy {
        ResidencyPolicy {
            default: self.residency,
            per_model: self.model_residency.iter().cloned().collect(),
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().map_err(|_| "expected a number of seconds")?;
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn prompts_are_cached_unless_the_operator_says_otherwise() {
        let pepper = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
        let check = |more: &[&str], want: Option<PromptCache>| {
            let line = [
                "llmlite-gateway",
                "--database-url=x",
                "--key-pepper",
                pepper,
            ];
            let args = Args::try_parse_from(line.iter().chain(more));
            assert_eq!(args.ok().map(|args| args.prompt_cache), want, "{more:?}");
        };
        check(&[], Some(PromptCache::Auto));
        check(&["--prompt-cache", "auto"], Some(PromptCache::Auto));
        check(&["--prompt-cache", "off"], Some(PromptCache::Off));
        check(&["--prompt-cache", "on"], None);
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let pepper = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
        let url = "postgres://gateway:hunter2@db/llmlite";
        let line = [
            "llmlite-gateway",
            "--database-url",
            url,
            "--key-pepper",
            pepper,
        ];
        let args = Args::try_parse_from(line).unwrap();
        assert_eq!(args.database_url.0, url);
        let shown = format!("{args:?}");
        assert!(
            !shown.contains(pepper) && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
