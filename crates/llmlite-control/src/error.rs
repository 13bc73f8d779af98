use std::{error::Error, fmt};

use llmlite_core::{
    catalogue::{Contradiction, MalformedCatalogue},
    keys::NoRandomness,
    ports::StoreError,
};

use crate::models::UnknownModel;

/// Why an administrator's wish was not carried out.
///
/// Nothing was changed then, unless it [leaves doubt](ControlError::leaves_doubt) or was done
/// [in part](ControlError::Partly).
#[derive(Debug)]
#[non_exhaustive]
pub enum ControlError {
    /// Something that was asked for makes no sense; the text says what and why.
    Invalid(String),
    /// There is no team of that name.
    NoSuchTeam(String),
    /// There is no user with that address.
    NoSuchUser(String),
    /// Names that lead to no model of the catalogue; at least one.
    UnknownModels(Vec<UnknownModel>),
    /// A file of model entries cannot be read.
    MalformedCatalogue(MalformedCatalogue),
    /// A file of model entries would stop every gateway at its start.
    Contradiction(Contradiction),
    /// No key could be made.
    NoRandomness(NoRandomness),
    /// The store did not do it, or its answer was lost.
    Store(StoreError),
    /// A first part was done, and then the store failed.
    Partly {
        /// What was changed, for a sentence: `the limits and the models`.
        done: String,
        /// Why the rest was not.
        cause: StoreError,
    },
}

impl ControlError {
    /// Whether a change that failed like this may have been made all the same: the store did not
    /// refuse it, only its answer did not arrive or made no sense.
    pub fn leaves_doubt(&self) -> bool {
        matches!(
            self,
            Self::Store(StoreError::Unavailable(_) | StoreError::Corrupt { .. })
        )
    }

    /// The store failed after these parts were done.
    pub(crate) fn after(done: &[&str], cause: StoreError) -> Self {
        if done.is_empty() {
            return Self::Store(cause);
        }
        let done = done.join(" and ");
        Self::Partly { done, cause }
    }
}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(what) => f.write_str(what),
            Self::NoSuchTeam(name) => write!(f, "there is no team \"{name}\""),
            Self::NoSuchUser(email) => write!(f, "there is no user \"{email}\""),
            Self::UnknownModels(unknown) => {
                let texts: Vec<_> = unknown.iter().map(ToString::to_string).collect();
                f.write_str(&texts.join("; "))
            }
            Self::MalformedCatalogue(error) => error.fmt(f),
            Self::Contradiction(error) => error.fmt(f),
            Self::NoRandomness(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::Partly { done, cause } => {
                write!(f, "changed {done}, but not the rest: {cause}")
            }
        }
    }
}

impl Error for ControlError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // The others are shown as they are, so only what is behind them is a cause.
        match self {
            Self::Store(error) | Self::Partly { cause: error, .. } => error.source(),
            _ => None,
        }
    }
}

impl From<StoreError> for ControlError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<NoRandomness> for ControlError {
    fn from(error: NoRandomness) -> Self {
        Self::NoRandomness(error)
    }
}

impl From<MalformedCatalogue> for ControlError {
    fn from(error: MalformedCatalogue) -> Self {
        Self::MalformedCatalogue(error)
    }
}

impl From<Contradiction> for ControlError {
    fn from(error: Contradiction) -> Self {
        Self::Contradiction(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: impl Into<ControlError>, doubt: bool) {
        let error = error.into();
        assert_eq!(error.leaves_doubt(), doubt, "{error:?}");
    }

    #[test]
    #[rustfmt::skip]
    fn only_a_store_that_did_not_refuse_leaves_doubt() {
        let what = String::new;
        check(StoreError::Unavailable("no answer in time".into()),  true);
        check(StoreError::Corrupt { what: "a row" },                true);
        check(StoreError::Refused("a check".into()),                false);
        check(StoreError::Exists { what: what() },                  false);
        check(StoreError::Missing { what: what() },                 false);
        check(ControlError::Invalid(what()),                        false);
        check(ControlError::NoSuchTeam(what()),                     false);
    }
}
