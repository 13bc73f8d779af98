//! What went wrong, and what to do about it.

use std::{error::Error, fmt, io, path::PathBuf};

use llmlite_control::ControlError;
use llmlite_core::{ids::KeyId, keys::WeakPepper, ports::StoreError};
use llmlite_store::{PepperError, RoleError, SchemaError};
use llmlite_telemetry::LogError;

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    NoDatabaseUrl,
    NoPepper,
    WeakPepper(WeakPepper),
    Pepper(PepperError),
    Schema(SchemaError),
    Roles(RoleError),
    Log(LogError),
    Control(ControlError),
    File { path: PathBuf, cause: io::Error },
    Output(io::Error),
    KeyInDoubt(ControlError),
    KeyNotShown { id: KeyId, cause: Box<Failure> },
}

impl Failure {
    /// Why a key was not created, or perhaps was.
    pub(crate) fn of_new_key(error: ControlError) -> Self {
        if error.leaves_doubt() {
            Self::KeyInDoubt(error)
        } else {
            Self::Control(error)
        }
    }

    /// The text for standard error: what failed, why, and what to do.
    pub(crate) fn report(&self) -> String {
        let mut text = format!("error: {self}");
        let mut cause = self.source();
        while let Some(error) = cause {
            let said = error.to_string();
            // Some libraries repeat the cause in their own text.
            if !text.contains(&said) {
                text.push_str(": ");
                text.push_str(&said);
            }
            cause = error.source();
        }
        if let Some(hint) = self.hint() {
            text.push('\n');
            text.push_str(&hint);
        }
        text
    }

    /// What to do about it, where its own text does not say so.
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoDatabaseUrl => {
                "set DATABASE_URL, such as postgres://user:password@host:5432/llmlite"
            }
            Self::NoPepper => {
                "set LLMLITE_KEY_PEPPER to the pepper that the gateways have; the first time, make \
                 one with: openssl rand -hex 32"
            }
            Self::KeyInDoubt(_) => {
                "it may have been created: see llmlite-admin key list; nobody can use it, so take \
                 it back with: llmlite-admin key revoke"
            }
            Self::KeyNotShown { id, .. } => {
                return Some(format!(
                    "nobody can use it; take it back with: llmlite-admin key revoke {id}"
                ));
            }
            Self::Control(ControlError::NoSuchTeam(_)) => {
                "see llmlite-admin team list, or create it with: llmlite-admin team create"
            }
            Self::Control(ControlError::NoSuchUser(_)) => {
                "see llmlite-admin user list, or create them with: llmlite-admin user create"
            }
            Self::Control(ControlError::UnknownModels(_)) => {
                "see llmlite-admin model list for all models"
            }
            Self::Control(ControlError::Contradiction(_)) => {
                "the gateways' own --region, --residency and --model-residency are to be given here"
            }
            Self::Control(ControlError::Store(StoreError::Missing { .. })) => {
                "see llmlite-admin key list for all keys"
            }
            Self::Roles(RoleError::Missing(role)) => {
                return Some(format!(
                    "create it first, as a superuser: CREATE ROLE \"{role}\" LOGIN PASSWORD '...'"
                ));
            }
            Self::Control(ControlError::Partly { .. }) => {
                "say it again: what has been changed stays so"
            }
            _ => return self.database().and_then(database_hint).map(str::to_owned),
        };
        Some(hint.to_owned())
    }

    /// What the database said, whatever it was asked for.
    fn database(&self) -> Option<&StoreError> {
        match self {
            Self::Control(ControlError::Store(error))
            | Self::Pepper(PepperError::Store(error))
            | Self::Schema(SchemaError::Store(error))
            | Self::Roles(RoleError::Store(error)) => Some(error),
            _ => None,
        }
    }
}

fn database_hint(error: &StoreError) -> Option<&'static str> {
    match error {
        StoreError::Unavailable(_) => {
            Some("check that PostgreSQL runs and that DATABASE_URL leads to it")
        }
        StoreError::Refused(_) => {
            Some("check user, password and database in DATABASE_URL, and what that user may do")
        }
        _ => None,
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDatabaseUrl => f.write_str("no database is named"),
            Self::NoPepper => f.write_str("no key pepper is set"),
            Self::WeakPepper(error) => error.fmt(f),
            Self::Pepper(error) => error.fmt(f),
            Self::Schema(error) => error.fmt(f),
            Self::Roles(error) => error.fmt(f),
            Self::Log(error) => error.fmt(f),
            Self::Control(error) => error.fmt(f),
            Self::KeyInDoubt(error) => write!(f, "the key was not confirmed: {error}"),
            Self::File { path, .. } => write!(f, "{} cannot be read", path.display()),
            Self::Output(_) => f.write_str("the answer could not be written"),
            Self::KeyNotShown { id, .. } => {
                write!(f, "key {id} was created, but could not be shown")
            }
        }
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Control(error) | Self::KeyInDoubt(error) => error.source(),
            Self::File { cause, .. } | Self::Output(cause) => Some(cause),
            Self::KeyNotShown { cause, .. } => Some(&**cause),
            Self::Pepper(error) => error.source(),
            Self::Schema(error) => error.source(),
            Self::Roles(error) => error.source(),
            Self::NoDatabaseUrl | Self::NoPepper | Self::WeakPepper(_) | Self::Log(_) => None,
        }
    }
}

impl From<ControlError> for Failure {
    fn from(error: ControlError) -> Self {
        Self::Control(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Control(ControlError::Store(error))
    }
}

impl From<SchemaError> for Failure {
    fn from(error: SchemaError) -> Self {
        Self::Schema(error)
    }
}

impl From<RoleError> for Failure {
    fn from(error: RoleError) -> Self {
        Self::Roles(error)
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

impl From<PepperError> for Failure {
    fn from(error: PepperError) -> Self {
        Self::Pepper(error)
    }
}
