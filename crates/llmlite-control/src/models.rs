//! Which models there are: reading an operator's entries, and finding the model that a name means.

use std::{collections::BTreeSet, fmt};

use llmlite_core::{
    catalogue::{
        Abilities, Catalogue, Contradiction, ModelEntry, ResidencyPolicy, ServedCatalogue, Thinking,
    },
    keys::ModelScope,
};

use crate::ControlError;

/// A name that leads to no model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownModel {
    /// The name.
    pub name: String,
    /// Names that look like it, the likest first, three at most.
    pub near: Vec<String>,
}

impl fmt::Display for UnknownModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no model \"{}\"", self.name)?;
        if !self.near.is_empty() {
            write!(f, " (near it: {})", self.near.join(", "))?;
        }
        Ok(())
    }
}

/// The model of that friendly name or alias.
///
/// # Errors
///
/// When the name leads to no model of `catalogue`.
pub fn named<'a>(catalogue: &'a Catalogue, name: &str) -> Result<&'a ModelEntry, ControlError> {
    find(catalogue, name.trim()).map_err(|unknown| ControlError::UnknownModels(vec![unknown]))
}

/// The scope of a key that may call the models of these names, aliases turned into friendly names.
///
/// # Errors
///
/// When a name leads to no model of `catalogue`, all such names at once; or no name is given,
/// because a key without any model is a mistake.
pub fn scope(catalogue: &Catalogue, names: &[String]) -> Result<ModelScope, ControlError> {
    if names.iter().all(|name| name.trim().is_empty()) {
        return Err(ControlError::Invalid(
            "the list of models is empty; leave it out to allow all models".to_owned(),
        ));
    }
    let mut friendly = BTreeSet::new();
    let mut unknown = Vec::new();
    for name in names.iter().map(|name| name.trim()) {
        match find(catalogue, name) {
            Ok(entry) => {
                friendly.insert(entry.name.clone());
            }
            Err(none) => unknown.push(none),
        }
    }
    if unknown.is_empty() {
        Ok(ModelScope::Only(friendly))
    } else {
        Err(ControlError::UnknownModels(unknown))
    }
}

/// Reads a file of model entries and returns those that differ from what `shipped` says already:
/// what an operator has to keep.
///
/// So a list that was printed, edited and read again holds only the operator's own decisions, and
/// entries that nobody touched go on following the program.
///
/// # Errors
///
/// When the file cannot be read, or a gateway with this policy in `region` would not start with it.
pub fn read_changes(
    shipped: &Catalogue,
    json: &str,
    policy: &ResidencyPolicy,
    region: &str,
) -> Result<Catalogue, ControlError> {
    let mut changes = Catalogue::parse(json)?;
    refuse_twice(&changes)?;
    changes
        .models
        .retain(|entry| !shipped.models.iter().any(|known| same(known, entry)));
    let whole = shipped.clone().overlaid_with(changes.clone());
    ServedCatalogue::new(&whole, policy, region)?;
    Ok(changes)
}

/// What becomes of the operator's entries that a new set of them leaves out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Removal {
    /// The models that are gone: only the operator's entry knew them.
    pub gone: Vec<String>,
    /// The models that are again as they were shipped.
    pub as_shipped: Vec<String>,
}

/// Which of the entries `before` are missing from `after`, by friendly name.
pub fn removal(shipped: &Catalogue, before: &Catalogue, after: &Catalogue) -> Removal {
    let knows = |catalogue: &Catalogue, name: &str| catalogue.models.iter().any(|m| m.name == name);
    let left_out = before.models.iter().map(|m| m.name.clone());
    let (as_shipped, gone) = left_out
        .filter(|name| !knows(after, name))
        .partition(|name| knows(shipped, name));
    Removal { gone, as_shipped }
}

/// An operator's entry of a model that lacks what the shipped one says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poorer {
    /// The model.
    pub model: String,
    /// The abilities that only the shipped entry has, as an entry spells them.
    pub lacks: Vec<&'static str>,
}

