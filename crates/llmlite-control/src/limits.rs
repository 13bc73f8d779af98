//! Setting limits: what an administrator says is checked, laid over what is set, and shown before
//! anything is changed.
//!
//! [`plan`] reads what is set and says what would become of it; [`carry_out`] does it.
//! What an order does not name stays as it is.

mod idle;
mod names;
mod order;
mod plan;

use std::{sync::Arc, time::SystemTime};

use llmlite_core::{
    catalogue::Catalogue,
    keys::ModelScope,
    limits::{LimitSetting, Measure, Member},
    ports::{
        clock::Clock,
        directory::Directory,
        limits::{LimitChange, LimitDirectory},
    },
};

pub use self::{
    names::{measure_name, unit_name},
    order::LimitOrder,
};
use crate::{
    ControlError,
    subjects::{Family, Who},
};

/// What an administrator works with.
#[derive(Clone, Copy)]
pub struct Desk<'a> {
    /// Who is who.
    pub directory: &'a dyn Directory,
    /// Who may do what.
    pub limits: &'a dyn LimitDirectory,
    /// The time.
    pub clock: &'a dyn Clock,
    /// The models that there are.
    pub catalogue: &'a Catalogue,
}

/// What would become of an order. Nothing is changed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Whose limits these are.
    pub family: Family,
    /// The limits that the order names, in its order.
    pub limits: Vec<LimitPlan>,
    /// Which models may be called, before and after, if the order says.
    pub models: Option<(ModelScope, ModelScope)>,
    /// When the key expires, before and after, if the order says.
    pub expiry: Option<(Option<SystemTime>, Option<SystemTime>)>,
}

/// What would become of one limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitPlan {
    /// Which one.
    pub which: Which,
    /// As it is: set here, or from a default.
    pub before: Option<LimitSetting>,
    /// As it would be. None when it is removed; a default may take its place then.
    pub after: Option<LimitSetting>,
}

/// What tells one limit of a subject from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Which {
    /// What it counts.
    pub measure: Measure,
    /// The one model that it is about.
    pub model: Option<Arc<str>>,
    /// The members that it is a default for.
    pub each: Option<Member>,
}

/// A part of a plan that was carried out: what is to be noted for later.
#[derive(Debug)]
pub enum Done<'a> {
    /// These limits were changed.
    Limits(&'a [LimitPlan]),
    /// Which models may be called was changed, from the first to the second.
    Models(&'a ModelScope, &'a ModelScope),
    /// When a key expires was changed, from the first to the second.
    Expiry(Option<SystemTime>, Option<SystemTime>),
}

impl std::fmt::Debug for Desk<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

impl Plan {
    /// Whether there is nothing to change.
    pub fn is_empty(&self) -> bool {
        self.limits.iter().all(LimitPlan::is_empty)
            && self.models.as_ref().is_none_or(|(old, new)| old == new)
            && self.expiry.is_none_or(|(old, new)| old == new)
    }
}

impl LimitPlan {
    /// Whether the limit stays as it is.
    pub fn is_empty(&self) -> bool {
        self.before == self.after
    }

    /// The limit was somebody's default, and would be the subject's own from now on.
    pub fn leaves_default(&self) -> bool {
        let inherited = |s: &LimitSetting| s.inherited_from.is_some();
        self.before.as_ref().is_some_and(inherited)
            && self.after.as_ref().is_some_and(|after| !inherited(after))
    }

    fn change(&self) -> LimitChange {
        match &self.after {
            Some(setting) => LimitChange::Set(setting.clone()),
            None => LimitChange::Remove {
                model: self.which.model.clone(),
                measure: self.which.measure,
                each: self.which.each,
            },
        }
    }
}

impl Which {
    /// Whether it is this one.
    pub fn is(&self, setting: &LimitSetting) -> bool {
        let limit = &setting.limit;
        (self.measure, &self.model, self.each) == (limit.measure, &limit.scope.model, setting.each)
    }
}

/// Says what would become of an order, and changes nothing.
///
/// # Errors
///
/// When the order makes no sense; the text says why, and what would.
pub async fn plan(desk: Desk<'_>, who: Who<'_>, order: &LimitOrder) -> Result<Plan, ControlError> {
    let family = crate::subjects::find(desk.directory, who).await?;
    let wishes = order.read(&family.own, desk.catalogue, desk.clock.now())?;
    let set = desk.limits.limits(family.own.subject).await?;
    let limits = plan::lay_over(&family, &set, &wishes, desk.clock.now())?;
    let models = match wishes.models {
        Some(new) => Some((desk.limits.models(family.own.subject).await?, new)),
        None => None,
    };
    let expiry = match (wishes.expiry, &family.info) {
        (Some(new), crate::subjects::Info::Key(key)) => Some((key.expires_at, new)),
        _ => None,
    };
    Ok(Plan {
        family,
        limits,
        models,
        expiry,
    })
}

/// Does what a plan says, and returns the limits as they are now: one that was removed may be there
/// again from a default. `done` is told of each part as soon as it was changed.
///
/// # Errors
///
/// When the store refuses, or does not answer. All limits are changed or none; if the models or the
/// expiry then fail, [`ControlError::Partly`] says what has been changed.
pub async fn carry_out(
    desk: Desk<'_>,
    plan: &Plan,
    done: &mut dyn FnMut(Done<'_>),
) -> Result<Vec<LimitPlan>, ControlError> {
    let subject = plan.family.own.subject;
    let mut changed = Vec::new();
    let to_do: Vec<_> = plan.limits.iter().filter(|p| !p.is_empty()).collect();
    if !to_do.is_empty() {
        let changes: Vec<_> = to_do.iter().map(|plan| plan.change()).collect();
        desk.limits.change_limits(subject, &changes).await?;
        changed.push("the limits");
    }
    let now = desk.limits.limits(subject).await;
    let limits: Vec<_> = plan
        .limits
        .iter()
        .map(|p| p.found_in(now.as_deref().ok()))
        .collect();
    if !to_do.is_empty() {
        done(Done::Limits(&limits));
    }
    if let Some((old, new)) = plan.models.as_ref().filter(|(old, new)| old != new) {
        let set = desk.limits.set_models(subject, new).await;
        set.map_err(|error| ControlError::after(&changed, error))?;
        done(Done::Models(old, new));
        changed.push("the models");
    }
    if let (Some((old, new)), llmlite_core::limits::Subject::Key(key)) = (plan.expiry, subject)
        && old != new
    {
        let set = desk.limits.set_expiry(key, new).await;
        set.map_err(|error| ControlError::after(&changed, error))?;
        done(Done::Expiry(old, new));
        changed.push("the expiry");
    }
    now.map_err(|error| ControlError::after(&changed, error))?;
    Ok(limits)
}

impl LimitPlan {
    /// The same with what has really become of it, if that is known.
    fn found_in(&self, now: Option<&[LimitSetting]>) -> Self {
        let mut plan = self.clone();
        if let Some(now) = now {
            plan.after = now.iter().find(|setting| plan.which.is(setting)).cloned();
        }
        plan
    }
}
