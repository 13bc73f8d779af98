//! How much the model thinks, by the client's words and the model's abilities.

use llmlite_openai::ChatRequest;
use llmlite_translator::{
    Adaptive, EncodeError, Model, Options, Sampling, Thinking, ThinkingOff, encode,
};
use serde_json::{Value, json};

use crate::{HI, encoded, models, request, taken};

/// What of a body is about thinking, in one line: `max_tokens`, `thinking`, effort.
#[track_caller]
fn said(model: &Model, messages: &str, fields: &str) -> (String, Vec<String>, Vec<String>) {
    let (encoded, body) = taken(model, &request(messages, fields));
    assert_eq!(
        body["max_tokens"],
        json!(encoded.facts.max_tokens),
        "{fields}"
    );
    let thinking = &body["thinking"];
    let kind = thinking["type"].as_str().unwrap_or("-");
    let more = ["budget_tokens", "display"].map(|field| match &thinking[field] {
        Value::Null => String::new(),
        value => format!(" {}", value.to_string().trim_matches('"')),
    });
    let effort = body["output_config"]["effort"].as_str().unwrap_or("-");
    let line = format!("{} {kind}{} {effort}", body["max_tokens"], more.concat());
    let ignored = encoded.ignored.into_iter().map(String::from).collect();
    let adjusted = encoded.adjusted.into_iter().map(str::to_owned).collect();
    (line, ignored, adjusted)
}

