use serde_json::{Value, json};

use super::*;

mod cache;
mod families;
mod media;
mod schemas;
mod thinking;

const MODEL: &str = "sim.claude";

/// The refusal of a body, or `""` when it is right.
fn refusal(dialect: Dialect, body: &Value, model: &str) -> String {
    match dialect.read(body.to_string().as_bytes(), model) {
        Ok(_) => String::new(),
        Err(refusal) => {
            assert_eq!(
                (refusal.status, refusal.kind.as_str()),
                (400, "ValidationException")
            );
            refusal.message
        }
    }
}

/// A right body with some members changed; null takes one away.
fn changed(base: Value, change: Value) -> Value {
    let (Value::Object(mut base), Value::Object(change)) = (base, change) else {
        panic!("bodies are objects")
    };
    for (key, value) in change {
        match value {
            Value::Null => drop(base.remove(&key)),
            value => drop(base.insert(key, value)),
        }
    }
    Value::Object(base)
}

#[track_caller]
fn check(change: Value, want: &str) {
    check_model(MODEL, change, want);
}

#[track_caller]
fn check_model(model: &str, change: Value, want: &str) {
    let base = json!({
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 2048,
        "messages": [{"role": "user", "content": "hi"}],
    });
    let body = changed(base, change);
    let got = refusal(Dialect::Invoke, &body, model);
    assert!(
        got.starts_with(want) && got.is_empty() == want.is_empty(),
        "{body}\n got {got:?}\nwant {want:?}"
    );
}

#[track_caller]
fn check_converse(change: Value, want: &str) {
    let base = json!({"messages": [{"role": "user", "content": [{"text": "hi"}]}]});
    let body = changed(base, change);
    let got = refusal(Dialect::Converse, &body, MODEL);
    assert!(
        got.starts_with(want) && got.is_empty() == want.is_empty(),
        "{body}\n got {got:?}\nwant {want:?}"
    );
}

/// Messages with the contents of user and assistant in turn.
fn talk(contents: Value) -> Value {
    let roles = ["user", "assistant"].iter().cycle();
    let contents = contents.as_array().unwrap().iter().zip(roles);
    contents
        .map(|(content, role)| json!({"role": role, "content": content}))
        .collect()
}

fn add() -> Value {
    json!([{"name": "add", "input_schema": {"type": "object"}}])
}

#[test]
#[rustfmt::skip]
fn top_level_members_are_checked() {
    check(json!({}), "");
    check(json!({"anthropic_version": null}), "anthropic_version: Field required");
    check(json!({"anthropic_version": "2023-06-01"}), "anthropic_version: Input should be 'bedrock-2023-05-31'");
    check(json!({"model": "claude"}), "model: Extra inputs are not permitted");
    check(json!({"stream": true}), "stream: Extra inputs are not permitted");
    check(json!({"max_tokens": null}), "max_tokens: Field required");
    check(json!({"max_tokens": 0}), "max_tokens: Input should be greater than or equal to 1");
    check(json!({"max_tokens": 1.5}), "max_tokens: Input should be a valid integer");
    check(json!({"temperature": 1.0}), "");
    check(json!({"temperature": 1.1}), "temperature: Input should be less than or equal to 1");
    check(json!({"temperature": -0.1}), "temperature: Input should be greater than or equal to 0");
    check(json!({"top_p": "high"}), "top_p: Input should be a valid number");
    check(json!({"stop_sequences": ["x", "\n"]}), "stop_sequences.1: each stop sequence must contain non-whitespace");
    check(json!({"system": ""}), "");
    check(json!({"system": [{"type": "text", "text": " "}]}), "system: text content blocks must contain non-whitespace text");
    check(json!({"anthropic_beta": ["effort-2025-11-24", "context-1m-2025-08-07"]}), "");
    check(json!({"metadata": {"user_id": "u"}}), "");
    check(json!({"metadata": {"team": "blue"}}), "metadata.team: Extra inputs are not permitted");
    check(json!({"anthropic_beta": ["files-api-2025-04-14"]}), "invalid beta flag");
}

