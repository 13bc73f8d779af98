//! Teams: groups of users that are charged together.

use llmlite_core::{people::Team, ports::directory::Directory};

use crate::{ControlError, names};

/// Creates a team.
///
/// # Errors
///
/// When the name is no name, or taken.
pub async fn create(directory: &dyn Directory, name: &str) -> Result<Team, ControlError> {
    let name = names::name("team", name)?;
    Ok(directory.create_team(name).await?)
}

/// All teams, by name.
///
/// # Errors
///
/// When the store does not answer.
pub async fn list(directory: &dyn Directory) -> Result<Vec<Team>, ControlError> {
    Ok(directory.teams().await?)
}

/// The team of that name, which must exist.
pub(crate) async fn named(directory: &dyn Directory, name: &str) -> Result<Team, ControlError> {
    let name = name.trim();
    directory
        .team(name)
        .await?
        .ok_or_else(|| ControlError::NoSuchTeam(name.to_owned()))
}
