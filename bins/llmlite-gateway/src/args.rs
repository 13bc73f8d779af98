//! The command line and the environment. No other file reads a variable.

mod quota;

use std::{ffi::OsString, fmt, net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};
use llmlite_alerts::{BadSecret, WebhookSecret};
use llmlite_core::{
    catalogue::{Residency, ResidencyPolicy},
    keys::Pepper,
    ports::orphans::OrphanLeases,
};
use llmlite_edge::{
    BudgetOutage, BudgetRefusal, Config, Durability, Floor, JournalFull, RateOutage,
};
use llmlite_telemetry::Format;
use uuid::Uuid;

const WEBHOOK_SECRET: &str = "LLMLITE_ALERT_WEBHOOK_SECRET";

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

    /// A folder on a disk of this machine, where usage is kept until the database has it; several
    /// gateways may share it, and the next one to start finds what one left behind
    #[arg(long, env = "LLMLITE_JOURNAL", value_name = "FOLDER")]
    pub(crate) journal: PathBuf,

    /// How large the journal grows, in MiB
    #[arg(long, env = "LLMLITE_JOURNAL_MIB", default_value_t = 256, value_parser = clap::value_parser!(u64).range(64..=65_536))]
    pub(crate) journal_mib: u64,

    /// While the journal cannot be written: keep 50,000 records in memory alone, or refuse requests
    #[arg(long, env = "LLMLITE_JOURNAL_FULL", value_enum, default_value_t = WhenFull::Continue)]
    pub(crate) journal_full: WhenFull,

    /// Where a request is written down before Bedrock is called, unless its budgets say it: in the
    /// journal only, in the database too within 100 ms, or in the database before the call
    #[arg(
        long,
        env = "LLMLITE_DURABILITY",
        value_name = "journal|async|sync",
        default_value_t
    )]
    pub(crate) durability: Durability,

    /// After how many seconds without a word another gateway is taken for lost with its disk, and
    /// what it had under way is charged; at least 60
    #[arg(long, env = "LLMLITE_ORPHAN_AFTER", value_name = "SECONDS", default_value = "600", value_parser = silence)]
    pub(crate) orphan_after: Duration,

    /// What becomes of the money that was leased to it: held until the budget's window ends, or
    /// released at once, by which a budget may then be exceeded
    #[arg(long, env = "LLMLITE_ORPHAN_LEASES", value_enum, default_value_t = WhenOrphaned::Hold)]
    pub(crate) orphan_leases: WhenOrphaned,

    /// While the database is away and a budget's lease is used up: deny, or allow-up-to=DOLLARS for
    /// each gateway and budget, by which a budget may then be exceeded
    #[arg(long, env = "LLMLITE_BUDGET_OUTAGE", default_value = "deny", value_parser = quota::budget_outage)]
    pub(crate) budget_outage: BudgetOutage,

    /// While the database is away: share rates and parallel requests out evenly, or deny what is
    /// not leased
    #[arg(long, env = "LLMLITE_RATE_OUTAGE", default_value = "share", value_parser = quota::rate_outage)]
    pub(crate) rate_outage: RateOutage,

    /// How many bytes of a request make a token at least, for the most that it can cost: 1 is true
    /// of any text, 2 of any that is worth sending
    #[arg(long, env = "LLMLITE_BYTES_PER_TOKEN", default_value = "2", value_parser = quota::floor)]
    pub(crate) bytes_per_token: Floor,

    /// Count tokens that are read from the prompt cache towards tokens per minute
    #[arg(long, env = "LLMLITE_COUNT_CACHE_READS")]
    pub(crate) count_cache_reads: bool,

    /// For how many seconds keys go on working that were known when the database went away; up to a
    /// day
    #[arg(long, env = "LLMLITE_AUTH_STALE_MAX", value_name = "SECONDS", default_value = "900", value_parser = stale)]
    pub(crate) auth_stale_max: Duration,

    /// Whom a refusal by a limit names, for those who need more
    #[arg(long, env = "LLMLITE_LIMITS_CONTACT", value_name = "TEXT")]
    pub(crate) limits_contact: Option<String>,

    /// The status with which a request is refused whose budget is used up: 402 or 429
    #[arg(long, env = "LLMLITE_BUDGET_STATUS", default_value = "402", value_parser = quota::budget_status)]
    pub(crate) budget_status: BudgetRefusal,

    /// Where to tell of budgets that cross a threshold: an https url; the secret that this is signed
    /// with is `LLMLITE_ALERT_WEBHOOK_SECRET`, in the environment alone
    #[arg(
        long,
        env = "LLMLITE_ALERT_WEBHOOK",
        value_name = "URL",
        hide_env_values = true
    )]
    pub(crate) alert_webhook: Option<String>,

    /// A collector that metrics are sent to, as OTLP over HTTP
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub(crate) otlp_endpoint: Option<String>,

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

