//! How limits are written for people.

use llmlite_control::{
    amounts::{shown_count, shown_dollars},
    dates,
    limits::{Which, measure_name},
    subjects::{Family, member_word},
};
use llmlite_core::{
    keys::ModelScope,
    limits::{Ceiling, Fit, LimitSetting, Measure, Raise},
    money::Nanodollars,
};

/// `budget/month`, `rpm for each key for claude-opus-4-1`.
pub(crate) fn named(which: &Which) -> String {
    let mut text = measure_name(which.measure);
    if let Some(each) = which.each {
        text.push_str(" for each ");
        text.push_str(member_word(each));
    }
    if let Some(model) = &which.model {
        text.push_str(" for ");
        text.push_str(model);
    }
    text
}

/// `$500.00, raised to $800.00 until 2026-12-01 00:00 GMT, clamp`, or `none`.
pub(crate) fn described(setting: Option<&LimitSetting>) -> String {
    let Some(setting) = setting else {
        return "none".to_owned();
    };
    let limit = &setting.limit;
    let mut said = vec![height(limit.measure, limit.ceiling)];
    if let Some(raise) = limit.raise {
        said.push(raised(limit.measure, raise));
    }
    said.extend(details(setting));
    said.join(", ")
}

/// As [`described`], and whose default it is.
pub(crate) fn described_in(family: &Family, setting: Option<&LimitSetting>) -> String {
    let mut text = described(setting);
    if let Some(from) = setting.and_then(|setting| setting.inherited_from) {
        text.push_str(&format!(" (default of {})", family.named(from)));
    }
    text
}

/// What there is to say of a limit beside its height and its raise.
pub(crate) fn details(setting: &LimitSetting) -> Vec<String> {
    let limit = &setting.limit;
    let mut said = Vec::new();
    if limit.overdraft != Nanodollars::ZERO {
        said.push(format!("overdraft {}", shown_dollars(limit.overdraft)));
    }
    if limit.fit == Fit::Clamp {
        said.push("clamp".to_owned());
    }
    if let Some(durability) = limit.durability {
        said.push(format!("durability {durability}"));
    }
    if limit.shadow {
        said.push("shadow".to_owned());
    }
    if !limit.thresholds.is_empty() {
        let shares = limit.thresholds.iter();
        let shares: Vec<_> = shares.map(|&share| u8::from(share).to_string()).collect();
        said.push(format!("warn at {} %", shares.join(", ")));
    }
    said
}

/// `raised to $800.00 until 2026-12-01 00:00 GMT`.
fn raised(measure: Measure, raise: Raise) -> String {
    let to = height(measure, raise.to);
    format!("raised to {to} until {}", dates::london(raise.until))
}

/// `$500.00`, `60` or `unlimited`.
pub(crate) fn height(measure: Measure, ceiling: Ceiling) -> String {
    match ceiling {
        Ceiling::Unlimited => "unlimited".to_owned(),
        Ceiling::At(n) => amount(measure, n),
    }
}

/// `$12.50` of a budget, `1,000` of anything else.
pub(crate) fn amount(measure: Measure, n: i64) -> String {
    match measure {
        Measure::Budget(_) => shown_dollars(Nanodollars(n)),
        _ => shown_count(n),
    }
}

/// `all`, `none`, or the names.
pub(crate) fn scope(models: &ModelScope) -> String {
    match models {
        ModelScope::All => "all".to_owned(),
        ModelScope::Only(names) if names.is_empty() => "none".to_owned(),
        ModelScope::Only(names) => names.iter().cloned().collect::<Vec<_>>().join(","),
    }
}
