//! How much the model thinks before it answers, by what the client wishes and the model can.

use llmlite_openai::ChatRequest;
use llmlite_openai::chat::reasoning::ThinkingWish;

use super::Notes;
use super::settings::Length;
use crate::claude::request::{Display, Effort, Thinking};
use crate::error::EncodeError;
use crate::model::{Adaptive, Model, Thinking as Ability, ThinkingOff};

/// The fewest tokens that Claude takes as a budget.
const LEAST_BUDGET: u32 = 1024;
/// What the client means who wants thinking and does not say how much.
const USUAL_BUDGET: u32 = 10_000;

const EFFORT: &str = "reasoning_effort";
const LEVELS: &str = "none, minimal, low, medium, high, xhigh or max";

/// What of the rest of the request has a say in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene {
    /// The longest answer, thoughts included.
    pub(super) length: Length,
    /// Whether the model is made to call a tool, which it cannot be while it thinks in a budget.
    pub(super) forced: bool,
    /// Whether the answer goes on from a turn without the thoughts that belong to it, which Claude
    /// refuses beside a budget.
    pub(super) unsigned: bool,
    /// Whether no thoughts are wanted where the client says nothing.
    pub(super) thoughtless: bool,
}

/// What Claude is told about thinking.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) thinking: Option<Thinking>,
    pub(super) effort: Option<Effort>,
    /// The longest answer, with room for the thoughts.
    pub(super) max_tokens: u32,
    /// Whether the model thinks, asked or by itself: it takes little sampling then.
    pub(super) on: bool,
}

impl Plan {
    /// Whether it thinks within a budget.
    pub(super) fn has_budget(&self) -> bool {
        matches!(self.thinking, Some(Thinking::Enabled { .. }))
    }

    /// Says nothing about thinking.
    fn silent(scene: Scene, on: bool) -> Self {
        Self {
            thinking: None,
            effort: None,
            max_tokens: scene.length.tokens,
            on,
        }
    }
}

/// Decides from `reasoning_effort` and `thinking`, which wins.
///
/// # Errors
///
/// When the effort is none that is known.
pub(super) fn plan(
    request: &ChatRequest<'_>,
    model: &Model,
    scene: Scene,
    notes: &mut Notes,
) -> Result<Plan, EncodeError> {
    let wish = Wish::read(request, notes)?;
    Ok(match (model.thinking, wish) {
        (Ability::Adaptive(ability), Wish::Nothing) if scene.thoughtless => {
            // It is no wish of the client's, who need not be told how far it went.
            off(ability, EFFORT, scene, &mut Notes::default())
        }
        (Ability::Adaptive(ability), Wish::Nothing) => {
            Plan::silent(scene, ability.off != ThinkingOff::Unasked)
        }
        (Ability::Adaptive(ability), Wish::Off { field }) => off(ability, field, scene, notes),
        (Ability::Adaptive(ability), Wish::On(on)) => adaptive(ability, &on, model, scene, notes),
        (Ability::Budget, Wish::On(on)) => budget(&on, model, scene, notes),
        (Ability::None, Wish::On(on)) => {
            notes.ignore(on.field);
            Plan::silent(scene, false)
        }
        (Ability::Budget | Ability::None, Wish::Nothing | Wish::Off { .. }) => {
            Plan::silent(scene, false)
        }
    })
}

/// What the client says about thinking.
#[derive(Debug)]
enum Wish {
    Nothing,
    Off { field: &'static str },
    On(On),
}

/// The wish that the model thinks.
#[derive(Debug)]
struct On {
    /// The field that says so, for notes.
    field: &'static str,
    /// Within so many tokens.
    budget: Option<u32>,
    /// As much as the model sees fit, in so many words.
    adaptive: bool,
    /// This hard.
    level: Option<Level>,
}

impl Wish {
    fn read(request: &ChatRequest<'_>, notes: &mut Notes) -> Result<Self, EncodeError> {
        let level = request.reasoning_effort.as_deref().map(Level::read);
        let level = level.transpose()?;
        let on = |field, budget, adaptive| {
            Self::On(On {
                field,
                budget,
                adaptive,
                level: level.flatten(),
            })
        };
        let Some(thinking) = request.thinking else {
            return Ok(match level {
                None => Self::Nothing,
                Some(None) => Self::Off { field: EFFORT },
                Some(Some(_)) => on(EFFORT, None, false),
            });
        };
        let field = "thinking";
        let off = thinking == ThinkingWish::Disabled;
        if level.is_some_and(|level| level.is_none() != off) {
            // The two contradict one another.
            notes.ignore(EFFORT);
        }
        Ok(match thinking {
            ThinkingWish::Disabled => Self::Off { field },
            ThinkingWish::Adaptive => on(field, None, true),
            ThinkingWish::Enabled { budget_tokens } => {
                let most = |tokens: u64| u32::try_from(tokens).unwrap_or(u32::MAX);
                on(field, budget_tokens.map(most), false)
            }
        })
    }
}

impl On {
    /// The tokens that the thoughts will take, as far as the wish tells.
    fn tokens(&self) -> u32 {
        let level = self.level.map(Level::budget);
        self.budget.or(level).unwrap_or(USUAL_BUDGET)
    }
}

/// How hard the client wants the model to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Minimal,
    Low,
    Medium,
    High,
    XHigh,
    Max,
}

