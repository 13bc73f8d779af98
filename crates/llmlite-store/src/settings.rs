//! Small facts about this installation.

use std::{error::Error, fmt};

use llmlite_core::{keys::Pepper, ports::StoreError};
use serde_json::Value;
use uuid::Uuid;

use crate::store::Store;

impl Store {
    /// Compares the pepper with the one that the installation's keys are hashed under. One that
    /// no key was made under yet is as good as any.
    ///
    /// # Errors
    ///
    /// [`PepperError::Different`] when it is another one: every key would be unknown.
    pub async fn check_pepper(&self, pepper: &Pepper) -> Result<(), PepperError> {
        let rows = self.lookup(GET, &[&PEPPER]).await?;
        match rows.first() {
            None => Ok(()),
            Some(row) => compare(row.try_get(0).ok(), pepper),
        }
    }

    /// Like [`Store::check_pepper`], and makes it the installation's pepper if there is none: for
    /// whoever creates keys.
    ///
    /// # Errors
    ///
    /// [`PepperError::Different`] when there is another one.
    pub async fn check_or_set_pepper(&self, pepper: &Pepper) -> Result<(), PepperError> {
        let ours = Value::String(pepper.fingerprint());
        let rows = self.lookup(GET_OR_SET, &[&PEPPER, &ours]).await?;
        compare(rows.first().and_then(|row| row.try_get(0).ok()), pepper)
    }

    /// The name that this installation was given when its database was made.
    ///
    /// # Errors
    ///
    /// When the database cannot say.
    pub async fn installation(&self) -> Result<Uuid, StoreError> {
        let rows = self.lookup(GET, &[&INSTALLATION]).await?;
        let name = rows
            .first()
            .and_then(|row| row.try_get::<_, Value>(0).ok())
            .and_then(|value| value.as_str().and_then(|name| name.parse().ok()));
        name.ok_or(StoreError::Corrupt {
            what: "settings.installation",
        })
    }
}

fn compare(found: Option<Value>, pepper: &Pepper) -> Result<(), PepperError> {
    match found {
        Some(Value::String(fingerprint)) if fingerprint == pepper.fingerprint() => Ok(()),
        Some(Value::String(_)) => Err(PepperError::Different),
        _ => Err(PepperError::Store(StoreError::Corrupt {
            what: "settings.key_pepper_fingerprint",
        })),
    }
}

/// Why a pepper cannot be used.
#[derive(Debug)]
pub enum PepperError {
    /// The installation's keys are hashed under another one.
    Different,
    /// The database could not say.
    Store(StoreError),
}

impl fmt::Display for PepperError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Different => {
                "the key pepper is not the one that this installation's keys were made under; \
                 set LLMLITE_KEY_PEPPER to that one"
            }
            Self::Store(_) => "the key pepper could not be compared",
        })
    }
}

impl Error for PepperError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Different => None,
            Self::Store(cause) => Some(cause),
        }
    }
}

impl From<StoreError> for PepperError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

const PEPPER: &str = "key_pepper_fingerprint";

const INSTALLATION: &str = "installation";

const GET: &str = "\
-- settings.get
SELECT value FROM settings WHERE key = $1";

/// The update changes nothing; it makes the statement return the row that is there, also when
/// somebody else inserts it at the same moment.
const GET_OR_SET: &str = "\
-- settings.get_or_set
INSERT INTO settings AS s (key, value) VALUES ($1, $2)
ON CONFLICT (key) DO UPDATE SET value = s.value
RETURNING value";
