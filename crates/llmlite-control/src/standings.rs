//! How limits stand: those of a subject, and those above it that bind it too.

use std::time::SystemTime;

use llmlite_core::{
    keys::ModelScope,
    limits::{Ceiling, LimitSetting, Measure, Window},
    ports::limits::LimitState,
};

use crate::{
    ControlError,
    limits::Desk,
    subjects::{Family, Named, Who, find},
};

/// All that there is to know about a subject's limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The subject, and those above it.
    pub family: Family,
    /// The models that the subject and all above it may call.
    pub models: ModelScope,
    /// The subject itself.
    pub own: Part,
    /// Its defaults for its members.
    pub defaults: Vec<LimitSetting>,
    /// Those above it, the nearest first.
    pub above: Vec<Part>,
    /// When that was.
    pub at: SystemTime,
}

/// What binds one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Who.
    pub who: Named,
    /// The models that it may call, whatever others may.
    pub models: ModelScope,
    /// Its limits and how they stand, those for all models first.
    pub limits: Vec<Standing>,
}

/// A limit and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The limit.
    pub setting: LimitSetting,
    /// What is used and leased of it.
    pub state: LimitState,
    /// When that was.
    pub at: SystemTime,
}

/// Looks a subject up with all that binds it.
///
/// # Errors
///
/// When there is no such subject, or the store does not answer.
pub async fn show(desk: Desk<'_>, who: Who<'_>) -> Result<Report, ControlError> {
    let family = find(desk.directory, who).await?;
    let (own, defaults) = part(desk, &family.own).await?;
    let mut above = Vec::new();
    for named in &family.above {
        above.push(part(desk, named).await?.0);
    }
    let all = std::iter::once(&own).chain(&above);
    Ok(Report {
        models: all.fold(ModelScope::All, |models, part| both(models, &part.models)),
        at: desk.clock.now(),
        family,
        own,
        defaults,
        above,
    })
}

/// What binds one subject, and its defaults for its members.
async fn part(desk: Desk<'_>, who: &Named) -> Result<(Part, Vec<LimitSetting>), ControlError> {
    let settings = desk.limits.limits(who.subject).await?;
    let (defaults, settings): (Vec<_>, Vec<_>) =
        settings.into_iter().partition(|s| s.each.is_some());
    let part = Part {
        who: who.clone(),
        models: desk.limits.models(who.subject).await?,
        limits: standings(desk, settings).await?,
    };
    Ok((part, defaults))
}

/// How these limits stand, in their order.
async fn standings(
    desk: Desk<'_>,
    settings: Vec<LimitSetting>,
) -> Result<Vec<Standing>, ControlError> {
    if settings.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<_> = settings.iter().map(|setting| setting.limit.id).collect();
    let states = desk.limits.states(&ids).await?;
    let at = desk.clock.now();
    let both = settings.into_iter().zip(states);
    Ok(both
        .map(|(setting, state)| Standing { setting, state, at })
        .collect())
}

impl Standing {
    /// How high the limit is now.
    pub fn ceiling(&self) -> Ceiling {
        self.setting.limit.ceiling_at(self.at)
    }

    /// What is neither used nor leased, overdraft included; None without end. Less than nothing
    /// after a limit was lowered.
    pub fn left(&self) -> Option<i64> {
        match self.ceiling() {
            Ceiling::Unlimited => None,
            Ceiling::At(n) => {
                let all = n.saturating_add(self.setting.limit.overdraft.0);
                let left = all.saturating_sub(self.state.used);
                Some(left.saturating_sub(self.state.leased))
            }
        }
    }

    /// When the budget begins anew; None for what does not.
    pub fn resets(&self) -> Option<SystemTime> {
        let Measure::Budget(period) = self.setting.limit.measure else {
            return None;
        };
        let starts = self.state.account.map_or(self.at, |account| account.starts);
        Window::of(period, starts).ends
    }
}

/// The models that both allow.
fn both(left: ModelScope, right: &ModelScope) -> ModelScope {
    match (left, right) {
        (left, ModelScope::All) => left,
        (ModelScope::All, right) => right.clone(),
        (ModelScope::Only(left), ModelScope::Only(right)) => {
            ModelScope::Only(left.intersection(right).cloned().collect())
        }
    }
}