impl Level {
    /// The level of this name; `none` is none.
    fn read(name: &str) -> Result<Option<Self>, EncodeError> {
        Ok(Some(match name {
            "none" => return Ok(None),
            "minimal" => Self::Minimal,
            "low" => Self::Low,
            "medium" => Self::Medium,
            "high" => Self::High,
            "xhigh" => Self::XHigh,
            "max" => Self::Max,
            other => {
                return Err(EncodeError::UnknownValue {
                    param: EFFORT,
                    value: other.to_owned(),
                    known: LEVELS,
                });
            }
        }))
    }

    /// What it stands for on a model that thinks within a budget.
    fn budget(self) -> u32 {
        match self {
            Self::Minimal => LEAST_BUDGET,
            Self::Low => 2048,
            Self::Medium => USUAL_BUDGET,
            Self::High => 16_384,
            Self::XHigh | Self::Max => 32_768,
        }
    }

    /// The level whose budget is nearest.
    fn nearest(tokens: u32) -> Self {
        match tokens {
            0..=6_000 => Self::Low,
            6_001..=13_000 => Self::Medium,
            13_001..=24_000 => Self::High,
            24_001.. => Self::XHigh,
        }
    }

    /// The same for a model that decides itself, and whether it had to be brought within its
    /// limits.
    fn effort(self, ability: Adaptive) -> (Effort, bool) {
        match (self, ability.xhigh, ability.max) {
            (Self::Minimal | Self::Low, ..) => (Effort::Low, false),
            (Self::Medium, ..) => (Effort::Medium, false),
            (Self::High, ..) => (Effort::High, false),
            (Self::XHigh, true, _) => (Effort::XHigh, false),
            (Self::Max, _, true) => (Effort::Max, false),
            (Self::XHigh, false, true) => (Effort::Max, true),
            (Self::Max, true, false) => (Effort::XHigh, true),
            (Self::XHigh | Self::Max, false, false) => (Effort::High, true),
        }
    }
}

/// A model that thinks unless told not to is told, as far as it listens.
fn off(ability: Adaptive, field: &'static str, scene: Scene, notes: &mut Notes) -> Plan {
    let silent = Plan::silent(scene, false);
    match ability.off {
        ThinkingOff::Unasked => silent,
        ThinkingOff::Disabled => Plan {
            thinking: Some(Thinking::Disabled),
            ..silent
        },
        ThinkingOff::BetweenTools => {
            notes.adjust(field);
            Plan {
                thinking: Some(Thinking::BetweenTools),
                on: true,
                ..silent
            }
        }
        ThinkingOff::Never => {
            notes.adjust(field);
            Plan {
                effort: Some(Effort::Low),
                on: true,
                ..silent
            }
        }
    }
}

/// On a model that thinks within a budget.
fn budget(on: &On, model: &Model, scene: Scene, notes: &mut Notes) -> Plan {
    if scene.forced {
        notes.ignore(on.field);
        return Plan::silent(scene, false);
    }
    if scene.unsigned {
        notes.adjust(on.field);
        return Plan::silent(scene, false);
    }
    let Some(plan) = within_budget(on, model, scene, notes) else {
        notes.ignore(on.field);
        return Plan::silent(scene, false);
    };
    if on.adaptive {
        notes.adjust(on.field);
    }
    if on.budget.is_some() && on.level.is_some() {
        // The budget says the same more exactly.
        notes.ignore_harmless(EFFORT);
    }
    plan
}

/// On a model that decides itself how much it thinks.
fn adaptive(ability: Adaptive, on: &On, model: &Model, scene: Scene, notes: &mut Notes) -> Plan {
    let level = on.level.or(on.budget.map(Level::nearest));
    let effort = |level: Option<Level>, notes: &mut Notes| {
        let (effort, limited) = level?.effort(ability);
        if limited {
            notes.adjust_harmless(on.field);
        }
        Some(effort)
    };
    let takes_budget = ability.budget && !scene.forced && !scene.unsigned;
    if on.budget.is_some() {
        let plan = takes_budget.then(|| within_budget(on, model, scene, notes));
        if let Some(plan) = plan.flatten() {
            let effort = effort(on.level, notes);
            return Plan { effort, ..plan };
        }
        notes.adjust(on.field);
    }
    let display = ability.hidden.then_some(Display::Summarized);
    Plan {
        thinking: Some(Thinking::Adaptive { display }),
        effort: effort(level, notes),
        max_tokens: scene.length.with(on.tokens(), model),
        on: true,
    }
}

/// Thinking within a budget that leaves room for the answer; `None` where there is no room for
/// even the smallest.
///
/// A budget that the client names in tokens is honoured to the last one that Claude takes; one that
/// stands for an effort leaves the answer a quarter of the length if the rest is enough for the
/// smallest, or the usual length where the client named none.
fn within_budget(on: &On, model: &Model, scene: Scene, notes: &mut Notes) -> Option<Plan> {
    let wanted = on.tokens();
    let max_tokens = scene.length.with(wanted, model);
    if max_tokens <= LEAST_BUDGET {
        return None;
    }
    let exact = on.budget.is_some();
    let most = match exact && wanted < max_tokens {
        true => wanted,
        false => (max_tokens - max_tokens / 4).max(max_tokens - scene.length.tokens),
    };
    let budget_tokens = wanted.min(most).max(LEAST_BUDGET);
    match (budget_tokens == wanted, exact) {
        (true, _) => {}
        (false, true) => notes.adjust(on.field),
        (false, false) => notes.adjust_harmless(on.field),
    }
    Some(Plan {
        thinking: Some(Thinking::Enabled { budget_tokens }),
        effort: None,
        max_tokens,
        on: true,
    })
}
