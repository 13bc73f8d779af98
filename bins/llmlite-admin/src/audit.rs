//! Who changed which limit from what to what: one line of the log each, on standard error.
//!
//! It names subjects by their numbers: addresses of people are no fields of a log.

use std::io::{self, IsTerminal};

use llmlite_control::{dates, limits::Done, subjects::Named};
use llmlite_telemetry::{Format, LogError};
use tracing::info;

use crate::{
    args,
    commands::words::{described, named, scope},
};

/// Notes changes in the name of whoever is at work.
#[derive(Debug, Clone)]
pub(crate) struct Audit {
    actor: String,
}

impl Audit {
    /// Starts the log: a line for people where a person sees it, else JSON.
    pub(crate) fn start(actor: Option<String>) -> Result<Self, LogError> {
        let format = match io::stderr().is_terminal() {
            true => Format::Text,
            false => Format::Json,
        };
        llmlite_telemetry::init("off,llmlite_admin=info", format)?;
        Ok(Self {
            actor: args::actor(actor),
        })
    }

    /// Notes what was done to one subject.
    pub(crate) fn note(&self, whose: &Named, done: &Done<'_>) {
        match done {
            Done::Limits(plans) => {
                for plan in plans.iter().filter(|plan| !plan.is_empty()) {
                    let before = described(plan.before.as_ref());
                    let after = described(plan.after.as_ref());
                    self.line(whose, &named(&plan.which), &before, &after);
                }
            }
            Done::Models(before, after) => {
                self.line(whose, "models", &scope(before), &scope(after));
            }
            Done::Expiry(before, after) => {
                let at = |time: &Option<_>| time.map_or("never".to_owned(), dates::rfc3339);
                self.line(whose, "expiry", &at(before), &at(after));
            }
        }
    }

    fn line(&self, whose: &Named, what: &str, before: &str, after: &str) {
        info!(
            actor = self.actor,
            os.uid = args::user_id(),
            subject.kind = whose.kind(),
            subject.id = whose.id(),
            what,
            before,
            after,
            "changed a limit"
        );
    }
}
