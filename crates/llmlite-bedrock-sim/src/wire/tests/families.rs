use super::*;

const HAIKU_3: &str = "anthropic.claude-3-haiku-20240307-v1:0";
const SONNET_3_7: &str = "anthropic.claude-3-7-sonnet-20250219-v1:0";
const SONNET_4: &str = "anthropic.claude-sonnet-4-20250514-v1:0";
const SONNET_4_5: &str = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0";
const OPUS_4_5: &str = "eu.anthropic.claude-opus-4-5-20251101-v1:0";
const SONNET_4_6: &str = "eu.anthropic.claude-sonnet-4-6";
const OPUS_4_7: &str = "eu.anthropic.claude-opus-4-7";
const OPUS_4_8: &str = "eu.anthropic.claude-opus-4-8";
const SONNET_5: &str = "eu.anthropic.claude-sonnet-5";
const SONNET_5_5: &str = "eu.anthropic.claude-sonnet-5-5";
const OPUS_5_5: &str = "eu.anthropic.claude-opus-5-5";

#[test]
#[rustfmt::skip]
fn sampling_is_taken_by_family() {
    let both = || json!({"temperature": 0.5, "top_p": 0.5});
    check_model(HAIKU_3,    both(), "");
    check_model(SONNET_4,   both(), "");
    check_model(SONNET_4_5, both(), "`temperature` and `top_p` cannot both be specified");
    check_model(SONNET_4_6, both(), "`temperature` and `top_p` cannot both be specified");
    check_model(SONNET_4_5, json!({"temperature": 0.5, "top_k": 3}), "");
    for model in [OPUS_4_7, OPUS_4_8, SONNET_5, SONNET_5_5, OPUS_5_5, "anthropic.claude-fable-5"] {
        check_model(model, json!({"temperature": 1.0}), "`temperature` is deprecated");
        check_model(model, json!({"top_p": 0.5}), "`top_p` is deprecated");
        check_model(model, json!({"top_k": 5}), "`top_k` is deprecated");
    }
}

#[test]
#[rustfmt::skip]
fn answers_are_as_long_as_the_family_can_make_them() {
    check_model(HAIKU_3,    json!({"max_tokens": 4_096}),   "");
    check_model(HAIKU_3,    json!({"max_tokens": 4_097}),   "max_tokens: 4097 > 4096, which is the maximum allowed number of output tokens for");
    check_model(SONNET_4_5, json!({"max_tokens": 64_001}),  "max_tokens: 64001 > 64000");
    check_model(OPUS_4_7,   json!({"max_tokens": 128_000}), "");
    check(json!({"max_tokens": 9_999_999}), "");
}

#[test]
#[rustfmt::skip]
fn the_end_of_the_conversation_is_the_users_in_newer_families() {
    let prefill = || json!({"messages": talk(json!(["a", "b"]))});
    check_model(HAIKU_3,    prefill(), "");
    check_model(SONNET_4_5, prefill(), "");
    for model in [SONNET_4_6, OPUS_4_7, SONNET_5, OPUS_5_5] {
        check_model(model, prefill(), "This model does not support assistant message prefill");
    }
}

#[test]
#[rustfmt::skip]
fn a_system_prompt_in_mid_conversation_is_for_the_newest() {
    let messages = |roles: &[&str]| {
        let message = |role: &&str| json!({"role": role, "content": "x"});
        json!({"messages": roles.iter().map(message).collect::<Value>()})
    };
    let late = &["user", "assistant", "system", "user"];
    for model in [HAIKU_3, SONNET_4_6, OPUS_4_7, MODEL] {
        check_model(model, messages(late), "messages: Unexpected role \"system\"");
    }
    for model in [OPUS_4_8, SONNET_5, OPUS_5_5, "anthropic.claude-fable-5-1"] {
        check_model(model, messages(late), "");
        check_model(model, messages(&["user", "system"]), "");
        check_model(model, messages(&["system", "user"]), "messages: first message must use the \"user\" role");
    }
    let image = json!([{"type": "image", "source": {}}]);
    check_model(SONNET_5, json!({"messages": [{"role": "user", "content": "a"}, {"role": "system", "content": image}]}), "messages.1.content.0: `system` messages hold text only");
    let between = json!({"tools": add(), "messages": [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "x", "name": "add", "input": {}}]},
        {"role": "system", "content": "b"},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x", "content": "1"}]},
    ]});
    check_model(SONNET_5, between, "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: x");
}