#[test]
#[rustfmt::skip]
fn messages_are_checked() {
    check(json!({"messages": null}), "messages: Field required");
    check(json!({"messages": []}), "messages: at least one message is required");
    check(json!({"messages": [{"role": "assistant", "content": "hi"}]}), "messages: first message must use the \"user\" role");
    check(json!({"messages": [{"role": "system", "content": "hi"}]}), "messages: Unexpected role \"system\"");
    check(json!({"messages": [{"role": "tool", "content": "hi"}]}), "messages.0.role: Input should be 'user' or 'assistant'");
    check(json!({"messages": talk(json!([""]))}), "messages: text content blocks must be non-empty");
    check(json!({"messages": talk(json!([" \n"]))}), "messages: text content blocks must contain non-whitespace text");
    check(json!({"messages": talk(json!([[]]))}), "messages.0.content: all messages must have non-empty content");
    check(json!({"messages": talk(json!(["a", "b "]))}), "messages: final assistant content cannot end with trailing whitespace");
    check(json!({"messages": talk(json!(["a", "b "])), "max_tokens": null}), "max_tokens: Field required");
    check(json!({"messages": talk(json!([null]))}), "messages.0.content: Input should be a valid list");
    check(json!({"messages": [{"role": "user", "content": "a", "name": "b"}]}), "messages.0.name: Extra inputs are not permitted");
    check(json!({"messages": talk(json!([[{"type": "image_url"}]]))}), "messages.0.content.0: Input tag 'image_url'");
    check(json!({"messages": talk(json!([[{"type": "text"}]]))}), "messages.0.content.0.text: Field required");
    check(json!({"messages": talk(json!([[{"type": "text", "text": "", "cache_control": {"type": "ephemeral"}}]]))}), "messages.0.content.0: cache_control cannot be set for empty text blocks");
}

#[test]
#[rustfmt::skip]
fn tools_and_their_history_are_checked() {
    let call = |id: &str| json!({"type": "tool_use", "id": id, "name": "add", "input": {}});
    let result = |id: &str| json!({"type": "tool_result", "tool_use_id": id, "content": "1"});
    let text = json!({"type": "text", "text": "x"});
    let history = |contents: Value| json!({"tools": add(), "messages": talk(contents)});

    check(history(json!(["a", [call("x")], [result("x")]])), "");
    check(history(json!(["a", [text, call("x"), call("y")], [result("y"), result("x"), text]])), "");
    check(history(json!(["a", [changed(call("x"), json!({"caller": {"type": "direct"}}))], [result("x")]])), "");
    check(history(json!(["a", [changed(call("x"), json!({"arguments": "{}"}))], [result("x")]])), "messages.1.content.0.arguments: Extra inputs are not permitted");
    check(history(json!(["a", [call("x")], "b"])), "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: x");
    check(history(json!(["a", [call("x")]])), "messages.1: `tool_use` ids were found without");
    check(history(json!(["a", [call("x"), call("y")], [result("x")]])), "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: y");
    check(history(json!(["a", [call("x")], [text, result("x")]])), "messages.1: `tool_use` ids were found without");
    check(history(json!(["a", [call("x")], [result("x"), result("x")]])), "messages.2.content.1: each tool_use must have a single result");
    check(history(json!(["a", "b", [result("x")]])), "messages.2.content.0: unexpected `tool_use_id`");
    check(history(json!(["a", [call("x")], [result("x")], [call("x")], [result("x")]])), "messages.3: `tool_use` ids must be unique");
    check(history(json!([[call("x")]])), "messages.0.content.0: `tool_use` blocks can only be in `assistant` messages");
    check(history(json!(["a", [call("x.y")], [result("x.y")]])), "messages.1.content.0.id: String should match pattern");
    check(history(json!(["a", [{"type": "tool_use", "id": "x", "name": "add", "input": "{}"}]])), "messages.1.content.0.input: Input should be a valid dictionary");
    check(json!({"messages": talk(json!(["a", [call("x")], [result("x")]]))}), "Requests which include `tool_use` or `tool_result` blocks must define tools");
    check(history(json!(["a", [call("x")], [{"type": "tool_result", "tool_use_id": "x", "is_error": true, "content": ""}]])), "messages.2.content.0: content cannot be empty if `is_error` is true");
    check(history(json!(["a", [call("x")], [{"type": "tool_result", "tool_use_id": "x", "content": ""}]])), "");
    check(history(json!(["a", [call("x")], [{"type": "tool_result", "tool_use_id": "x", "content": [{"type": "text", "text": ""}]}]])), "messages: text content blocks must be non-empty");

    check(json!({"tools": [{"type": "bash_20250124", "name": "bash"}]}), "");
    check(json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}), "tools.0: Input tag 'web_search_20250305'");
    check(json!({"tools": [{"name": "a b", "input_schema": {"type": "object"}}]}), "tools.0.name: String should match pattern");
    check(json!({"tools": [{"name": "a", "input_schema": {}}]}), "tools.0.input_schema.type: Field required");
    check(json!({"tools": [{"name": "a", "input_schema": {"type": "object", "anyOf": []}}]}), "tools.0.input_schema: input_schema does not support");
    check(json!({"tools": [{"name": "a", "parameters": {}, "input_schema": {"type": "object"}}]}), "tools.0.parameters: Extra inputs are not permitted");
    check(json!({"tools": [add()[0], add()[0]]}), "tools: Tool names must be unique: add");
    check(json!({"tools": add(), "tool_choice": {"type": "tool", "name": "sub"}}), "tool_choice: Tool 'sub' not found in provided tools");
    check(json!({"tools": add(), "tool_choice": {"type": "required"}}), "tool_choice: Input tag 'required'");
    check(json!({"tool_choice": {"type": "any"}}), "tool_choice: tool_choice may only be specified while providing tools");
    check(json!({"tools": add(), "tool_choice": {"disable_parallel_tool_use": true}}), "tool_choice.type: Field required");
}

