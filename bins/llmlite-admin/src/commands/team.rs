//! `team create|list|show|set-limits`.

use llmlite_control::{subjects::Who, teams, views::TeamView};
use llmlite_store::Store;

use super::{limits, show};
use crate::{
    args::TeamCommand,
    audit::Audit,
    failure::Failure,
    output::Output,
    table::{Align, Table},
};

pub(super) async fn run(
    command: TeamCommand,
    store: &Store,
    output: Output,
    audit: &Audit,
) -> Result<(), Failure> {
    match command {
        TeamCommand::Create { name } => {
            let team = TeamView::from(&teams::create(store, &name).await?);
            output.answer(&team, || table(std::slice::from_ref(&team)))
        }
        TeamCommand::List => {
            let teams = teams::list(store).await?;
            let teams: Vec<_> = teams.iter().map(TeamView::from).collect();
            output.answer(&teams, || table(&teams))
        }
        TeamCommand::Show { name } => show::run(Who::Team(&name), store, output).await,
        TeamCommand::SetLimits { name, limits: args } => {
            let (who, dry_run) = (Who::Team(&name), args.dry_run);
            limits::set(who, &args.order(None), dry_run, store, output, audit).await
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
