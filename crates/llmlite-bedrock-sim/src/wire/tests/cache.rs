use super::*;

const OLD: &str = "anthropic.claude-sonnet-4-20250514-v1:0";
const NEW: &str = "eu.anthropic.claude-opus-4-7";

fn point(ttl: &str) -> Value {
    match ttl {
        "" => json!({"type": "ephemeral"}),
        ttl => json!({"type": "ephemeral", "ttl": ttl}),
    }
}

/// Text blocks with a point each.
fn blocks(ttls: &[&str]) -> Value {
    let block = |ttl: &&str| json!({"type": "text", "text": "x", "cache_control": point(ttl)});
    ttls.iter().map(block).collect()
}

fn system(point: &Value) -> Value {
    json!({"system": [{"type": "text", "text": "x", "cache_control": point}]})
}

#[test]
#[rustfmt::skip]
fn a_point_has_a_kind_and_a_time() {
    check(system(&json!({"type": "ephemeral"})), "");
    check(system(&json!(null)), "");
    check(system(&point("1h")), "");
    check(system(&point("2h")), "system.0.cache_control.ttl: Input should be '5m' or '1h'");
    check(system(&json!({"type": "forever"})), "system.0.cache_control.type: Input should be 'ephemeral'");
    check(system(&json!({"ttl": "5m"})), "system.0.cache_control.type: Field required");
    check(system(&json!({"type": "ephemeral", "scope": "x"})), "system.0.cache_control.scope: Extra inputs are not permitted");
    check_model(OLD, system(&point("")), "");
    check_model(OLD, system(&point("1h")), "system.0.cache_control.ttl: Extra inputs are not permitted");
    check_model(NEW, system(&point("1h")), "");
}

#[test]
#[rustfmt::skip]
fn there_are_four_points_at_most_over_all_places() {
    let tool = json!({"name": "add", "input_schema": {"type": "object"}, "cache_control": point("")});
    let most = |in_messages: &[&str]| json!({
        "tools": [tool], "system": blocks(&[""]), "messages": talk(json!([blocks(in_messages)])),
    });
    check(most(&["", ""]), "");
    check(most(&["", "", ""]), "A maximum of 4 blocks with cache_control may be provided. Found 5.");

    let inside = |ttls: &[&str]| json!({"tools": add(), "messages": talk(json!([
        "a",
        [{"type": "tool_use", "id": "x", "name": "add", "input": {}, "cache_control": point("")}],
        [{"type": "tool_result", "tool_use_id": "x", "content": blocks(ttls), "cache_control": point("")}],
    ]))});
    check(inside(&["", ""]), "");
    check(inside(&["", "", ""]), "A maximum of 4 blocks with cache_control");
}

#[test]
#[rustfmt::skip]
fn the_longer_time_comes_first() {
    let order = |system: &str, user: &str| json!({"system": blocks(&[system]), "messages": talk(json!([blocks(&[user])]))});
    check(order("1h", "5m"), "");
    check(order("1h", "1h"), "");
    check(order("", "1h"), "messages.0.content.0.cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m'");
}

#[test]
#[rustfmt::skip]
fn points_stand_on_blocks_that_take_them() {
    let signed = json!({"type": "thinking", "thinking": "x", "signature": crate::sign("x"), "cache_control": point("")});
    let thinking = json!({"messages": talk(json!(["a", [signed, {"type": "text", "text": "b"}], "c"]))});
    check(thinking, "messages.1.content.0.cache_control: Extra inputs are not permitted");
    check_model(NEW, json!({"cache_control": point("")}), "");
    check_model(OLD, json!({"cache_control": point("")}), "cache_control: Extra inputs are not permitted");
}

/// The prefix of a body, for a look into an empty cache and one that knows it.
#[track_caller]
fn check_hit(first: Value, second: Value, hit: bool) {
    let cache = crate::wire::cache::Cache::default();
    let read = |change: Value| {
        let body = changed(
            json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9}),
            change,
        );
        let prefix = Dialect::Invoke
            .read(body.to_string().as_bytes(), MODEL)
            .unwrap()
            .prefix;
        let usage = cache.look(&prefix, 1_000);
        cache.keep(&prefix);
        usage
    };
    assert!(read(first).cache_write() > 0);
    assert_eq!(read(second).cache_read > 0, hit);
}

#[test]
fn a_prefix_is_known_again_wherever_the_points_stand_now() {
    let text = |text: &str| json!({"type": "text", "text": text});
    let marked = |text: &str| json!({"type": "text", "text": text, "cache_control": point("")});
    let ask = |blocks: Value| json!({"messages": talk(json!([blocks]))});
    check_hit(
        ask(json!([marked("a")])),
        ask(json!([text("a"), marked("b")])),
        true,
    );
    check_hit(
        ask(json!([marked("a")])),
        ask(json!([text("A"), marked("b")])),
        false,
    );

    let history = |inside: Value, last: Value| {
        json!({"tools": add(), "messages": talk(json!([
            "a",
            [{"type": "tool_use", "id": "x", "name": "add", "input": {}}],
            [{"type": "tool_result", "tool_use_id": "x", "content": [inside]}, last],
        ]))})
    };
    check_hit(
        history(marked("r"), text("b")),
        history(text("r"), marked("b")),
        true,
    );
}
