//! Where the prompt cache ends prefixes.

use llmlite_translator::{
    CacheLife, CachePoints, Encoded, Model, Options, PromptCache, Stamp, StreamDecoder, decode,
};
use serde_json::Value;

use crate::{encoded_with, models, request};

/// A model that keeps prefixes from so many tokens on.
fn keeps(min_tokens: u32, one_hour: bool) -> Model {
    Model {
        cache: Some(PromptCache {
            min_tokens,
            one_hour,
        }),
        ..models::plain()
    }
}

/// Where the points are: `tool f`, `system`, `user 0.1`, with the life behind those of an hour.
fn points(encoded: &Encoded) -> String {
    let body: Value = serde_json::from_slice(&encoded.body).expect("the body is JSON");
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut all = Vec::new();
    let mut look = |place: String, block: &Value| {
        if let Some(point) = block.get("cache_control") {
            let life = point["ttl"].as_str().map(|ttl| format!(" {ttl}"));
            all.push(place + life.as_deref().unwrap_or_default());
        }
    };
    for tool in list(&body["tools"]) {
        look(
            format!("tool {}", tool["name"].as_str().expect("a name")),
            &tool,
        );
    }
    for (index, block) in list(&body["system"]).iter().enumerate() {
        look(format!("system {index}"), block);
    }
    for (turn, message) in list(&body["messages"]).iter().enumerate() {
        for (index, block) in list(&message["content"]).iter().enumerate() {
            look(format!("{turn}.{index}"), block);
        }
    }
    all.join(", ")
}

#[track_caller]
fn check(model: &Model, body: &str, want: &str) -> Encoded {
    check_with(model, body, CachePoints::Automatic, want)
}

#[track_caller]
fn check_with(model: &Model, body: &str, cache: CachePoints, want: &str) -> Encoded {
    let options = Options {
        strict: true,
        cache,
        ..Options::default()
    };
    // The answer is the same with and without a cache, so that strict mode never minds.
    let encoded = encoded_with(model, body, options).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(points(&encoded), want, "{body}");
    encoded
}

const TOOLS: &str = r#","tools":[{"function":{"name":"f"}},{"function":{"name":"g"}}]"#;
const FIVE: &str = r#""cache_control":{"type":"ephemeral"}"#;
const HOUR: &str = r#""cache_control":{"type":"ephemeral","ttl":"1h"}"#;

/// A system message, then an exchange for each answer, then the last user message.
fn talk(answers: usize) -> String {
    let exchange = r#"{"role":"user","content":"a"},{"role":"assistant","content":"b"},"#;
    format!(
        r#"[{{"role":"system","content":"s"}},{}{{"role":"user","content":"c"}}]"#,
        exchange.repeat(answers)
    )
}

