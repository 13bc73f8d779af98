//! The command line, and the only place that knows the names of environment variables.

mod limits;

use std::{fmt, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use llmlite_core::{
    catalogue::{Residency, ResidencyPolicy},
    ports::reports::GroupBy,
};

pub(crate) use self::limits::{ExplainArgs, LimitArgs};

/// Manages the gateways: teams, users, virtual keys, models, and what was used.
#[derive(Debug, Parser)]
#[command(name = "llmlite-admin", version, after_help = ENVIRONMENT)]
pub(crate) struct Cli {
    /// Where PostgreSQL is: <postgres://user:password@host:5432/database>
    #[arg(
        long,
        value_name = "URL",
        env = "DATABASE_URL",
        hide_env_values = true,
        global = true,
        help_heading = GENERAL
    )]
    pub(crate) database_url: Option<DatabaseUrl>,

    /// A PEM file of certificate authorities for the database's TLS, next to the system's
    #[arg(long, env = "LLMLITE_DATABASE_CA", value_name = "FILE", global = true, help_heading = GENERAL)]
    pub(crate) database_ca: Option<PathBuf>,

    /// Print JSON, for scripts
    #[arg(long, global = true, help_heading = GENERAL)]
    pub(crate) json: bool,

    /// Who is at work, for the log of what was changed [default: the operating system's user]
    #[arg(long, env = "LLMLITE_ACTOR", value_name = "NAME", global = true, help_heading = GENERAL)]
    pub(crate) actor: Option<String>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The heading of the options that every command has.
const GENERAL: &str = "General options";

const ENVIRONMENT: &str = "\
Environment:
  DATABASE_URL        the same as --database-url, and better: a command line can be seen by others
  LLMLITE_KEY_PEPPER  the secret that keys are hashed under, 64 hexadecimal digits, the same as
                      the gateways have; only `key create` needs it

