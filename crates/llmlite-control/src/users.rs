//! Users: people and services that hold keys.

use llmlite_core::{people::User, ports::directory::Directory};

use crate::{ControlError, names, teams};

/// Creates a user, in the team of that name if one is given.
///
/// # Errors
///
/// When the address is no address, or taken, or there is no such team.
pub async fn create(
    directory: &dyn Directory,
    email: &str,
    team: Option<&str>,
) -> Result<User, ControlError> {
    let email = names::email(email)?;
    let team = match team {
        Some(name) => Some(teams::named(directory, name).await?.id),
        None => None,
    };
    Ok(directory.create_user(&email, team).await?)
}

/// All users, by address.
///
/// # Errors
///
/// When the store does not answer.
pub async fn list(directory: &dyn Directory) -> Result<Vec<User>, ControlError> {
    Ok(directory.users().await?)
}

/// The user with that address, who must exist.
pub(crate) async fn with_email(
    directory: &dyn Directory,
    email: &str,
) -> Result<User, ControlError> {
    let email = names::email(email)?;
    match directory.user(&email).await? {
        Some(user) => Ok(user),
        None => Err(ControlError::NoSuchUser(email)),
    }
}