/// The entries of `changes` that lack abilities of the shipped entry of that name: often because
/// they were written before these were known, and not because anybody meant it.
pub fn poorer(shipped: &Catalogue, changes: &Catalogue) -> Vec<Poorer> {
    let mut all = Vec::new();
    for entry in &changes.models {
        let Some(known) = shipped.models.iter().find(|m| m.name == entry.name) else {
            continue;
        };
        let both = has(&known.abilities).into_iter().zip(has(&entry.abilities));
        let lacks: Vec<_> = both
            .filter(|((_, known), (_, has))| *known && !has)
            .map(|((ability, _), _)| ability)
            .collect();
        if !lacks.is_empty() {
            let model = entry.name.clone();
            all.push(Poorer { model, lacks });
        }
    }
    all
}

/// The abilities of which a model has one or not, and whether it has it.
fn has(abilities: &Abilities) -> [(&'static str, bool); 9] {
    let Abilities {
        vision,
        pdf,
        // Not an ability that is there or not; every entry has to say it.
        sampling: _,
        prefill,
        forced_tool,
        thinking,
        json_schema,
        strict_tools,
        cache,
        system_turns,
    } = *abilities;
    [
        ("vision", vision),
        ("pdf", pdf),
        ("prefill", prefill),
        ("forced_tool", forced_tool),
        ("thinking", thinking != Thinking::None),
        ("json_schema", json_schema),
        ("strict_tools", strict_tools),
        ("cache", cache.is_some()),
        ("system_turns", system_turns),
    ]
}

/// Of two entries of one name the second would silently win.
fn refuse_twice(catalogue: &Catalogue) -> Result<(), Contradiction> {
    let mut seen = BTreeSet::new();
    match catalogue.models.iter().find(|m| !seen.insert(&m.name)) {
        Some(entry) => Err(Contradiction::NameTwice {
            name: entry.name.clone(),
        }),
        None => Ok(()),
    }
}

fn find<'a>(catalogue: &'a Catalogue, name: &str) -> Result<&'a ModelEntry, UnknownModel> {
    let found = catalogue.models.iter().find(|e| answers_to(e, name));
    found.ok_or_else(|| UnknownModel {
        name: name.to_owned(),
        near: near(catalogue, name),
    })
}

fn answers_to(entry: &ModelEntry, name: &str) -> bool {
    entry.name == name || entry.aliases.iter().any(|alias| alias == name)
}

/// Equal but for where they come from.
fn same(known: &ModelEntry, entry: &ModelEntry) -> bool {
    let mut known = known.clone();
    known.configured = entry.configured;
    known == *entry
}

/// The friendly names that look like `name`, the likest first.
fn near(catalogue: &Catalogue, name: &str) -> Vec<String> {
    const LIKE_ENOUGH: f64 = 0.6;
    const SHOWN: usize = 3;

    let wanted = name.to_lowercase();
    let mut scored: Vec<_> = catalogue
        .models
        .iter()
        .map(|entry| (likeness(entry, &wanted), &entry.name))
        .filter(|(score, _)| *score >= LIKE_ENOUGH)
        .collect();
    scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    scored
        .into_iter()
        .take(SHOWN)
        .map(|(_, name)| name.clone())
        .collect()
}

/// From 0 (nothing in common) to 1, the best of all the entry's names.
fn likeness(entry: &ModelEntry, wanted: &str) -> f64 {
    // A piece of a name ("sonnet") is far from it letter by letter, and yet meant.
    const PIECE: f64 = 0.9;
    const SHORTEST_PIECE: usize = 3;

    let all = std::iter::once(&entry.name).chain(&entry.aliases);
    all.map(|name| strsim::normalized_levenshtein(name, wanted))
        .chain((wanted.len() >= SHORTEST_PIECE && entry.name.contains(wanted)).then_some(PIECE))
        .fold(0.0, f64::max)
}

#[cfg(test)]
mod tests;
