//! The command line, and the only place that knows the names of environment variables.

use std::{fmt, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use llmlite_core::{
    catalogue::{Residency, ResidencyPolicy},
    ports::reports::GroupBy,
};

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
        global = true
    )]
    pub(crate) database_url: Option<DatabaseUrl>,

    /// A PEM file of certificate authorities for the database's TLS, next to the system's
    #[arg(long, env = "LLMLITE_DATABASE_CA", value_name = "FILE", global = true)]
    pub(crate) database_ca: Option<PathBuf>,

    /// Print JSON, for scripts
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

const ENVIRONMENT: &str = "\
Environment:
  DATABASE_URL        the same as --database-url, and better: a command line can be seen by others
  LLMLITE_KEY_PEPPER  the secret that keys are hashed under, 64 hexadecimal digits, the same as
                      the gateways have; only `key create` needs it";

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
    /// The model catalogue
    #[command(subcommand)]
    Model(ModelCommand),
    /// What was used and what it cost
    #[command(subcommand)]
    Usage(UsageCommand),
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
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Create a key and print it, this once
    Create(NewKeyArgs),
    /// List all keys, the newest first
    List,
    /// Show one key's settings; the key itself cannot be shown again
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
    /// Take a key back for good; gateways refuse it within a second
    Revoke {
        /// Its number, from `key list`
        id: i64,
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
