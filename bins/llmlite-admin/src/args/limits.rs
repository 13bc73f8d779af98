//! The options of `set-limits` and `policy explain`.

use clap::{Args, ValueEnum};
use llmlite_control::limits::LimitOrder;
use llmlite_core::limits::{Durability, Fit, Member};

use super::{GatewayArgs, Switch};

const EXAMPLES: &str = "\
What is not named stays as it is. Limits are named by their height (--budget, --rpm, --tpm,
--parallel), or by --change to leave that as it is.

Examples:
  team set-limits alpha --budget 500/month --budget unlimited/day --rpm 600
  team set-limits alpha --each key --budget 20/day          a default for each of its keys
  team set-limits alpha --model claude-opus-4-1 --rpm 10    for calls of that model alone
  team set-limits alpha --budget 800/month --raise --until 2026-12-01
  team set-limits alpha --change budget/month --warn-at 50,80,95 --fit clamp
  key  set-limits 4 --models claude-sonnet-4-5 --expires 90d --remove rpm";

/// What `set-limits` is told.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct LimitArgs {
    /// Dollars, to a billionth, and for how long: 500/month, unlimited/day; the periods are day,
    /// week (from Monday), month, financial-year (from 1 April) and lifetime, by London's calendar;
    /// may be repeated
    #[arg(
        long = "budget",
        value_name = "DOLLARS/PERIOD",
        allow_hyphen_values = true
    )]
    budgets: Vec<String>,
    /// Requests in any 60 seconds, or unlimited
    #[arg(long, value_name = "REQUESTS", allow_hyphen_values = true)]
    rpm: Option<String>,
    /// Tokens in any 60 seconds, or unlimited
    #[arg(long, value_name = "TOKENS", allow_hyphen_values = true)]
    tpm: Option<String>,
    /// Requests at one time, or unlimited
    #[arg(long, value_name = "REQUESTS", allow_hyphen_values = true)]
    parallel: Option<String>,
    /// A limit whose height stays, but not what else is said: budget/month, rpm, tpm or parallel;
    /// may be repeated
    #[arg(long, value_name = "LIMIT")]
    change: Vec<String>,
    /// A limit to take away: budget/month, rpm, tpm or parallel; a default may apply again then; may
    /// be repeated
    #[arg(long, value_name = "LIMIT")]
    remove: Vec<String>,
    /// Makes all these limits bind calls of that model alone
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Makes all these limits defaults: each such member has them, counted apart, unless it has its
    /// own or a nearer default
    #[arg(long, value_enum, value_name = "MEMBER")]
    each: Option<Each>,
    /// Makes the heights a raise, after which the usual ones are back by themselves
    #[arg(long, requires = "until")]
    raise: bool,
    /// When the raise ends: 2026-12-01, from midnight in London, 2026-12-01T18:00:00Z, or 30d
    #[arg(long, value_name = "WHEN", requires = "raise")]
    until: Option<String>,
    /// Ends a raise of the limits named
    #[arg(long, conflicts_with = "raise")]
    end_raise: bool,
    /// How far the budgets named may be overdrawn before anything is refused, in dollars
    #[arg(long, value_name = "DOLLARS", allow_hyphen_values = true)]
    overdraft: Option<String>,
    /// What happens to a request that could cost more than is left of the budgets named: deny
    /// refuses it, clamp shortens its answer to what is left, if that is enough to be of use
    #[arg(long, value_enum)]
    fit: Option<FitArg>,
    /// Where requests that the budgets named pay for are written down before they run: in the
    /// gateway's journal, in the database too within 100 ms (async), or in the database before the
    /// call (sync), which costs some milliseconds; default leaves it to the gateway
    #[arg(long, value_enum)]
    durability: Option<DurabilityArg>,
    /// Whether the limits named are only watched: counted and reported, but refusing nothing
    #[arg(long, value_enum)]
    shadow: Option<Switch>,
    /// At which hundredths of the budgets named to tell somebody, once in each period: 50,80,95, or
    /// none
    #[arg(long, value_name = "SHARES", allow_hyphen_values = true)]
    warn_at: Option<String>,
    /// The models that may be called, separated by commas, or all
    #[arg(long, value_name = "MODEL", value_delimiter = ',')]
    models: Option<Vec<String>>,
    /// Show what would become of it, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// For whom a default is, as typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Each {
    Team,
    User,
    Key,
}

/// What happens to a request that is too large, as typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum FitArg {
    Deny,
    Clamp,
}

/// Where requests are written down before they run, as typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum DurabilityArg {
    Default,
    Journal,
    Async,
    Sync,
}

impl LimitArgs {
    /// What was typed, with the expiry of a key.
    pub(crate) fn order(self, expires: Option<String>) -> LimitOrder {
        LimitOrder {
            budgets: self.budgets,
            rpm: self.rpm,
            tpm: self.tpm,
            parallel: self.parallel,
            change: self.change,
            remove: self.remove,
            model: self.model,
            each: self.each.map(Member::from),
            raise_until: self.until,
            end_raise: self.end_raise,
            overdraft: self.overdraft,
            fit: self.fit.map(Fit::from),
            durability: self.durability.map(DurabilityArg::meant),
            shadow: self.shadow.map(Switch::is_on),
            warn_at: self.warn_at,
            models: self.models,
            expires,
        }
    }
}

impl From<Each> for Member {
    fn from(each: Each) -> Self {
        match each {
            Each::Team => Self::Team,
            Each::User => Self::User,
            Each::Key => Self::Key,
        }
    }
}

impl From<FitArg> for Fit {
    fn from(fit: FitArg) -> Self {
        match fit {
            FitArg::Deny => Self::Deny,
            FitArg::Clamp => Self::Clamp,
        }
    }
}

impl DurabilityArg {
    /// Nothing where the gateway decides.
    fn meant(self) -> Option<Durability> {
        match self {
            Self::Default => None,
            Self::Journal => Some(Durability::Journal),
            Self::Async => Some(Durability::Async),
            Self::Sync => Some(Durability::Sync),
        }
    }
}

const STATUS: &str = "\
Exit status:
  0  it would be let through
  3  it would be refused
  4  it depends on what gateways hold, or on how long the key's answers usually are
  1  there is no such key or model, or the database does not answer";

/// What `policy explain` is asked.
#[derive(Debug, Args)]
#[command(after_help = STATUS)]
pub(crate) struct ExplainArgs {
    /// The number of the key, from `key list`
    #[arg(long, value_name = "ID")]
    pub(crate) key: i64,
    /// The model that is asked for
    #[arg(long, value_name = "NAME")]
    pub(crate) model: String,
    /// How many tokens of input a gateway would reckon with: about one for each two bytes
    /// [default: 1000]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) input_tokens: Option<u64>,
    /// How many tokens the request lets the model put out [default: 8192, as in a gateway]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) max_tokens: Option<u32>,
    #[command(flatten)]
    pub(crate) gateways: GatewayArgs,
}
