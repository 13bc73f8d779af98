use std::{error::Error, fmt};

/// Why the store could not answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// The database could not be reached, or had no free connection in time. Worth a retry.
    Unavailable(Box<dyn Error + Send + Sync>),
    /// Something of that name exists already.
    Exists {
        /// What it is, such as `team "alpha"`.
        what: String,
    },
    /// Nothing of that name or number exists.
    Missing {
        /// What was looked for, such as `team "alpha"`.
        what: String,
    },
    /// The database answered with something we do not understand. A bug or a bad migration.
    Corrupt {
        /// What could not be understood.
        what: &'static str,
    },
    /// The database refuses the data of a row: a value out of its range or of the wrong form, or
    /// one that breaks a constraint. The same row will be refused again; another may pass.
    InvalidData(Box<dyn Error + Send + Sync>),
    /// The database refused a statement, whatever its data. A bug, or a role without the grant.
    Refused(Box<dyn Error + Send + Sync>),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(_) => f.write_str("the database cannot be reached"),
            Self::Exists { what } => write!(f, "{what} exists already"),
            Self::Missing { what } => write!(f, "there is no {what}"),
            Self::Corrupt { what } => {
                write!(f, "the database holds something unexpected: {what}")
            }
            Self::InvalidData(_) => f.write_str("the database refuses the data of a row"),
            Self::Refused(_) => f.write_str("the database refused a statement"),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unavailable(cause) | Self::InvalidData(cause) | Self::Refused(cause) => {
                Some(&**cause)
            }
            Self::Exists { .. } | Self::Missing { .. } | Self::Corrupt { .. } => None,
        }
    }
}
