//! What some families of Claude refuse and others accept.

use crate::{
    conversation::{Choice, Conversation, Role, Thinking},
    error::Refusal,
};

use super::{
    asked::{Asked, AskedThinking, Kind},
    family::{Family, Samples, Thinks, Unasked},
};

const EFFORTS: [&str; 5] = ["low", "medium", "high", "xhigh", "max"];
/// The least `top_p` beside thinking.
const LEAST_TOP_P: f64 = 0.95;

/// How the family thinks when a request asks like this.
pub(super) fn thinking(
    family: &Family,
    asked: Option<AskedThinking>,
    max_tokens: u64,
) -> Result<Thinking, Refusal> {
    let Some(asked) = asked else {
        let shown = family.shows_thoughts;
        return Ok(match family.unasked {
            Unasked::Quiet => Thinking::Off,
            _ => Thinking::Adaptive { shown },
        });
    };
    let shown = asked.shown.unwrap_or(family.shows_thoughts);
    match (asked.kind, family.thinking) {
        (_, Thinks::Never) => refuse("`thinking` is not supported on this model"),
        (Kind::Enabled { .. }, Thinks::Adaptive) => not_supported("enabled"),
        (Kind::Enabled { budget }, _) if budget >= max_tokens => {
            refuse("`max_tokens` must be greater than `thinking.budget_tokens`.")
        }
        (Kind::Enabled { .. }, _) => Ok(Thinking::Enabled { shown }),
        (Kind::Adaptive, Thinks::Budget) => {
            refuse("adaptive thinking is not supported on this model")
        }
        (Kind::Adaptive, _) => Ok(Thinking::Adaptive { shown }),
        (kind, _) => off(family, kind, shown),
    }
}

/// Refuses what this model does not take.
pub(super) fn check(
    model: &str,
    family: &Family,
    talk: &Conversation,
    asked: &Asked<'_>,
) -> Result<(), Refusal> {
    if talk.max_tokens > family.most_output {
        return refuse(format!(
            "max_tokens: {} > {}, which is the maximum allowed number of output tokens for {model}",
            talk.max_tokens, family.most_output
        ));
    }
    check_sampling(family, talk.thinking, asked)?;
    check_output(family, talk, asked.effort)?;
    check_tools(family, talk)?;
    check_turns(family, talk)
}

/// The room that `input` tokens leave in the window for an answer.
pub(crate) fn room(family: &Family, input: u64, max_tokens: u64) -> Result<u64, Refusal> {
    let window = family.window;
    if input > window {
        return refuse(format!(
            "prompt is too long: {input} tokens > {window} maximum"
        ));
    }
    if family.counts_ahead && input.saturating_add(max_tokens) > window {
        return refuse(format!(
            "input length and `max_tokens` exceed context limit: {input} + {max_tokens} > {window}, decrease input \
             length or `max_tokens` and try again"
        ));
    }
    Ok(window - input)
}

fn off(family: &Family, kind: Kind, shown: bool) -> Result<Thinking, Refusal> {
    let between = kind == Kind::BetweenTools;
    match family.unasked {
        Unasked::ThinksBetweenTools if between => Ok(Thinking::BetweenTools { shown }),
        _ if between => refuse(
            "thinking: Input tag 'between_tools' found using 'type' does not match any of the expected tags: \
             'adaptive', 'disabled', 'enabled'",
        ),
        Unasked::Quiet | Unasked::Thinks => Ok(Thinking::Off),
        Unasked::ThinksBetweenTools | Unasked::AlwaysThinks => not_supported("disabled"),
    }
}

fn not_supported(kind: &str) -> Result<Thinking, Refusal> {
    refuse(format!(
        "\"thinking.type.{kind}\" is not supported for this model. Use \"thinking.type.adaptive\" and \
         \"output_config.effort\" to control thinking behavior."
    ))
}

fn check_sampling(family: &Family, thinking: Thinking, asked: &Asked<'_>) -> Result<(), Refusal> {
    let used = [
        ("temperature", asked.temperature.is_some()),
        ("top_p", asked.top_p.is_some()),
        ("top_k", asked.top_k),
    ];
    let first = used.iter().find(|(_, used)| *used);
    if let (Samples::Nothing, Some((name, _))) = (family.sampling, first) {
        return refuse(format!("`{name}` is deprecated for this model."));
    }
    let both = asked.temperature.is_some() && asked.top_p.is_some();
    if family.sampling == Samples::OneOfTwo && both {
        return refuse(
            "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
        );
    }
    if thinking.is_off() {
        return Ok(());
    }
    let wrong = match asked {
        asked if asked.temperature.is_some_and(|heat| heat < 1.0) => {
            "`temperature` may only be set to 1"
        }
        asked if asked.top_p.is_some_and(|share| share < LEAST_TOP_P) => {
            "`top_p` must be greater than or equal to 0.95 or unset"
        }
        asked if asked.top_k => "`top_k` must be unset",
        _ => return Ok(()),
    };
    refuse(format!(
        "{wrong} when thinking is enabled or in adaptive mode."
    ))
}

fn check_output(family: &Family, talk: &Conversation, effort: Option<&str>) -> Result<(), Refusal> {
    if talk.schema.is_some() && !family.schema {
        return refuse("output_config.format: Extra inputs are not permitted");
    }
    match effort {
        None => Ok(()),
        Some(effort) if !EFFORTS.contains(&effort) => refuse(
            "output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'",
        ),
        Some(_) if family.efforts.is_empty() => {
            refuse("This model does not support the effort parameter.")
        }
        Some(effort) if !family.efforts.contains(&effort) => refuse(format!(
            "This model does not support effort level '{effort}'. Supported levels: {}.",
            family.efforts.join(", ")
        )),
        Some(_) => Ok(()),
    }
}

fn check_tools(family: &Family, talk: &Conversation) -> Result<(), Refusal> {
    let strict = talk.tools.iter().position(|tool| tool.strict);
    if let Some(nth) = strict.filter(|_| !family.strict) {
        return refuse(format!(
            "tools.{nth}.strict: Extra inputs are not permitted"
        ));
    }
    if !matches!(talk.choice, Choice::Any | Choice::Tool(_)) {
        return Ok(());
    }
    match talk.thinking {
        Thinking::Enabled { .. } => {
            refuse("Thinking may not be enabled when tool_choice forces tool use.")
        }
        _ if !family.forced_tool => refuse(
            "`tool_choice` forces tool use, which is not supported for this model. Use `auto` or `none`.",
        ),
        _ => Ok(()),
    }
}

fn check_turns(family: &Family, talk: &Conversation) -> Result<(), Refusal> {
    let by = |role: Role| talk.turns.iter().any(|turn| turn.by == role);
    if by(Role::System) && !family.system_turns {
        return refuse(
            "messages: Unexpected role \"system\". The Messages API accepts a top-level `system` parameter, not \
             \"system\" as an input message role.",
        );
    }
    let last = talk.turns.last().map(|turn| turn.by);
    if last == Some(Role::Assistant) && !family.prefill {
        return refuse(
            "This model does not support assistant message prefill. The conversation must end with a user message.",
        );
    }
    Ok(())
}

fn refuse<T>(message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::validation(message))
}