#[test]
#[rustfmt::skip]
fn the_newest_families_cannot_be_made_to_call_a_tool() {
    let choice = |choice: Value| json!({"tools": add(), "tool_choice": choice});
    let any = || choice(json!({"type": "any"}));
    let tool = || choice(json!({"type": "tool", "name": "add"}));
    for model in [OPUS_5_5, SONNET_5_5, "anthropic.claude-fable-5-1", "anthropic.claude-mythos-5-1"] {
        check_model(model, any(),  "`tool_choice` forces tool use");
        check_model(model, tool(), "`tool_choice` forces tool use");
        check_model(model, choice(json!({"type": "auto", "disable_parallel_tool_use": true})), "");
        check_model(model, choice(json!({"type": "none"})), "");
    }
    for model in [HAIKU_3, SONNET_4_5, OPUS_4_7, "anthropic.claude-opus-5", "anthropic.claude-haiku-5-5", MODEL] {
        check_model(model, any(),  "");
        check_model(model, tool(), "");
    }
}

#[test]
#[rustfmt::skip]
fn effort_is_taken_by_family() {
    let effort = |effort: &str| json!({"output_config": {"effort": effort}});
    let none = "This model does not support the effort parameter.";
    let level = "This model does not support effort level";
    for (model, effort_of_model, want) in [
        (HAIKU_3,    "low",   none),
        (SONNET_4_5, "low",   none),
        (OPUS_4_5,   "high",  ""),
        (OPUS_4_5,   "max",   level),
        (SONNET_4_6, "max",   ""),
        (SONNET_4_6, "xhigh", level),
        (OPUS_4_7,   "xhigh", ""),
        (SONNET_5,   "max",   ""),
        (SONNET_5,   "minimal", "output_config.effort: Input should be 'low'"),
    ] {
        check_model(model, effort(effort_of_model), want);
    }
    check_model(SONNET_4_6, json!({"output_config": {"effort": 1}}), "output_config.effort: Input should be a valid string");
    check_model(SONNET_4_6, json!({"output_config": {"verbosity": "low"}}), "output_config.verbosity: Extra inputs");
}

#[test]
#[rustfmt::skip]
fn schemas_and_strict_tools_are_taken_by_family() {
    let object = || json!({"type": "object", "additionalProperties": false});
    let format = || json!({"output_config": {"format": {"type": "json_schema", "schema": object()}}});
    let strict = || json!({"tools": [{"name": "add", "input_schema": object(), "strict": true}]});
    let lax = || json!({"tools": [{"name": "add", "input_schema": {"type": "object"}, "strict": false}]});
    for (model, native, strict_too) in [
        (HAIKU_3, false, false), (SONNET_3_7, false, false), (SONNET_4, false, false),
        (SONNET_4_5, true, true), (OPUS_4_5, true, true), (SONNET_4_6, true, true),
        (OPUS_4_7, true, false), (OPUS_4_8, true, false), (SONNET_5, true, false), (OPUS_5_5, true, false),
    ] {
        check_model(model, format(), if native { "" } else { "output_config.format: Extra inputs are not permitted" });
        check_model(model, strict(), if strict_too { "" } else { "tools.0.strict: Extra inputs are not permitted" });
        check_model(model, lax(), "");
    }
}

#[test]
#[rustfmt::skip]
fn the_window_holds_prompt_and_answer() {
    use crate::wire::{family::Family, limits::room};
    for (model, input, max_tokens, want) in [
        (HAIKU_3,    100_000, 4_096,  Ok(100_000)),
        (HAIKU_3,    196_000, 4_096,  Err("input length and `max_tokens` exceed context limit: 196000 + 4096 > 200000")),
        (SONNET_4_5, 196_000, 64_000, Ok(4_000)),
        (SONNET_4_5, 200_001, 1,      Err("prompt is too long: 200001 tokens > 200000 maximum")),
        (SONNET_5,   200_001, 1,      Ok(799_999)),
    ] {
        let got = room(Family::of(model), input, max_tokens).map_err(|refusal| refusal.message);
        match (&got, want) {
            (Ok(got), Ok(want)) => assert_eq!(*got, want),
            (Err(got), Err(want)) => assert!(got.starts_with(want), "{got}"),
            _ => panic!("{model} {input}: {got:?}"),
        }
    }
}