/// What happens while the journal cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WhenFull {
    /// Usage is kept in memory alone, so much of it
    Continue,
    /// Requests are refused
    Shed,
}

/// What becomes of the leases of a gateway that is lost with its disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WhenOrphaned {
    /// They stay taken
    Hold,
    /// They go back
    Release,
}

impl From<WhenOrphaned> for OrphanLeases {
    fn from(leases: WhenOrphaned) -> Self {
        match leases {
            WhenOrphaned::Hold => Self::Hold,
            WhenOrphaned::Release => Self::Release,
        }
    }
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
    /// The settings of the API.
    pub(crate) fn config(&self) -> Config {
        let mut config = Config::new(&self.region);
        config.automatic_cache = self.prompt_cache == PromptCache::Auto;
        config.body_bytes = self.body_bytes;
        config.drain = self.drain_seconds;
        config.quota.budget_outage = self.budget_outage;
        config.quota.rate_outage = self.rate_outage;
        config.quota.durability = self.durability;
        config.quota.count_cache_reads = self.count_cache_reads;
        config.bytes_per_token = self.bytes_per_token;
        config.limits_contact.clone_from(&self.limits_contact);
        config.budget_refusal = self.budget_status;
        config.journal_full = match self.journal_full {
            WhenFull::Continue => JournalFull::Continue,
            WhenFull::Shed => JournalFull::Shed,
        };
        config
    }

    /// The settings of the journal, in a folder for that installation alone: the number of a life
    /// means nothing in another database.
    pub(crate) fn journal(&self, installation: Uuid) -> llmlite_journal::Config {
        llmlite_journal::Config {
            cap_bytes: self.journal_mib << 20,
            ..llmlite_journal::Config::new(self.journal.join(installation.to_string()))
        }
    }

    pub(crate) fn residency_policy(&self) -> ResidencyPolicy {
        ResidencyPolicy {
            default: self.residency,
            per_model: self.model_residency.iter().cloned().collect(),
        }
    }
}

/// The secret that webhooks are signed with, if there is one: `whsec_` and 24 to 64 bytes in base64.
///
/// It is no option, because everybody on a machine sees the options of its processes.
#[expect(
    clippy::disallowed_methods,
    reason = "this file reads the environment, and a secret is no option"
)]
pub(crate) fn alert_webhook_secret() -> Result<Option<WebhookSecret>, String> {
    webhook_secret(std::env::var_os(WEBHOOK_SECRET))
}

fn webhook_secret(value: Option<OsString>) -> Result<Option<WebhookSecret>, String> {
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let secret = value.to_str().unwrap_or_default().parse();
    let secret = secret.map_err(|wrong: BadSecret| format!("{WEBHOOK_SECRET}: {wrong}"))?;
    Ok(Some(secret))
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().map_err(|_| "expected a number of seconds")?;
    Ok(Duration::from_secs(seconds))
}

/// At least a minute: whoever is slow is not lost.
fn silence(text: &str) -> Result<Duration, String> {
    match seconds(text)? {
        time if time >= Duration::from_secs(60) => Ok(time),
        _ => Err("at least 60 seconds".to_owned()),
    }
}

/// At most a day: a key that was taken back must not go on working for longer.
fn stale(text: &str) -> Result<Duration, String> {
    match seconds(text)? {
        time if time <= Duration::from_secs(24 * 3600) => Ok(time),
        _ => Err("at most 86400 seconds, a day".to_owned()),
    }
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
                "--journal=x",
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
    fn the_secret_of_webhooks_is_taken_from_the_environment_and_is_no_option() {
        let given = |text: &str| webhook_secret(Some(text.into()));
        let good = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";
        assert!(matches!(given(good), Ok(Some(_))));
        assert!(matches!(given(""), Ok(None)));
        assert!(matches!(webhook_secret(None), Ok(None)));
        let refused = given("hunter2").unwrap_err();
        assert!(
            refused.starts_with("LLMLITE_ALERT_WEBHOOK_SECRET: "),
            "{refused}"
        );
        assert!(!refused.contains("hunter2"));
        let options = Args::command();
        let mut names = options.get_arguments().filter_map(clap::Arg::get_long);
        assert!(names.all(|name| !name.contains("secret")));
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let pepper = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
        let url = "postgres://gateway:hunter2@db/llmlite";
        let line = [
            "llmlite-gateway",
            "--journal=x",
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
