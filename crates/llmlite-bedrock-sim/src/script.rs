//! What a test tells the simulator to do, beside what stands in prompts.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::faults::Fault;

/// How the simulator behaves; the default serves `sim.*` models without any fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// Model ids that are answered besides `sim.*`; a trailing `*` stands for any rest.
    pub models: Vec<String>,
    /// Region that a signature has to name; any when absent.
    pub region: Option<String>,
    /// Secret access key to check signatures with; without it their value is not looked at.
    pub secret: Option<String>,
    /// Faults, each under its own condition; one request may meet several.
    pub faults: Vec<FaultRule>,
    /// Texts with markers, each used once instead of those in a prompt, in this order.
    pub answers: Vec<String>,
    /// How many requests are remembered.
    pub keep_requests: usize,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            models: Vec::new(),
            region: None,
            secret: None,
            faults: Vec::new(),
            answers: Vec::new(),
            keep_requests: 1_000,
        }
    }
}

/// A fault and the requests that it meets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// What goes wrong.
    pub fault: Fault,
    /// How many more requests it meets; all when absent.
    #[serde(default)]
    pub next: Option<u32>,
    /// Of a hundred requests how many it meets, evenly spread; all when absent.
    #[serde(default)]
    pub percent: Option<u32>,
}

impl FaultRule {
    /// The fault for every request.
    pub fn always(fault: Fault) -> Self {
        Self {
            fault,
            next: None,
            percent: None,
        }
    }

    /// The fault for the next `count` requests.
    pub fn next(count: u32, fault: Fault) -> Self {
        Self {
            fault,
            next: Some(count),
            percent: None,
        }
    }

    /// The fault for `percent` of a hundred requests.
    pub fn share(percent: u32, fault: Fault) -> Self {
        Self {
            fault,
            next: None,
            percent: Some(percent),
        }
    }
}

/// A script with the place it has come to.
#[derive(Debug)]
pub(crate) struct Playing {
    pub(crate) script: Script,
    rules: Vec<Rule>,
    answers: VecDeque<String>,
}

#[derive(Debug)]
struct Rule {
    rule: FaultRule,
    /// Hundredths of a request that have gathered up.
    gathered: u32,
}

impl Playing {
    pub(crate) fn new(script: Script) -> Self {
        let rules = script.faults.iter().cloned();
        Self {
            rules: rules.map(|rule| Rule { rule, gathered: 0 }).collect(),
            answers: script.answers.iter().cloned().collect(),
            script,
        }
    }

    /// Whether requests for this model are answered.
    pub(crate) fn serves(&self, model: &str) -> bool {
        let fits = |glob: &String| match glob.strip_suffix('*') {
            Some(start) => model.starts_with(start),
            None => model == glob,
        };
        model.starts_with("sim.") || self.script.models.iter().any(fits)
    }

    /// The faults that the next request meets.
    pub(crate) fn faults(&mut self) -> Vec<Fault> {
        let due = self
            .rules
            .iter_mut()
            .filter_map(|rule| rule.due().then(|| rule.rule.fault.clone()));
        due.collect()
    }

    /// The text that speaks instead of the next prompt.
    pub(crate) fn answer(&mut self) -> Option<String> {
        self.answers.pop_front()
    }
}

impl Rule {
    fn due(&mut self) -> bool {
        if self.rule.next == Some(0) {
            return false;
        }
        self.gathered += self.rule.percent.unwrap_or(100).min(100);
        if self.gathered < 100 {
            return false;
        }
        self.gathered -= 100;
        if let Some(next) = &mut self.rule.next {
            *next -= 1;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rule: FaultRule, want: &str) {
        let mut playing = Playing::new(Script {
            faults: vec![rule],
            ..Script::default()
        });
        let met = want.chars().map(|_| {
            if playing.faults().is_empty() {
                '.'
            } else {
                'x'
            }
        });
        assert_eq!(met.collect::<String>(), want);
    }

    #[test]
    fn a_fault_meets_the_next_requests_or_a_share_of_them() {
        check(FaultRule::always(Fault::Cut), "xxxx");
        check(FaultRule::next(2, Fault::Cut), "xx....");
        check(FaultRule::share(25, Fault::Cut), "...x...x...x");
        check(FaultRule::share(0, Fault::Cut), ".....");
        check(
            FaultRule {
                percent: Some(50),
                ..FaultRule::next(2, Fault::Cut)
            },
            ".x.x....",
        );
    }

    #[test]
    fn models_are_served_by_prefix_or_by_name() {
        let models = vec!["anthropic.*".to_owned(), "eu.anthropic.claude".to_owned()];
        let playing = Playing::new(Script {
            models,
            ..Script::default()
        });
        for (model, served) in [
            ("sim.claude", true),
            ("anthropic.claude-3-haiku-20240307-v1:0", true),
            ("eu.anthropic.claude", true),
            ("eu.anthropic.claude-2", false),
            ("simulated", false),
            ("", false),
        ] {
            assert_eq!(playing.serves(model), served, "{model}");
        }
    }

    #[test]
    fn a_script_is_read_from_json() {
        let text = r#"{"models":["a*"],"faults":[{"fault":"drip 20","next":3}],"answers":["[[sim:think]]"]}"#;
        let script: Script = serde_json::from_str(text).unwrap();
        let drip = "drip 20".parse().unwrap();
        assert_eq!(script.faults, [FaultRule::next(3, drip)]);
        assert_eq!(script.keep_requests, 1_000);
        assert!(serde_json::from_str::<Script>(r#"{"faults":[{"fault":"melt"}]}"#).is_err());
    }
}
