//! `usage report`.

use llmlite_control::{
    reports,
    views::{UsageLineView, UsageView},
};
use llmlite_core::ports::{clock::SystemClock, reports::Reports};

use super::or_dash;
use crate::{
    args::{By, UsageCommand},
    failure::Failure,
    output::Output,
    table::{Align, Table},
};

pub(super) async fn run(
    command: UsageCommand,
    store: &dyn Reports,
    output: Output,
) -> Result<(), Failure> {
    let UsageCommand::Report { by, from, to } = command;
    let report = reports::usage(
        store,
        &SystemClock,
        by.into(),
        from.as_deref(),
        to.as_deref(),
    )
    .await?;
    let view = UsageView::from(&report);
    output.answer(&view, || {
        format!(
            "usage from {} to {} (UTC)\n\n{}",
            view.from,
            view.to,
            table(by, &view)
        )
    })
}

fn table(by: By, report: &UsageView) -> String {
    let heading = match by {
        By::Day => "DAY",
        By::Model => "MODEL",
        By::Key => "KEY",
        By::User => "USER",
        By::Team => "TEAM",
    };
    let mut table = Table::new(&[
        (heading, Align::Left),
        ("REQUESTS", Align::Right),
        ("FAILED", Align::Right),
        ("INPUT", Align::Right),
        ("CACHE READ", Align::Right),
        ("CACHE WRITE", Align::Right),
        ("OUTPUT", Align::Right),
        ("COST USD", Align::Right),
    ]);
    for line in &report.lines {
        table.row(cells(or_dash(line.group.as_deref()), line));
    }
    table.row(cells("total".to_owned(), &report.total));
    table.render()
}

fn cells(group: String, line: &UsageLineView) -> [String; 8] {
    [
        group,
        line.requests.to_string(),
        line.failed.to_string(),
        line.tokens.input.to_string(),
        line.tokens.cache_read.to_string(),
        line.tokens.cache_write().to_string(),
        line.tokens.output.to_string(),
        line.cost_usd.clone(),
    ]
}
