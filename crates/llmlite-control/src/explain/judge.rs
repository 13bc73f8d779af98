//! What one limit says to a request.

use llmlite_core::limits::{Ceiling, Fit, Limit, Measure};

use super::{LEAST_OUTPUT, Request, Verdict};
use crate::{dates, standings::Standing};

/// What a request takes of a limit: without less it is refused, and more than the second it never
/// takes.
pub(super) fn needs(limit: &Limit, request: &Request) -> (i64, i64) {
    match limit.measure {
        Measure::Budget(_) if limit.fit == Fit::Clamp => (request.least.0, request.worst.0),
        Measure::Budget(_) => (request.worst.0, request.worst.0),
        Measure::TokensPerMinute => {
            // A gateway reckons with an answer as long as the key's usually are.
            let tokens = |output: u32| request.input_tokens.saturating_add(u64::from(output));
            let clip = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
            let short = request.max_tokens.min(LEAST_OUTPUT);
            (clip(tokens(short)), clip(tokens(request.max_tokens)))
        }
        Measure::RequestsPerMinute | Measure::ParallelRequests => (1, 1),
    }
}

/// What a limit says to a request that takes `least` to `most` of it. `affordable` is the longest
/// answer that an amount pays for.
pub(super) fn judge(
    standing: &Standing,
    least: i64,
    most: i64,
    affordable: impl FnOnce(i64) -> u32,
) -> (Verdict, String) {
    let limit = &standing.setting.limit;
    let (Ceiling::At(ceiling), Some(left)) = (standing.ceiling(), standing.left()) else {
        return (Verdict::Admitted, String::new());
    };
    if most <= left {
        return (Verdict::Admitted, String::new());
    }
    let budget = matches!(limit.measure, Measure::Budget(_));
    if least <= left && budget {
        let why = format!("cut to {} tokens of output", affordable(left));
        return (Verdict::Admitted, why);
    }
    if least <= left {
        let why = "on how long the key's answers usually are".to_owned();
        return (Verdict::Depends, why);
    }
    if least > ceiling.saturating_add(limit.overdraft.0) {
        let why = match ceiling {
            0 => "nothing is allowed",
            _ => "a request of this size never fits",
        };
        return (Verdict::Refused, why.to_owned());
    }
    if least <= left.saturating_add(standing.state.leased) {
        let why = match budget {
            true => "on how much of what is leased lies idle",
            false => "on whether gateways hold permits that they do not use",
        };
        return (Verdict::Depends, why.to_owned());
    }
    let why = match (limit.measure, standing.resets()) {
        (_, Some(at)) => format!("it begins anew at {}", dates::london(at)),
        (Measure::Budget(_), None) => "it never begins anew".to_owned(),
        _ => "it frees within a minute".to_owned(),
    };
    (Verdict::Refused, why)
}
