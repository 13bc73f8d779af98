//! Laying what was ordered over what is set.

use std::time::SystemTime;

use llmlite_core::{
    ids::LimitId,
    limits::{Ceiling, Fit, Limit, LimitSetting, Measure, Raise, Scope},
    money::Nanodollars,
};

use super::{
    LimitPlan, Which,
    names::measure_name,
    order::{Details, Height, Wish, Wishes},
};
use crate::{
    ControlError, amounts,
    subjects::{Family, member_word},
};

/// What would become of each limit that is named.
pub(super) fn lay_over(
    family: &Family,
    set: &[LimitSetting],
    wishes: &Wishes,
    now: SystemTime,
) -> Result<Vec<LimitPlan>, ControlError> {
    let plans = wishes.limits.iter().map(|wish| {
        let found = set.iter().find(|setting| wish.which.is(setting)).cloned();
        let before = found.map(|setting| without_past(setting, now));
        let after = match wish.height {
            Height::Remove => {
                refuse_removal(family, set, wish, before.as_ref())?;
                None
            }
            _ => Some(changed(family, before.as_ref(), wish, &wishes.details)?),
        };
        Ok(LimitPlan {
            which: wish.which.clone(),
            before,
            after,
        })
    });
    plans.collect()
}

/// A raise that is over says nothing any more.
fn without_past(mut setting: LimitSetting, now: SystemTime) -> LimitSetting {
    let limit = &mut setting.limit;
    limit.raise = limit.raise.filter(|raise| now < raise.until);
    setting
}

fn refuse_removal(
    family: &Family,
    set: &[LimitSetting],
    wish: &Wish,
    before: Option<&LimitSetting>,
) -> Result<(), ControlError> {
    let name = measure_name(wish.which.measure);
    let what = describe(&wish.which);
    match before.map(|setting| setting.inherited_from) {
        Some(None) => Ok(()),
        Some(Some(from)) => invalid(format!(
            "{what} of {} is a default of {}: change it there, or give this one its own, such as \
             {} for none",
            family.own,
            family.named(from),
            unlimited(wish.which.measure),
        )),
        None => {
            let own: Vec<_> = set
                .iter()
                .filter(|setting| setting.inherited_from.is_none())
                .map(|setting| describe(&Which::of(setting)))
                .collect();
            let has = if own.is_empty() {
                "no limit is set on it".to_owned()
            } else {
                format!("set on it: {}", own.join("; "))
            };
            invalid(format!(
                "there is no {name} to remove from {}{}; {has}",
                family.own,
                suffix(&wish.which)
            ))
        }
    }
}

fn changed(
    family: &Family,
    before: Option<&LimitSetting>,
    wish: &Wish,
    details: &Details,
) -> Result<LimitSetting, ControlError> {
    let mut setting = match before {
        Some(setting) => setting.clone(),
        None => new(family, wish, details)?,
    };
    setting.inherited_from = None;
    let limit = &mut setting.limit;
    match (wish.height, details.raise_until) {
        (Height::Set(to), Some(until)) => {
            refuse_no_raise(wish, limit.ceiling, to)?;
            limit.raise = Some(Raise { to, until });
        }
        (Height::Set(ceiling), None) => limit.ceiling = ceiling,
        (Height::Keep | Height::Remove, _) => {}
    }
    if details.end_raise {
        limit.raise = None;
    }
    if let Some(shadow) = details.shadow {
        limit.shadow = shadow;
    }
    if matches!(limit.measure, Measure::Budget(_)) {
        limit.overdraft = details.overdraft.unwrap_or(limit.overdraft);
        limit.fit = details.fit.unwrap_or(limit.fit);
        limit.durability = details.durability.unwrap_or(limit.durability);
        if let Some(shares) = &details.warn_at {
            limit.thresholds.clone_from(shares);
        }
    }
    limit
        .check()
        .map_err(|bad| ControlError::Invalid(bad.to_string()))?;
    // Only a limit that stays exactly as it is goes on following its default.
    match before {
        Some(old)
            if old.inherited_from.is_some()
                && old.limit == setting.limit
                && wish.height == Height::Keep =>
        {
            Ok(old.clone())
        }
        _ => Ok(setting),
    }
}

