//! What an administrator says of limits, as typed, and what it means.

use std::{sync::Arc, time::SystemTime};

use llmlite_core::{
    catalogue::Catalogue,
    keys::ModelScope,
    limits::{Ceiling, Durability, Fit, Measure, Member, Percent, Subject},
    money::Nanodollars,
};

use super::{
    Which, idle,
    names::{self, measure_name},
};
use crate::{ControlError, amounts, dates, models, subjects::Named};

/// What an administrator says of a subject's limits, in the words of the command line.
///
/// What is not said stays as it is.
#[derive(Debug, Clone, Default)]
pub struct LimitOrder {
    /// Budgets: `500/month`, `unlimited/day`.
    pub budgets: Vec<String>,
    /// Requests in any 60 seconds, or `unlimited`.
    pub rpm: Option<String>,
    /// Tokens in any 60 seconds, or `unlimited`.
    pub tpm: Option<String>,
    /// Requests at one time, or `unlimited`.
    pub parallel: Option<String>,
    /// Limits whose height stays, but not what else is said here: `budget/month`, `rpm`.
    pub change: Vec<String>,
    /// Limits that are taken away.
    pub remove: Vec<String>,
    /// The one model that all these limits are about.
    pub model: Option<String>,
    /// The members that all these limits are defaults for.
    pub each: Option<Member>,
    /// Makes the heights a raise that ends then.
    pub raise_until: Option<String>,
    /// Ends a raise now.
    pub end_raise: bool,
    /// How far the budgets may be overdrawn, in dollars.
    pub overdraft: Option<String>,
    /// What happens to a request that is too large for what is left of the budgets.
    pub fit: Option<Fit>,
    /// Where requests that the budgets pay for are written down before they run. The inner None
    /// leaves it to the gateway.
    pub durability: Option<Option<Durability>>,
    /// Whether the limits are only watched.
    pub shadow: Option<bool>,
    /// At which shares of the budgets to tell somebody: `50,80,95` or `none`.
    pub warn_at: Option<String>,
    /// The models that may be called: names, or `all` alone.
    pub models: Option<Vec<String>>,
    /// When the key stops working, or `never`.
    pub expires: Option<String>,
}

/// An order that was understood.
#[derive(Debug)]
pub(super) struct Wishes {
    pub(super) limits: Vec<Wish>,
    pub(super) details: Details,
    pub(super) models: Option<ModelScope>,
    /// The inner None is for ever.
    pub(super) expiry: Option<Option<SystemTime>>,
}

/// What is wished of one limit.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) which: Which,
    pub(super) height: Height,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Height {
    Set(Ceiling),
    Keep,
    Remove,
}

/// What is wished of all limits that an order names.
#[derive(Debug, Default)]
pub(super) struct Details {
    pub(super) raise_until: Option<SystemTime>,
    pub(super) end_raise: bool,
    pub(super) overdraft: Option<Nanodollars>,
    pub(super) fit: Option<Fit>,
    pub(super) durability: Option<Option<Durability>>,
    pub(super) shadow: Option<bool>,
    pub(super) warn_at: Option<Vec<Percent>>,
}

impl LimitOrder {
    /// Understands an order about `whose` limits, as far as it can be without knowing what is set.
    pub(super) fn read(
        &self,
        whose: &Named,
        catalogue: &Catalogue,
        now: SystemTime,
    ) -> Result<Wishes, ControlError> {
        names::members(whose, self.each)?;
        let limits = self.limits(catalogue)?;
        let wishes = Wishes {
            details: self.details(now)?,
            models: match &self.models {
                Some(names) => Some(scope(catalogue, names)?),
                None => None,
            },
            expiry: self.expiry(whose, now)?,
            limits,
        };
        idle::refuse(self, whose, &wishes)?;
        Ok(wishes)
    }

