//! Virtual keys: making them, showing them, taking them back.

use std::time::SystemTime;

use llmlite_core::{
    catalogue::Catalogue,
    ids::KeyId,
    keys::{ModelScope, Pepper, VirtualKey},
    people::{KeyInfo, NewKey},
    ports::{StoreError, clock::Clock, directory::Directory},
};

use crate::{ControlError, models, names, teams, users};

/// What an administrator says of a key that is to be made.
#[derive(Debug, Clone, Copy, Default)]
pub struct KeyOrder<'a> {
    /// What to call it.
    pub name: &'a str,
    /// The address of its holder, if it has one.
    pub user: Option<&'a str>,
    /// The name of the team that is charged; if absent, the user's.
    pub team: Option<&'a str>,
    /// The models it may call, by friendly name or alias; all if absent.
    pub models: Option<&'a [String]>,
    /// When it stops working, if ever.
    pub expires_at: Option<SystemTime>,
    /// Requests with it are refused where they would otherwise be adjusted, or ignored in part.
    pub strict: bool,
}

/// A key that was made and not yet stored: it opens nothing so far.
#[derive(Debug)]
pub struct KeyDraft {
    plaintext: VirtualKey,
    stored: NewKey,
}

/// A key that was just created.
#[derive(Debug)]
pub struct CreatedKey {
    /// The key itself. It is nowhere else: whoever drops it has lost it.
    pub plaintext: VirtualKey,
    /// What is stored of it.
    pub info: KeyInfo,
}

/// Checks an order and makes its key, hashed under `pepper`. Nothing is changed yet, so that a
/// caller can do what must come first, such as settling which pepper the installation has.
///
/// # Errors
///
/// When the order names a user, a team or a model that does not exist, or a time that has passed.
pub async fn draft(
    directory: &dyn Directory,
    clock: &dyn Clock,
    pepper: &Pepper,
    catalogue: &Catalogue,
    order: &KeyOrder<'_>,
) -> Result<KeyDraft, ControlError> {
    let name = names::name("key", order.name)?.to_owned();
    let models = match order.models {
        Some(wanted) => models::scope(catalogue, wanted)?,
        None => ModelScope::All,
    };
    if order.expires_at.is_some_and(|at| at <= clock.now()) {
        return Err(ControlError::Invalid(
            "the key would have expired already".to_owned(),
        ));
    }
    let user = match order.user {
        Some(email) => Some(users::with_email(directory, email).await?.id),
        None => None,
    };
    let team = match order.team {
        Some(name) => Some(teams::named(directory, name).await?.id),
        None => None,
    };
    let plaintext = VirtualKey::generate()?;
    let stored = NewKey {
        name,
        hash: plaintext.hash(pepper),
        last_four: plaintext.last_four().to_owned(),
        user,
        team,
        models,
        expires_at: order.expires_at,
        strict: order.strict,
    };
    Ok(KeyDraft { plaintext, stored })
}

/// Stores a key that was made: from now on it opens what it grants.
///
/// # Errors
///
/// When the store does not take it; whether it did after all may be
/// [in doubt](ControlError::leaves_doubt), and the key itself is lost then.
pub async fn create(
    directory: &dyn Directory,
    draft: KeyDraft,
) -> Result<CreatedKey, ControlError> {
    let info = directory.create_key(&draft.stored).await?;
    Ok(CreatedKey {
        plaintext: draft.plaintext,
        info,
    })
}

/// All keys, the newest first, revoked and expired ones included.
///
/// # Errors
///
/// When the store does not answer.
pub async fn list(directory: &dyn Directory) -> Result<Vec<KeyInfo>, ControlError> {
    Ok(directory.keys().await?)
}

/// One key.
///
/// # Errors
///
/// [`StoreError::Missing`] when there is no such key.
pub async fn show(directory: &dyn Directory, id: KeyId) -> Result<KeyInfo, ControlError> {
    let found = directory.key(id).await?;
    Ok(found.ok_or_else(|| StoreError::Missing {
        what: format!("key {id}"),
    })?)
}

/// Makes a key strict or not; gateways follow within a second.
///
/// # Errors
///
/// [`StoreError::Missing`] when there is no such key.
pub async fn set_strict(
    directory: &dyn Directory,
    id: KeyId,
    strict: bool,
) -> Result<KeyInfo, ControlError> {
    Ok(directory.set_key_strict(id, strict).await?)
}

/// A key that is revoked now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// The key.
    pub key: KeyInfo,
    /// It had been revoked before, and kept its date.
    pub already: bool,
}

/// Takes a key back for good, and with `cut` ends the answers that are on their way too. Doing so
/// again is no mistake.
///
/// # Errors
///
/// [`StoreError::Missing`] when there is no such key.
pub async fn revoke(
    directory: &dyn Directory,
    id: KeyId,
    cut: bool,
) -> Result<Revocation, ControlError> {
    let already = show(directory, id).await?.revoked_at.is_some();
    let key = directory.revoke_key(id, cut).await?;
    Ok(Revocation { key, already })
}
