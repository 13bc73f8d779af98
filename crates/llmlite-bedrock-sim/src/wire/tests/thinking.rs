use super::*;
use crate::conversation::Thinking;

const HAIKU_3_5: &str = "anthropic.claude-3-5-haiku-20241022-v1:0";
const SONNET_4_5: &str = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0";
const SONNET_4_6: &str = "eu.anthropic.claude-sonnet-4-6";
const OPUS_4_7: &str = "eu.anthropic.claude-opus-4-7";
const SONNET_5: &str = "eu.anthropic.claude-sonnet-5";
const SONNET_5_5: &str = "eu.anthropic.claude-sonnet-5-5";
const OPUS_5_5: &str = "eu.anthropic.claude-opus-5-5";

fn enabled(budget: u64) -> Value {
    json!({"type": "enabled", "budget_tokens": budget})
}

fn kind(kind: &str) -> Value {
    json!({"type": kind})
}

#[track_caller]
fn check_asked(model: &str, thinking: Value, want: Result<Thinking, &str>) {
    let body = json!({
        "anthropic_version": "bedrock-2023-05-31", "max_tokens": 2048, "thinking": thinking,
        "messages": [{"role": "user", "content": "hi"}],
    });
    let body = changed(body, json!({"thinking": thinking}));
    let got = Dialect::Invoke.read(body.to_string().as_bytes(), model);
    match (got, want) {
        (Ok(request), Ok(want)) => assert_eq!(request.talk.thinking, want, "{model} {thinking}"),
        (Err(got), Err(want)) => assert!(got.message.starts_with(want), "{model}: {}", got.message),
        (got, _) => panic!(
            "{model} {thinking}: {:?}",
            got.map(|request| request.talk.thinking)
        ),
    }
}

#[test]
#[rustfmt::skip]
fn each_family_has_its_own_kinds_of_thinking() {
    use Thinking::{Adaptive, BetweenTools, Enabled, Off};
    let (shown, hidden) = (true, false);
    let never = Err("`thinking` is not supported on this model");
    let budget = Err("\"thinking.type.enabled\" is not supported for this model");
    let always = Err("\"thinking.type.disabled\" is not supported for this model");
    let between = Err("thinking: Input tag 'between_tools' found");

    check_asked(HAIKU_3_5,  Value::Null,           Ok(Off));
    check_asked(HAIKU_3_5,  enabled(1_024),        never);
    check_asked(HAIKU_3_5,  kind("disabled"),      never);
    check_asked(SONNET_4_5, Value::Null,           Ok(Off));
    check_asked(SONNET_4_5, kind("disabled"),      Ok(Off));
    check_asked(SONNET_4_5, enabled(1_024),        Ok(Enabled { shown }));
    check_asked(SONNET_4_5, kind("adaptive"),      Err("adaptive thinking is not supported on this model"));
    check_asked(SONNET_4_6, enabled(1_024),        Ok(Enabled { shown }));
    check_asked(SONNET_4_6, kind("adaptive"),      Ok(Adaptive { shown }));
    check_asked(OPUS_4_7,   Value::Null,           Ok(Off));
    check_asked(OPUS_4_7,   enabled(1_024),        budget);
    check_asked(OPUS_4_7,   kind("adaptive"),      Ok(Adaptive { shown: hidden }));
    check_asked(OPUS_4_7,   kind("between_tools"), between);
    check_asked(SONNET_5,   Value::Null,           Ok(Adaptive { shown: hidden }));
    check_asked(SONNET_5,   kind("disabled"),      Ok(Off));
    check_asked(SONNET_5_5, Value::Null,           Ok(Adaptive { shown: hidden }));
    check_asked(SONNET_5_5, kind("disabled"),      always);
    check_asked(SONNET_5_5, kind("between_tools"), Ok(BetweenTools { shown: hidden }));
    check_asked(OPUS_5_5,   Value::Null,           Ok(Adaptive { shown: hidden }));
    check_asked(OPUS_5_5,   kind("disabled"),      always);
    check_asked(OPUS_5_5,   kind("between_tools"), between);
    check_asked(OPUS_5_5,   enabled(1_024),        budget);

    check_asked(OPUS_4_7,   json!({"type": "adaptive", "display": "summarized"}), Ok(Adaptive { shown }));
    check_asked(SONNET_4_6, json!({"type": "adaptive", "display": "omitted"}),    Ok(Adaptive { shown: hidden }));
    check_asked(OPUS_4_7,   json!({"type": "adaptive", "display": "full"}),       Err("thinking.display: Input should be 'summarized' or 'omitted'"));
    check_asked(OPUS_4_7,   json!({"type": "adaptive", "budget_tokens": 1_024}),  Err("thinking.budget_tokens: Extra inputs"));
    check_asked(SONNET_5,   json!({"type": "disabled", "display": "omitted"}),    Err("thinking.display: Extra inputs"));
    check_asked(SONNET_5,   kind("auto"), Err("thinking: Input tag 'auto' found"));
}

