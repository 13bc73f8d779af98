//! `user create|list|show|set-limits`.

use llmlite_control::{subjects::Who, users, views::UserView};
use llmlite_store::Store;

use super::{limits, or_dash, show};
use crate::{
    args::UserCommand,
    audit::Audit,
    failure::Failure,
    output::Output,
    table::{Align, Table},
};

pub(super) async fn run(
    command: UserCommand,
    store: &Store,
    output: Output,
    audit: &Audit,
) -> Result<(), Failure> {
    match command {
        UserCommand::Create { email, team } => {
            let user = users::create(store, &email, team.as_deref()).await?;
            let user = UserView::from(&user);
            output.answer(&user, || table(std::slice::from_ref(&user)))
        }
        UserCommand::List => {
            let users = users::list(store).await?;
            let users: Vec<_> = users.iter().map(UserView::from).collect();
            output.answer(&users, || table(&users))
        }
        UserCommand::Show { email } => show::run(Who::User(&email), store, output).await,
        UserCommand::SetLimits {
            email,
            limits: args,
        } => {
            let (who, dry_run) = (Who::User(&email), args.dry_run);
            limits::set(who, &args.order(None), dry_run, store, output, audit).await
        }
    }
}

fn table(users: &[UserView]) -> String {
    let mut table = Table::new(&[
        ("ID", Align::Right),
        ("EMAIL", Align::Left),
        ("TEAM", Align::Left),
        ("CREATED", Align::Left),
    ]);
    for user in users {
        table.row([
            user.id.to_string(),
            user.email.clone(),
            or_dash(user.team.as_deref()),
            user.created_at.clone(),
        ]);
    }
    table.render()
}
