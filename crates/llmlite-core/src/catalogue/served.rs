//! The part of the catalogue that may be called under the operator's residency.

use std::{collections::HashMap, fmt, sync::Arc};

use super::{
    Abilities, Catalogue, ModelEntry, Prices, Residency, ResidencyPolicy, residency::Claim,
};

/// A model that may be called, with the one route that the residency picks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedModel {
    /// The friendly name.
    pub name: Arc<str>,
    /// The name for people.
    pub display_name: Arc<str>,
    /// When it was released, in seconds since 1970, where known.
    pub created: Option<i64>,
    /// How many tokens of input and output fit together.
    pub context_tokens: u32,
    /// How many tokens it can put out at most.
    pub max_output_tokens: u32,
    /// What it can do.
    pub abilities: Abilities,
    /// How far a request travels.
    pub residency: Residency,
    /// What Bedrock is called with.
    pub bedrock_model_id: Arc<str>,
    /// What it costs.
    pub prices: Prices,
}

/// What is behind the name that a client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// A model that may be called.
    Served(Arc<ServedModel>),
    /// A model that exists, but only further away than is allowed.
    TooFar {
        /// Its friendly name.
        name: Arc<str>,
        /// The narrowest residency under which it could be called.
        needs: Residency,
        /// What the operator allows.
        allowed: Residency,
    },
}

/// The models that may be called, and the names under which clients ask for them.
#[derive(Debug, Clone, Default)]
pub struct ServedCatalogue {
    by_name: HashMap<String, Lookup>,
    listed: Vec<Arc<ServedModel>>,
}

impl ServedCatalogue {
    /// Picks each model's route: the widest that is not wider than `policy` allows.
    ///
    /// # Errors
    ///
    /// When an entry contradicts the policy, the region or itself. The program must not start
    /// then, because somebody believes that requests stay where they would not.
    pub fn new(
        catalogue: &Catalogue,
        policy: &ResidencyPolicy,
        region: &str,
    ) -> Result<Self, Contradiction> {
        for name in policy.per_model.keys() {
            if !catalogue.models.iter().any(|m| m.name == *name) {
                return Err(Contradiction::UnknownModel {
                    model: name.clone(),
                });
            }
        }
        let mut served = Self::default();
        for entry in &catalogue.models {
            check_ids(entry, region)?;
            served.add(entry, policy)?;
        }
        Ok(served)
    }

    /// What is behind `name`, a friendly name or an alias.
    pub fn find(&self, name: &str) -> Option<&Lookup> {
        self.by_name.get(name)
    }

    /// The models that may be called, in the catalogue's order.
    pub fn listed(&self) -> &[Arc<ServedModel>] {
        &self.listed
    }

    fn add(&mut self, entry: &ModelEntry, policy: &ResidencyPolicy) -> Result<(), Contradiction> {
        let allowed = policy.of(&entry.name);
        let lookup = match entry.routes.range(..=allowed).next_back() {
            Some((residency, route)) => {
                let model = Arc::new(ServedModel {
                    name: entry.name.as_str().into(),
                    display_name: entry.display_name.as_str().into(),
                    created: entry.created,
                    context_tokens: entry.context_tokens,
                    max_output_tokens: entry.max_output_tokens,
                    abilities: entry.abilities,
                    residency: *residency,
                    bedrock_model_id: route.id.as_str().into(),
                    prices: route.prices,
                });
                self.listed.push(Arc::clone(&model));
                Lookup::Served(model)
            }
            None => {
                let needs = entry.routes.keys().next().copied().unwrap_or_default();
                // An entry that came with the program and cannot be called here is no mistake of
                // the operator's; one that the operator wrote is.
                if entry.configured {
                    return Err(Contradiction::NeverCallable {
                        model: entry.name.clone(),
                        needs,
                        allowed,
                    });
                }
                Lookup::TooFar {
                    name: entry.name.as_str().into(),
                    needs,
                    allowed,
                }
            }
        };
        for name in std::iter::once(&entry.name).chain(&entry.aliases) {
            if self.by_name.insert(name.clone(), lookup.clone()).is_some() {
                return Err(Contradiction::NameTwice { name: name.clone() });
            }
        }
        Ok(())
    }
}

/// Refuses an id that says of itself that it travels further than its entry declares.
fn check_ids(entry: &ModelEntry, region: &str) -> Result<(), Contradiction> {
    for (declared, route) in &entry.routes {
        let contradiction = |says: String| Contradiction::IdTravels {
            model: entry.name.clone(),
            id: route.id.clone(),
            declared: *declared,
            says,
        };
        match Residency::of_id(&route.id) {
            Claim::Residency(says) if says > *declared => {
                return Err(contradiction(says.to_string()));
            }
            Claim::Elsewhere(geography) => {
                return Err(contradiction(format!("the geography \"{geography}\"")));
            }
            Claim::Residency(_) | Claim::Opaque => {}
        }
        if let Some(arn_region) = route
            .id
            .strip_prefix("arn:")
            .and_then(|r| r.split(':').nth(2))
            && !arn_region.is_empty()
            && arn_region != region
        {
            return Err(contradiction(format!("the region \"{arn_region}\"")));
        }
    }
    Ok(())
}

/// Why a catalogue cannot be served under the operator's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contradiction {
    /// An exception was made for a model that is not in the catalogue.
    UnknownModel {
        /// The name in the exception.
        model: String,
    },
    /// An operator's entry has only routes that the residency forbids.
    NeverCallable {
        /// The entry.
        model: String,
        /// The narrowest residency it could be called under.
        needs: Residency,
        /// What the settings allow.
        allowed: Residency,
    },
    /// An id travels further than the route that it stands under.
    IdTravels {
        /// The entry.
        model: String,
        /// The id.
        id: String,
        /// The residency that it stands under.
        declared: Residency,
        /// What the id says of itself.
        says: String,
    },
    /// One name leads to two models.
    NameTwice {
        /// The name.
        name: String,
    },
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownModel { model } => write!(
                f,
                "a residency is set for model \"{model}\", which is not in the catalogue"
            ),
            Self::NeverCallable {
                model,
                needs,
                allowed,
            } => write!(
                f,
                "model \"{model}\" has no route within the residency \"{allowed}\"; to allow it, \
                 start with --model-residency {model}={needs}, or remove it from the catalogue"
            ),
            Self::IdTravels {
                model,
                id,
                declared,
                says,
            } => write!(
                f,
                "model \"{model}\" declares \"{id}\" as {declared}, but the id says {says}; put \
                 it under the residency that is true (in-region, eu or global), and allow that \
                 with --model-residency {model}=..."
            ),
            Self::NameTwice { name } => {
                write!(
                    f,
                    "the name \"{name}\" leads to two models of the catalogue"
                )
            }
        }
    }
}

impl std::error::Error for Contradiction {}