#[test]
#[rustfmt::skip]
fn a_budget_is_neither_too_small_nor_the_whole_answer() {
    check(json!({"thinking": enabled(1_023)}), "thinking.budget_tokens: Input should be greater than or equal to 1024");
    check(json!({"thinking": enabled(2_047)}), "");
    check(json!({"thinking": enabled(2_048)}), "`max_tokens` must be greater than `thinking.budget_tokens`");
    check(json!({"thinking": kind("enabled")}), "thinking.budget_tokens: Field required");
}

#[test]
#[rustfmt::skip]
fn thinking_leaves_little_to_sampling_and_nothing_to_force() {
    for thinking in [enabled(1_024), kind("adaptive")] {
        let with = |more: Value| changed(json!({"thinking": thinking}), more);
        check(with(json!({"temperature": 1.0})), "");
        check(with(json!({"temperature": 0.9})), "`temperature` may only be set to 1 when thinking");
        check(with(json!({"top_p": 0.95})), "");
        check(with(json!({"top_p": 0.94})), "`top_p` must be greater than or equal to 0.95");
        check(with(json!({"top_k": 5})), "`top_k` must be unset when thinking");
    }
    let forced = |thinking: Value| json!({"thinking": thinking, "tools": add(), "tool_choice": {"type": "any"}});
    check(forced(enabled(1_024)), "Thinking may not be enabled when tool_choice forces tool use");
    check(forced(kind("adaptive")), "");
    check_model(SONNET_4_6, forced(kind("adaptive")), "");
    check(json!({"thinking": kind("disabled"), "temperature": 0.5, "top_k": 5}), "");
}

#[test]
#[rustfmt::skip]
fn the_newest_answer_begins_with_its_thoughts() {
    let call = |id: &str| json!({"type": "tool_use", "id": id, "name": "add", "input": {}});
    let result = |id: &str| json!({"type": "tool_result", "tool_use_id": id, "content": "1"});
    let text = || json!({"type": "text", "text": "x"});
    let thought = || json!({"type": "thinking", "thinking": "so", "signature": crate::sign("so")});
    let redacted = || json!({"type": "redacted_thinking", "data": crate::seal("so")});
    let with = |thinking: Value, contents: Value| json!({"thinking": thinking, "tools": add(), "messages": talk(contents)});
    let enabled = |contents: Value| with(enabled(1_024), contents);
    let found = |kind: &str| format!("messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{kind}`. When `thinking` is enabled, a final `assistant` message must start with a thinking block");

    check(enabled(json!(["a", [thought(), call("x")], [result("x")]])), "");
    check(enabled(json!(["a", [redacted(), call("x")], [result("x")]])), "");
    check(enabled(json!(["a", [thought(), text(), call("x")], [result("x")]])), "");
    check(enabled(json!(["a", [call("x")], [result("x")]])), &found("tool_use"));
    check(enabled(json!(["a", [text(), call("x")], [result("x")]])), &found("text"));
    check(enabled(json!(["a", [text(), thought(), call("x")], [result("x")]])), &found("text"));
    check(enabled(json!(["a", "b"])), &found("text"));
    check(enabled(json!(["a", "b", "c"])), "");
    check(enabled(json!(["a", [call("x")], [result("x")], "b", "c"])), "");
    check(with(kind("adaptive"), json!(["a", [call("x")], [result("x")]])), "");
    check(with(kind("disabled"), json!(["a", [thought(), call("x")], [result("x")]])), "");
}

#[test]
#[rustfmt::skip]
fn thoughts_come_back_as_they_were() {
    let text = || json!({"type": "text", "text": "x"});
    let history = |block: Value| json!({"messages": talk(json!(["a", [block, text()], "b"]))});
    let thinking = |text: &str, signature: &str| history(json!({"type": "thinking", "thinking": text, "signature": signature}));
    let signature = crate::sign("so");
    check(thinking("so", &signature), "");
    check(thinking("", &signature), "");
    check(thinking("so ", &signature), "messages.1.content.0: Invalid `signature` in `thinking` block");
    check(thinking("so", "made elsewhere"), "messages.1.content.0: Invalid `signature`");
    check(thinking("so", ""), "messages.1.content.0: Invalid `signature`");
    check(history(json!({"type": "thinking", "thinking": "so"})), "messages.1.content.0.signature: Field required");

    let redacted = |data: &str| history(json!({"type": "redacted_thinking", "data": data}));
    check(redacted(&crate::seal("so")), "");
    check(redacted(&signature), "messages.1.content.0: Invalid `data` in `redacted_thinking` block");
    check(redacted("c28="), "messages.1.content.0: Invalid `data`");

    let thought = || json!({"type": "thinking", "thinking": "so", "signature": signature});
    check(json!({"messages": talk(json!([[thought(), text()]]))}), "messages.0.content.0: `thinking` blocks can only be in `assistant` messages");
    check(json!({"messages": talk(json!(["a", [thought()], "b"]))}), "messages.1: The final block in an assistant message cannot be `thinking`");
}