#[track_caller]
fn check(model: &Model, fields: &str, want: &str, ignored: &[&str], adjusted: &[&str]) {
    let fields = if fields.is_empty() {
        String::new()
    } else {
        format!(",{fields}")
    };
    let (line, got_ignored, got_adjusted) = said(model, HI, &fields);
    assert_eq!(line, want, "{fields}");
    assert_eq!(
        (got_ignored, got_adjusted),
        (owned(ignored), owned(adjusted)),
        "{fields}"
    );
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn with(ability: Adaptive, change: impl FnOnce(&mut Adaptive)) -> Model {
    let mut ability = ability;
    change(&mut ability);
    Model {
        thinking: Thinking::Adaptive(ability),
        ..models::adaptive()
    }
}

fn ability(model: &Model) -> Adaptive {
    match model.thinking {
        Thinking::Adaptive(ability) => ability,
        Thinking::None | Thinking::Budget => panic!("the model is not adaptive"),
    }
}

const E: &[&str] = &["reasoning_effort"];
const T: &[&str] = &["thinking"];

#[test]
#[rustfmt::skip]
fn a_model_that_does_not_think_says_that_the_wish_is_ignored() {
    let plain = models::plain();
    check(&plain, "",                                               "4096 - -", &[], &[]);
    check(&plain, r#""reasoning_effort":"high""#,                   "4096 - -", E, &[]);
    check(&plain, r#""reasoning_effort":"none""#,                   "4096 - -", &[], &[]);
    check(&plain, r#""reasoning_effort":null"#,                     "4096 - -", &[], &[]);
    check(&plain, r#""thinking":{"type":"enabled"}"#,               "4096 - -", T, &[]);
    check(&plain, r#""thinking":{"type":"adaptive"}"#,              "4096 - -", T, &[]);
    check(&plain, r#""thinking":{"type":"disabled"}"#,              "4096 - -", &[], &[]);
}

#[test]
#[rustfmt::skip]
fn it_is_told_whether_the_model_may_think_because_thoughts_are_not_all_seen() {
    let check = |model: Model, fields: &str, want: bool| {
        let (encoded, body) = taken(&model, &request(HI, fields));
        assert_eq!(encoded.facts.thinks, want, "{body}");
    };
    let (high, none) = (r#","reasoning_effort":"high""#, r#","reasoning_effort":"none""#);
    check(models::plain(),    high, false);
    check(models::budget(),   "",   false);
    check(models::budget(),   high, true);
    check(models::both(),     "",   false);
    check(models::both(),     high, true);
    check(models::adaptive(), "",   true);
    check(models::adaptive(), none, false);
    check(models::thinker(),  none, true);
}

#[test]
#[rustfmt::skip]
fn an_effort_is_a_budget_where_thinking_has_one() {
    let budget = models::budget();
    check(&budget, "",                                              "8192 - -",              &[], &[]);
    check(&budget, r#""reasoning_effort":"none""#,                  "8192 - -",              &[], &[]);
    // The client named no length, so that thinking comes on top of the usual one.
    check(&budget, r#""reasoning_effort":"minimal""#,               "9216 enabled 1024 -",   &[], &[]);
    check(&budget, r#""reasoning_effort":"low""#,                   "10240 enabled 2048 -",  &[], &[]);
    check(&budget, r#""reasoning_effort":"medium""#,                "18192 enabled 10000 -", &[], &[]);
    check(&budget, r#""reasoning_effort":"high""#,                  "24576 enabled 16384 -", &[], &[]);
    check(&budget, r#""reasoning_effort":"xhigh""#,                 "40960 enabled 32768 -", &[], &[]);
    check(&budget, r#""reasoning_effort":"max""#,                   "40960 enabled 32768 -", &[], &[]);
    // Other APIs' names of the same wish.
    check(&budget, r#""reasoning":{"effort":"low"}"#,               "10240 enabled 2048 -",  &[], &[]);
    check(&budget, r#""reasoning":{"max_tokens":3000}"#,            "11192 enabled 3000 -",  &[], &[]);
    check(&budget, r#""reasoning":{"enabled":true}"#,               "18192 enabled 10000 -", &[], &[]);
    check(&budget, r#""reasoning":{"enabled":false}"#,              "8192 - -",              &[], &[]);
    let small = Model { max_output_tokens: 12_000, ..models::budget() };
    check(&small,  r#""reasoning_effort":"high""#,                  "12000 enabled 9000 -",  &[], E);
}

#[test]
#[rustfmt::skip]
fn a_budget_leaves_room_for_the_answer_in_the_length_that_the_client_named() {
    let budget = models::budget();
    let high = |length: u32| format!(r#""reasoning_effort":"high","max_completion_tokens":{length}"#);
    check(&budget, &high(64_000),   "64000 enabled 16384 -", &[], &[]);
    check(&budget, &high(21_846),   "21846 enabled 16384 -", &[], &[]);
    check(&budget, &high(21_844),   "21844 enabled 16383 -", &[], E);
    check(&budget, &high(4096),     "4096 enabled 3072 -",   &[], E);
    check(&budget, &high(1200),     "1200 enabled 1024 -",   &[], E);
    check(&budget, &high(1025),     "1025 enabled 1024 -",   &[], E);
    check(&budget, &high(1024),     "1024 - -",              E,   &[]);
    check(&budget, &high(1),        "1 - -",                 E,   &[]);
    let exact = |tokens: u64, length: u32| format!(r#""thinking":{{"type":"enabled","budget_tokens":{tokens}}},"max_tokens":{length}"#);
    check(&budget, &exact(4095, 4096),          "4096 enabled 4095 -",   &[], &[]);
    check(&budget, &exact(4096, 4096),          "4096 enabled 3072 -",   &[], T);
    check(&budget, &exact(u64::MAX, 4096),      "4096 enabled 3072 -",   &[], T);
    check(&budget, &exact(1, 4096),             "4096 enabled 1024 -",   &[], T);
    check(&budget, &exact(2000, 1024),          "1024 - -",              T,   &[]);
    check(&budget, &exact(2000, 1025),          "1025 enabled 1024 -",   &[], T);
    check(&budget, r#""thinking":{"type":"enabled","budget_tokens":100000}"#, "64000 enabled 55808 -", &[], T);
}

#[test]
#[rustfmt::skip]
fn thinking_wins_over_an_effort_that_says_something_else() {
    let budget = models::budget();
    let both = |thinking: &str, effort: &str| format!(r#""thinking":{{"type":{thinking}}},"reasoning_effort":"{effort}""#);
    check(&budget, &both(r#""disabled""#, "high"),                          "8192 - -",              E,   &[]);
    check(&budget, &both(r#""disabled""#, "none"),                          "8192 - -",              &[], &[]);
    check(&budget, &both(r#""enabled","budget_tokens":5000"#, "none"),      "13192 enabled 5000 -",  E,   &[]);
    check(&budget, &both(r#""enabled","budget_tokens":5000"#, "high"),      "13192 enabled 5000 -",  E,   &[]);
    check(&budget, &both(r#""enabled""#, "high"),                           "24576 enabled 16384 -", &[], &[]);
    check(&budget, &both(r#""adaptive""#, "low"),                           "10240 enabled 2048 -",  &[], T);
    check(&budget, r#""thinking":{"type":"adaptive"}"#,                     "18192 enabled 10000 -", &[], T);
    let adaptive = models::adaptive();
    check(&adaptive, &both(r#""disabled""#, "high"),                        "8192 disabled -",                   E,   &[]);
    check(&adaptive, &both(r#""adaptive""#, "none"),                        "18192 adaptive summarized -",       E,   &[]);
    check(&adaptive, &both(r#""adaptive""#, "max"),                         "40960 adaptive summarized max",     &[], &[]);
    check(&adaptive, &both(r#""enabled","budget_tokens":5000"#, "max"),     "13192 adaptive summarized max",     &[], T);
}

#[test]
#[rustfmt::skip]
fn an_effort_is_an_effort_where_the_model_decides_itself() {
    let adaptive = models::adaptive();
    check(&adaptive, "",                                    "8192 - -", &[], &[]);
    for (level, effort, tokens) in [("minimal", "low", 9216), ("low", "low", 10_240), ("medium", "medium", 18_192), ("high", "high", 24_576), ("xhigh", "xhigh", 40_960), ("max", "max", 40_960)] {
        check(&adaptive, &format!(r#""reasoning_effort":"{level}""#), &format!("{tokens} adaptive summarized {effort}"), &[], &[]);
    }
    check(&adaptive, r#""thinking":{"type":"adaptive"}"#,   "18192 adaptive summarized -", &[], &[]);
    check(&adaptive, r#""thinking":{"type":"enabled"}"#,    "18192 adaptive summarized -", &[], &[]);
    check(&adaptive, r#""reasoning_effort":"max","max_tokens":100"#, "100 adaptive summarized max", &[], &[]);
    // Shown by itself where the model shows its thoughts by itself.
    check(&models::both(), r#""reasoning_effort":"low""#,   "10240 adaptive low", &[], &[]);
    // The nearest effort that the model knows.
    let adaptive = ability(&models::adaptive());
    check(&models::both(), r#""reasoning_effort":"xhigh""#, "40960 adaptive max", &[], E);
    let no_max = with(adaptive, |ability| ability.max = false);
    check(&no_max,   r#""reasoning_effort":"max""#,         "40960 adaptive summarized xhigh", &[], E);
    let neither = with(adaptive, |ability| (ability.max, ability.xhigh) = (false, false));
    check(&neither,  r#""reasoning_effort":"max""#,         "40960 adaptive summarized high", &[], E);
    check(&neither,  r#""reasoning_effort":"xhigh""#,       "40960 adaptive summarized high", &[], E);
}

#[test]
#[rustfmt::skip]
fn a_budget_goes_to_models_that_take_one_and_is_an_effort_elsewhere() {
    let budget = |tokens: u32| format!(r#""thinking":{{"type":"enabled","budget_tokens":{tokens}}}"#);
    check(&models::both(), &budget(5000),                   "13192 enabled 5000 -", &[], &[]);
    check(&models::both(), &format!(r#"{},"reasoning_effort":"low""#, budget(5000)), "13192 enabled 5000 low", &[], &[]);
    check(&models::both(), &format!(r#"{},"max_tokens":1000"#, budget(5000)), "1000 adaptive low", &[], T);
    for (tokens, effort) in [(1, "low"), (6000, "low"), (6001, "medium"), (13_000, "medium"), (13_001, "high"), (24_000, "high"), (24_001, "xhigh")] {
        let want = format!("{} adaptive summarized {effort}", 8192 + tokens);
        check(&models::adaptive(), &budget(tokens), &want, &[], T);
    }
}

#[test]
#[rustfmt::skip]
fn a_model_is_kept_from_thinking_as_far_as_it_listens() {
    let adaptive = ability(&models::adaptive());
    let off = |off: ThinkingOff| with(adaptive, |ability| ability.off = off);
    for (none, named) in [(r#""reasoning_effort":"none""#, E), (r#""thinking":{"type":"disabled"}"#, T)] {
        check(&off(ThinkingOff::Unasked),      none, "8192 - -",             &[], &[]);
        check(&off(ThinkingOff::Disabled),     none, "8192 disabled -",      &[], &[]);
        check(&off(ThinkingOff::BetweenTools), none, "8192 between_tools -", &[], named);
        check(&off(ThinkingOff::Never),        none, "8192 - low",           &[], named);
    }
}

#[test]
fn an_unknown_effort_is_refused_with_the_ones_that_there_are() {
    for (name, model) in models::all() {
        let request = request(HI, r#","reasoning_effort":"huge""#);
        let error: EncodeError = encoded(&model, &request).expect_err(name);
        assert_eq!(error.param(), Some("reasoning_effort"));
        assert_eq!(
            error.to_string(),
            "reasoning_effort: unknown value \"huge\", expected none, minimal, low, medium, high, xhigh or max"
        );
    }
}

#[test]
#[rustfmt::skip]
fn a_forced_call_wins_over_a_budget() {
    let forced = |choice: &str, thinking: &str| {
        format!(r#""tools":[{{"type":"function","function":{{"name":"f"}}}}],"tool_choice":{choice},{thinking}"#)
    };
    let (high, exact) = (r#""reasoning_effort":"high""#, r#""thinking":{"type":"enabled","budget_tokens":5000}"#);
    for choice in [r#""required""#, r#"{"type":"function","function":{"name":"f"}}"#] {
        check(&models::budget(),   &forced(choice, high),   "8192 - -",            E,   &[]);
        check(&models::budget(),   &forced(choice, exact),  "8192 - -",            T,   &[]);
        check(&models::both(),     &forced(choice, exact),  "13192 adaptive low",  &[], T);
        check(&models::both(),     &forced(choice, high),   "24576 adaptive high", &[], &[]);
        check(&models::thinker(),  &forced(choice, high),   "24576 adaptive summarized high", &[], &["tool_choice"]);
    }
    check(&models::budget(),       &forced(r#""auto""#, high), "24576 enabled 16384 -", &[], &[]);
    check(&models::budget(),       &forced(r#""none""#, high), "24576 enabled 16384 -", &[], &[]);
}

#[test]
#[rustfmt::skip]
fn a_budget_waits_while_the_turn_that_called_has_no_signed_thought() {
    const CALL: &str = r#"{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]"#;
    const SIGNED: &str = r#","reasoning_details":[{"type":"reasoning.text","text":"t","signature":"s"}]}"#;
    const REDACTED: &str = r#","reasoning_details":[{"type":"reasoning.encrypted","data":"d"}]}"#;
    const RESULT: &str = r#"{"role":"tool","tool_call_id":"c","content":"x"}"#;
    const SAID: &str = r#"{"role":"assistant","content":"done"}"#;
    let talk = |turns: &[&str]| format!(r#"[{{"role":"user","content":"a"}},{}]"#, turns.join(","));
    let again = r#"{"role":"user","content":"b"}"#;
    let unsigned = format!("{CALL}}}");
    let tools = r#","tools":[{"type":"function","function":{"name":"f"}}]"#;
    let check = |model: &Model, fields: &str, turns: &[&str], want: &str, adjusted: &[&str]| {
        let (line, _, got) = said(model, &talk(turns), &format!("{tools},{fields}"));
        assert_eq!((line.as_str(), got), (want, owned(adjusted)), "{turns:?}");
    };
    let (high, exact) = (r#""reasoning_effort":"high""#, r#""thinking":{"type":"enabled","budget_tokens":5000}"#);
    let (signed, redacted) = (format!("{CALL}{SIGNED}"), format!("{CALL}{REDACTED}"));
    let budget = models::budget();
    check(&budget, high,  &[&unsigned, RESULT],                       "8192 - -",              E);
    check(&budget, exact, &[&unsigned, RESULT],                       "8192 - -",              T);
    check(&budget, high,  &[&unsigned, RESULT, again],                "8192 - -",              E);
    check(&budget, high,  &[&signed, RESULT],                         "24576 enabled 16384 -", &[]);
    check(&budget, high,  &[&redacted, RESULT],                       "24576 enabled 16384 -", &[]);
    check(&budget, high,  &[&unsigned, RESULT, SAID, again],          "24576 enabled 16384 -", &[]);
    check(&budget, high,  &[&unsigned, RESULT, &signed, RESULT],      "24576 enabled 16384 -", &[]);
    check(&budget, high,  &[&signed, RESULT, &unsigned, RESULT],      "8192 - -",              E);
    // An answer that the client began has no thought either.
    check(&budget, high,  &[SAID],                                    "8192 - -",              E);
    check(&models::both(), exact, &[&unsigned, RESULT],               "13192 adaptive low",    T);
    check(&models::both(), high,  &[&unsigned, RESULT],               "24576 adaptive high",   &[]);
    check(&models::adaptive(), high, &[&unsigned, RESULT],            "24576 adaptive summarized high", &[]);
}

#[test]
#[rustfmt::skip]
fn a_model_that_thinks_takes_little_sampling() {
    let check = |model: &Model, fields: &str, want: [Option<f64>; 3], ignored: &[&str]| {
        let (encoded, body) = taken(model, &request(HI, &format!(",{fields}")));
        let got = ["temperature", "top_p", "top_k"].map(|field| body[field].as_f64());
        assert_eq!(got, want, "{fields}");
        assert_eq!(encoded.ignored, ignored, "{fields}");
    };
    let high = |fields: &str| format!(r#""reasoning_effort":"high",{fields}"#);
    let budget = models::budget();
    check(&budget, &high(r#""temperature":0.9"#),                       [None, None, None],             &["temperature"]);
    check(&budget, &high(r#""temperature":1"#),                         [Some(1.0), None, None],        &[]);
    check(&budget, &high(r#""temperature":2"#),                         [Some(1.0), None, None],        &[]);
    check(&budget, &high(r#""top_p":0.94"#),                            [None, None, None],             &["top_p"]);
    check(&budget, &high(r#""top_p":0.95,"top_k":5"#),                  [None, Some(0.95), None],       &["top_k"]);
    check(&budget, r#""temperature":0.5,"top_p":0.5,"top_k":5"#,        [Some(0.5), Some(0.5), Some(5.0)], &[]);
    check(&budget, &high(r#""max_tokens":9,"temperature":0.5"#),        [Some(0.5), None, None],        &["reasoning_effort"]);
    // Of the two that exclude one another, the one that can stay stays.
    check(&models::schemas(), &high(r#""temperature":0.5,"top_p":0.95"#), [None, Some(0.95), None],     &["temperature"]);
    check(&models::both(), r#""temperature":0.5"#,                      [Some(0.5), None, None],        &[]);
    check(&models::both(), &high(r#""temperature":0.5"#),               [None, None, None],             &["temperature"]);
    // It thinks without being asked to, unless it is told not to.
    let itself = Model { sampling: Sampling::Both, ..models::adaptive() };
    check(&itself, r#""temperature":0.5"#,                              [None, None, None],             &["temperature"]);
    check(&itself, r#""temperature":0.5,"reasoning_effort":"none""#,    [Some(0.5), None, None],        &[]);
}

#[test]
#[rustfmt::skip]
fn where_thoughts_have_no_place_the_model_is_kept_from_them_without_a_word() {
    let options = Options { strict: true, thoughtless: true, ..Options::default() };
    let check = |model: &Model, fields: &str, pointer: &str, want: Value| {
        let body = request(HI, fields);
        let request = ChatRequest::parse(body.as_bytes()).expect("it can be read");
        let encoded = encode(&request, model, options).expect("strict mode minds nothing");
        let body: Value = serde_json::from_slice(&encoded.body).expect("the body is JSON");
        assert_eq!(body.pointer(pointer).unwrap_or(&Value::Null), &want, "{fields} {body}");
        assert!(encoded.adjusted.is_empty());
    };
    let between = with(ability(&models::adaptive()), |ability| ability.off = ThinkingOff::BetweenTools);
    check(&models::plain(),    "",                              "/thinking",             Value::Null);
    check(&models::budget(),   "",                              "/thinking",             Value::Null);
    check(&models::adaptive(), "",                              "/thinking/type",        json!("disabled"));
    check(&between,            "",                              "/thinking/type",        json!("between_tools"));
    check(&models::thinker(),  "",                              "/output_config/effort", json!("low"));
    check(&models::adaptive(), r#","reasoning_effort":"high""#, "/output_config/effort", json!("high"));
}

#[test]
#[rustfmt::skip]
fn an_answer_that_may_only_be_so_long_leaves_room_for_thoughts_or_does_without() {
    let check = |model: &Model, fields: &str, most: u32, length: u32, budget: Value, adjusted: &[&str]| {
        let body = request(HI, fields);
        let request = ChatRequest::parse(body.as_bytes()).expect("it can be read");
        let options = |strict| Options { strict, most_output: Some(most), ..Options::default() };
        let encoded = encode(&request, model, options(false)).expect("it can be had");
        let body: Value = serde_json::from_slice(&encoded.body).expect("the body is JSON");
        assert_eq!(body["max_tokens"], json!(length), "{fields} {most}");
        assert_eq!(encoded.facts.max_tokens, length, "{fields} {most}");
        let thinking = body.pointer("/thinking/budget_tokens").unwrap_or(&Value::Null);
        assert_eq!(thinking, &budget, "{fields} {most}");
        assert_eq!(encoded.adjusted, adjusted, "{fields} {most}");
        let strict = encode(&request, model, options(true));
        assert_eq!(strict.is_err(), length == most || !encoded.ignored.is_empty(), "{fields} {most}");
    };
    let (plain, budget) = (models::plain(), models::budget());
    //    model    fields                                                             most    length budget        adjusted
    check(&plain,  r#","max_tokens":500"#,                                            300,    300,   Value::Null,  &["max_tokens"]);
    check(&plain,  r#","max_completion_tokens":500"#,                                 300,    300,   Value::Null,  &["max_completion_tokens"]);
    check(&plain,  r#","max_tokens":200"#,                                            300,    200,   Value::Null,  &[]);
    check(&plain,  "",                                                                300,    300,   Value::Null,  &["max_tokens"]);
    check(&budget, r#","thinking":{"type":"enabled","budget_tokens":3000},"max_tokens":5000"#, 4_000, 4_000, json!(3_000), &["max_tokens"]);
    check(&budget, r#","thinking":{"type":"enabled","budget_tokens":3000},"max_tokens":5000"#, 2_000, 2_000, json!(1_500), &["max_tokens", "thinking"]);
    // There is no room for even the smallest thought.
    check(&budget, r#","thinking":{"type":"enabled","budget_tokens":3000},"max_tokens":5000"#, 1_024, 1_024, Value::Null,  &["max_tokens"]);
    check(&budget, r#","reasoning_effort":"high""#,                                   2_000,  2_000, json!(1_500), &["reasoning_effort", "max_tokens"]);
}
