//! `organisation show|set-limits`.

use llmlite_control::subjects::Who;
use llmlite_store::Store;

use super::{limits, show};
use crate::{args::OrganisationCommand, audit::Audit, failure::Failure, output::Output};

pub(super) async fn run(
    command: OrganisationCommand,
    store: &Store,
    output: Output,
    audit: &Audit,
) -> Result<(), Failure> {
    match command {
        OrganisationCommand::Show => show::run(Who::Organisation, store, output).await,
        OrganisationCommand::SetLimits { limits: args } => {
            let dry_run = args.dry_run;
            let order = args.order(None);
            limits::set(Who::Organisation, &order, dry_run, store, output, audit).await
        }
    }
}