#[test]
#[rustfmt::skip]
fn converse_bodies_are_checked() {
    let content = |blocks: Value| json!({"messages": [{"role": "user", "content": blocks}]});
    let spec = |name: &str| json!({"toolSpec": {"name": name, "inputSchema": {"json": {"type": "object"}}}});
    check_converse(json!({}), "");
    check_converse(json!({"modelId": "x"}), "modelId: Extra inputs are not permitted");
    check_converse(json!({"messages": []}), "The model returned the following errors: messages: at least one message");
    check_converse(content(json!([])), "messages.0: The content field in the Message object is empty");
    check_converse(content(json!([{"text": " "}])), "The text field in the ContentBlock object is blank");
    check_converse(content(json!([{"text": "a", "image": {}}])), "messages.0.content.0: The union has more than one member");
    check_converse(content(json!([{}])), "messages.0.content.0: The union has no member");
    check_converse(content(json!([{"video": {}}])), "messages.0.content.0.video: This model does not support");
    check_converse(json!({"inferenceConfig": {"temperature": 2.0}}), "temperature: Input should be less than or equal to 1");
    check_converse(json!({"inferenceConfig": {"maxTokens": 0}}), "maxTokens: Input should be greater than or equal to 1");
    check_converse(json!({"toolConfig": {"tools": []}}), "toolConfig.tools: Member must have length");
    check_converse(json!({"toolConfig": {"tools": [spec("add")], "toolChoice": {"any": {}}}}), "");
    check_converse(json!({"toolConfig": {"tools": [spec("add")], "toolChoice": {}}}), "toolConfig.toolChoice: The union has no member");
    check_converse(json!({"toolConfig": {"tools": [spec("add.x")]}}), "toolConfig.tools.0.toolSpec.name: String should match");
    check_converse(json!({"toolConfig": {"tools": [spec("add")], "toolChoice": {"tool": {"name": "x"}}}}), "The model returned the following errors: tool_choice: Tool 'x' not found");
    check_converse(json!({"additionalModelResponseFieldPaths": ["stop_sequence"]}), "additionalModelResponseFieldPaths.0: Input is no JSON pointer");
}

#[test]
fn what_is_no_json_is_refused() {
    let refusal = Dialect::Invoke.read(b"{", MODEL).unwrap_err();
    assert!(
        refusal.message.starts_with("Malformed input request: "),
        "{}",
        refusal.message
    );
    let refusal = Dialect::Converse.read(b"{", MODEL).unwrap_err();
    assert_eq!(refusal.kind, "SerializationException");
}