    fn limits(&self, catalogue: &Catalogue) -> Result<Vec<Wish>, ControlError> {
        let model = self.the_model(catalogue)?;
        let mut heights: Vec<(Measure, Height)> = Vec::new();
        for text in &self.budgets {
            let (measure, ceiling) = budget(text)?;
            heights.push((measure, Height::Set(ceiling)));
        }
        let counts = [
            (&self.rpm, Measure::RequestsPerMinute, "requests a minute"),
            (&self.tpm, Measure::TokensPerMinute, "tokens a minute"),
            (&self.parallel, Measure::ParallelRequests, "requests"),
        ];
        for (text, measure, what) in counts {
            if let Some(text) = text {
                heights.push((measure, Height::Set(amounts::count(what, text)?)));
            }
        }
        for text in &self.change {
            heights.push((names::measure(text)?, Height::Keep));
        }
        for text in &self.remove {
            heights.push((names::measure(text)?, Height::Remove));
        }
        refuse_twice(&heights)?;
        let wish = |(measure, height)| Wish {
            which: Which {
                measure,
                model: model.clone(),
                each: self.each,
            },
            height,
        };
        Ok(heights.into_iter().map(wish).collect())
    }

    fn the_model(&self, catalogue: &Catalogue) -> Result<Option<Arc<str>>, ControlError> {
        let Some(name) = &self.model else {
            return Ok(None);
        };
        let sets = !self.budgets.is_empty() || !self.change.is_empty();
        let counts = [&self.rpm, &self.tpm, &self.parallel];
        let only_removes = !sets && counts.iter().all(|count| count.is_none());
        match models::named(catalogue, name) {
            Ok(entry) => Ok(Some(entry.name.as_str().into())),
            // A limit may be left over from a model that is gone.
            Err(_) if only_removes && !self.remove.is_empty() => Ok(Some(name.trim().into())),
            Err(unknown) => Err(unknown),
        }
    }

    fn details(&self, now: SystemTime) -> Result<Details, ControlError> {
        Ok(Details {
            raise_until: match &self.raise_until {
                Some(text) => Some(dates::until(text, now)?),
                None => None,
            },
            end_raise: self.end_raise,
            overdraft: match &self.overdraft {
                Some(text) => Some(amounts::dollars(text)?),
                None => None,
            },
            fit: self.fit,
            durability: self.durability,
            shadow: self.shadow,
            warn_at: match &self.warn_at {
                Some(text) => Some(amounts::shares(text)?),
                None => None,
            },
        })
    }

    fn expiry(
        &self,
        whose: &Named,
        now: SystemTime,
    ) -> Result<Option<Option<SystemTime>>, ControlError> {
        let Some(text) = &self.expires else {
            return Ok(None);
        };
        let Subject::Key(id) = whose.subject else {
            return invalid(format!("{whose} does not expire: only keys do"));
        };
        if text.trim() == "never" {
            return Ok(Some(None));
        }
        let at = dates::expiry(text, now)?;
        if at <= now {
            return invalid(format!(
                "the key would have expired already; to stop it now, take it back with: \
                 llmlite-admin key revoke {id}"
            ));
        }
        Ok(Some(Some(at)))
    }
}

/// Reads `500/month`.
fn budget(text: &str) -> Result<(Measure, Ceiling), ControlError> {
    let Some((amount, period)) = text.split_once('/') else {
        return invalid(format!(
            "{text:?} does not say for how long: write an amount of dollars and a period, such as \
             500/month or unlimited/day"
        ));
    };
    let period = names::period(period)?;
    Ok((Measure::Budget(period), amounts::budget(amount)?))
}

fn refuse_twice(heights: &[(Measure, Height)]) -> Result<(), ControlError> {
    for (place, (measure, _)) in heights.iter().enumerate() {
        let before = heights.iter().take(place);
        if before.into_iter().any(|(earlier, _)| earlier == measure) {
            return invalid(format!(
                "{} is named twice: say once what is to become of it",
                measure_name(*measure)
            ));
        }
    }
    Ok(())
}

/// Reads names of models, or `all` alone.
fn scope(catalogue: &Catalogue, names: &[String]) -> Result<ModelScope, ControlError> {
    match names {
        [one] if one.trim() == "all" => Ok(ModelScope::All),
        names if names.iter().any(|name| name.trim() == "all") => invalid(
            "--models all stands alone: it is every model that there will ever be".to_owned(),
        ),
        names if names.iter().all(|name| name.trim().is_empty()) => {
            invalid("the list of models is empty: give --models all to allow all models".to_owned())
        }
        names => models::scope(catalogue, names),
    }
}

pub(super) fn invalid<T>(text: String) -> Result<T, ControlError> {
    Err(ControlError::Invalid(text))
}
