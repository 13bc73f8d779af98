//! How far a request may travel from the region that is called.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How far a request may travel, from the narrowest to the widest.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Residency {
    /// It stays in the region that is called.
    #[default]
    InRegion,
    /// It may run in any region of the EU that the inference profile names.
    Eu,
    /// It may run anywhere in the world.
    Global,
}

impl Residency {
    /// The word in settings, headers and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InRegion => "in-region",
            Self::Eu => "eu",
            Self::Global => "global",
        }
    }

    /// How far a model id or ARN says that it travels: the prefix of an inference profile.
    ///
    /// `None` where the id does not say (an application inference profile is opaque), and for a
    /// profile of another geography (`us.`, `apac.`), which no residency of ours allows.
    pub(crate) fn of_id(id: &str) -> Claim {
        let resource = id.rsplit('/').next().unwrap_or(id);
        if id.contains(":application-inference-profile/") {
            return Claim::Opaque;
        }
        match resource.split_once('.') {
            Some(("anthropic", _)) => Claim::Residency(Self::InRegion),
            Some(("eu", _)) => Claim::Residency(Self::Eu),
            Some(("global", _)) => Claim::Residency(Self::Global),
            Some((geography, rest)) if rest.starts_with("anthropic.") => {
                Claim::Elsewhere(geography.to_owned())
            }
            _ => Claim::Opaque,
        }
    }
}

/// What an id says of its own reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Claim {
    Residency(Residency),
    Elsewhere(String),
    Opaque,
}

impl fmt::Display for Residency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Residency {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        [Self::InRegion, Self::Eu, Self::Global]
            .into_iter()
            .find(|r| r.as_str() == word)
            .ok_or_else(|| format!("\"{word}\" is not one of in-region, eu, global"))
    }
}

/// The operator's decision on residency: one for all models, and exceptions by model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResidencyPolicy {
    /// The widest that is allowed.
    pub default: Residency,
    /// The widest that is allowed for single models, by friendly name.
    pub per_model: BTreeMap<String, Residency>,
}

impl ResidencyPolicy {
    /// The widest that is allowed for the model of that friendly name.
    pub fn of(&self, model: &str) -> Residency {
        self.per_model.get(model).copied().unwrap_or(self.default)
    }

    /// Reads one exception, as operators write it: `claude-sonnet-4-5=eu`.
    ///
    /// # Errors
    ///
    /// When it is not of that form.
    pub fn exception(text: &str) -> Result<(String, Residency), String> {
        let (model, residency) = text
            .split_once('=')
            .ok_or("expected NAME=RESIDENCY, such as claude-sonnet-4-5=eu")?;
        Ok((model.to_owned(), residency.parse()?))
    }
}
