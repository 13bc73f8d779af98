//! `team create|list`.

use llmlite_control::{teams, views::TeamView};
use llmlite_core::ports::directory::Directory;

use crate::{
    args::TeamCommand,
    failure::Failure,
    output::Output,
    table::{Align, Table},
};

pub(super) async fn run(
    command: TeamCommand,
    directory: &dyn Directory,
    output: Output,
) -> Result<(), Failure> {
    match command {
        TeamCommand::Create { name } => {
            let team = TeamView::from(&teams::create(directory, &name).await?);
            output.answer(&team, || table(std::slice::from_ref(&team)))
        }
        TeamCommand::List => {
            let teams = teams::list(directory).await?;
            let teams: Vec<_> = teams.iter().map(TeamView::from).collect();
            output.answer(&teams, || table(&teams))
        }
    }
}

fn table(teams: &[TeamView]) -> String {
    let mut table = Table::new(&[
        ("ID", Align::Right),
        ("NAME", Align::Left),
        ("CREATED", Align::Left),
    ]);
    for team in teams {
        table.row([
            team.id.to_string(),
            team.name.clone(),
            team.created_at.clone(),
        ]);
    }
    table.render()
}
