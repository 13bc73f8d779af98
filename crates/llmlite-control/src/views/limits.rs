//! The JSON forms of limits.

use std::time::SystemTime;

use llmlite_core::{
    keys::ModelScope,
    limits::{Ceiling, Durability, Fit, LimitSetting},
};
use serde::Serialize;

use crate::{
    dates::rfc3339,
    limits::{LimitPlan, Plan, measure_name, unit_name},
    standings::{Part, Report, Standing},
    subjects::{Family, Named, member_word},
};

/// A subject of limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubjectView {
    /// `key`, `user`, `team` or `organisation`.
    pub kind: &'static str,
    /// Its number; the organisation has none.
    pub id: Option<i64>,
    /// Its name or address; the organisation has none.
    pub name: Option<String>,
}

impl From<&Named> for SubjectView {
    fn from(named: &Named) -> Self {
        Self {
            kind: named.kind(),
            id: named.id(),
            name: named.id().map(|_| named.name.clone()),
        }
    }
}

/// How high something is: a number in the limit's unit, or `"unlimited"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum HeightView {
    /// A number.
    At(i64),
    /// `"unlimited"`.
    Word(&'static str),
}

impl From<Ceiling> for HeightView {
    fn from(ceiling: Ceiling) -> Self {
        match ceiling {
            Ceiling::At(n) => Self::At(n),
            Ceiling::Unlimited => Self::Word("unlimited"),
        }
    }
}

/// A limit as it is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LimitView {
    /// What it counts, in the words of the command line: `budget/month`, `rpm`.
    pub limit: String,
    /// The one model that it is about; `null` stands for all together.
    pub model: Option<String>,
    /// The members that it is a default for, each counted apart: `team`, `user` or `key`; `null` for
    /// a limit of the subject itself.
    pub each: Option<&'static str>,
    /// What its numbers count: `nanodollars`, `requests` or `tokens`.
    pub unit: &'static str,
    /// How high it is, outside a raise.
    pub ceiling: HeightView,
    /// How high it is until when.
    pub raise: Option<RaiseView>,
    /// How far it may be overdrawn.
    pub overdraft: i64,
    /// `deny` or `clamp`: what happens to a request that is too large for what is left.
    pub fit: Fit,
    /// `journal`, `async` or `sync`: where requests are written down before they run; `null` leaves
    /// it to the gateway.
    pub durability: Option<Durability>,
    /// It is only watched.
    pub shadow: bool,
    /// At which hundredths of it somebody is told.
    pub warn_at: Vec<u8>,
    /// Whose default it is; `null` for one that was set on the subject itself.
    pub inherited_from: Option<SubjectView>,
}

/// A raise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RaiseView {
    /// How high.
    pub to: HeightView,
    /// Until when.
    pub until: String,
}

impl LimitView {
    /// How a limit of one of the family is set.
    pub fn of(setting: &LimitSetting, family: &Family) -> Self {
        let limit = &setting.limit;
        let from = setting.inherited_from.map(|from| family.named(from));
        Self {
            limit: measure_name(limit.measure),
            model: limit.scope.model.as_ref().map(|model| model.to_string()),
            each: setting.each.map(member_word),
            unit: unit_name(limit.measure),
            ceiling: limit.ceiling.into(),
            raise: limit.raise.map(|raise| RaiseView {
                to: raise.to.into(),
                until: rfc3339(raise.until),
            }),
            overdraft: limit.overdraft.0,
            fit: limit.fit,
            durability: limit.durability,
            shadow: limit.shadow,
            warn_at: limit.thresholds.iter().map(|&share| share.into()).collect(),
            inherited_from: from.as_ref().map(SubjectView::from),
        }
    }
}

/// A limit and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StandingView {
    /// The limit.
    #[serde(flatten)]
    pub limit: LimitView,
    /// How high it is now: the ceiling, or what it is raised to.
    pub present_ceiling: HeightView,
    /// Used for good: spent in the present window, or taken in the last minute.
    pub used: i64,
    /// Leased to gateways, for requests under way and for the next ones.
    pub leased: i64,
    /// Neither used nor leased, overdraft included.
    pub left: HeightView,
    /// When it begins anew.
    pub resets_at: Option<String>,
}

impl StandingView {
    /// How a limit of one of the family stands.
    pub fn of(standing: &Standing, family: &Family) -> Self {
        Self {
            limit: LimitView::of(&standing.setting, family),
            present_ceiling: standing.ceiling().into(),
            used: standing.state.used,
            leased: standing.state.leased,
            left: standing
                .left()
                .map_or(HeightView::Word("unlimited"), HeightView::At),
            resets_at: standing.resets().map(rfc3339),
        }
    }
}

