//! `user create|list`.

use llmlite_control::{users, views::UserView};
use llmlite_core::ports::directory::Directory;

use super::or_dash;
use crate::{
    args::UserCommand,
    failure::Failure,
    output::Output,
    table::{Align, Table},
};

pub(super) async fn run(
    command: UserCommand,
    directory: &dyn Directory,
    output: Output,
) -> Result<(), Failure> {
    match command {
        UserCommand::Create { email, team } => {
            let user = users::create(directory, &email, team.as_deref()).await?;
            let user = UserView::from(&user);
            output.answer(&user, || table(std::slice::from_ref(&user)))
        }
        UserCommand::List => {
            let users = users::list(directory).await?;
            let users: Vec<_> = users.iter().map(UserView::from).collect();
            output.answer(&users, || table(&users))
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
