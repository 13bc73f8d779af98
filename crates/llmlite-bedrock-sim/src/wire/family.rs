//! What some families of Claude refuse and others accept.
//!
//! Told by the model's id, as nobody but a simulator should: here it is Bedrock that knows.

use crate::{
    conversation::{Choice, Conversation, Role, Thinking},
    error::Refusal,
};

const ONE_OF_TWO: [&str; 6] = [
    "opus-4-1",
    "sonnet-4-5",
    "haiku-4-5",
    "opus-4-5",
    "sonnet-4-6",
    "opus-4-6",
];
const NO_SAMPLING: [&str; 7] = [
    "opus-4-7", "opus-4-8", "sonnet-5", "opus-5", "haiku-5", "fable", "mythos",
];
const NO_FORCED_TOOL: [&str; 2] = ["opus-5-5", "sonnet-5-5"];
const NO_PREFILL: [&str; 2] = ["sonnet-4-6", "opus-4-6"];

/// Which sampling settings a body carries.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sampling {
    pub(super) temperature: Option<f64>,
    pub(super) top_p: bool,
    pub(super) top_k: bool,
}

/// Refuses what this model does not take.
pub(super) fn check(model: &str, talk: &Conversation, sampling: Sampling) -> Result<(), Refusal> {
    let is_one_of = |families: &[&str]| families.iter().any(|family| model.contains(family));
    let newest = is_one_of(&NO_SAMPLING);
    let used = [
        ("temperature", sampling.temperature.is_some()),
        ("top_p", sampling.top_p),
        ("top_k", sampling.top_k),
    ];
    if let Some((name, _)) = used.iter().find(|(_, used)| newest && *used) {
        return refuse(format!("`{name}` is deprecated for this model."));
    }
    if is_one_of(&ONE_OF_TWO) && sampling.temperature.is_some() && sampling.top_p {
        return refuse(
            "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
        );
    }
    if newest && talk.thinking == Thinking::Enabled {
        return refuse(
            "\"thinking.type.enabled\" is not supported for this model. Use \"thinking.type.adaptive\".",
        );
    }
    let forced = matches!(talk.choice, Choice::Any | Choice::Tool(_));
    if forced && is_one_of(&NO_FORCED_TOOL) {
        return refuse(
            "`tool_choice` forces tool use, which is not supported for this model. Use `auto` or `none`.",
        );
    }
    let thinks = talk.thinking != Thinking::Off;
    if thinks
        && sampling
            .temperature
            .is_some_and(|temperature| temperature < 1.0)
    {
        return refuse(
            "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode.",
        );
    }
    let prefilled = talk
        .turns
        .last()
        .is_some_and(|turn| turn.by == Role::Assistant);
    if prefilled && (newest || is_one_of(&NO_PREFILL)) {
        return refuse(
            "This model does not support assistant message prefill. The conversation must end with a user message.",
        );
    }
    Ok(())
}

fn refuse(message: impl Into<String>) -> Result<(), Refusal> {
    Err(Refusal::validation(message))
}

#[cfg(test)]
mod tests {
    use crate::wire::Dialect;
    use serde_json::{Value, json};

    #[track_caller]
    fn check(model: &str, choice: &Value, taken: bool) {
        let body = json!({
            "anthropic_version": "bedrock-2023-05-31",
            "max_tokens": 9,
            "messages": [{"role": "user", "content": "hi"}],
            "tools": [{"name": "add", "input_schema": {"type": "object"}}],
            "tool_choice": choice,
        });
        let read = Dialect::Invoke.read(body.to_string().as_bytes(), model);
        assert_eq!(read.is_ok(), taken, "{model} {choice}");
    }

    #[test]
    #[rustfmt::skip]
    fn the_newest_families_cannot_be_made_to_call_a_tool() {
        let any = json!({"type": "any"});
        let tool = json!({"type": "tool", "name": "add"});
        let auto = json!({"type": "auto", "disable_parallel_tool_use": true});
        let none = json!({"type": "none"});
        for model in ["eu.anthropic.claude-opus-5-5", "anthropic.claude-sonnet-5-5"] {
            check(model, &any,  false);
            check(model, &tool, false);
            check(model, &auto, true);
            check(model, &none, true);
        }
        for model in ["anthropic.claude-haiku-5-5", "anthropic.claude-opus-5", "sim.claude"] {
            check(model, &any,  true);
            check(model, &tool, true);
        }
    }
}