Exit status: 0 when it was done, 1 when not, 2 when the command line makes no sense;
`policy explain` has two more for its answers, see its --help.
Changes of limits are logged on standard error, one line each.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Bring the database's schema up to date; safe to repeat
    Migrate,
    /// Groups of users that are charged together
    #[command(subcommand)]
    Team(TeamCommand),
    /// People and services that hold keys
    #[command(subcommand)]
    User(UserCommand),
    /// Virtual keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Everybody together: limits and models of the whole installation
    #[command(subcommand, visible_alias = "organization")]
    Organisation(OrganisationCommand),
    /// Why requests are let through or refused
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// The model catalogue
    #[command(subcommand)]
    Model(ModelCommand),
    /// What was used and what it cost
    #[command(subcommand)]
    Usage(UsageCommand),
    /// The database's own users
    #[command(subcommand)]
    Database(DatabaseCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum TeamCommand {
    /// Create a team
    Create {
        /// Its name
        name: String,
    },
    /// List all teams
    List,
    /// Show a team's limits and models, and how the limits stand
    Show {
        /// Its name
        name: String,
    },
    /// Set a team's limits and models; gateways follow within a second
    SetLimits {
        /// Its name
        name: String,
        #[command(flatten)]
        limits: Box<LimitArgs>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Create a user
    Create {
        /// Their e-mail address
        email: String,
        /// The team they belong to
        #[arg(long, value_name = "NAME")]
        team: Option<String>,
    },
    /// List all users
    List,
    /// Show a user's limits and models, and how the limits stand
    Show {
        /// Their e-mail address
        email: String,
    },
    /// Set a user's limits and models; gateways follow within a second
    SetLimits {
        /// Their e-mail address
        email: String,
        #[command(flatten)]
        limits: Box<LimitArgs>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum OrganisationCommand {
    /// Show everybody's limits and models, and how the limits stand
    Show,
    /// Set everybody's limits and models; gateways follow within a second
    SetLimits {
        #[command(flatten)]
        limits: Box<LimitArgs>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Say whether a request would be let through now, what it is held against, and what is left
    Explain(ExplainArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum DatabaseCommand {
    /// Give two roles of the database what gateways and administrators need, and nothing more
    ///
    /// Both must exist, and neither may own the tables: run this as the owner, as `migrate` is run,
    /// and again after each `migrate`.
    Grant {
        /// The role that the gateways connect as
        #[arg(long, value_name = "ROLE")]
        gateway: String,
        /// The role that llmlite-admin connects as, for everything but `migrate` and this command
        #[arg(long, value_name = "ROLE")]
        admin: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Create a key and print it, this once
    Create(NewKeyArgs),
    /// List all keys, the newest first
    List,
    /// Show one key's settings and all limits that bind it; the key itself cannot be shown again
    Show {
        /// Its number, from `key list`
        id: i64,
    },
    /// Change a key's settings; gateways follow within a second
    Set {
        /// Its number, from `key list`
        id: i64,
        /// Whether to refuse requests that would otherwise be adjusted, or ignored in part
        #[arg(long, value_enum)]
        strict: Switch,
    },
    /// Set a key's limits, models and expiry; gateways follow within a second
    SetLimits {
        /// Its number, from `key list`
        id: i64,
        /// When it stops working: 30d, 12h, 2026-12-31 or 2026-12-31T18:00:00Z, or never
        #[arg(long, value_name = "WHEN")]
        expires: Option<String>,
        #[command(flatten)]
        limits: Box<LimitArgs>,
    },
    /// Take a key back for good; gateways refuse it within a second
    Revoke {
        /// Its number, from `key list`
        id: i64,
        /// End the answers that are on their way too, within seconds
        #[arg(long)]
        now: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct NewKeyArgs {
    /// What to call it
    #[arg(long)]
    pub(crate) name: String,
    /// Who holds it
    #[arg(long, value_name = "EMAIL")]
    pub(crate) user: Option<String>,
    /// The team that is charged [default: the user's]
    #[arg(long, value_name = "NAME")]
    pub(crate) team: Option<String>,
    /// The models it may call, separated by commas [default: all]
    #[arg(long, value_name = "MODEL", value_delimiter = ',')]
    pub(crate) models: Option<Vec<String>>,
    /// When it stops working: 30d, 12h, 2026-12-31 or 2026-12-31T18:00:00Z [default: never]
    #[arg(long, value_name = "WHEN")]
    pub(crate) expires: Option<String>,
    /// Whether to refuse requests that would otherwise be adjusted, or ignored in part
    #[arg(long, value_enum, default_value_t = Switch::Off)]
    pub(crate) strict: Switch,
}

/// A setting with two positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    On,
    Off,
}

impl Switch {
    pub(crate) fn is_on(self) -> bool {
        self == Self::On
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// List all models, with their Bedrock ids and prices
    List,
    /// Show what a model can do
    Show {
        /// Its name, or one of its aliases
        name: String,
    },
    /// Replace the operator's entries by those of a file; built-in entries stay
    ///
    /// The file has the form that `model list --json` prints.
    /// Entries that are the same as the built-in ones are left out, so a whole list can be
    /// printed, edited and imported.
    /// The settings of the gateways are needed, because an entry that contradicts them stops a
    /// gateway at its next start; such a file is refused.
    Import {
        /// The file, or - for standard input
        file: PathBuf,
        #[command(flatten)]
        gateways: GatewayArgs,
    },
}

/// What the gateways are started with, under the same names.
#[derive(Debug, Args)]
pub(crate) struct GatewayArgs {
    /// The region of the gateways: an ARN must lie in it
    #[arg(long, env = "LLMLITE_REGION", default_value = "eu-west-2")]
    pub(crate) region: String,
    /// How far the gateways let a request travel from the region: in-region, eu or global
    #[arg(long, env = "LLMLITE_RESIDENCY", default_value = "in-region")]
    residency: Residency,
    /// Their exception for one model, as NAME=RESIDENCY; may be repeated
    #[arg(
        long,
        env = "LLMLITE_MODEL_RESIDENCY",
        value_name = "NAME=RESIDENCY",
        value_delimiter = ',',
        value_parser = ResidencyPolicy::exception
    )]
    model_residency: Vec<(String, Residency)>,
}

impl GatewayArgs {
    pub(crate) fn residency_policy(&self) -> ResidencyPolicy {
        ResidencyPolicy {
            default: self.residency,
            per_model: self.model_residency.iter().cloned().collect(),
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum UsageCommand {
    /// Add up requests, tokens and cost
    Report {
        /// What the lines stand for
        #[arg(long, value_enum, default_value_t = By::Day)]
        by: By,
        /// The first day (UTC), such as 2026-11-01 [default: the first of the month]
        #[arg(long, value_name = "DAY")]
        from: Option<String>,
        /// The last day, itself included [default: today]
        #[arg(long, value_name = "DAY")]
        to: Option<String>,
    },
}

/// What the lines of a report stand for, as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    Day,
    Model,
    Key,
    User,
    Team,
}

impl From<By> for GroupBy {
    fn from(by: By) -> Self {
        match by {
            By::Day => Self::Day,
            By::Model => Self::Model,
            By::Key => Self::Key,
            By::User => Self::User,
            By::Team => Self::Team,
        }
    }
}

/// Where the database is. It may hold a password, so it cannot be printed.
#[derive(Clone)]
pub(crate) struct DatabaseUrl(String);

impl DatabaseUrl {
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

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

/// Who is at work: what was said, or the user as whom the operating system runs this.
#[expect(clippy::disallowed_methods, reason = "this is the binary's args.rs")]
pub(crate) fn actor(said: Option<String>) -> String {
    let is_said = |name: &String| !name.trim().is_empty();
    let variable = |name| std::env::var(name).ok();
    let names = [said, variable("LOGNAME"), variable("USER")];
    let found = names.into_iter().flatten().find(is_said);
    found.unwrap_or_else(|| format!("uid {}", user_id()))
}

/// The number of the user as whom this runs, which no variable can forge.
pub(crate) fn user_id() -> u32 {
    rustix::process::getuid().as_raw()
}

/// The pepper's text, if one is set. It has no option, because a command line can be seen by
/// others.
#[expect(clippy::disallowed_methods, reason = "this is the binary's args.rs")]
pub(crate) fn key_pepper() -> Option<String> {
    std::env::var("LLMLITE_KEY_PEPPER")
        .ok()
        .filter(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_database_url_does_not_print() {
        let url = "postgres://u:hunter2@db/llmlite";
        let cli = Cli::parse_from(["llmlite-admin", "team", "list", "--database-url", url]);
        assert!(!format!("{cli:?}").contains("hunter2"));
        assert_eq!(cli.database_url.unwrap().reveal(), url);
    }
}