/// What binds a subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportView {
    /// The subject.
    pub subject: SubjectView,
    /// The models that it may call by its own list; `null` stands for all.
    pub own_models: Option<Vec<String>>,
    /// The models that it and all above it may call; `null` stands for all.
    pub models: Option<Vec<String>>,
    /// Its limits.
    pub limits: Vec<StandingView>,
    /// Its defaults for its members.
    pub defaults: Vec<LimitView>,
    /// What binds it from above.
    pub above: Vec<AboveView>,
    /// When that was.
    pub at: String,
}

/// What binds a subject from above.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AboveView {
    /// Whose it is.
    pub subject: SubjectView,
    /// The models that these may call; `null` stands for all.
    pub models: Option<Vec<String>>,
    /// The limits.
    pub limits: Vec<StandingView>,
}

impl From<&Report> for ReportView {
    fn from(report: &Report) -> Self {
        let family = &report.family;
        let defaults = report.defaults.iter();
        let above = report.above.iter();
        Self {
            subject: SubjectView::from(&family.own),
            own_models: models(&report.own.models),
            models: models(&report.models),
            limits: standings(&report.own, family),
            defaults: defaults.map(|s| LimitView::of(s, family)).collect(),
            above: above
                .map(|part| AboveView {
                    subject: SubjectView::from(&part.who),
                    models: models(&part.models),
                    limits: standings(part, family),
                })
                .collect(),
            at: rfc3339(report.at),
        }
    }
}

/// What became of an order, or would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangeView {
    /// Whose limits these are.
    pub subject: SubjectView,
    /// Nothing was changed, because that was only asked.
    pub dry_run: bool,
    /// Whether there was anything to change.
    pub changed: bool,
    /// The limits that the order named.
    pub limits: Vec<LimitChangeView>,
    /// The models that may be called, if the order named them.
    pub models: Option<BeforeAndAfter<Option<Vec<String>>>>,
    /// When the key expires, if the order said.
    pub expires_at: Option<BeforeAndAfter<Option<String>>>,
}

/// What became of one limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LimitChangeView {
    /// What it counts: `budget/month`, `rpm`.
    pub limit: String,
    /// The one model that it is about.
    pub model: Option<String>,
    /// The members that it is a default for.
    pub each: Option<&'static str>,
    /// As it was; `null` where there was none.
    pub before: Option<LimitView>,
    /// As it is; `null` where there is none.
    pub after: Option<LimitView>,
}

/// Two states of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BeforeAndAfter<T> {
    /// The first.
    pub before: T,
    /// The second.
    pub after: T,
}

impl ChangeView {
    /// What became of `plan`, whose limits are now `limits`.
    pub fn of(plan: &Plan, limits: &[LimitPlan], dry_run: bool) -> Self {
        let family = &plan.family;
        let times = |(before, after): (Option<SystemTime>, Option<SystemTime>)| BeforeAndAfter {
            before: before.map(rfc3339),
            after: after.map(rfc3339),
        };
        let scopes = plan.models.as_ref();
        Self {
            subject: SubjectView::from(&family.own),
            dry_run,
            changed: !dry_run && !plan.is_empty(),
            limits: limits
                .iter()
                .map(|plan| LimitChangeView::of(plan, family))
                .collect(),
            models: scopes.map(|(before, after)| BeforeAndAfter {
                before: models(before),
                after: models(after),
            }),
            expires_at: plan.expiry.map(times),
        }
    }
}

impl LimitChangeView {
    fn of(plan: &LimitPlan, family: &Family) -> Self {
        let view = |setting: &LimitSetting| LimitView::of(setting, family);
        let which = &plan.which;
        Self {
            limit: measure_name(which.measure),
            model: which.model.as_ref().map(|model| model.to_string()),
            each: which.each.map(member_word),
            before: plan.before.as_ref().map(view),
            after: plan.after.as_ref().map(view),
        }
    }
}

fn standings(part: &Part, family: &Family) -> Vec<StandingView> {
    let limits = part.limits.iter();
    limits.map(|s| StandingView::of(s, family)).collect()
}

/// `null` stands for all models.
fn models(scope: &ModelScope) -> Option<Vec<String>> {
    match scope {
        ModelScope::All => None,
        ModelScope::Only(names) => Some(names.iter().cloned().collect()),
    }
}