/// A limit that was not there before needs a height.
fn new(family: &Family, wish: &Wish, details: &Details) -> Result<LimitSetting, ControlError> {
    let which = &wish.which;
    let what = describe(which);
    let ceiling = match (wish.height, details.raise_until) {
        (Height::Set(_), Some(_)) => {
            return invalid(format!(
                "there is no {what} of {} to raise: without --raise, set how high it usually is",
                family.own
            ));
        }
        (Height::Set(ceiling), None) => ceiling,
        _ => {
            return invalid(format!(
                "there is no {what} of {} to change: set how high it is, such as {}",
                family.own,
                example(which.measure)
            ));
        }
    };
    Ok(LimitSetting {
        limit: Limit {
            id: LimitId(0),
            scope: Scope {
                subject: family.own.subject,
                model: which.model.clone(),
            },
            measure: which.measure,
            ceiling,
            raise: None,
            overdraft: Nanodollars::ZERO,
            fit: Fit::Deny,
            shadow: false,
            thresholds: Vec::new(),
            durability: None,
        },
        each: which.each,
        inherited_from: None,
    })
}

fn refuse_no_raise(wish: &Wish, usual: Ceiling, to: Ceiling) -> Result<(), ControlError> {
    let measure = wish.which.measure;
    match (usual, to) {
        (Ceiling::Unlimited, _) => invalid(format!(
            "{} is unlimited, so it cannot be raised",
            describe(&wish.which)
        )),
        (Ceiling::At(usual), Ceiling::At(to)) if to <= usual => invalid(format!(
            "a raise of {} to {} is none, because it is at {}; to lower it, leave --raise out",
            describe(&wish.which),
            height(measure, to),
            height(measure, usual),
        )),
        _ => Ok(()),
    }
}

impl Which {
    /// Which one this is.
    pub fn of(setting: &LimitSetting) -> Self {
        Self {
            measure: setting.limit.measure,
            model: setting.limit.scope.model.clone(),
            each: setting.each,
        }
    }
}

/// `budget/month for claude-opus-4-1 of each key`.
fn describe(which: &Which) -> String {
    format!("{}{}", measure_name(which.measure), suffix(which))
}

fn suffix(which: &Which) -> String {
    let model = which.model.as_ref().map(|model| format!(" for {model}"));
    let each = which
        .each
        .map(|each| format!(" for each {}", member_word(each)));
    format!("{}{}", model.unwrap_or_default(), each.unwrap_or_default())
}

fn height(measure: Measure, n: i64) -> String {
    match measure {
        Measure::Budget(_) => amounts::shown_dollars(Nanodollars(n)),
        _ => amounts::shown_count(n),
    }
}

fn example(measure: Measure) -> String {
    match measure {
        Measure::Budget(_) => format!("--budget 500/{}", period(measure)),
        Measure::RequestsPerMinute => "--rpm 60".to_owned(),
        Measure::TokensPerMinute => "--tpm 100,000".to_owned(),
        Measure::ParallelRequests => "--parallel 10".to_owned(),
    }
}

fn unlimited(measure: Measure) -> String {
    match measure {
        Measure::Budget(_) => format!("--budget unlimited/{}", period(measure)),
        other => format!("--{} unlimited", measure_name(other)),
    }
}

fn period(measure: Measure) -> String {
    let name = measure_name(measure);
    name.split_once('/')
        .map_or_else(String::new, |(_, period)| period.to_owned())
}

fn invalid<T>(text: String) -> Result<T, ControlError> {
    Err(ControlError::Invalid(text))
}
