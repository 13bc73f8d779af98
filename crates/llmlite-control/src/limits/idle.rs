//! What is said and would have no effect is a mistake, and is answered with what would have one.

use llmlite_core::limits::Measure;

use super::order::{Height, LimitOrder, Wishes, invalid};
use crate::{ControlError, subjects::Named};

/// An option, and whether it was given.
type Said = (bool, &'static str);

/// Refuses an order of which a part would have no effect.
pub(super) fn refuse(
    order: &LimitOrder,
    whose: &Named,
    wishes: &Wishes,
) -> Result<(), ControlError> {
    if wishes.limits.is_empty() {
        refuse_unnamed(whose, &which(order))?;
    }
    if wishes.limits.iter().all(|w| w.height == Height::Remove) {
        refuse_unnamed(whose, &details(order))?;
    }
    if wishes.limits.is_empty() && wishes.models.is_none() && wishes.expiry.is_none() {
        return invalid(format!(
            "nothing is said of what to change: give --budget 500/month, --rpm 60 or another \
             option of llmlite-admin {} set-limits --help",
            whose.kind()
        ));
    }
    refuse_half_a_raise(order, wishes)?;
    refuse_without_budget(order, wishes)?;
    refuse_no_change(order, wishes)
}

/// Options that are about limits, with no limit named.
fn refuse_unnamed(whose: &Named, options: &[Said]) -> Result<(), ControlError> {
    match options.iter().find(|(said, _)| *said) {
        None => Ok(()),
        Some((_, option)) => invalid(format!(
            "{option} does not say of which limit: add its height, such as --budget 500/month, or \
             --change budget/month to leave that as it is; see what is set with: llmlite-admin {}",
            whose.command("show")
        )),
    }
}

fn refuse_half_a_raise(order: &LimitOrder, wishes: &Wishes) -> Result<(), ControlError> {
    if order.raise_until.is_none() {
        return Ok(());
    }
    let mut heights = wishes.limits.iter().map(|wish| wish.height);
    if heights.clone().any(|height| height == Height::Keep) {
        let text = "--raise does not say how high the limit of --change is to be: name it by its \
                    height until then, such as --budget 800/month";
        return invalid(text.to_owned());
    }
    if heights.any(|height| matches!(height, Height::Set(_))) {
        return Ok(());
    }
    invalid("--raise does not say how high: add --budget 800/month or another height".to_owned())
}

/// Options that only budgets have, with no budget named.
fn refuse_without_budget(order: &LimitOrder, wishes: &Wishes) -> Result<(), ControlError> {
    let mut kept = wishes.limits.iter().filter(|w| w.height != Height::Remove);
    if kept.any(|wish| matches!(wish.which.measure, Measure::Budget(_))) {
        return Ok(());
    }
    let only_of_budgets = [
        (order.overdraft.is_some(), "--overdraft"),
        (order.fit.is_some(), "--fit"),
        (order.durability.is_some(), "--durability"),
        (order.warn_at.is_some(), "--warn-at"),
    ];
    match only_of_budgets.iter().find(|(said, _)| *said) {
        None => Ok(()),
        Some((_, option)) => invalid(format!(
            "{option} is about budgets: name one, such as --change budget/month"
        )),
    }
}

fn refuse_no_change(order: &LimitOrder, wishes: &Wishes) -> Result<(), ControlError> {
    let mut limits = wishes.limits.iter();
    let keeps = limits.any(|wish| wish.height == Height::Keep);
    if !keeps || details(order).iter().any(|(said, _)| *said) {
        return Ok(());
    }
    let text = "--change says of which limit, but not what: add --warn-at, --fit, --overdraft, \
                --durability, --shadow or --end-raise; to change how high a limit is, give --budget, --rpm, \
                --tpm or --parallel";
    invalid(text.to_owned())
}

fn which(order: &LimitOrder) -> [Said; 2] {
    [
        (order.model.is_some(), "--model"),
        (order.each.is_some(), "--each"),
    ]
}

fn details(order: &LimitOrder) -> [Said; 7] {
    [
        (order.raise_until.is_some(), "--raise"),
        (order.end_raise, "--end-raise"),
        (order.overdraft.is_some(), "--overdraft"),
        (order.fit.is_some(), "--fit"),
        (order.durability.is_some(), "--durability"),
        (order.shadow.is_some(), "--shadow"),
        (order.warn_at.is_some(), "--warn-at"),
    ]
}
