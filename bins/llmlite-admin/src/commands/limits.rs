//! `team|user|key|organisation set-limits`.

use llmlite_control::{
    dates,
    limits::{self, Desk, LimitOrder, LimitPlan, Plan},
    subjects::{Who, member_word},
    views::ChangeView,
};
use llmlite_core::ports::clock::SystemClock;
use llmlite_store::Store;

use super::{
    catalogue,
    words::{described_in, scope},
};
use crate::{
    audit::Audit,
    failure::Failure,
    output::Output,
    table::{Align, Table, printable, record},
};

/// Lays an order over what is set, and shows both.
pub(super) async fn set(
    who: Who<'_>,
    order: &LimitOrder,
    dry_run: bool,
    store: &Store,
    output: Output,
    audit: &Audit,
) -> Result<(), Failure> {
    let catalogue = catalogue(store).await?;
    let desk = Desk {
        directory: store,
        limits: store,
        clock: &SystemClock,
        catalogue: &catalogue,
    };
    let plan = limits::plan(desk, who, order).await?;
    let limits = if dry_run || plan.is_empty() {
        plan.limits.clone()
    } else {
        let whose = &plan.family.own;
        limits::carry_out(desk, &plan, &mut |done| audit.note(whose, &done)).await?
    };
    let view = ChangeView::of(&plan, &limits, dry_run);
    output.answer(&view, || text(&plan, &limits, dry_run))?;
    for remark in remarks(&plan, dry_run) {
        output.remark(&remark);
    }
    Ok(())
}

fn text(plan: &Plan, limits: &[LimitPlan], dry_run: bool) -> String {
    let mut text = printable(&plan.family.own.to_string());
    text.push_str("\n\n");
    if !limits.is_empty() {
        text.push_str(&table(plan, limits, dry_run));
        if plan.models.is_some() || plan.expiry.is_some() {
            text.push('\n');
        }
    }
    let mut lines = Vec::new();
    if let Some((before, after)) = &plan.models {
        let (before, after) = (scope(before), scope(after));
        lines.push(("models", format!("{before} -> {after}")));
    }
    if let Some((before, after)) = plan.expiry {
        let at = |time: Option<_>| time.map_or("never".to_owned(), dates::rfc3339);
        lines.push(("expires", format!("{} -> {}", at(before), at(after))));
    }
    text.push_str(&record(&lines));
    text
}

fn table(plan: &Plan, limits: &[LimitPlan], dry_run: bool) -> String {
    let mut table = Table::new(&[
        ("LIMIT", Align::Left),
        ("MODEL", Align::Left),
        ("FOR", Align::Left),
        ("BEFORE", Align::Left),
        ("AFTER", Align::Left),
    ]);
    for limit in limits {
        let which = &limit.which;
        let each = which.each.map(|each| format!("each {}", member_word(each)));
        let mut after = described_in(&plan.family, limit.after.as_ref());
        if dry_run && limit.after.is_none() && which.each.is_none() {
            after.push_str(", unless a default takes its place");
        }
        table.row([
            limits::measure_name(which.measure),
            which.model.as_deref().unwrap_or("all").to_owned(),
            each.unwrap_or_else(|| "itself".to_owned()),
            described_in(&plan.family, limit.before.as_ref()),
            after,
        ]);
    }
    table.render()
}

/// What an administrator should know beside the answer.
fn remarks(plan: &Plan, dry_run: bool) -> Vec<String> {
    if plan.is_empty() {
        return vec!["nothing to change: it is so already".to_owned()];
    }
    let mut remarks = Vec::new();
    for limit in plan.limits.iter().filter(|limit| limit.leaves_default()) {
        let model = limit.which.model.as_ref();
        let model = model.map(|model| format!(" --model {model}"));
        remarks.push(format!(
            "{} was a default and does not follow it any more; to go back: llmlite-admin {}{} \
             --remove {0}",
            limits::measure_name(limit.which.measure),
            printable(&plan.family.own.command("set-limits")),
            model.unwrap_or_default(),
        ));
    }
    remarks.push(match dry_run {
        true => "nothing was changed (--dry-run)".to_owned(),
        false => "gateways follow within a second".to_owned(),
    });
    remarks
}