#[test]
#[rustfmt::skip]
fn points_are_placed_after_tools_system_and_the_last_two_turns_of_the_user() {
    let model = keeps(0, false);
    check(&model, &request(&talk(0), ""),    "system 0");
    check(&model, &request(&talk(0), TOOLS), "tool g, system 0, 0.0");
    check(&model, &request(&talk(1), ""),    "system 0, 0.0, 2.0");
    check(&model, &request(&talk(2), TOOLS), "tool g, system 0, 2.0, 4.0");
    check(&model, &request(&talk(9), TOOLS), "tool g, system 0, 16.0, 18.0");
    check(&model, &request(r#"[{"role":"user","content":"a"}]"#, ""), "");
}

#[test]
#[rustfmt::skip]
fn points_are_placed_only_where_the_prefix_is_long_enough_and_the_client_lets_them() {
    let options = |options: &str| format!(r#"{TOOLS},"prompt_cache_options":{options}"#);
    let long = "x".repeat(4000);
    let talk_of = |text: &str| format!(
        r#"[{{"role":"user","content":"{text}"}},{{"role":"assistant","content":"b"}},{{"role":"user","content":"c"}}]"#);
    check(&keeps(1024, false), &request(&talk_of("a"), TOOLS),   "");
    check(&keeps(1024, false), &request(&talk_of(&long), TOOLS), "0.0, 2.0");
    check(&keeps(2048, false), &request(&talk_of(&long), TOOLS), "");
    check(&models::plain(),    &request(&talk_of(&long), TOOLS), "");
    check_with(&keeps(0, true), &request(&talk(1), TOOLS), CachePoints::Asked, "");
    check(&keeps(0, true),  &request(&talk(0), &options(r#"{"mode":"explicit"}"#)), "");
    check(&keeps(0, true),  &request(&talk(0), &options(r#"{"mode":"implicit"}"#)), "tool g, system 0, 0.0");
    check(&keeps(0, true),  &request(&talk(0), &options(r#"{"ttl":"30m"}"#)),       "tool g 1h, system 0 1h, 0.0 1h");
    check(&keeps(0, false), &request(&talk(0), &options(r#"{"ttl":"30m"}"#)),       "tool g, system 0, 0.0");
}

#[test]
fn a_picture_counts_by_what_it_costs_and_not_by_its_bytes() {
    let picture = format!("data:image/png;base64,iVBORw0KGgoA{}", "A".repeat(40_000));
    let messages = format!(
        r#"[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"{picture}"}}}}]}},{{"role":"assistant","content":"b"}},{{"role":"user","content":"c"}}]"#
    );
    check(&keeps(1024, false), &request(&messages, ""), "");
    check(&keeps(100, false), &request(&messages, ""), "0.0, 2.0");
}

#[test]
#[rustfmt::skip]
fn points_that_the_client_asks_for_stay_where_they_are_asked_for() {
    let model = keeps(5000, true);
    let in_part = format!(r#"[{{"role":"user","content":[{{"type":"text","text":"a",{FIVE}}},{{"type":"text","text":"b"}}]}}]"#);
    check(&model, &request(&in_part, TOOLS),      "0.0");
    let on_message = format!(r#"[{{"role":"system","content":"s",{FIVE}}},{{"role":"user","content":[{{"type":"text","text":"a"}},{{"type":"text","text":"b"}}],{FIVE}}}]"#);
    check(&model, &request(&on_message, TOOLS),   "system 0, 0.1");
    let on_blank = format!(r#"[{{"role":"user","content":[{{"type":"text","text":"a"}},{{"type":"text","text":" ",{FIVE}}}]}}]"#);
    check(&model, &request(&on_blank, ""),        "0.0");
    let on_calls = format!(
        r#"[{{"role":"user","content":"a"}},{{"role":"assistant","content":"","tool_calls":[{{"id":"c","function":{{"name":"f"}},{FIVE}}},{{"id":"d","function":{{"name":"f"}}}}],{FIVE}}},
        {{"role":"tool","tool_call_id":"c","content":[{{"type":"text","text":"r",{FIVE}}},{{"type":"text","text":"s"}}]}},{{"role":"tool","tool_call_id":"d","content":"r",{FIVE}}}]"#);
    check(&model, &request(&on_calls, TOOLS),     "1.0, 1.1, 2.0, 2.1");
    let on_thought = format!(
        r#"[{{"role":"user","content":"a"}},{{"role":"assistant","content":[{{"type":"text","text":"b"}},{{"type":"thinking","thinking":"t","signature":"s",{FIVE}}},{{"type":"tool_use","id":"c","name":"f","input":{{}}}}]}},
        {{"role":"tool","tool_call_id":"c","content":"r"}}]"#);
    check(&Model { cache: model.cache, ..models::budget() }, &request(&on_thought, TOOLS), "1.0");
    let tools = format!(r#","tools":[{{"function":{{"name":"f"}},{HOUR}}},{{"name":"g","input_schema":{{}},{FIVE}}}]"#);
    check(&model, &request(&talk(0), &tools),     "tool f 1h, tool g");
    check_with(&model, &request(&talk(0), &tools), CachePoints::Asked, "tool f 1h, tool g");
}

#[test]
#[rustfmt::skip]
fn openais_own_form_is_read_too() {
    let messages = r#"[{"role":"user","content":[{"type":"text","text":"a","prompt_cache_breakpoint":{"mode":"explicit"}},{"type":"text","text":"b"}]}]"#;
    let hour = r#","prompt_cache_options":{"mode":"explicit","ttl":"30m"}"#;
    check(&keeps(0, true),  &request(messages, ""),   "0.0");
    check(&keeps(0, true),  &request(messages, hour), "0.0 1h");
    check(&keeps(0, false), &request(messages, hour), "0.0");
}

#[test]
#[rustfmt::skip]
fn points_are_brought_within_claudes_rules_and_that_is_said() {
    let texts = |lives: &str| {
        let part = |life: char| {
            let point = match life { 'h' => format!(",{HOUR}"), 'm' => format!(",{FIVE}"), _ => String::new() };
            format!(r#"{{"type":"text","text":"a"{point}}}"#)
        };
        let parts: Vec<String> = lives.chars().map(part).collect();
        request(&format!(r#"[{{"role":"user","content":[{}]}}]"#, parts.join(",")), "")
    };
    let told = |encoded: Encoded| (encoded.adjusted, encoded.ignored.join(" "));
    let hours = keeps(0, true);
    let adjusted = vec!["cache_control"];
    assert_eq!(told(check(&hours, &texts("hm.m"),    "0.0 1h, 0.1, 0.3")),            (vec![], String::new()));
    assert_eq!(told(check(&hours, &texts("mmmmm"),   "0.1, 0.2, 0.3, 0.4")),          (adjusted.clone(), String::new()));
    assert_eq!(told(check(&hours, &texts("hmhm"),    "0.0 1h, 0.1, 0.2, 0.3")),       (adjusted.clone(), String::new()));
    assert_eq!(told(check(&hours, &texts("mhhhh"),   "0.1 1h, 0.2 1h, 0.3 1h, 0.4 1h")), (adjusted.clone(), String::new()));
    assert_eq!(told(check(&keeps(0, false), &texts("h.m"), "0.0, 0.2")),              (adjusted, String::new()));
    assert_eq!(told(check(&models::plain(), &texts("hm"), "")),                       (vec![], "cache_control".to_owned()));
}

#[test]
#[rustfmt::skip]
fn the_longest_life_is_told_because_writing_it_costs_more() {
    let life = |model: &Model, fields: &str| check_life(model, &request(&talk(1), fields));
    assert_eq!(life(&models::plain(), TOOLS),                                        None);
    assert_eq!(life(&keeps(9999, true), TOOLS),                                      None);
    assert_eq!(life(&keeps(0, true), TOOLS),                                         Some(CacheLife::FiveMinutes));
    assert_eq!(life(&keeps(0, true), &format!(r#","tools":[{{"name":"f",{HOUR}}}]"#)), Some(CacheLife::OneHour));
    assert_eq!(life(&keeps(0, false), &format!(r#","tools":[{{"name":"f",{HOUR}}}]"#)), Some(CacheLife::FiveMinutes));
}

#[test]
#[rustfmt::skip]
fn writes_that_an_answer_does_not_tell_apart_are_of_the_longest_life_that_was_asked_for() {
    let hour = format!(r#","tools":[{{"name":"f",{HOUR}}}]"#);
    let check = |fields: &str, want: (u64, u64)| {
        let encoded = encoded_with(&keeps(0, true), &request(&talk(1), fields), Options::default());
        let reply = encoded.unwrap_or_else(|error| panic!("{error}")).reply;
        let stamp = Stamp { id: "chatcmpl-1".into(), created: 7, model: "m".into() };
        let counts = r#""usage":{"input_tokens":1,"output_tokens":1,"cache_creation_input_tokens":9}"#;
        let (_, whole) = decode(format!(r#"{{"content":[],{counts}}}"#).as_bytes(), &reply, stamp.clone()).expect("an answer");
        let mut decoder = StreamDecoder::new(reply, stamp);
        let start = format!(r#"{{"type":"message_start","message":{{{counts}}}}}"#);
        let bill = r#"{"type":"message_stop","amazon-bedrock-invocationMetrics":{"outputTokenCount":1,"cacheWriteInputTokenCount":9}}"#;
        for event in [start.as_bytes(), bill.as_bytes()] {
            decoder.push(event, &mut Vec::new()).expect("an event");
        }
        for usage in [whole, decoder.final_usage().expect("both are counted")] {
            assert_eq!((usage.cache_write_5m_tokens, usage.cache_write_1h_tokens), want);
        }
    };
    check(TOOLS, (9, 0));
    check(&hour, (0, 9));
}

fn check_life(model: &Model, body: &str) -> Option<CacheLife> {
    let encoded = encoded_with(model, body, Options::default());
    let encoded = encoded.unwrap_or_else(|error| panic!("{error}"));
    encoded.facts.cache
}
